"""The blocking client: many threads, one connection, one reader thread."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import threading
import time
import weakref
from collections import deque
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Deque, Dict, Iterator, List, Optional, Type, Union

from . import _call, _wire
from ._call import Credit, Deadline, Event, OnProgress, Request
from ._discover import discover
from ._errors import AgentUnreachable, CallerError, ConnectionLost, ProtocolViolation, SluiceError
from ._model import Chunk, Hello, Progress, Result, raw_data

_log = logging.getLogger("sluice")
_Inbox = SimpleQueue  # of Event, or of the SluiceError that ended the connection


class _Connection:
    """One socket that has said hello. At most ``max_inflight`` calls; every inbox is bounded by the stream's
    credit plus one chunk."""

    def __init__(self, path: str, name: str, timeout: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._decoder = _wire.FrameDecoder()
        self._frames: Deque[bytes] = deque()
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(path)
            self._socket.sendall(_wire.frame(_call.hello_payload(name)))
            self.hello = _call.read_hello(self._first_frame())
            self._socket.settimeout(None)
        except OSError as reason:
            self._socket.close()
            raise AgentUnreachable("local_unreachable", f"{path}: {reason}", retryable=True) from reason
        except BaseException:
            self._socket.close()
            raise
        self.process = os.getpid()
        self._writing = threading.Lock()
        self._state = threading.Condition()
        self._calls: Dict[str, "_Inbox[Union[Event, SluiceError]]"] = {}
        self._deferred: Deque[bytes] = deque()
        self._ids = itertools.count(1)
        self._draining = False
        self._lost: Optional[SluiceError] = None
        self._last_error: Optional[SluiceError] = None
        threading.Thread(target=self._read, name="sluice-reader", daemon=True).start()

    def _first_frame(self) -> bytes:
        while not self._frames:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError("the agent closed the connection before hello")
            self._frames.extend(self._decoder.feed(data))
        return self._frames.popleft()

    @property
    def usable(self) -> bool:
        """Whether a new call may go here."""
        return self._lost is None and not self._draining and self.process == os.getpid()

    def start(self, request: Request, pending: "_Pending") -> None:
        """Sends a call, once a place among ``max_inflight`` is free. Raises ``BrokenPipeError`` when the connection
        was lost before the whole frame had left: then the agent cannot have acted on it."""
        began = time.monotonic()
        with self._state:
            free = self._state.wait_for(
                lambda: not self.usable or len(self._calls) < self.hello.max_inflight, request.seconds
            )
            if not free:
                message = f"{self.hello.max_inflight} calls are in flight on this connection"
                raise CallerError("caller_too_many_inflight", message, retryable=True, limit="max_inflight")
            if not self.usable:
                raise BrokenPipeError
            identifier = str(next(self._ids))
            payload = request.payload(identifier, self.hello, time.monotonic() - began)
            limit = None if request.seconds is None else began + request.seconds + _call.SILENCE
            self._calls[identifier] = pending.attach(self, identifier, limit)
        self.send(payload)

    def send(self, payload: bytes) -> None:
        """Writes one frame whole, and those that were deferred before it."""
        with self._writing:
            try:
                while self._deferred:
                    self._write(self._deferred.popleft())
                self._write(payload)
            except OSError as reason:
                self._lose(ConnectionLost("local_connection_lost", str(reason), retryable=True, charged="estimated"))
                raise BrokenPipeError from reason

    def _write(self, payload: bytes) -> None:
        """An interrupt (Control-C) in the middle of a frame must not break the framing for other threads: the frame
        is finished first. The count of each write is stored by the same C call that makes it, so no interrupt can
        come between the two."""
        data = memoryview(_wire.frame(payload))
        counts: List[int] = []
        try:
            self._write_rest(data, counts)
        except OSError:
            raise
        except BaseException:
            self._write_rest(data, counts)
            raise

    def _write_rest(self, data: memoryview, counts: List[int]) -> None:
        while sum(counts) < len(data):
            counts.extend(map(self._socket.send, (data[sum(counts) :],)))

    def send_from_finalizer(self, payload: bytes) -> None:
        """Like ``send``, but safe where the interrupted thread may itself hold the lock."""
        if self.process != os.getpid():
            return
        if not self._writing.acquire(blocking=False):
            self._deferred.append(payload)
            return
        try:
            self._write(payload)
        except OSError:
            pass
        finally:
            self._writing.release()

    def close(self) -> None:
        """Closes the socket; calls in flight end with ``ConnectionLost``. In a forked child the parent's connection
        is only let go of."""
        if self.process != os.getpid():
            self._socket.close()
            return
        self._lose(ConnectionLost("local_closed", "the client was closed", charged="estimated"))

    def _read(self) -> None:
        try:
            while True:
                while self._frames:
                    self._dispatch(Event.from_payload(self._frames.popleft()))
                data = self._socket.recv(1 << 18)
                if not data:
                    break
                self._frames.extend(self._decoder.feed(data))
            reason = "the agent closed the connection"
        except (OSError, SluiceError) as error:
            reason = str(error)
        lost = ConnectionLost("local_connection_lost", reason, retryable=True, charged="estimated")
        lost.__cause__ = self._last_error
        self._lose(lost)
        with self._writing:
            self._socket.close()

    def _dispatch(self, event: Event) -> None:
        if event.kind == "goaway":
            with self._state:
                self._draining = True
                idle = not self._calls
                self._state.notify_all()
            if idle:
                self._lose(ConnectionLost("local_connection_lost", "the agent said goaway"))
            return
        if event.id is None:
            if event.kind == "error":
                self._last_error = event.error()
                _log.warning("the agent refused a frame: %s", self._last_error)
            return
        terminal = event.kind in _call.TERMINAL_EVENTS
        with self._state:
            inbox = self._calls.pop(event.id, None) if terminal else self._calls.get(event.id)
            if terminal:
                self._state.notify_all()
            last = self._draining and not self._calls
        if inbox is not None:
            inbox.put(event)
        if last:
            self._lose(ConnectionLost("local_connection_lost", "the agent said goaway"))

    def _lose(self, reason: SluiceError) -> None:
        with self._state:
            if self._lost is None:
                self._lost = reason
            orphans = list(self._calls.values())
            self._calls.clear()
            self._state.notify_all()
        for inbox in orphans:
            inbox.put(reason)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader, which alone closes the descriptor
        except OSError:
            pass


class _Pending:
    """A call, as its consumer sees it: made before anything is sent, so that whoever holds it can cancel at any
    moment."""

    def __init__(self) -> None:
        self.connection: Optional[_Connection] = None
        self.id = ""
        self._inbox: "_Inbox[Union[Event, SluiceError]]" = _Inbox()
        self._limit: Optional[float] = None
        self.done = False

    def attach(
        self, connection: _Connection, identifier: str, limit: Optional[float]
    ) -> "_Inbox[Union[Event, SluiceError]]":
        """From here on the call may be in flight; gives a fresh inbox."""
        self.id, self._limit, self._inbox = identifier, limit, _Inbox()
        self.connection = connection
        return self._inbox

    def detach(self) -> None:
        """The call was not sent after all."""
        self.connection = None

    def next(self) -> Event:
        """Waits for the call's next event. Any interruption of the wait cancels the call."""
        try:
            timeout = None if self._limit is None else max(0.0, self._limit - time.monotonic())
            event = self._inbox.get(timeout=timeout)
        except Empty:
            self.cancel()
            raise ConnectionLost(
                "local_agent_silent", "no answer long after the deadline", charged="estimated"
            ) from None
        except BaseException:
            self.cancel()
            raise
        if isinstance(event, SluiceError):
            self.done = True
            raise type(event)(event.code, event.message, retryable=event.retryable, charged=event.charged) from event
        self.done = event.kind in _call.TERMINAL_EVENTS
        return event

    def cancel(self) -> None:
        """Asks for the end, and does not wait for it."""
        if not self.done:
            self.done = True
            self.send(_call.cancel_payload(self.id))

    def send(self, payload: bytes) -> None:
        """Sends a frame about this call; a lost connection shows at the next event instead."""
        try:
            if self.connection is not None:
                self.connection.send(payload)
        except BrokenPipeError:
            pass


