"""Whether the storm counts and repeats as it says: ``Tests/Storm/run --test``."""

import asyncio
import itertools
import json
import random
import time
import unittest

import compare
import direct
import report
import schedule
from callers import Caller, Crowd
from outcome import Answer, Record, Refused, Tally

CALL = schedule.Call(0, "Hello.", 7, False)
STREAM = schedule.Call(0, "Hello.", 7, True)
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}


class SDKRules(unittest.TestCase):
    """When the SDK repeats, and after how long."""

    def test_what_is_repeated(self):
        for status, expected in ((400, False), (404, False), (408, True), (409, True), (429, True), (500, True)):
            self.assertEqual(direct.is_retried(status, {}), expected, status)
        self.assertFalse(direct.is_retried(503, {"x-should-retry": "false"}))
        self.assertTrue(direct.is_retried(400, {"x-should-retry": "true"}))

    def test_hints(self):
        self.assertEqual(direct.hint({"retry-after-ms": "250", "retry-after": "9"}, 0), 0.25)
        self.assertEqual(direct.hint({"retry-after": "9"}, 0), 9)
        self.assertEqual(direct.hint({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90), 10)
        self.assertIsNone(direct.hint({"retry-after": "soon"}, 0))
        self.assertIsNone(direct.hint({}, 0))

    def test_pauses(self):
        draw = random.Random(1)
        self.assertEqual(direct.pause(0, 120, draw), 120)
        self.assertIsNone(direct.pause(0, 121, draw))
        for retry, most in ((0, 0.5), (1, 1.0), (9, 8.0)):
            pauses = [direct.pause(retry, None, draw) for _ in range(200)]
            self.assertTrue(all(0.75 * most <= each <= most for each in pauses))
            self.assertLess(min(pauses), 0.8 * most)


class Wire(unittest.IsolatedAsyncioTestCase):
    """Direct calls against scripted answers."""

    CUT = b"data: {"

    async def ask(self, call, *answers):
        """What a call comes to, and what it took; after an answer that is ``CUT`` the connection ends."""
        script = iter(answers)

        async def serve(reader, writer):
            while await reader.readline():
                length = 0
                while (line := await reader.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                await reader.readexactly(length)
                answer = next(script)
                writer.write(answer)
                if answer.endswith(self.CUT):
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            client = direct.Direct(server.sockets[0].getsockname()[1], "key", "model", random.Random(1))
            tally = Tally()
            try:
                return await client.ask(call, tally, None, 9), tally
            except Refused as refused:
                return refused, tally
            finally:
                for _, writer in client._idle:
                    writer.close()
                    await writer.wait_closed()

    @staticmethod
    def plain(status, body, *headers):
        text = json.dumps(body)
        return "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(text)}", *headers, "", text]).encode()

    @staticmethod
    def stream(*events):
        pieces = [f"data: {event}\n\n" for event in events]
        chunks = "".join(f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces)
        return f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n".encode()

    async def test_repeats_until_answered(self):
        busy = self.plain(429, {"error": {"code": "rate_limit_exceeded"}}, "retry-after-ms: 1")
        answer, tally = await self.ask(CALL, busy, busy, self.plain(200, {"usage": USAGE}))
        self.assertEqual((answer.prompt_tokens, answer.output_tokens), (5, 7))
        self.assertEqual((tally.attempts, tally.refusals), (3, 2))

    async def test_gives_up_after_two_repetitions(self):
        busy = self.plain(429, {"error": {"code": "rate_limit_exceeded"}}, "retry-after-ms: 1")
        refused, tally = await self.ask(CALL, *itertools.repeat(busy, 3))
        self.assertEqual((refused.kind, refused.retryable, refused.after), ("429 rate_limit_exceeded", True, 0.001))
        self.assertEqual(tally.attempts, 3)

    async def test_does_not_repeat_a_mistake(self):
        refused, tally = await self.ask(CALL, self.plain(400, {"error": {"code": None}}))
        self.assertEqual((refused.kind, refused.retryable, tally.attempts), ("400 400", False, 1))

    async def test_reads_a_stream_to_its_end(self):
        answer, _ = await self.ask(STREAM, self.stream('{"a":1}', json.dumps({"usage": USAGE}), "[DONE]"))
        self.assertEqual(answer.output_tokens, 7)

    async def test_a_cut_stream_is_not_repeated(self):
        whole = self.stream('{"a":1}', json.dumps({"usage": USAGE}), "[DONE]")
        cut = whole[: whole.index(self.CUT) + len(self.CUT)]
        refused, tally = await self.ask(STREAM, cut, whole)
        self.assertEqual((refused.kind, refused.retryable, tally.attempts), ("stream cut", True, 1))

    async def test_a_lost_connection_is_repeated(self):
        answer, tally = await self.ask(CALL, self.CUT, self.plain(200, {"usage": USAGE}))
        self.assertEqual((answer.output_tokens, tally.attempts), (7, 2))


