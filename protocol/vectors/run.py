#!/usr/bin/env python3
"""Runs the conformance vectors against an agent over a real socket. Standard library only; with `jsonschema`
installed it also checks every event against the schemas.

    python3 protocol/vectors/run.py --sluice PATH-TO-SLUICE        starts echo upstream and agent itself
    python3 protocol/vectors/run.py --agent-socket PATH            an agent that already stands before the echo upstream
"""

import argparse
import contextlib
import copy
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 10.0  # seconds until an expectation counts as failed
PROGRESS = ("queued", "started", "retrying")
HELLO = {"op": "hello", "proto": 1, "client": "vectors/1"}


class Failure(Exception):
    """The agent did something else than the vector says."""


class Skipped(Exception):
    """The vector needs another configuration."""


# ---- matching ---------------------------------------------------------------------------------------------------

TYPES = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
ABSENT = object()


def same(left, right):
    """Equality of JSON values: true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def matches(pattern, value):
    """Whether a value fits a pattern of README.md."""
    if isinstance(pattern, dict) and len(pattern) == 1 and next(iter(pattern)).startswith("$"):
        (kind, argument), = pattern.items()
        if kind == "$absent":
            return value is ABSENT
        if value is ABSENT:
            return False
        if kind == "$any":
            return True
        if kind == "$type":
            return TYPES[argument](value)
        if kind == "$in":
            return any(matches(each, value) for each in argument)
        if kind == "$regex":
            return isinstance(value, str) and re.search(argument, value) is not None
        if kind == "$range":
            return TYPES["number"](value) and argument[0] <= value <= argument[1]
        if kind == "$exact":
            return same(argument, value)
        raise ValueError(f"unknown matcher {kind}")
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(matches(each, value.get(key, ABSENT)) for key, each in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and len(value) == len(pattern) and all(map(matches, pattern, value))
    return value is not ABSENT and same(pattern, value)


def fits(item, event, payload):
    """Whether an event fits an item of `expect`: its pattern and its raw bytes."""
    text = payload.decode("utf-8")
    return (
        matches(item["match"], event)
        and all(part in text for part in item.get("raw_contains", []))
        and not any(part in text for part in item.get("raw_excludes", []))
    )


# ---- frames -----------------------------------------------------------------------------------------------------


def numbered(value, number):
    """A copy with `{n}` replaced in all strings."""
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, list):
        return [numbered(each, number) for each in value]
    if isinstance(value, dict):
        return {numbered(key, number): numbered(each, number) for key, each in value.items()}
    return value


def unrolled(items):
    """Items with `times` become that many, numbered from 0."""
    for item in items:
        times = item.get("times", 1)
        plain = {key: value for key, value in item.items() if key != "times"}
        for number in range(times):
            yield numbered(plain, number) if "times" in item else plain


def encode(frame):
    """The bytes of one frame of `send`."""
    if "raw_hex" in frame:
        return bytes.fromhex(frame["raw_hex"])
    if "json" in frame:
        payload = json.dumps(frame["json"], separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    elif "text" in frame:
        payload = frame["text"].encode("utf-8")
    elif "parts" in frame:
        payload = "".join(part if isinstance(part, str) else part[0] * part[1] for part in frame["parts"]).encode()
    else:
        payload = bytes.fromhex(frame["hex"])
    return struct.pack(">I", len(payload)) + payload


class Connection:
    """One socket, and what must hold on every one: gapless `seq`, nothing after a terminal event, valid schemas."""

    def __init__(self, path, validate):
        self.validate = validate
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.next_seq = {}
        self.ended = set()
        self.pings = 0

    def send(self, data, cuts=()):
        """Writes the bytes, one write for each piece between cuts."""
        positions = [0, *cuts, len(data)]
        try:
            for start, end in zip(positions, positions[1:]):
                self.socket.sendall(data[start:end])
        except (BrokenPipeError, ConnectionResetError):
            pass  # the agent may close on a bad frame; what it said before is still to be read

    def sent(self, frame):
        """An id that is used again may end again."""
        value = frame.get("json")
        if isinstance(value, dict) and value.get("op") == "call" and isinstance(value.get("id"), str):
            if value["id"] in self.ended:
                self.ended.discard(value["id"])
                self.next_seq.pop(value["id"], None)

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data

    def event(self):
        """The next event and its bytes; None at the end of the connection."""
        try:
            payload = self.read(struct.unpack(">I", self.read(4))[0])
        except socket.timeout:
            raise Failure(f"nothing came within {PATIENCE:.0f} s") from None
        except ConnectionResetError:
            return None, b""
        event = json.loads(payload)
        self.check(event)
        return event, payload

    def check(self, event):
        self.validate(event)
        identifier = event.get("id")
        if identifier is None or event["event"] == "pong" or event.get("code") == "caller_duplicate_id":
            return
        if identifier in self.ended:
            raise Failure(f"an event after the end of call {identifier!r}: {short(event)}")
        if event["event"] == "chunk":
            if event["seq"] != self.next_seq.get(identifier, 0):
                raise Failure(f"seq {event['seq']} is not {self.next_seq.get(identifier, 0)}")
            self.next_seq[identifier] = event["seq"] + 1
        if event["event"] in ("result", "error"):
            self.ended.add(identifier)


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 400 else text[:400] + "…"


# ---- running ----------------------------------------------------------------------------------------------------


class Run:
    """One vector against the agent, with one cut of the step that is split by positions."""

    def __init__(self, path, vector, validate, cut=None):
        self.path, self.vector, self.validate, self.cut = path, vector, validate, cut
        self.connections = {}

    def go(self):
        self.connect("a", self.vector.get("hello", True))
        for number, step in enumerate(self.vector["steps"]):
            try:
                self.step(step)
            except Failure as failure:
                raise Failure(f"step {number}: {failure}") from None

    def connect(self, name, greet=True):
        connection = self.connections[name] = Connection(self.path, self.validate)
        if greet:
            connection.send(encode({"json": HELLO}))
            event, _ = connection.event()
            if event is None or event["event"] != "hello":
                raise Failure(f"no hello but {short(event)}")
            for bound, value in self.vector.get("needs", {}).items():
                if event.get(bound) != value:
                    raise Skipped(f"needs {bound} {value}, the agent has {event.get(bound)}")

    def step(self, step):
        name = step.get("on", "a")
        if "connect" in step:
            return self.connect(name)
        connection = self.connections[name]
        if "send" in step:
            self.send(connection, step)
        elif "expect" in step:
            self.expect(connection, step)
        elif "expect_close" in step:
            event, _ = connection.event()
            if event is not None:
                raise Failure(f"expected the end of the connection, got {short(event)}")
        elif "expect_alive" in step:
            connection.pings += 1
            ping = f"alive-{connection.pings}"
            connection.send(encode({"json": {"op": "ping", "id": ping}}))
            self.expect(connection, {"expect": [{"match": {"event": "pong", "id": ping}}]})
        elif "close" in step:
            connection.socket.close()
        else:
            raise ValueError(f"unknown step {short(step)}")

    def send(self, connection, step):
        frames = list(unrolled(step["send"]))
        for frame in frames:
            connection.sent(frame)
        data = b"".join(map(encode, frames))
        split = step.get("split")
        if split == "bytes":
            connection.send(data, range(1, len(data)))
        else:
            connection.send(data, [self.cut] if split == "positions" else ())

    def expect(self, connection, step):
        wanted = list(unrolled(step["expect"]))
        skip = step.get("skip", PROGRESS)
        while wanted:
            event, payload = connection.event()
            if event is None:
                raise Failure(f"the connection ended; expected {short(wanted[0])}")
            candidates = wanted if step.get("unordered") else wanted[:1]
            found = next((item for item in candidates if fits(item, event, payload)), None)
            if found is not None:
                wanted.remove(found)
            elif event["event"] not in skip:
                raise Failure(f"expected {short(candidates)}, got {short(payload.decode('utf-8'))}")

    def close(self):
        for connection in self.connections.values():
            connection.socket.close()


def cuts(vector):
    """The cuts for a vector: one run for each position, or one run without."""
    for step in vector["steps"]:
        if step.get("split") == "positions":
            return range(1, len(b"".join(map(encode, unrolled(step["send"])))))
    return [None]


def run_vector(path, vector, validate):
    for cut in cuts(vector):
        run = Run(path, copy.deepcopy(vector), validate, cut)
        try:
            run.go()
        except Failure as failure:
            raise Failure(f"{failure}" + (f" (cut at byte {cut})" if cut else "")) from None
        finally:
            run.close()


def load(filter_text=""):
    """Every vector whose file and name contain the text."""
    for file in sorted(HERE.glob("*.json")):
        for vector in json.loads(file.read_text("utf-8"))["vectors"]:
            name = f"{file.stem}/{vector['name']}"
            if filter_text in name:
                yield name, vector


def validator():
    """A function that checks an event against the schemas; does nothing where jsonschema is not installed."""
    try:
        import jsonschema
        import referencing
    except ImportError:
        return lambda event: None
    schemas = {file.name: json.loads(file.read_text("utf-8")) for file in (HERE.parent / "schemas").glob("*.json")}
    registry = referencing.Registry().with_resources(
        (schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas.values()
    )
    check = jsonschema.Draft202012Validator(schemas["agent.json"], registry=registry)

    def validate(event):
        error = jsonschema.exceptions.best_match(check.iter_errors(event))
        if error:
            raise Failure(f"not by the schema: {error.message} in {short(event)}")

    return validate


# ---- the agent under test ---------------------------------------------------------------------------------------

CONFIG = """\
upstreams:
  - name: echo
    base_url: "http://localhost/v1"
    unix_socket: "{socket}"
    keys:
      - name: test
        env: OPENAI_API_KEY
