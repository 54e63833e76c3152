"""Runs the vectors of protocol/vectors/client: an agent made of a script, and a real client before it."""

import asyncio
import json
import re
import socket
import struct
import threading

import sluice
from client_harness import HELLO, PATIENCE, PROTOCOL, load_runner

MATCHES = load_runner().matches
FACTS = ("status", "charged", "attempts", "upstream_request_id", "model", "finish")
ERROR = ("code", "message", "retryable", "retry_after_ms", "limit", "field", "attempts", "charged", "status",
         "upstream")

KINDS = {
    "lost": sluice.ConnectionLost,
    "violation": sluice.ProtocolViolation,
    "unreachable": (sluice.AgentUnreachable, sluice.ProtocolViolation),
}


def load():
    """Every vector with its full name."""
    for file in sorted((PROTOCOL / "vectors" / "client").glob("*.json")):
        for vector in json.loads(file.read_text("utf-8"))["vectors"]:
            yield f"{file.stem}/{vector['name']}", vector


def text(value):
    """A text, or `parts` of which pairs are repeated."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in value["parts"])


# ---- the program's side -----------------------------------------------------------------------------------------


class Outcome:
    """What one call delivered, filled in by the program's side; `ready` tells that a step of it is done."""

    def __init__(self, call, stop_after):
        self.call = call
        self.stop_after = stop_after
        self.chunks = []
        self.progress = []
        self.result = None
        self.error = None
        self.consume = threading.Event()
        self.cancel = threading.Event()
        self.finished = threading.Event()
        if not call.get("hold"):
            self.consume.set()

    def options(self):
        """The arguments of the call."""
        options = {name: self.call[name] for name in ("tenant", "feature", "lane") if name in self.call}
        if "deadline_ms" in self.call:
            options["deadline"] = self.call["deadline_ms"] / 1000
        if self.call.get("progress"):
            options["on_progress"] = lambda progress: self.progress.append(progress.event)
        return options


class Blocking:
    """sluice.Client, one thread for each call."""

    can_cancel_calls = False

    def __init__(self, path):
        self.client = sluice.Client(path)

    def start(self, outcome):
        threading.Thread(target=self._run, args=(outcome,), daemon=True).start()

    def _run(self, outcome):
        call = outcome.call
        try:
            if call.get("stream"):
                self._stream(outcome)
            else:
                outcome.result = self.client.call(call["path"], call.get("body"), **outcome.options())
        except BaseException as error:
            outcome.error = error
        outcome.finished.set()

    def _stream(self, outcome):
        stream = self.client.stream(outcome.call["path"], outcome.call["body"], **outcome.options())
        try:
            outcome.consume.wait(PATIENCE)
            for chunk in stream:
                outcome.chunks.append(chunk.raw)
                if len(outcome.chunks) == outcome.stop_after:
                    outcome.cancel.wait(PATIENCE)
                    stream.cancel()
        finally:
            outcome.result = stream.result

    def cancel(self, outcome):
        outcome.cancel.set()

    def close(self):
        self.client.close()