class Stream(Iterator[Chunk]):
    """The chunks of a streamed call, in order. Iterate to the end and look at ``result``, or leave the ``with``
    block (or call ``close``) to cancel. The agent stops reading the provider while nobody consumes."""

    def __init__(self, pending: _Pending, credit: Credit, on_progress: Optional[OnProgress]) -> None:
        self._pending = pending
        self._on_progress = on_progress
        self._credit = credit
        self._cancelled = False
        self.result: Optional[Result] = None

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Chunk:
        while not self._pending.done:
            event = self._pending.next()
            if event.kind == "chunk":
                chunk = raw_data(event.members)
                for grant in self._credit.consume(self._pending.id, len(chunk.raw)):
                    self._pending.send(grant)
                return chunk
            if event.kind == "error":
                raise event.error()
            if event.kind == "result":
                self._finish(Result(event.members))
            elif self._on_progress and event.kind in _call.PROGRESS_EVENTS:
                self._on_progress(Progress.from_wire(event.kind, event.members))
        raise StopIteration

    def _finish(self, result: Result) -> None:
        self.result = result
        error = _call.stream_error(result, self._cancelled)
        if error:
            raise error

    def text(self) -> Iterator[str]:
        """The pieces of text only."""
        return (chunk.text for chunk in self if chunk.text)

    def cancel(self) -> None:
        """Asks the agent to end the call and stays readable: what is under way still comes, then ``result``."""
        if not self._pending.done:
            self._cancelled = True
            self._pending.send(_call.cancel_payload(self._pending.id))

    def close(self) -> None:
        """Cancels what is left, without waiting for the agent's answer."""
        self._pending.cancel()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        pending = getattr(self, "_pending", None)
        if pending is not None and not pending.done and pending.connection is not None:
            pending.done = True
            pending.connection.send_from_finalizer(_call.cancel_payload(pending.id))