class Transport:
    """Answers as it is told; stands in for the wire."""

    grace = 0.0

    def __init__(self, *answers):
        self._answers = iter(answers)

    async def connect(self):
        """Nothing to do."""

    async def ask(self, call, tally, process, deadline):
        """The next answer."""
        del call, process, deadline
        tally.attempts += 1
        answer = next(self._answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer or Answer(5, 7, time.monotonic(), 0.0)


class Callers(unittest.TestCase):
    """What callers make of refusals, and that every process reports."""

    def record(self, *answers):
        """The record of one call."""
        process = schedule.processes(1, 1)[0]
        caller = Caller(process, Transport(*answers))
        asyncio.run(caller._make(CALL))
        return caller.records[0]

    def test_a_final_refusal_is_the_end(self):
        record = self.record(Refused("policy_exceeds_limit", False, 0))
        self.assertEqual((record.outcome, record.asked), ("policy_exceeds_limit", 1))

    def test_a_hint_beyond_the_deadline_is_the_end(self):
        record = self.record(Refused("policy_queue_full", True, 11))
        self.assertEqual((record.outcome, record.asked), ("policy_queue_full", 1))

    def test_a_hint_within_the_deadline_is_followed(self):
        record = self.record(Refused("policy_queue_full", True, 0))
        self.assertEqual((record.outcome, record.asked, record.tokens), ("ok", 2, 12))

    def test_every_process_reports(self):
        everyone = schedule.processes(1, 1)
        with Crowd([everyone[0], everyone[-1]], lambda _: Transport()) as crowd:
            crowd.start(time.monotonic(), 1.0)
            records = crowd.records()
        self.assertIn(schedule.RUNAWAY, {record.tenant for record in records})
        self.assertEqual({record.outcome for record in records}, {"ok"})


class Schedule(unittest.TestCase):
    """The workload."""

    def test_processes(self):
        everyone = schedule.processes(1, 1)
        self.assertEqual(len(everyone), 64)
        self.assertEqual(len({each.tenant for each in everyone}), 20)

    def test_a_seed_is_a_schedule(self):
        def calls(seed):
            return [list(itertools.islice(each.calls(), 20)) for each in schedule.processes(seed, 1)]

        self.assertEqual(calls(1), calls(1))
        self.assertNotEqual(calls(1), calls(2))

    def test_the_quiet_fit_and_the_runaway_does_not(self):
        everyone = schedule.processes(1, 1)
        quiet = sum(each.demand(600) for each in everyone if not each.is_runaway)
        runaway = sum(each.demand(600) for each in everyone if each.is_runaway)
        self.assertTrue(0.5 * schedule.TPM < quiet < 0.95 * schedule.TPM, quiet)
        self.assertGreater(runaway, 2 * schedule.TPM)


class Figures(unittest.TestCase):
    """The arithmetic."""

    def test_percentile(self):
        self.assertEqual(report.percentile(range(1, 101), 0.95), 95)
        self.assertEqual(report.percentile([3], 0.5), 3)
        self.assertIsNone(report.percentile([], 0.5))

    def test_jain(self):
        self.assertEqual(report.jain([2, 2, 2]), 1)
        self.assertEqual(report.jain([1, 0, 0, 0]), 0.25)
        self.assertIsNone(report.jain([0, 0]))

    def test_fair_shares(self):
        self.assertEqual(report.fair_shares({"a": 10, "b": 90, "c": 70}, 100), {"a": 10, "b": 45, "c": 45})
        self.assertEqual(report.fair_shares({"a": 10, "b": 20}, 100), {"a": 10, "b": 20})

    def test_fairness_is_about_the_division(self):
        everyone = [each for each in schedule.processes(1, 1) if each.tenant in ("tenant-01", schedule.RUNAWAY)]
        demand = sum(each.demand(60) for each in everyone if not each.is_runaway)

        def index(quiet, runaway):
            got = {"tenant-01": quiet, schedule.RUNAWAY: runaway}
            good = [Record(name, "normal", charge, 0, 1, "ok", 1, 0, 1) for name, charge in got.items()]
            return report._fairness(good, everyone, 1, 60)["all"]

        self.assertAlmostEqual(index(demand, 2 * demand), 1)
        self.assertAlmostEqual(index(demand / 10, demand / 10), 1)
        self.assertLess(index(demand / 10, demand), 0.7)

    def test_trace_and_simulation_have_the_same_figures(self):
        entry = {"lane": "batch", "outcome": "ok", "attempts": 2, "input_tokens": 3, "output_tokens": 4}
        refused = {"lane": "batch", "outcome": "policy_queue_full", "attempts": 0, "queued_us": 0}
        real = compare.real_figures([entry | {"queued_us": 1_500_000}, entry | {"queued_us": 500_000}, refused])
        waits = {"p50": 500, "p95": 1500, "mean": 1000}
        part = {"sent": 2, "sent_wait_ms": waits}
        report = {"total": part, "lanes": [part | {"lane": "batch"}], "pools": [{"requests": 4, "tokens": 14}]}
        simulated = compare.simulated_figures(report)
        self.assertEqual(real, {name: simulated[name] for name in real})
        self.assertEqual(real["batch, mean wait, s"], 1.0)
        many = compare.real_figures([entry | {"queued_us": 1_500_000}] * compare.FEWEST)
        self.assertEqual(many["batch, wait p95, s"], 1.5)

    def test_differences(self):
        self.assertTrue(compare.holds({"requests sent": [100, 110, 0.10]}))
        self.assertFalse(compare.holds({"requests sent": [100, 89, -0.11]}))
        self.assertEqual(compare.relative("normal, wait p50, s", 0.0, 0.1), 0.0)
        self.assertAlmostEqual(compare.relative("normal, wait p50, s", 1.0, 1.2), 0.2)
        self.assertAlmostEqual(compare.relative("requests sent", 200, 190), -0.05)


if __name__ == "__main__":
    unittest.main()
