"""A caller for the service test: speaks the agent's protocol, standard library only.

Usage: caller.py SOCKET call            one plain call; prints the reply's text
       caller.py SOCKET stream PORT     a stream; at goaway, lets the upstream on PORT go on; prints what happened
       caller.py SOCKET hold            says hello, tells the service manager READY=1, waits until the agent hangs up
       caller.py SOCKET get PATH        one HTTP GET over the socket; prints the body
"""

import http.client
import json
import os
import socket
import struct
import sys
import urllib.request


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.send({"op": "hello", "proto": 1, "client": "service-test/1"})
        self.hello = self.expect("hello")

    def send(self, frame):
        data = json.dumps(frame).encode()
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        return json.loads(self.read(struct.unpack(">I", self.read(4))[0]))

    def expect(self, event):
        frame = self.receive()
        if frame.get("event") != event:
            sys.exit(f"expected {event}, got {json.dumps(frame)}")
        return frame

    def call(self, stream):
        messages = [{"role": "user", "content": "hi"}]
        body = {"model": "gpt-4o-mini", "messages": messages, "stream": stream}
        self.send({"op": "call", "id": "1", "path": "/v1/chat/completions", "progress": False, "body": body})


def notify(state):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(state, "\0" + address[1:] if address[0] == "@" else address)


def call(path):
    connection = Connection(path)
    connection.call(stream=False)
    print(connection.expect("result")["body"]["choices"][0]["message"]["content"])


def stream(path, port):
    connection = Connection(path)
    connection.call(stream=True)
    chunks, goaway = 0, None
    while True:
        frame = connection.receive()
        if frame["event"] == "chunk":
            chunks += 1
            if chunks == 1:
                notify(b"READY=1")
        elif frame["event"] == "goaway":
            goaway = (frame["reason"], chunks)
            urllib.request.urlopen(f"http://127.0.0.1:{port}/release", data=b"", timeout=30).read()
        else:
            break
    print(f"goaway={goaway} chunks={chunks} last={frame['event']} finish={frame.get('finish')}", flush=True)


def hold(path):
    connection = Connection(path)
    notify(b"READY=1")
    connection.socket.settimeout(None)
    try:
        while True:
            print(connection.receive(), flush=True)
    except EOFError:
        pass


class HTTPOverUnix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sluice", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(path, target):
    connection = HTTPOverUnix(path)
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read().decode()
    if answer.status != 200:
        sys.exit(f"status {answer.status}: {body}")
    print(body)


{"call": call, "stream": stream, "hold": hold, "get": get}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
