#!/usr/bin/env python3
"""Many streams in flight, and clients that are killed: does the agent let go of everything? Standard library only.

    python3 Tests/Chaos/streams.py --sluice .build/release/sluice
    python3 Tests/Chaos/streams.py --sluice .build/debug/sluice --streams 200 --clients 40 --kill 10 --rounds 2

Starts an upstream that paces Server-Sent Events and the agent before it, as processes of their own. In every round,
client processes open the streams between them; some clients get SIGKILL at random moments; the rest see their streams
to the end. Then nothing may be left: no transfer, no call, no connection, no descriptor, and no memory that grows from
round to round. In the first round the kills begin when every stream flows, so that all of them are in flight together;
in the others they begin as soon as the first client connects.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PATIENCE = 60.0  # seconds until something that must happen counts as failed
CONFIG = """\
agent:
  drain_timeout: 5s
limits:
  inflight_per_connection: 4096
upstreams:
  - name: up
    base_url: "http://localhost/v1"
    unix_socket: "{socket}"
    max_connections: 4096
    keys:
      - name: test
        env: SLUICE_CHAOS_KEY
pools:
  - name: all
    models: ["*"]
    max_in_flight: 8192
"""


# ---- the upstream, a process of its own -------------------------------------------------------------------------


class Upstream:
    """Streams to everybody until it is told to finish; remembers who left early, and when."""

    def __init__(self, pace):
        self.pace = pace
        self.finish = asyncio.Event()
        self.live = set()
        self.connections = 0
        self.left = []  # [tag, CLOCK_MONOTONIC in ns]
        self.done = 0

    async def serve(self, path):
        server = await asyncio.start_unix_server(self.connection, path, backlog=4096)
        print("ready", flush=True)
        async with server:
            await server.serve_forever()

    async def connection(self, reader, writer):
        self.connections += 1
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections -= 1
            writer.close()

    async def exchange(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        body = await reader.readexactly(int(length.group(1))) if length else b""
        verb, path = head.split()[:2]
        if path == "/report":
            return await self.answer(writer, self.report())
        if path == "/finish":
            self.finish.set()
            return await self.answer(writer, {})
        if path == "/again":
            self.finish.clear()
            self.left, self.done = [], 0
            return await self.answer(writer, {})
        return await self.stream(json.loads(body)["user"], reader, writer)

    def report(self):
        # One of the connections is the one that asks.
        return {"live": len(self.live), "left": self.left, "done": self.done, "connections": self.connections - 1}

    @staticmethod
    async def answer(writer, value):
        body = json.dumps(value).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        return False

    async def stream(self, tag, reader, writer):
        self.live.add(tag)
        # Nothing more comes from the agent on this connection, unless it hangs up.
        gone = asyncio.ensure_future(reader.read(1))
        gone.add_done_callback(lambda _: self.departed(tag))
        finish = asyncio.ensure_future(self.finish.wait())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        generator = random.Random(tag)
        number = 0
        try:
            while not gone.done() and not finish.done():
                self.event(writer, tag, number)
                number += 1
                pause = self.pace * generator.uniform(0.5, 1.5)
                await asyncio.wait({gone, finish}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return False
            self.live.discard(tag)
            self.done += 1
            gone.cancel()
            self.write(writer, b"data: [DONE]\n\n")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            await asyncio.gather(gone, return_exceptions=True)
            return True
        finally:
            finish.cancel()

    def event(self, writer, tag, number):
        data = {"model": "m", "n": number, "choices": [{"index": 0, "delta": {"content": "word " * 8 + tag}}]}
        self.write(writer, b"data: %s\n\n" % json.dumps(data).encode())

    @staticmethod
    def write(writer, data):
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def departed(self, tag):
        if tag in self.live:
            self.live.discard(tag)
            self.left.append([tag, time.monotonic_ns()])


def ask(path, target, method="GET"):
    """One HTTP exchange on a Unix socket; the body."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        connection.sendall(f"{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        data = b""
        while part := connection.recv(1 << 20):
            data += part
    return data.split(b"\r\n\r\n", 1)[1]


# ---- a client, forked -------------------------------------------------------------------------------------------


def run_client(number, streams, path, report):
    """Opens its streams, reads them to their ends, and tells the pipe: flowing, then its verdict."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.sendall(frame({"op": "hello", "proto": 1, "client": f"chaos/{number}"}))
    for stream in range(streams):
        body = {"model": "m", "stream": True, "user": f"c{number}.{stream}", "messages": []}
        call = {"op": "call", "id": str(stream), "path": "/v1/chat/completions", "deadline_ms": 600000, "body": body}
        connection.sendall(frame(call))
    next_seq, owed, ended, wrong, data = {}, {}, 0, [], b""
    while ended < streams:
        part = connection.recv(1 << 16)
        if not part:
            wrong.append("the agent closed the connection")
            break
        data += part
        while len(data) >= 4 and len(data) >= 4 + (length := struct.unpack(">I", data[:4])[0]):
            event, data = json.loads(data[4 : 4 + length]), data[4 + length :]
            call = event.get("id")
            if event["event"] == "chunk":
                if event["seq"] != next_seq.get(call, 0):
                    wrong.append(f"seq {event['seq']} instead of {next_seq.get(call, 0)}")
                if call not in next_seq and len(next_seq) == streams - 1:
                    os.write(report, b"flowing\n")
                next_seq[call] = event["seq"] + 1
                owed[call] = owed.get(call, 0) + length
                if owed[call] > 65536:
                    connection.sendall(frame({"op": "grant", "id": call, "bytes": owed.pop(call)}))
            elif event["event"] == "result":
                ended += 1
                if event["finish"] != "complete":
                    wrong.append(json.dumps(event))
            elif event["event"] == "error":
                ended += 1
                wrong.append(json.dumps(event))
    os.write(report, (json.dumps({"ended": ended, "chunks": sum(next_seq.values()), "wrong": wrong[:3]}) + "\n").encode())


def frame(value):
    payload = json.dumps(value, separators=(",", ":")).encode()
    return struct.pack(">I", len(payload)) + payload


class Client:
    """A forked client, and what it said."""

    def __init__(self, number, streams, path):
        self.number, self.streams = number, streams
        self.pipe, child_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(self.pipe)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                run_client(number, streams, path, child_end)
                code = 0
            finally:
                os._exit(code)
        os.close(child_end)
        self.text = b""
        self.killed_at = None
        self.at_end = False

    @property
    def flows(self):
        return b"flowing\n" in self.text

    @property
    def verdict(self):
        last = self.text.rsplit(b"\n", 2)[-2:-1]
        return json.loads(last[0]) if last and last[0].startswith(b"{") else None

    def kill(self):
        self.killed_at = time.monotonic_ns()
        os.kill(self.pid, signal.SIGKILL)

    def end(self):
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


def listen(clients, seconds):
    """Reads what clients say for at most so long; returns early when somebody said something."""
    open_pipes = {client.pipe: client for client in clients if not client.at_end}
    if not open_pipes:
        return
    poller = select.poll()
    for pipe in open_pipes:
        poller.register(pipe, select.POLLIN)
    for pipe, _ in poller.poll(max(0.0, seconds) * 1000):
        part = os.read(pipe, 65536)
        client = open_pipes[pipe]
        client.text += part
        client.at_end = not part


# ---- what the agent holds ---------------------------------------------------------------------------------------


class Agent:
    def __init__(self, process, directory):
        self.pid = process.pid
        self.process = process
        self.socket = str(directory / "run" / "agent.sock")
        self.stats = str(directory / "run" / "stats.sock")

    def status(self):
        return json.loads(ask(self.stats, "/status"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self):
        """Resident memory in MiB."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) / 1024


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, holds, what):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"  {'ok    ' if holds else 'FAILED'} {what}", flush=True)


