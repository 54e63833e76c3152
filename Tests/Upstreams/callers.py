"""Two ways to call, one shape of answer: `sluice call`, and the Python client."""

import json
import pathlib
import signal
import subprocess
import sys
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "protocol" / "clients" / "python" / "src"))

import sluice  # noqa: E402  (the path above comes first)

PATIENCE = 60  # seconds for one call
AFTER = 3  # chunks to read before a stream is cancelled


@dataclass
class Outcome:
    """How a call ended. `end` is its last event, as the protocol names its members; `raw` is the body's bytes, where
    the caller shows them."""

    end: dict
    chunks: list = field(default_factory=list)
    raw: bytes = b""

    @property
    def failed(self):
        return self.end.get("event") == "error"

    @property
    def body(self):
        return self.end.get("body") or {}

    def summary(self):
        """The last event without the body."""
        return {name: value for name, value in self.end.items() if name not in ("body", "timing", "event")}


class ShellCaller:
    """Calls with `sluice call --json`."""

    name = "sluice call"

    def __init__(self, program, socket, transcript):
        self._command = [str(program), "call", "--socket", str(socket), "--json", "--deadline", f"{PATIENCE}s"]
        self._transcript = transcript

    def get(self, path):
        return self._run(["--get", "--path", path], None)

    def post(self, path, body):
        return self._run(["--path", path, "-"], body)

    def cancel(self, path, body, meanwhile):
        """Reads a few chunks, then does what Control-C does; the exit status must be 130."""
        self._show(["--path", path, "-"], body)
        with self._start(["--path", path, "-"]) as process:
            process.stdin.write(json.dumps(body).encode())
            process.stdin.close()
            lines = [json.loads(process.stdout.readline()) for _ in range(AFTER)]
            meanwhile()
            process.send_signal(signal.SIGINT)
            lines += [json.loads(line) for line in process.stdout]
            status = process.wait(PATIENCE)
        self._transcript.saw(f"SIGINT after {AFTER} chunks: exit status {status}")
        self._transcript.check("an interrupt ends `sluice call` with status 130", status == 130, lines[-1:])
        return outcome(lines)

    def _run(self, arguments, body):
        self._show(arguments, body)
        done = subprocess.run(
            self._command + arguments, input=None if body is None else json.dumps(body).encode(),
            stdin=subprocess.DEVNULL if body is None else None, stdout=subprocess.PIPE, timeout=PATIENCE * 2,
        )
        result = outcome([json.loads(line) for line in done.stdout.splitlines()])
        expected = 1 if result.failed else 0
        if done.returncode != expected:
            self._transcript.check(f"exit status {expected}", False, done.returncode)
        return result

    def _show(self, arguments, body):
        line = "sluice call --json " + " ".join(arguments)
        self._transcript.step(line if body is None else f"{line} <<< '{json.dumps(body)}'")

    def _start(self, arguments):
        return subprocess.Popen(self._command + arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def outcome(events):
    """The outcome in the lines of `sluice call --json`."""
    if not events:
        raise RuntimeError("`sluice call` printed no event")
    return Outcome(events[-1], [event["data"] for event in events if event["event"] == "chunk"])


class PythonCaller:
    """Calls with the Python client, all over one connection."""

    name = "the Python client"

    def __init__(self, socket, transcript):
        self._client = sluice.Client(str(socket), name="upstreams/1")
        self._transcript = transcript

    def get(self, path):
        return self._plain(path, None)

    def post(self, path, body):
        return self._streamed(path, body) if body.get("stream") else self._plain(path, body)

    def _plain(self, path, body):
        self._transcript.step(f'client.call("{path}"' + ("" if body is None else f", {json.dumps(body)}") + ")")
        try:
            result = self._client.call(path, body, deadline=PATIENCE)
        except sluice.SluiceError as error:
            return failure(error)
        return Outcome({**ended(result), "body": result.body}, raw=result.raw)

    def _streamed(self, path, body):
        self._transcript.step(f'client.stream("{path}", {json.dumps(body)})')
        chunks = []
        try:
            stream = self._client.stream(path, body, deadline=PATIENCE)
            chunks.extend(chunk.data for chunk in stream)
        except sluice.SluiceError as error:
            return failure(error, chunks)
        return Outcome(ended(stream.result), chunks)

    def cancel(self, path, body, meanwhile):
        """Reads a few chunks and cancels; what was under way still comes, then the result."""
        self._transcript.step(f'client.stream("{path}", {json.dumps(body)}), cancel() after {AFTER} chunks')
        stream = self._client.stream(path, body, deadline=PATIENCE)
        chunks = [next(stream).data for _ in range(AFTER)]
        meanwhile()
        stream.cancel()
        chunks.extend(chunk.data for chunk in stream)
        return Outcome(ended(stream.result), chunks)


def ended(result):
    """A result's members, by the protocol's names."""
    usage = {name: count for name, count in vars(result.usage).items() if count is not None} if result.usage else None
    members = {
        "event": "result", "status": result.status, "usage": usage, "charged": result.charged,
        "attempts": result.attempts, "model": result.model, "finish": result.finish,
        "upstream_request_id": result.upstream_request_id,
    }
    return {name: value for name, value in members.items() if value is not None}


def failure(error, chunks=()):
    """An error's members, by the protocol's names; `raised` is the exception's class."""
    members = {
        "event": "error", "raised": type(error).__name__, "code": error.code, "message": error.message,
        "retryable": error.retryable, "status": error.status, "charged": error.charged, "upstream": error.upstream,
    }
    return Outcome({name: value for name, value in members.items() if value is not None}, list(chunks))
