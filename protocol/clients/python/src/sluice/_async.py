"""The asyncio client: many tasks, one connection."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import time
from types import TracebackType
from typing import Any, AsyncIterator, Dict, Optional, Set, Type, Union

from . import _call, _wire
from ._call import Credit, Deadline, Event, OnProgress, Request
from ._discover import discover
from ._errors import AgentUnreachable, CallerError, ConnectionLost, ProtocolViolation, SluiceError
from ._model import Chunk, Hello, Progress, Result, raw_data

_log = logging.getLogger("sluice")
_Incoming = Union[Event, SluiceError]


class _Connection:
    """One socket that has said hello, read by one task."""

    def __init__(
        self, channel: socket.socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._socket = channel
        self._reader = reader
        self._writer = writer
        self._decoder = _wire.FrameDecoder()
        self._draining = False
        self._lost: Optional[SluiceError] = None
        self._last_error: Optional[SluiceError] = None
        self._calls: Dict[str, "asyncio.Queue[_Incoming]"] = {}
        self._ids = itertools.count(1)
        self._free = asyncio.Condition()
        self._flushing = asyncio.Lock()
        self.loop = asyncio.get_running_loop()
        self.hello: Hello
        self._task: "asyncio.Task[None]"

    @classmethod
    async def open(cls, path: str, name: str, timeout: float) -> "_Connection":
        """Connects and says hello."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        channel.setblocking(False)
        writer: Optional[asyncio.StreamWriter] = None
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(channel, path), timeout)
            reader, writer = await asyncio.open_unix_connection(sock=channel)
            connection = cls(channel, reader, writer)
            await asyncio.wait_for(connection._greet(name), timeout)
            return connection
        except BaseException as reason:
            (writer or channel).close()
            if isinstance(reason, (OSError, asyncio.TimeoutError)):
                raise AgentUnreachable("local_unreachable", f"{path}: {reason}", retryable=True) from reason
            raise

    async def _greet(self, name: str) -> None:
        self.write(_call.hello_payload(name))
        payloads: "list[bytes]" = []
        while not payloads:
            data = await self._reader.read(1 << 16)
            if not data:
                raise ConnectionResetError("the agent closed the connection before hello")
            payloads.extend(self._decoder.feed(data))
        self.hello = _call.read_hello(payloads[0])
        self._task = self.loop.create_task(self._read(payloads[1:]))

    @property
    def usable(self) -> bool:
        """Whether a new call may go here."""
        return self._lost is None and not self._draining and self.loop is asyncio.get_running_loop()

    def write(self, payload: bytes) -> None:
        """Queues one frame, whole: a cancelled task cannot tear it."""
        if self._lost is None:
            self._writer.write(_wire.frame(payload))

    async def flush(self) -> None:
        """Waits while the socket's buffer is full."""
        async with self._flushing:
            try:
                await self._writer.drain()
            except OSError:
                pass  # the reader sees the loss and tells every call

    async def start(self, request: Request) -> Optional["_Pending"]:
        """Sends a call, once a place among ``max_inflight`` is free; ``None`` when the connection can take no
        more calls and nothing was sent."""
        began = time.monotonic()
        async with self._free:
            waiting = self._free.wait_for(
                lambda: not self.usable or len(self._calls) < self.hello.max_inflight
            )
            try:
                await asyncio.wait_for(waiting, request.seconds)
            except asyncio.TimeoutError:
                message = f"{self.hello.max_inflight} calls are in flight on this connection"
                raise CallerError(
                    "caller_too_many_inflight", message, retryable=True, limit="max_inflight"
                ) from None
            if not self.usable:
                return None
            identifier = str(next(self._ids))
            payload = request.payload(identifier, self.hello, time.monotonic() - began)
            inbox: "asyncio.Queue[_Incoming]" = asyncio.Queue()
            self._calls[identifier] = inbox
            self.write(payload)
        limit = None if request.seconds is None else began + request.seconds + _call.SILENCE
        pending = _Pending(self, identifier, inbox, limit)
        try:
            await self.flush()
        except asyncio.CancelledError:
            pending.cancel()
            raise
        return pending

    def close(self) -> None:
        """Closes the socket; calls in flight end with ``ConnectionLost``."""
        self._lose(ConnectionLost("local_closed", "the client was closed", charged="estimated"))
        self._task.cancel()

    def abandon(self) -> None:
        """Closes the socket of a loop that has ended without closing it."""
        if self.loop.is_closed():
            self._socket.close()

    async def closed(self) -> None:
        """Waits until the socket is closed."""
        try:
            await self._writer.wait_closed()
        except OSError:
            pass

    async def _read(self, payloads: "list[bytes]") -> None:
        try:
            while True:
                for payload in payloads:
                    await self._dispatch(Event.from_payload(payload))
                data = await self._reader.read(1 << 18)
                if not data:
                    break
                payloads = list(self._decoder.feed(data))
            reason = "the agent closed the connection"
        except (OSError, SluiceError) as error:
            reason = str(error)
        lost = ConnectionLost("local_connection_lost", reason, retryable=True, charged="estimated")
        lost.__cause__ = self._last_error
        self._lose(lost)
        async with self._free:
            self._free.notify_all()

    async def _dispatch(self, event: Event) -> None:
        if event.kind == "goaway":
            self._draining = True
        elif event.id is None:
            if event.kind == "error":
                self._last_error = event.error()
                _log.warning("the agent refused a frame: %s", self._last_error)
        elif event.kind in _call.TERMINAL_EVENTS:
            inbox = self._calls.pop(event.id, None)
            if inbox is not None:
                inbox.put_nowait(event)
        elif event.id in self._calls:
            self._calls[event.id].put_nowait(event)
            return
        if self._draining and not self._calls:
            self._lose(ConnectionLost("local_connection_lost", "the agent said goaway"))
        async with self._free:
            self._free.notify_all()

    def _lose(self, reason: SluiceError) -> None:
        if self._lost is None:
            self._lost = reason
        for inbox in self._calls.values():
            inbox.put_nowait(reason)
        self._calls.clear()
        if not self.loop.is_closed():
            self._writer.close()