def until(holds):
    """Looks again until it holds; false when PATIENCE is over."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# ---- a round ----------------------------------------------------------------------------------------------------


def run_round(number, options, agent, upstream, report, generator):
    print(f"round {number}: {options.streams} streams of {options.clients} clients, {options.kill} to be killed")
    ask(upstream, "/again", "POST")
    before = agent.descriptors() - json.loads(ask(upstream, "/report"))["connections"]
    memory_before = agent.memory()
    shares = [options.streams // options.clients + (n < options.streams % options.clients)
              for n in range(options.clients)]
    victims = set(generator.sample(range(options.clients), options.kill))
    at_once = number == 1
    began = time.monotonic()
    clients = []
    for index, share in enumerate(shares):
        clients.append(Client(index, share, agent.socket))
    moments = sorted((generator.uniform(0, options.window), victim) for victim in victims)
    if at_once:
        flowing = until(lambda: listen(clients, 0.2) or all(client.flows for client in clients))
        status = agent.status()
        report.check(
            flowing and status["in_flight"] == options.streams,
            f"{status['in_flight']} streams in flight together, after {time.monotonic() - began:.2f} s; "
            f"{agent.memory():.1f} MiB resident, {agent.descriptors()} descriptors")
        began = time.monotonic()
    for moment, victim in moments:
        while (left := began + moment - time.monotonic()) > 0:
            listen(clients, left)
        clients[victim].kill()
    survivors = [client for client in clients if client.number not in victims]
    until(lambda: listen(clients, 0.2) or all(client.flows for client in survivors))
    # Whoever was killed is gone at the provider too, while the others still stream.
    mine = sum(client.streams for client in survivors)
    gone = until(lambda: json.loads(ask(upstream, "/report"))["live"] == mine)
    report.check(gone, "every killed client's transfer is closed while the others go on")
    ask(upstream, "/finish", "POST")
    until(lambda: listen(clients, 0.2) or all(client.verdict for client in survivors))
    for client in clients:
        client.end()
    judge(options, agent, upstream, report, clients, survivors, before, memory_before)


def judge(options, agent, upstream, report, clients, survivors, before, memory_before):
    verdicts = [client.verdict or {"ended": 0, "chunks": 0, "wrong": ["no verdict"]} for client in survivors]
    wrong = [text for verdict in verdicts for text in verdict["wrong"]]
    ended = sum(verdict["ended"] for verdict in verdicts)
    report.check(
        not wrong and ended == sum(client.streams for client in survivors),
        f"{ended} surviving streams complete, {sum(verdict['chunks'] for verdict in verdicts)} chunks without a gap"
        + (f"; {wrong[:2]}" if wrong else ""))
    seen = json.loads(ask(upstream, "/report"))
    killed_at = {f"c{client.number}": client.killed_at for client in clients if client.killed_at}
    delays = [(at - killed_at[tag.split(".")[0]]) / 1e6 for tag, at in seen["left"] if tag.split(".")[0] in killed_at]
    report.check(
        seen["live"] == 0 and len(delays) == len(seen["left"]),
        f"{len(delays)} transfers of {len(killed_at)} killed clients closed at the upstream, none of anybody else")
    if delays:
        print(
            f"         from kill to close seen by the upstream, ms: p50 {quantile(delays, 0.5):.1f}, "
            f"p99 {quantile(delays, 0.99):.1f}, max {max(delays):.1f}")
    status = {}

    def at_rest():
        status.update(agent.status())
        return not (status["in_flight"] or status["queued"] or status["connections"]
                    or status["upstream"]["live_transfers"])

    report.check(
        until(at_rest),
        f"at rest: in flight {status['in_flight']}, queued {status['queued']}, connections "
        f"{len(status['connections'])}, live transfers {status['upstream']['live_transfers']}")

    def descriptors():
        return agent.descriptors() - json.loads(ask(upstream, "/report"))["connections"]

    level = until(lambda: descriptors() <= before)
    idle = json.loads(ask(upstream, "/report"))["connections"]
    report.check(
        level, f"descriptors: {before} before, {descriptors()} after, beside {idle} idle connections to the upstream")
    after = agent.memory()
    options.memory.append(after)
    report.check(after - memory_before < options.room, f"memory: {memory_before:.1f} MiB before, {after:.1f} MiB after")


@contextlib.contextmanager
def process(command, log, **more):
    with open(log, "wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=output, **more)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sluice", metavar="BIN", help="the sluice executable")
    parser.add_argument("--streams", type=int, default=1000, help="streams in flight together (1000)")
    parser.add_argument("--clients", type=int, default=200, help="client processes that share them (200)")
    parser.add_argument("--kill", type=int, default=50, help="clients to kill in each round (50)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (3)")
    parser.add_argument("--window", type=float, default=3.0, help="seconds over which the kills are spread (3)")
    parser.add_argument("--pace", type=float, default=0.5, help="mean seconds between two events of a stream (0.5)")
    parser.add_argument("--room", type=float, default=150.0, help="MiB that a round may add to resident memory (150)")
    parser.add_argument("--seed", type=int, default=1, help="seed of victims and moments (1)")
    parser.add_argument("--upstream", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.upstream:
        return asyncio.run(Upstream(options.pace).serve(options.upstream))
    if not options.sluice or not 0 <= options.kill < options.clients <= options.streams:
        parser.error("give --sluice, and 0 <= kill < clients <= streams")
    return run(options)


def run(options):
    report = Report()
    options.memory = []
    generator = random.Random(options.seed)
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-chaos-")))
        for name in ("run", "state"):
            (directory / name).mkdir(mode=0o700)
        upstream = str(directory / "up.sock")
        (directory / "config.yaml").write_text(CONFIG.format(socket=upstream))
        provider = stack.enter_context(process(
            [sys.executable, __file__, "--upstream", upstream, "--pace", str(options.pace)],
            directory / "up.log", stdout=subprocess.PIPE, text=True))
        if provider.stdout.readline().strip() != "ready":
            raise SystemExit("the upstream did not start")
        started = stack.enter_context(process(
            [options.sluice, "agent", "--config", str(directory / "config.yaml"), "--runtime-dir",
             str(directory / "run"), "--state-dir", str(directory / "state")],
            directory / "agent.log", env={**os.environ, "SLUICE_CHAOS_KEY": "sk-chaos"}))
        agent = Agent(started, directory)
        if not until(lambda: started.poll() is not None or os.path.exists(agent.socket)) or started.poll() is not None:
            raise SystemExit("the agent did not start:\n" + (directory / "agent.log").read_text())
        print(f"seed {options.seed}; agent at rest: {agent.memory():.1f} MiB, {agent.descriptors()} descriptors")
        for number in range(1, options.rounds + 1):
            run_round(number, options, agent, upstream, report, generator)
            if started.poll() is not None:
                raise SystemExit(f"the agent ended with {started.returncode}")
        if options.rounds > 2:
            grown = options.memory[-1] - options.memory[1]
            report.check(grown < 20, f"memory after round 2 and after the last: {grown:+.1f} MiB")
        started.send_signal(signal.SIGTERM)
        report.check(started.wait(30) == 0, "the agent ends with code 0")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
