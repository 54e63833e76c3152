"""Frames and the raw bytes of their members: no I/O, no clock."""

from __future__ import annotations

import json
import re
import struct
from typing import Any, Dict, Iterator, Optional, Tuple, Union

from ._errors import ProtocolViolation

MAX_REPLY_FRAME = (1 << 24) - 1
"""The largest payload an agent may send, in bytes."""

JSONBody = Union[Dict[str, Any], bytes, bytearray, str]
"""A request body: a dictionary to serialise, or JSON text that crosses untouched."""

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^ \t\r\n,}\]]+")


def frame(payload: bytes) -> bytes:
    """The payload behind its 4-byte big-endian length."""
    return struct.pack(">I", len(payload)) + payload


def encode(envelope: Dict[str, Any], body: Optional[JSONBody] = None) -> bytes:
    """One payload: the envelope, with ``body`` spliced in as its last member where there is one."""
    head = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    if body is None:
        return head
    return head[:-1] + b',"body":' + body_bytes(body) + b"}"


def body_bytes(body: JSONBody) -> bytes:
    """JSON text of a request body; text that is given stays as it is."""
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    if isinstance(body, str):
        return body.encode("utf-8")
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", errors="strict"
    )


class FrameDecoder:
    """Cuts a byte stream into payloads. Holds at most one frame, so at most ``MAX_REPLY_FRAME`` + 4 bytes, and
    what one read returned behind it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields every payload that ``data`` completes; raises ``ProtocolViolation`` on an impossible length."""
        self._buffer += data
        position = 0
        try:
            while len(self._buffer) - position >= 4:
                (length,) = struct.unpack_from(">I", self._buffer, position)
                if not 0 < length <= MAX_REPLY_FRAME:
                    raise ProtocolViolation("local_protocol", f"frame of {length} bytes: is this a Sluice agent?")
                if len(self._buffer) - position - 4 < length:
                    break
                position += 4 + length
                yield bytes(self._buffer[position - length : position])
        finally:
            del self._buffer[:position]


def members(payload: bytes) -> Dict[str, bytes]:
    """The raw bytes of every member of a JSON object that an agent sent (so it is valid JSON)."""
    found: Dict[str, bytes] = {}
    position = _skip(payload, 0)
    if payload[position : position + 1] != b"{":
        raise ProtocolViolation("local_protocol", "frame is not a JSON object")
    position = _skip(payload, position + 1)
    while payload[position : position + 1] == b'"':
        name, position = _value(payload, position)
        position = _skip(payload, _skip(payload, position) + 1)
        raw, position = _value(payload, position)
        found[json.loads(name)] = raw
        position = _skip(payload, _skip(payload, position) + 1)
    return found


def _skip(payload: bytes, position: int) -> int:
    match = _SPACE.match(payload, position)
    return match.end() if match else position


def _value(payload: bytes, start: int) -> Tuple[bytes, int]:
    first = payload[start : start + 1]
    if first not in (b'"', b"{", b"["):
        match = _SCALAR.match(payload, start)
        end = match.end() if match else start
        if end == start:
            raise ProtocolViolation("local_protocol", "frame is not valid JSON")
        return payload[start:end], end
    depth = 0
    for token in _TOKEN.finditer(payload, start):
        sign = token.group()
        if sign in (b"{", b"["):
            depth += 1
        elif sign in (b"}", b"]"):
            depth -= 1
        if depth == 0:
            return payload[start : token.end()], token.end()
    raise ProtocolViolation("local_protocol", "frame is not valid JSON")


def parse(raw: Optional[bytes]) -> Any:
    """A member's value, or ``None`` where it is absent."""
    return None if raw is None else json.loads(raw)