class _Pending:
    """A call in flight, as its consumer sees it."""

    def __init__(
        self,
        connection: _Connection,
        identifier: str,
        inbox: "asyncio.Queue[_Incoming]",
        limit: Optional[float],
    ) -> None:
        self.connection = connection
        self.id = identifier
        self._inbox = inbox
        self._limit = limit
        self.done = False

    async def next(self) -> Event:
        """Waits for the call's next event. Cancelling the wait cancels the call."""
        try:
            if self._limit is None or not self._inbox.empty():
                event = await self._inbox.get()
            else:
                event = await asyncio.wait_for(self._inbox.get(), max(0.0, self._limit - time.monotonic()))
        except asyncio.TimeoutError:
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
            if not self.connection.loop.is_closed():
                self.connection.write(_call.cancel_payload(self.id))


class AsyncStream(AsyncIterator[Chunk]):
    """The chunks of a streamed call, in order. Iterate to the end and look at ``result``, or leave the
    ``async with`` block (or ``await aclose()``) to cancel. Cancelling the task that iterates cancels the call."""

    def __init__(self, pending: _Pending, on_progress: Optional[OnProgress]) -> None:
        self._pending = pending
        self._on_progress = on_progress
        self._credit = Credit(pending.connection.hello.stream_credit)
        self._cancelled = False
        self.result: Optional[Result] = None

    def __aiter__(self) -> "AsyncStream":
        return self

    async def __anext__(self) -> Chunk:
        while not self._pending.done:
            event = await self._pending.next()
            if event.kind == "chunk":
                chunk = raw_data(event.members)
                for grant in self._credit.consume(self._pending.id, len(chunk.raw)):
                    self._pending.connection.write(grant)
                return chunk
            if event.kind == "error":
                raise event.error()
            if event.kind == "result":
                self._finish(Result(event.members))
            elif self._on_progress and event.kind in _call.PROGRESS_EVENTS:
                self._on_progress(Progress.from_wire(event.kind, event.members))
        raise StopAsyncIteration

    def _finish(self, result: Result) -> None:
        self.result = result
        error = _call.stream_error(result, self._cancelled)
        if error:
            raise error

    async def text(self) -> AsyncIterator[str]:
        """The pieces of text only."""
        async for chunk in self:
            if chunk.text:
                yield chunk.text

    def cancel(self) -> None:
        """Asks the agent to end the call and stays readable: what is under way still comes, then ``result``."""
        if not self._pending.done:
            self._cancelled = True
            self._pending.connection.write(_call.cancel_payload(self._pending.id))

    async def aclose(self) -> None:
        """Cancels what is left, without waiting for the agent's answer."""
        self._pending.cancel()

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        pending = getattr(self, "_pending", None)
        if pending is not None and not pending.done and not pending.connection.loop.is_closed():
            pending.connection.loop.call_soon_threadsafe(pending.cancel)