class Asynchronous:
    """sluice.AsyncClient, one task for each call, on a loop of its own thread."""

    can_cancel_calls = True

    def __init__(self, path):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.client = sluice.AsyncClient(path)
        self.tasks = {}

    def start(self, outcome):
        self.tasks[outcome] = asyncio.run_coroutine_threadsafe(self._run(outcome), self.loop)

    async def _run(self, outcome):
        call = outcome.call
        try:
            if call.get("stream"):
                await self._stream(outcome)
            else:
                outcome.result = await self.client.call(call["path"], call.get("body"), **outcome.options())
        except BaseException as error:
            outcome.error = error
        outcome.finished.set()

    async def _stream(self, outcome):
        stream = await self.client.stream(outcome.call["path"], outcome.call["body"], **outcome.options())
        try:
            await self.loop.run_in_executor(None, outcome.consume.wait, PATIENCE)
            async for chunk in stream:
                outcome.chunks.append(chunk.raw)
                if len(outcome.chunks) == outcome.stop_after:
                    await self.loop.run_in_executor(None, outcome.cancel.wait, PATIENCE)
                    stream.cancel()
        finally:
            outcome.result = stream.result

    def cancel(self, outcome):
        if outcome.call.get("stream"):
            outcome.cancel.set()
        else:
            self.tasks[outcome].cancel()

    def close(self):
        asyncio.run_coroutine_threadsafe(self.client.aclose(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()


# ---- the agent's side -------------------------------------------------------------------------------------------


class Script:
    """One vector against one client. `cut` is where the step with `"split": "positions"` is cut."""

    def __init__(self, vector, client_type, path, cut=None):
        self.vector = vector
        self.cut = cut
        self.length = 0
        self.ids = {}
        self.outcomes = {}
        self.connection = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        self.listener.settimeout(PATIENCE)
        self.client = client_type(path)

    def run(self):
        """Does every step; gives the length of the step to be cut."""
        try:
            for step in self.vector["steps"]:
                self.step(step)
            for label, outcome in self.outcomes.items():
                assert outcome.finished.is_set(), f"no step waits for {label}"
        finally:
            for outcome in self.outcomes.values():
                outcome.consume.set()
                outcome.cancel.set()
            if self.connection is not None:
                self.connection.close()
            self.listener.close()
            self.client.close()
        return self.length

    def step(self, step):
        if "start" in step:
            self.start(step)
        elif "frame" in step:
            self.take_call(step["frame"], {})
        elif "accept" in step:
            self.connection.close()
            self.connection = None
        elif "greet" in step or "send" in step:
            self.send(step)
        elif "expect" in step:
            for pattern in step["expect"]:
                frame = self.receive()
                assert frame is not None and MATCHES(self.bound(pattern), frame), (pattern, frame)
        elif "grants" in step:
            self.grants(step)
        elif "expect_close" in step:
            frame = self.receive()
            assert frame is None, frame
        elif "close" in step:
            self.connection.close()
        elif "consume" in step:
            self.outcomes[step["consume"]].consume.set()
        elif "cancel" in step:
            self.client.cancel(self.outcomes[step["cancel"]])
        else:
            outcome = self.outcomes[step["finish"]]
            assert outcome.finished.wait(PATIENCE), f"call {step['finish']} does not end"
            judge(outcome)

    def start(self, step):
        label = step["start"]
        stops = [each.get("after") for each in self.vector["steps"] if each.get("cancel") == label]
        self.outcomes[label] = Outcome(self.vector["calls"][label], stops[0] if stops else None)
        self.client.start(self.outcomes[label])
        if self.connection is None:
            self.connection, _ = self.listener.accept()
            self.connection.settimeout(PATIENCE)
            if self.vector.get("hello", True):
                hello = self.receive()
                assert hello["op"] == "hello", hello
                self.send({"greet": True})
        if step.get("frame", {}) is not None:
            self.take_call(label, step.get("frame", {}))

    def take_call(self, label, pattern):
        frame = self.receive()
        assert frame is not None and MATCHES({"op": "call", **self.bound(pattern)}, frame), frame
        self.ids[label] = frame["id"]

    def grants(self, step):
        total = 0
        while total < step["at_least"]:
            frame = self.receive()
            assert frame is not None and (frame["op"], frame["id"]) == ("grant", self.ids[step["grants"]]), frame
            total += frame["bytes"]
        assert total <= step["at_most"], total

    def bound(self, value):
        """A copy in which `$label` is that call's id."""
        if isinstance(value, str):
            return re.sub(r"\$(\w+)", lambda match: self.ids.get(match[1], match[0]), value)
        if isinstance(value, dict):
            return {key: each if key.startswith("$") else self.bound(each) for key, each in value.items()}
        return [self.bound(each) for each in value] if isinstance(value, list) else value

    def encoded(self, frame):
        if isinstance(frame, dict) and "raw_hex" in frame:
            return bytes.fromhex(frame["raw_hex"])
        payload = self.bound(text(frame)).encode("utf-8")
        return struct.pack(">I", len(payload)) + payload

    def send(self, step):
        data = b""
        if "greet" in step:
            data += self.encoded(json.dumps({**HELLO, "max_frame": 4 << 20, "max_inflight": 256,
                                             **self.vector.get("greeting", {})}))
        data += b"".join(map(self.encoded, step.get("send", [])))
        if step.get("split") == "bytes":
            for position in range(len(data)):
                self.connection.sendall(data[position : position + 1])
        elif step.get("split") == "positions":
            self.length = len(data)
            self.connection.sendall(data[: self.cut])
            self.connection.sendall(data[self.cut :])
        else:
            self.connection.sendall(data)

    def receive(self):
        head = self.read(4)
        return None if head is None else json.loads(self.read(struct.unpack(">I", head)[0]))

    def read(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.connection.recv(count - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            data += part
        return data


# ---- verdicts ---------------------------------------------------------------------------------------------------


def judge(outcome):
    """Compares what was delivered with what the vector expects."""
    expected = outcome.call["expect"]
    if "cancelled" in expected:
        judge_cancelled(outcome)
        return
    assert outcome.chunks == [text(chunk).encode() for chunk in expected.get("chunks", [])]
    if "progress" in expected:
        assert outcome.progress == expected["progress"]
    if "result" in expected or "end" in expected:
        judge_result(outcome, expected.get("result") or expected["end"])
    elif "error" in expected:
        assert isinstance(outcome.error, sluice.SluiceError), repr(outcome.error)
        judge_error(outcome.error, {**dict.fromkeys(ERROR), **expected["error"]})
    else:
        name = next(name for name in KINDS if name in expected)
        assert isinstance(outcome.error, KINDS[name]), repr(outcome.error)
        assert outcome.error.charged == expected[name]["charged"]


def judge_cancelled(outcome):
    if isinstance(outcome.error, asyncio.CancelledError):
        return
    if isinstance(outcome.error, sluice.SluiceError):
        assert outcome.error.code == "caller_cancelled"
        return
    assert outcome.error is None and outcome.result.finish in ("cancelled", "complete"), repr(outcome.error)


def judge_result(outcome, expected):
    result = outcome.result
    if "error" in expected:
        assert isinstance(outcome.error, sluice.SluiceError), repr(outcome.error)
        judge_error(outcome.error, expected["error"])
    elif outcome.error is not None:
        raise outcome.error
    assert result.raw == text(expected.get("body", "")).encode()
    for name in FACTS:
        assert getattr(result, name) == expected.get(name), name
    assert vars(result.timing) == expected["timing"]
    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    usage = None if result.usage is None else {name: getattr(result.usage, name) for name in names}
    fallback = result.fallback and vars(result.fallback)
    expected_fallback = expected.get("fallback")
    assert fallback == (expected_fallback and {
        "from_model": expected_fallback["from"], "to_model": expected_fallback["to"],
        "reason": expected_fallback["reason"],
    })
    assert usage == ({**dict.fromkeys(names), **expected["usage"]} if "usage" in expected else None)


def judge_error(error, expected):
    for name, value in expected.items():
        assert getattr(error, name) == value, name


def run_vector(vector, client_type, directory):
    """Runs a vector, as often as it has positions to cut at."""
    paths = (str(directory / f"{number}.sock") for number in range(1 << 30))
    if not any(step.get("split") == "positions" for step in vector["steps"]):
        Script(vector, client_type, next(paths)).run()
        return
    cut, length = 1, 2
    while cut < length:
        length = Script(vector, client_type, next(paths), cut).run()
        cut += 1
