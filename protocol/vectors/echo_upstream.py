#!/usr/bin/env python3
"""The provider that stands behind the agent while the vectors run: a small HTTP/1.1 server whose answer depends on
the `model` in the request body. Standard library only. See README.md for what each model does.

    python3 echo_upstream.py --unix PATH     or     python3 echo_upstream.py --port 0

It prints `ready` (with a port: `ready PORT`) when it listens, and ends when its standard input does, if `--with-stdin`.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys

MAX_HEAD = 64 << 10
MAX_BODY = 32 << 20
MAX_TAGS = 10_000
BIG_CHUNKS, BIG_SIZE = 300, 4096
ODD = '{"n":1e400,"big":12345678901234567890,"twice":1,"twice":2,"z":0,"a":-0.0,"esc":"\\u0041\\/\\ud800\\n"}'
USAGE = '{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}'
STATUS = {
    400: ("invalid_request_error", "invalid_value", "The value of 'temperature' is out of range."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-te**********."),
    403: ("invalid_request_error", "unsupported_country", "Key sk-te******** may not be used here."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    422: ("invalid_request_error", None, "Unprocessable."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", "server_is_overloaded", "The server is overloaded."),
}


class Tags:
    """What became of requests that carry a `tag`: vectors wait on this instead of sleeping."""

    def __init__(self):
        self.seen = {"received": {}, "aborted": {}}
        self.changed = asyncio.Condition()

    async def note(self, what, tag):
        async with self.changed:
            if len(self.seen[what]) < MAX_TAGS:
                self.seen[what][tag] = True
            self.changed.notify_all()

    async def wait(self, what, tag):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: tag in self.seen[what]), 10)


class Exchange:
    """One request and its answer."""

    numbers = itertools.count(1)

    def __init__(self, reader, writer, method, path, body):
        self.reader, self.writer = reader, writer
        self.method, self.path, self.raw = method, path, body
        try:
            self.body = json.loads(body) if body else {}
        except ValueError:
            self.body = None
        known = isinstance(self.body, dict)
        self.model = self.body.get("model") if known else None
        tag = self.body.get("tag") if known else None
        self.tag = tag if isinstance(tag, str) else None

    def send(self, status, body, *headers, content_type="application/json"):
        lines = [
            f"HTTP/1.1 {status} X",
            f"content-type: {content_type}",
            f"content-length: {len(body)}",
            f"x-request-id: req_echo_{next(self.numbers)}",
            *headers,
        ]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def begin_stream(self):
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        self.writer.write(f"{head}x-request-id: req_echo_{next(self.numbers)}\r\n\r\n".encode())

    def event(self, data, name=None):
        text = (f"event: {name}\n" if name else "") + f"data: {data}\n\n"
        part = text.encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(part), part))

    def chunk(self, content, extra=""):
        self.event(
            '{"id":"chatcmpl-echo","object":"chat.completion.chunk","created":1700000000,"model":"echo-1",'
            '"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]%s}' % (content, extra)
        )

    def end_stream(self, done=True):
        if done:
            self.event("[DONE]")
        self.writer.write(b"0\r\n\r\n")

    def wants_usage(self):
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True


async def until_gone(exchange):
    """Waits until the peer closes: a model that hangs does nothing else."""
    with contextlib.suppress(ConnectionError):
        await exchange.reader.read()


async def echo(exchange, tags):
    received = exchange.raw or b"null"
    exchange.send(200, b'{"object":"echo","received":%s,"usage":%s}' % (received, USAGE.encode()))


async def stream(exchange, tags):
    exchange.begin_stream()
    for content in ("a", "b", "c"):
        exchange.chunk(content, ',"odd":' + ODD)
    if exchange.wants_usage():
        exchange.event('{"id":"chatcmpl-echo","object":"chat.completion.chunk","choices":[],"usage":%s}' % USAGE)
    exchange.end_stream()


async def big_stream(exchange, tags):
    exchange.begin_stream()
    empty = '{"object":"chat.completion.chunk","choices":[],"seq":"%04d","pad":"%s"}'
    for number in range(BIG_CHUNKS):
        exchange.event(empty % (number, "x" * (BIG_SIZE - len(empty % (number, "")))))
        await exchange.writer.drain()
    exchange.end_stream()


async def hang(exchange, tags):
    await until_gone(exchange)
    return True


async def slow_stream(exchange, tags):
    exchange.begin_stream()
    exchange.chunk("a")
    await until_gone(exchange)
    return True


async def cut_stream(exchange, tags):
    exchange.begin_stream()
    exchange.chunk("a")
    await exchange.writer.drain()
    exchange.writer.close()


async def cut(exchange, tags):
    exchange.writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"half":')
    await exchange.writer.drain()
    exchange.writer.close()


async def undone_stream(exchange, tags):
    exchange.begin_stream()
    exchange.chunk("a")
    exchange.end_stream(done=False)


async def error_in_stream(exchange, tags):
    exchange.begin_stream()
    exchange.chunk("a")
    exchange.event('{"error":{"message":"Boom.","type":"server_error","param":null,"code":"boom","odd":1e400}}')
    exchange.end_stream(done=False)


async def error_first(exchange, tags):
    exchange.begin_stream()
    exchange.event('{"error":{"message":"Boom.","type":"server_error","param":null,"code":"boom","odd":1e400}}')
    exchange.end_stream(done=False)


async def framed_stream(exchange, tags):
    """The same three chunks, written with every liberty that server-sent events allow."""
    exchange.begin_stream()
    text = (
        ": a comment\r\n\r\nid: 1\r\ndata: {\"piece\":\r\ndata: 1}\r\n\r\nretry: 10\n\n"
        'event: message\ndata:{"piece":2}\n\ndata: {"piece":3}\r\r'
        "data: [DONE]\n\n"
    ).encode()
    for position in range(len(text)):
        exchange.writer.write(b"1\r\n%s\r\n" % text[position : position + 1])
    exchange.writer.write(b"0\r\n\r\n")


async def bad_json(exchange, tags):
    exchange.send(200, b'{"object":"echo",')


async def not_json(exchange, tags):
    exchange.send(502, b"<html>bad gateway</html>", content_type="text/html")


def typed(exchange, number, kind, rest=""):
    exchange.event('{"type":"%s","sequence_number":%d%s}' % (kind, number, rest), kind)


RESPONSE_USAGE = (
    '{"input_tokens":4,"input_tokens_details":{"cached_tokens":1},"output_tokens":6,'
    '"output_tokens_details":{"reasoning_tokens":2},"total_tokens":10}'
)


async def responses_stream(exchange, tags, last="completed"):
    exchange.begin_stream()
    typed(exchange, 0, "response.created", ',"response":{"id":"resp_echo","status":"in_progress","model":"echo-1"}')
    typed(exchange, 1, "response.output_text.delta", ',"delta":"a","odd":' + ODD)
    if last != "cut":
        rest = ',"response":{"id":"resp_echo","status":"%s","model":"echo-1","usage":%s%s}'
        error = ',"error":{"code":"server_error","message":"Boom."}' if last == "failed" else ""
        typed(exchange, 2, f"response.{last}", rest % (last, RESPONSE_USAGE, error))
    exchange.end_stream(done=False)


async def responses_plain(exchange, tags):
    exchange.send(200, b'{"id":"resp_echo","object":"response","model":"echo-1","output":[],"usage":%s}'
                  % RESPONSE_USAGE.encode())


async def wait_for_tag(exchange, tags):
    what = exchange.model.split("-", 1)[1]
    try:
        await tags.wait(what, exchange.body.get("for"))
    except asyncio.TimeoutError:
        exchange.send(422, b'{"error":{"message":"no such request","type":"timeout","param":null,"code":null}}')
        return
    exchange.send(200, b'{"object":"seen"}')


MODELS = {
    "echo": echo, "stream": stream, "big-stream": big_stream, "hang": hang, "slow-stream": slow_stream,
    "cut-stream": cut_stream, "cut": cut, "undone-stream": undone_stream, "error-in-stream": error_in_stream,
    "error-first": error_first, "framed-stream": framed_stream, "bad-json": bad_json, "not-json": not_json,
    "responses-stream": responses_stream, "responses": responses_plain,
    "responses-incomplete": lambda exchange, tags: responses_stream(exchange, tags, "incomplete"),
    "responses-failed": lambda exchange, tags: responses_stream(exchange, tags, "failed"),
    "responses-cut": lambda exchange, tags: responses_stream(exchange, tags, "cut"),
    "wait-received": wait_for_tag, "wait-aborted": wait_for_tag,
}


def refuse(exchange, status, headers=()):
    kind, code, message = STATUS[status]
    error = {"message": message, "type": kind, "param": None, "code": code}
    text = json.dumps({"error": error})[:-2] + ',"odd":1e400}}'
    exchange.send(status, text.encode(), *headers)


async def answer(exchange, tags):
    """Answers one request; true when the peer has gone."""
    if exchange.tag is not None:
        await tags.note("received", exchange.tag)
    model = exchange.model if isinstance(exchange.model, str) else ""
    if exchange.method == "GET" and exchange.path.endswith("/models"):
        exchange.send(200, b'{"object":"list","data":[{"id":"echo","object":"model","odd":%s}]}' % ODD.encode())
    elif model in MODELS:
        return await MODELS[model](exchange, tags)
    elif model.startswith("status-") and model[7:].isdigit() and int(model[7:]) in STATUS:
        status = int(model[7:])
        refuse(exchange, status, ("retry-after-ms: 20",) if status in (429, 503) else ())
    else:
        refuse(exchange, 404)
    return False


async def read_request(reader, writer):
    """The next request on a connection, or None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if length > MAX_BODY or "chunked" in headers.get("transfer-encoding", ""):
        return None
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(length)
    return Exchange(reader, writer, method, target.split("?")[0], body)


async def serve(reader, writer, tags):
    exchange = None
    finished = True
    try:
        while not writer.is_closing():
            exchange = await read_request(reader, writer)
            if exchange is None:
                break
            finished = False
            finished = not await answer(exchange, tags)
            if not finished:
                break
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        pass
    finally:
        if exchange is not None and not finished and exchange.tag is not None:
            await tags.note("aborted", exchange.tag)
        writer.close()


async def run(options):
    tags = Tags()

    async def accept(reader, writer):
        await serve(reader, writer, tags)

    if options.unix:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(options.unix)
        server = await asyncio.start_unix_server(accept, options.unix, limit=MAX_HEAD, backlog=1024)
        print("ready", flush=True)
    else:
        server = await asyncio.start_server(accept, "127.0.0.1", options.port, limit=MAX_HEAD, backlog=1024)
        print("ready", server.sockets[0].getsockname()[1], flush=True)
    if options.with_stdin:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        os._exit(0)
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--unix", metavar="PATH", help="listen on this Unix socket")
    where.add_argument("--port", type=int, help="listen on this TCP port of 127.0.0.1; 0 takes a free one")
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input ends")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
