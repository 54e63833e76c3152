"""Helpers: where the repository's parts are, and an agent whose side of the conversation a test writes out."""

import importlib.util
import json
import pathlib
import queue
import socket
import struct
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTOCOL = ROOT / "protocol"
sys.path.insert(0, str(PROTOCOL / "clients" / "python" / "src"))

HELLO = {
    "event": "hello", "proto": 1, "min": 1, "agent": "scripted/1", "instance": "00ff", "features": ["stream"],
    "max_frame": 4096, "max_inflight": 4, "stream_credit": 1 << 18, "identity": "uid:0",
}
PATIENCE = 10


def load_runner():
    """The vector runner as a module."""
    specification = importlib.util.spec_from_file_location("vector_runner", PROTOCOL / "vectors" / "run.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Peer:
    """The agent's end of one connection, written out by a test."""

    def __init__(self, connection):
        self.connection = connection

    def receive(self):
        """The next frame; None at the end of the connection."""
        head = self._read(4)
        return None if head is None else json.loads(self._read(struct.unpack(">I", head)[0]))

    def _read(self, count):
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

    def send(self, event):
        """Sends an event: a dictionary, or text as it is."""
        payload = event.encode() if isinstance(event, str) else json.dumps(event).encode()
        self.connection.sendall(struct.pack(">I", len(payload)) + payload)

    def greet(self, **changes):
        """Takes hello and answers it."""
        hello = self.receive()
        assert hello["op"] == "hello" and hello["proto"] == 1
        self.send({**HELLO, **changes})
        return hello

    def expect(self, op):
        """The next frame, which must have this op."""
        frame = self.receive()
        assert frame is not None and frame["op"] == op, frame
        return frame

    def result(self, call, body='{"object":"x"}', **more):
        """Ends a plain call."""
        rest = json.dumps({
            "event": "result", "status": 200, "charged": "exact", "attempts": 1,
            "timing": {"queued_ms": 0, "upstream_ms": 1, "total_ms": 2}, **more,
        })
        self.send('{"id":%s,"body":%s,%s' % (json.dumps(call["id"]), body, rest[1:]))

    def end(self, call, finish="complete", **more):
        """Ends a stream."""
        self.send({
            "id": call["id"], "event": "result", "status": 200, "charged": "exact", "attempts": 1, "finish": finish,
            "timing": {"queued_ms": 0, "upstream_ms": 1, "total_ms": 2}, **more,
        })

    def chunk(self, call, seq, data="{}"):
        """One chunk with data as it is."""
        self.send('{"id":%s,"event":"chunk","seq":%d,"data":%s}' % (json.dumps(call["id"]), seq, data))

    def close(self):
        self.connection.close()


class ScriptedAgent:
    """Runs one script for each connection, in the order of connecting; `finish` raises what a script raised."""

    def __init__(self, path, *scripts):
        self.path = path
        self.errors = queue.SimpleQueue()
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._run, args=(scripts,), daemon=True)
        self.thread.start()

    def _run(self, scripts):
        workers = []
        for script in scripts:
            connection, _ = self.listener.accept()
            connection.settimeout(PATIENCE)
            peer = Peer(connection)
            self.connections.append(peer)
            worker = threading.Thread(target=self._one, args=(script, peer), daemon=True)
            worker.start()
            workers.append(worker)
        for worker in workers:
            worker.join(PATIENCE)

    def _one(self, script, peer):
        try:
            script(peer)
        except BaseException as error:
            self.errors.put(error)
        finally:
            peer.close()

    def finish(self):
        """Waits for all scripts."""
        self.thread.join(PATIENCE)
        self.listener.close()
        if not self.errors.empty():
            raise self.errors.get()
        assert not self.thread.is_alive(), "a script is still running"
