"""What a caller gets back: results, chunks, progress. Bodies stay raw bytes until someone looks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Optional

from . import _wire
from ._errors import SluiceError, from_wire


@dataclass(frozen=True)
class Usage:
    """Tokens that the provider counted."""

    input_tokens: int
    output_tokens: int
    cached_tokens: Optional[int] = None
    reasoning_tokens: Optional[int] = None


@dataclass(frozen=True)
class Timing:
    """Where the time went, in milliseconds."""

    queued_ms: int
    upstream_ms: int
    total_ms: int


@dataclass(frozen=True)
class Fallback:
    """Which model answered in place of the one in the request, and why: ``breaker_open``, ``quota_exhausted``,
    ``deadline_unmeetable``, ``overloaded``, ``error``, or a word of a later version."""

    from_model: str
    to_model: str
    reason: str


@dataclass(frozen=True)
class Hello:
    """What the agent said about itself and its bounds."""

    proto: int
    agent: str
    instance: str
    features: "tuple[str, ...]"
    max_frame: int
    max_inflight: int
    stream_credit: int
    identity: str

    @classmethod
    def from_wire(cls, raw: Dict[str, bytes]) -> "Hello":
        """Reads a ``hello`` event; bounds that are absent take the protocol's defaults."""
        value = {name: json.loads(text) for name, text in raw.items()}
        return cls(
            proto=int(value.get("proto", 1)),
            agent=str(value.get("agent", "")),
            instance=str(value.get("instance", "")),
            features=tuple(value.get("features", ())),
            max_frame=int(value.get("max_frame", 4 << 20)),
            max_inflight=int(value.get("max_inflight", 256)),
            stream_credit=int(value.get("stream_credit", 256 << 10)),
            identity=str(value.get("identity", "")),
        )


@dataclass(frozen=True)
class Progress:
    """``queued``, ``started`` or ``retrying``; fields that the event does not have are ``None``. ``queued`` comes again
    when ``position`` (calls ahead) or ``eta_ms`` has changed."""

    event: str
    pool: Optional[str] = None
    position: Optional[int] = None
    eta_ms: Optional[int] = None
    attempt: Optional[int] = None
    waited_ms: Optional[int] = None
    code: Optional[str] = None
    delay_ms: Optional[int] = None
    status: Optional[int] = None

    @classmethod
    def from_wire(cls, kind: str, raw: Dict[str, bytes]) -> "Progress":
        """Reads the fields it knows; others are ignored."""
        known = {name: json.loads(raw[name]) for name in cls.__dataclass_fields__ if name in raw}
        return cls(kind, **known)


class Chunk:
    """One data object of a stream. ``raw`` is what the provider sent, untouched; ``data`` parses it once."""

    __slots__ = ("seq", "raw", "_data")

    def __init__(self, seq: int, raw: bytes) -> None:
        self.seq = seq
        self.raw = raw
        self._data: Any = _UNREAD

    @property
    def data(self) -> Any:
        """The parsed object."""
        if self._data is _UNREAD:
            self._data = json.loads(self.raw)
        return self._data

    @property
    def text(self) -> str:
        """The piece of text in this chunk, of chat completions, completions and responses; else ``""``."""
        data = self.data
        if not isinstance(data, dict):
            return ""
        if data.get("type") == "response.output_text.delta":
            return str(data.get("delta") or "")
        pieces = []
        for choice in data.get("choices") or ():
            pieces.append((choice.get("delta") or {}).get("content") or choice.get("text") or "")
        return "".join(pieces)

    def __repr__(self) -> str:
        return f"Chunk(seq={self.seq}, {len(self.raw)} bytes)"


class Result:
    """How a call ended. ``raw`` is the provider's body, byte for byte (``b""`` for a stream); ``body`` parses it
    once. ``finish`` and ``error`` are of streams only. ``fallback`` says that another model answered; else ``None``."""

    def __init__(self, raw_members: Dict[str, bytes]) -> None:
        self.raw: bytes = raw_members.get("body", b"")
        self._body: Any = _UNREAD
        small = {name: json.loads(text) for name, text in raw_members.items() if name != "body"}
        self.status: int = int(small.get("status", 0))
        self.usage: Optional[Usage] = _usage(small.get("usage"))
        self.charged: str = str(small.get("charged", "none"))
        self.attempts: int = int(small.get("attempts", 0))
        self.upstream_request_id: Optional[str] = small.get("upstream_request_id")
        self.model: Optional[str] = small.get("model")
        self.fallback: Optional[Fallback] = _fallback(small.get("fallback"))
        timing = small.get("timing") or {}
        self.timing = Timing(
            int(timing.get("queued_ms", 0)), int(timing.get("upstream_ms", 0)), int(timing.get("total_ms", 0))
        )
        self.finish: Optional[str] = small.get("finish")
        error = small.get("error")
        self.error: Optional[SluiceError] = from_wire({**small, **error}) if isinstance(error, dict) else None

    @property
    def body(self) -> Any:
        """The parsed body; ``None`` for a stream."""
        if self._body is _UNREAD:
            self._body = json.loads(self.raw) if self.raw else None
        return self._body

    @property
    def text(self) -> str:
        """The text of the answer, of chat completions, completions and responses; else ``""``."""
        body = self.body
        if not isinstance(body, dict):
            return ""
        pieces = []
        for choice in body.get("choices") or ():
            pieces.append((choice.get("message") or {}).get("content") or choice.get("text") or "")
            break
        for item in body.get("output") or ():
            for part in item.get("content") or ():
                if part.get("type") == "output_text":
                    pieces.append(part.get("text") or "")
        return "".join(pieces)

    def __repr__(self) -> str:
        return (
            f"Result(status={self.status}, {len(self.raw)} bytes, usage={self.usage}, charged={self.charged!r}, "
            f"attempts={self.attempts}, finish={self.finish!r})"
        )


_UNREAD = object()


def _usage(value: Any) -> Optional[Usage]:
    if not isinstance(value, dict):
        return None
    return Usage(
        int(value.get("input_tokens", 0)),
        int(value.get("output_tokens", 0)),
        value.get("cached_tokens"),
        value.get("reasoning_tokens"),
    )


def _fallback(value: Any) -> Optional[Fallback]:
    if not isinstance(value, dict) or "from" not in value or "to" not in value:
        return None
    return Fallback(str(value["from"]), str(value["to"]), str(value.get("reason", "")))


def raw_data(raw_members: Dict[str, bytes]) -> Chunk:
    """The chunk in a ``chunk`` event."""
    return Chunk(int(_wire.parse(raw_members.get("seq")) or 0), raw_members["data"])
