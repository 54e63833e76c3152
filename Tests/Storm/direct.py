"""Calls that go to the provider directly, repeated as the official SDK repeats them."""

import asyncio
import email.utils
import json
import time

from outcome import Answer, Refused

RETRIES = 2
LONGEST_HINT = 120.0  # seconds; a longer hint is not followed
PATIENCE = 600.0  # seconds; the SDK's own timeout


class Status(Exception):
    """An HTTP status that is no success."""

    def __init__(self, status, headers, body):
        super().__init__(str(status))
        self.status, self.headers = status, headers
        try:
            self.code = json.loads(body)["error"]["code"] or str(status)
        except (ValueError, KeyError, TypeError):
            self.code = str(status)


def is_retried(status, headers):
    """Whether the SDK repeats a call that was answered like that."""
    wish = headers.get("x-should-retry")
    if wish in ("true", "false"):
        return wish == "true"
    return status in (408, 409, 429) or status >= 500


def hint(headers, now):
    """Seconds that the answer asks to wait, or ``None``."""
    try:
        return float(headers["retry-after-ms"]) / 1000
    except (KeyError, ValueError):
        pass
    text = headers.get("retry-after", "")
    try:
        return float(text)
    except ValueError:
        date = email.utils.parsedate_tz(text)
        return None if date is None else email.utils.mktime_tz(date) - now


def pause(retry, asked, draw):
    """Seconds before repetition ``retry`` (0 is the first), or ``None`` where the SDK gives up."""
    if asked is not None and asked > LONGEST_HINT:
        return None
    if asked is not None and asked > 0:
        return asked
    return min(0.5 * 2**retry, 8.0) * (1 - 0.25 * draw.random())


class Direct:
    """Keep-alive connections of one process, one for each call under way."""

    grace = 0.0

    def __init__(self, port, key, model, draw):
        self._port, self._key, self._model, self._draw = port, key, model, draw
        self._idle = []

    async def connect(self):
        """Connections are made when they are needed."""

    async def ask(self, call, tally, process, deadline):
        """One call as the SDK makes it: up to three attempts."""
        del process, deadline
        body = json.dumps(call.body(self._model), separators=(",", ":")).encode()
        for retry in range(RETRIES + 1):
            tally.attempts += 1
            asked = None
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._exchange(call, body, retry)
            except Status as answer:
                may, kind = is_retried(answer.status, answer.headers), f"{answer.status} {answer.code}"
                asked = hint(answer.headers, time.time())
                tally.refusals += answer.status == 429
            except (OSError, EOFError) as reason:
                may, kind = True, type(reason).__name__
            wait = pause(retry, asked, self._draw) if may else None
            if wait is None or retry == RETRIES:
                raise Refused(kind, may, asked or 0.0)
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _exchange(self, call, body, retry):
        began = time.monotonic()
        reader, writer = await self._connection()
        whole = False
        try:
            writer.write(self._head(len(body), retry) + body)
            status, headers = await _read_head(reader)
            if status == 200 and call.stream:
                try:
                    first, usage = await _read_stream(reader)
                except (OSError, EOFError) as reason:
                    # The SDK has handed the stream over by now: it repeats nothing any more.
                    raise Refused("stream cut", True, 0.0) from reason
            else:
                data = await reader.readexactly(int(headers["content-length"]))
                first, usage = time.monotonic(), None
                whole = True
                if status != 200:
                    raise Status(status, headers, data)
                usage = json.loads(data)["usage"]
            whole = True
            ended = time.monotonic()
            return Answer(usage["prompt_tokens"], usage["completion_tokens"], first, ended - began)
        finally:
            if whole:
                self._idle.append((reader, writer))
            else:
                writer.transport.abort()

    async def _connection(self):
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def _head(self, length, retry):
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\nx-stainless-retry-count: {retry}\r\n\r\n"
        ).encode()


async def _read_head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.lower()] = value.strip()
    return int(lines[0].split()[1]), headers


async def _read_stream(reader):
    """When the first event came, and the usage; a stream without its last event counts as a lost connection."""
    first, text = None, bytearray()
    while size := int(await reader.readline() or b"0", 16):
        text += await reader.readexactly(size)
        await reader.readexactly(2)
        first = first or time.monotonic()
    await reader.readexactly(2)
    events = [line[6:] for line in text.split(b"\n") if line.startswith(b"data: ")]
    if len(events) < 2 or events[-1].strip() != b"[DONE]":
        raise EOFError
    return first, json.loads(events[-2])["usage"]
