"""A small HTTP server in OpenAI's place, for the service test: it checks the key and says which one it saw.

Usage: upstream.py PORT KEY...

POST /v1/chat/completions answers with the place of the bearer among the KEYs ("key 1", "key 2") or 401. With
"stream": true it sends one chunk and holds the rest until POST /release, so that a test decides when a stream ends.
GET /streams says how many streams are held.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = sys.argv[2:]
gate = threading.Condition()
held = 0
released = 0


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with gate:
            self.answer(200, {"held": held})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/release":
            release()
            return self.answer(200, {})
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in KEYS:
            error = {"message": "no", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
            return self.answer(401, {"error": error})
        request = json.loads(body)
        text = f"key {KEYS.index(bearer) + 1}"
        if request.get("stream"):
            return self.stream(request, text)
        message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        self.answer(200, {**HEAD, "model": request["model"], "choices": [message], "usage": usage})

    def stream(self, request, text):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        before = released
        self.event(chunk(request, text))
        hold(before)
        for number in range(4):
            self.event(chunk(request, f" {number}"))
        self.event(chunk(request, "", "stop"))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data):
        line = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()


HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1}


def chunk(request, text, finish=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {**HEAD, "object": "chat.completion.chunk", "model": request["model"], "choices": [choice]}


def hold(before):
    global held
    with gate:
        held += 1
        gate.wait_for(lambda: released > before, timeout=60)
        held -= 1


def release():
    global released
    with gate:
        released += 1
        gate.notify_all()


class Server(ThreadingHTTPServer):
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