class AsyncClient:
    """A connection to the agent, made at the first call and again after it was lost. Tasks of one event loop share
    it; on another loop it connects anew. A call is never sent twice."""

    def __init__(self, socket_path: Optional[str] = None, *, name: str = "", connect_timeout: float = 5.0) -> None:
        self._path = socket_path
        self._name = name or f"sluice-python/{_call.VERSION}"
        self._timeout = connect_timeout
        self._connection: Optional[_Connection] = None
        self._opening: Optional[asyncio.Lock] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._older: Set[_Connection] = set()
        self._closed = False

    async def connect(self) -> Hello:
        """Connects now where that is still to be done; what the agent said in ``hello``."""
        return (await self._connected()).hello

    async def _connected(self) -> _Connection:
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._opening is None:
            self._loop, self._opening = loop, asyncio.Lock()
        async with self._opening:
            if self._closed:
                raise AgentUnreachable("local_closed", "the client was closed")
            current = self._connection
            if current is None or not current.usable:
                self._older = {each for each in self._older if each.loop is loop and each._lost is None}
                if current is not None and current.loop is loop:
                    self._older.add(current)
                elif current is not None:
                    current.abandon()
                current = self._connection = await _Connection.open(discover(self._path), self._name, self._timeout)
            return current

    async def _start(self, request: Request) -> _Pending:
        for _ in range(3):
            pending = await (await self._connected()).start(request)
            if pending is not None:
                return pending
        raise AgentUnreachable("local_unreachable", "the agent closes every connection", retryable=True)

    async def call(
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
        """Makes a call and waits for its answer. Raises a ``SluiceError``; cancelling the task cancels the call."""
        pending = await self._start(
            Request(path, body, method, tenant, feature, lane, deadline, progress=on_progress is not None)
        )
        try:
            while True:
                event = await pending.next()
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

    async def stream(
        self,
        path: str,
        body: _wire.JSONBody,
        *,
        tenant: Optional[str] = None,
        feature: Optional[str] = None,
        lane: Optional[str] = None,
        deadline: Optional[Deadline] = None,
        on_progress: Optional[OnProgress] = None,
    ) -> AsyncStream:
        """Makes a streamed call. ``stream: true`` is set in a dictionary; JSON text must already say it."""
        request = Request(
            path, _call.streamed(body), None, tenant, feature, lane, deadline, progress=on_progress is not None
        )
        return AsyncStream(await self._start(request), on_progress)

    async def chat(self, model: str, messages: Any, **options: Any) -> Result:
        """A chat completion; ``tenant``, ``feature``, ``lane``, ``deadline`` and ``on_progress`` go to the agent,
        every other option into the body."""
        routing = {name: options.pop(name) for name in _call.ROUTING if name in options}
        return await self.call("/v1/chat/completions", _call.chat_body(model, messages, options), **routing)

    async def chat_stream(self, model: str, messages: Any, **options: Any) -> AsyncStream:
        """Like ``chat``, streamed."""
        routing = {name: options.pop(name) for name in _call.ROUTING if name in options}
        return await self.stream("/v1/chat/completions", _call.chat_body(model, messages, options), **routing)

    async def models(self) -> Result:
        """The provider's list of models."""
        return await self.call("/v1/models")

    async def aclose(self) -> None:
        """Closes the connection; calls in flight are cancelled by the agent and end with ``ConnectionLost``."""
        self._closed = True
        loop = asyncio.get_running_loop()
        connections = [each for each in (self._connection, *self._older) if each is not None and each.loop is loop]
        if self._connection is not None:
            self._connection.abandon()
        self._connection = None
        self._older.clear()
        for each in connections:
            each.close()
            await each.closed()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.aclose()