"""


@contextlib.contextmanager
def started(sluice):
    """An agent before an echo upstream, in a directory of its own; gives the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as directory, contextlib.ExitStack() as stack:
        base = pathlib.Path(directory)
        upstream = subprocess.Popen(
            [sys.executable, str(HERE / "echo_upstream.py"), "--unix", str(base / "echo.sock")],
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(upstream.stdout.close)
        stack.callback(stop, upstream)
        if upstream.stdout.readline().strip() != "ready":
            raise SystemExit("the echo upstream did not start")
        setup = (HERE / "setup.yaml").read_text("utf-8")
        (base / "config.yaml").write_text(CONFIG.format(socket=base / "echo.sock") + setup, "utf-8")
        for name in ("run", "state"):
            (base / name).mkdir(mode=0o700)
        with open(base / "agent.log", "wb") as log:
            agent = subprocess.Popen(
                [sluice, "agent", "--config", str(base / "config.yaml"), "--runtime-dir", str(base / "run"),
                 "--state-dir", str(base / "state")],
                env={**os.environ, "OPENAI_API_KEY": "sk-test"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        stack.callback(stop, agent)
        path = str(base / "run" / "agent.sock")
        if not accepts(path, agent):
            raise SystemExit("the agent did not start:\n" + (base / "agent.log").read_text(errors="replace")[-4000:])
        yield path
        if agent.poll() is not None:
            raise SystemExit(f"the agent ended with {agent.returncode}:\n"
                             + (base / "agent.log").read_text(errors="replace")[-4000:])


def accepts(path, agent):
    """Waits until the socket accepts; false when the agent ended or took too long."""
    until = time.monotonic() + 20
    while time.monotonic() < until and agent.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
                return True
            except OSError:
                time.sleep(0.02)
    return False


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_all(path, filter_text, verbose, has_setup):
    """Runs the vectors; the number that failed."""
    validate = validator()
    counts = {"ok": 0, "failed": 0, "skipped": 0}
    for name, vector in load(filter_text):
        try:
            if vector.get("setup") and not has_setup:
                raise Skipped("needs the tenants and features of setup.yaml; say --setup where the agent has them")
            run_vector(path, vector, validate)
            outcome, note = "ok", ""
        except Skipped as reason:
            outcome, note = "skipped", f": {reason}"
        except Failure as failure:
            outcome, note = "failed", f": {failure}"
        counts[outcome] += 1
        if verbose or outcome != "ok":
            print(f"{outcome:7} {name}{note}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if sum(counts.values()) == 0:
        raise SystemExit("no vector has that name")
    return counts["failed"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    agent = parser.add_mutually_exclusive_group(required=True)
    agent.add_argument("--sluice", metavar="BIN", help="the sluice executable: start agent and echo upstream here")
    agent.add_argument("--agent-socket", metavar="PATH", help="an agent that is running")
    parser.add_argument("--setup", action="store_true", help="the running agent has what setup.yaml says")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only vectors whose name contains this")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every vector")
    options = parser.parse_args()
    with contextlib.nullcontext(options.agent_socket) if options.agent_socket else started(options.sluice) as path:
        has_setup = options.setup or options.sluice is not None
        failed = run_all(path, options.filter, options.verbose, has_setup)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