class Client:
    """A connection to the agent, made at the first call and again after it was lost. Threads may share it; a
    forked child gets a connection of its own. A call is never sent twice."""

    def __init__(self, socket_path: Optional[str] = None, *, name: str = "", connect_timeout: float = 5.0) -> None:
        self._path = socket_path
        self._name = name or f"sluice-python/{_call.VERSION}"
        self._timeout = connect_timeout
        self._lock = threading.Lock()
        self._connection: Optional[_Connection] = None
        self._older: "weakref.WeakSet[_Connection]" = weakref.WeakSet()
        self._closed = False

    def connect(self) -> Hello:
        """Connects now where that is still to be done; what the agent said in ``hello``."""
        return self._connected().hello

    def _connected(self) -> _Connection:
        current = self._connection
        if current is not None and current.process != os.getpid():
            self._lock = threading.Lock()
            self._connection = None
            current.close()
        with self._lock:
            if self._closed:
                raise AgentUnreachable("local_closed", "the client was closed")
            current = self._connection
            if current is None or not current.usable:
                if current is not None:
                    self._older.add(current)
                current = self._connection = _Connection(discover(self._path), self._name, self._timeout)
            return current

    def _start(self, request: Request, pending: _Pending) -> _Connection:
        for _ in range(3):
            connection = self._connected()
            try:
                connection.start(request, pending)
                return connection
            except BrokenPipeError:
                pending.detach()
        raise AgentUnreachable("local_unreachable", "the agent closes every connection", retryable=True)

    def call(
        self,
        path: str,
        body: Optional[_wire.JSONBody] = None,
        *,
        method: Optional[str] = None,
        tenant: Optional[str] = None,
        feature: Optional[str] = None,
        lane: Optional[str] = None,
        deadline: Optional[Deadline] = None,
        on_progress: Optional[OnProgress] = None,
    ) -> Result:
        """Makes a call and waits for its answer. Raises a ``SluiceError``; ``KeyboardInterrupt`` cancels it."""
        request = Request(path, body, method, tenant, feature, lane, deadline, progress=on_progress is not None)
        pending = _Pending()
        try:
            self._start(request, pending)
            while True:
                event = pending.next()
                if event.kind == "result":
                    return Result(event.members)
                if event.kind == "error":
                    raise event.error()
                if event.kind == "chunk":
                    raise ProtocolViolation(
                        "local_protocol", "the body asks for a stream: use stream()", charged="estimated"
                    )
                if on_progress and event.kind in _call.PROGRESS_EVENTS:
                    on_progress(Progress.from_wire(event.kind, event.members))
        finally:
            pending.cancel()

    def stream(
        self,
        path: str,
        body: _wire.JSONBody,
        *,
        tenant: Optional[str] = None,
        feature: Optional[str] = None,
        lane: Optional[str] = None,
        deadline: Optional[Deadline] = None,
        on_progress: Optional[OnProgress] = None,
    ) -> Stream:
        """Makes a streamed call. ``stream: true`` is set in a dictionary; JSON text must already say it."""
        request = Request(
            path, _call.streamed(body), None, tenant, feature, lane, deadline, progress=on_progress is not None
        )
        pending = _Pending()
        try:
            connection = self._start(request, pending)
            return Stream(pending, Credit(connection.hello.stream_credit), on_progress)
        except BaseException:
            pending.cancel()
            raise

    def chat(self, model: str, messages: Any, **options: Any) -> Result:
        """A chat completion; ``tenant``, ``feature``, ``lane``, ``deadline`` and ``on_progress`` go to the agent,
        every other option into the body."""
        routing = {name: options.pop(name) for name in _call.ROUTING if name in options}
        return self.call("/v1/chat/completions", _call.chat_body(model, messages, options), **routing)

    def chat_stream(self, model: str, messages: Any, **options: Any) -> Stream:
        """Like ``chat``, streamed."""
        routing = {name: options.pop(name) for name in _call.ROUTING if name in options}
        return self.stream("/v1/chat/completions", _call.chat_body(model, messages, options), **routing)

    def models(self) -> Result:
        """The provider's list of models."""
        return self.call("/v1/models")

    def close(self) -> None:
        """Closes the connection; calls in flight are cancelled by the agent and end with ``ConnectionLost``."""
        with self._lock:
            self._closed = True
            connections = list(self._older)
            if self._connection is not None:
                connections.append(self._connection)
            self._connection = None
        for each in connections:
            each.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

