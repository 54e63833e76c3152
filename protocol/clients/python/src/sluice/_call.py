"""What both clients share about a call: its frames, its credit, how its events are read. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Callable, Dict, List, Optional, Union

from . import _wire
from ._errors import CallerError, ProtocolViolation, SluiceError, StreamTruncated, from_wire
from ._model import Hello, Progress, Result

PROTO = 1
"""The version this client speaks."""

VERSION = "0.1.0"
"""The version of this package."""

MAX_GRANT = 1 << 24
"""The most bytes one ``grant`` may add."""

SILENCE = 10.0
"""Seconds past a call's deadline after which an agent that has said nothing is given up on."""

Deadline = Union[float, int, timedelta]
"""Seconds, or a ``timedelta``."""

OnProgress = Callable[[Progress], None]
"""Called in the caller's own thread or task for each progress event."""

PROGRESS_EVENTS = frozenset({"queued", "started", "retrying"})
TERMINAL_EVENTS = frozenset({"result", "error"})

ROUTING = ("tenant", "feature", "lane", "deadline", "on_progress")
"""Options of a call that go to the agent, not into the body."""


@dataclass(frozen=True)
class Event:
    """One frame from the agent; members other than ``event`` and ``id`` are raw bytes."""

    kind: str
    id: Optional[str]
    members: Dict[str, bytes]

    @classmethod
    def from_payload(cls, payload: bytes) -> "Event":
        """Reads a frame; raises ``ProtocolViolation`` when it is not an event."""
        try:
            members = _wire.members(payload)
            kind = _wire.parse(members.pop("event", None))
            identifier = _wire.parse(members.pop("id", None))
        except ValueError as reason:
            raise ProtocolViolation("local_protocol", "frame is not valid JSON") from reason
        if not isinstance(kind, str) or not isinstance(identifier, (str, type(None))):
            raise ProtocolViolation("local_protocol", "frame is not an event")
        return cls(kind, identifier, members)

    def error(self) -> SluiceError:
        """The exception in an ``error`` event."""
        return from_wire({name: _wire.parse(raw) for name, raw in self.members.items()})


def hello_payload(client: str) -> bytes:
    """The frame that opens a connection; a longer name is cut to the 128 bytes that the protocol allows."""
    name = client.encode("utf-8")[:128].decode("utf-8", errors="ignore")
    return _wire.encode({"op": "hello", "proto": PROTO, "client": name})


def read_hello(payload: bytes) -> Hello:
    """The agent's answer to ``hello``; raises its refusal."""
    event = Event.from_payload(payload)
    if event.kind == "error":
        raise event.error()
    if event.kind != "hello":
        raise ProtocolViolation("local_protocol", f"expected hello, got {event.kind}")
    return Hello.from_wire(event.members)


@dataclass(frozen=True)
class Request:
    """A call before it has an id."""

    path: str
    body: Optional[_wire.JSONBody] = None
    method: Optional[str] = None
    tenant: Optional[str] = None
    feature: Optional[str] = None
    lane: Optional[str] = None
    deadline: Optional[Deadline] = None
    progress: bool = False

    @property
    def seconds(self) -> Optional[float]:
        """The deadline in seconds."""
        if isinstance(self.deadline, timedelta):
            return self.deadline.total_seconds()
        return None if self.deadline is None else float(self.deadline)

    def payload(self, identifier: str, hello: Hello, waited: float) -> bytes:
        """The ``call`` frame. ``waited`` seconds of the deadline went by in this process. Raises ``CallerError``
        for a frame that the agent would refuse by closing the connection on everybody."""
        envelope: Dict[str, Any] = {"op": "call", "id": identifier, "path": self.path}
        for name in ("method", "tenant", "feature", "lane"):
            if getattr(self, name) is not None:
                envelope[name] = getattr(self, name)
        if self.seconds is not None:
            envelope["deadline_ms"] = max(1, math.ceil((self.seconds - waited) * 1000))
        if not self.progress:
            envelope["progress"] = False
        payload = _wire.encode(envelope, self.body)
        if len(payload) > hello.max_frame:
            message = f"the frame has {len(payload)} bytes, the agent takes {hello.max_frame}"
            raise CallerError("caller_frame_too_large", message, limit="max_frame")
        return payload


def streamed(body: _wire.JSONBody) -> _wire.JSONBody:
    """A dictionary with ``stream`` set; JSON text is the caller's own and must already say so."""
    return {**body, "stream": True} if isinstance(body, dict) else body


def cancel_payload(identifier: str) -> bytes:
    """Asks for a call's end."""
    return _wire.encode({"op": "cancel", "id": identifier})


class Credit:
    """Turns what the consumer has consumed into grants: one for each half of the first credit."""

    def __init__(self, first: int) -> None:
        self._threshold = max(1, first // 2)
        self._consumed = 0

    def consume(self, identifier: str, size: int) -> List[bytes]:
        """The ``grant`` frames due now that ``size`` more bytes were consumed."""
        self._consumed += size
        if self._consumed < self._threshold:
            return []
        grants = []
        while self._consumed > 0:
            part = min(self._consumed, MAX_GRANT)
            grants.append(_wire.encode({"op": "grant", "id": identifier, "bytes": part}))
            self._consumed -= part
        return grants


def stream_error(result: Result, cancelled_here: bool) -> Optional[SluiceError]:
    """What a consumer must be told at the end of a stream; ``None`` when it is whole, or was cancelled here."""
    if result.finish == "truncated":
        return StreamTruncated(
            "provider_connection_lost",
            "the stream ended without its terminal marker",
            retryable=True,
            status=result.status,
            attempts=result.attempts,
            charged=result.charged,
        )
    if result.finish == "complete" or (result.finish == "cancelled" and cancelled_here):
        return None
    if result.error is not None:
        return result.error
    message = f"the stream ended as {result.finish} and the agent did not say why"
    return ProtocolViolation("local_protocol", message, charged=result.charged)


def chat_body(model: str, messages: Any, options: Dict[str, Any]) -> Dict[str, Any]:
    """A chat completion's body; a string stands for one message of the user."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return {"model": model, "messages": list(messages), **options}
