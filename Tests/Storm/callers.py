"""The calling processes: forked, started together, and read back when the time is up."""

import asyncio
import contextlib
import ctypes
import dataclasses
import gc
import json
import os
import random
import signal
import struct
import time

from outcome import Record, Refused, Tally

LEAST_PAUSE = 1.0  # seconds before a caller asks anew, however soon it was told to
MOST_CALLS = 2000  # under way in one process; a runaway drops what comes beyond
_PR_SET_PDEATHSIG = 1


def die_with_parent(number=signal.SIGKILL):
    """Has the kernel end this process when its parent ends, however that comes."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


class Caller:
    """One process: makes its calls until the end and keeps a record of each."""

    def __init__(self, process, transport):
        self._process, self._transport = process, transport
        self._draw = random.Random(f"jitter {process.seed}/{process.index}")
        self.records = []
        self._start = 0.0

    async def run(self, start, seconds):
        """Calls from ``start`` on (CLOCK_MONOTONIC) for so many seconds; what is under way then is cut off."""
        self._start = start
        await asyncio.sleep(max(0.0, start - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + start + seconds - time.monotonic()):
                await (self._open() if self._process.is_runaway else self._closed())

    async def _closed(self):
        for call in self._process.calls():
            await asyncio.sleep(call.pause)
            await self._make(call)

    async def _open(self):
        due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            under_way = set()
            for call in self._process.calls():
                due += call.pause
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if len(under_way) >= MOST_CALLS:
                    continue
                task = group.create_task(self._make(call))
                under_way.add(task)
                task.add_done_callback(under_way.discard)

    async def _make(self, call):
        began, tally, answer, outcome = time.monotonic(), Tally(), None, "unfinished"
        try:
            answer = await self._ask(call, tally, began + self._process.lane.deadline)
            outcome = "ok"
        except Refused as refused:
            outcome = refused.kind
        except TimeoutError:
            outcome = "deadline"
        finally:
            self._keep(call, tally, answer, outcome, began)

    async def _ask(self, call, tally, deadline):
        """Asks, and after a refusal that may pass asks anew, as long as the call's own deadline allows."""
        while True:
            left = deadline - time.monotonic()
            tally.asked += 1
            try:
                async with asyncio.timeout(left + self._transport.grace):
                    return await self._transport.ask(call, tally, self._process, left)
            except Refused as refused:
                pause = max(refused.after, LEAST_PAUSE) * (1 + 0.25 * self._draw.random())
                if not refused.retryable or time.monotonic() + pause >= deadline:
                    raise
            await asyncio.sleep(pause)

    def _keep(self, call, tally, answer, outcome, began):
        ended = time.monotonic()
        record = Record(
            self._process.tenant, self._process.lane.name, call.charge, began - self._start, ended - self._start,
            outcome, tally.attempts, tally.refusals, tally.asked,
        )
        if answer:
            record.first, record.service = answer.first_at - began, answer.service
            record.tokens = answer.prompt_tokens + answer.output_tokens
        self.records.append(record)


class Crowd:
    """All processes of one run. Use as a context: whatever happens, none is left."""

    def __init__(self, processes, make_transport):
        self._processes, self._make_transport = processes, make_transport
        self._children = []  # (pid, ready and results, start)

    def __enter__(self):
        gc.collect()
        gc.freeze()
        for process in self._processes:
            self._children.append(self._fork(process))
        for _, results, _ in self._children:
            if os.read(results, 1) != b"r":
                raise RuntimeError("a calling process could not connect")
        return self

    def _fork(self, process):
        results, results_end = os.pipe()
        start_end, start = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(results)
            os.close(start)
            self._child(process, start_end, results_end)
        os.close(results_end)
        os.close(start_end)
        return pid, results, start

    def _child(self, process, start, results):
        status = 1
        try:
            die_with_parent()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            caller = asyncio.run(self._call(process, start, results))
            with os.fdopen(results, "w") as out:
                json.dump([dataclasses.astuple(record) for record in caller.records], out)
            status = 0
        finally:
            os._exit(status)

    async def _call(self, process, start, results):
        transport = self._make_transport(process)
        caller = Caller(process, transport)
        await transport.connect()
        os.write(results, b"r")
        loop = asyncio.get_running_loop()
        message = await loop.run_in_executor(None, os.read, start, 16)
        await caller.run(*struct.unpack("dd", message))
        return caller

    def start(self, at, seconds):
        """Has everybody call from ``at`` (CLOCK_MONOTONIC) on."""
        for _, _, start in self._children:
            os.write(start, struct.pack("dd", at, seconds))

    def records(self):
        """Waits for everybody's end and returns all records."""
        found = []
        for _, results, _ in self._children:
            with os.fdopen(os.dup(results)) as read:
                found += [Record(*values) for values in json.load(read)]
        return found

    def __exit__(self, *_):
        for pid, results, start in self._children:
            os.close(results)
            os.close(start)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._children.clear()
