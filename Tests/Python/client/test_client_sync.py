"""The blocking client against an agent whose side a test writes out."""

import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from client_harness import HELLO, PATIENCE

import sluice

CHAT = "/v1/chat/completions"
BODY = {"model": "m"}


def gone(peer):
    """The client has closed."""
    assert peer.receive() is None


def test_a_call_and_its_result(scripted):
    def script(peer):
        assert peer.greet()["client"] == "unit/1"
        call = peer.expect("call")
        assert call["body"] == BODY and call["tenant"] == "t" and call["deadline_ms"] <= 5000
        peer.result(
            call, '{"n":1e400,"n":2}', usage={"input_tokens": 1, "output_tokens": 2, "cached_tokens": 3},
            upstream_request_id="r", model="m-1", later={"x": 1},
        )
        gone(peer)

    with sluice.Client(scripted(script), name="unit/1") as client:
        result = client.call(CHAT, BODY, tenant="t", deadline=5)
    assert result.raw == b'{"n":1e400,"n":2}' and result.body == {"n": 2}
    assert result.usage == sluice.Usage(1, 2, 3) and result.timing == sluice.Timing(0, 1, 2)
    assert (result.status, result.charged, result.attempts, result.model) == (200, "exact", 1, "m-1")
    assert result.upstream_request_id == "r" and result.finish is None and result.error is None


def test_hello_refused(scripted):
    def script(peer):
        peer.receive()
        peer.send({"event": "error", "code": "caller_unsupported_proto", "message": "2 to 3", "retryable": False,
                   "attempts": 0, "charged": "none"})
        gone(peer)

    with pytest.raises(sluice.CallerError, match="caller_unsupported_proto"):
        sluice.Client(scripted(script)).connect()


def test_nobody_listens(tmp_path):
    with pytest.raises(sluice.AgentUnreachable) as caught:
        sluice.Client(str(tmp_path / "none.sock")).call("/v1/models")
    assert caught.value.charged == "none"


def test_someone_else_listens(scripted):
    def script(peer):
        peer.receive()
        peer.connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        gone(peer)

    with pytest.raises(sluice.ProtocolViolation):
        sluice.Client(scripted(script)).connect()


def test_the_closing_of_the_agent_before_hello(scripted):
    with pytest.raises(sluice.AgentUnreachable):
        sluice.Client(scripted(lambda peer: peer.receive())).connect()


def test_an_error_has_all_that_was_said(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.send({"id": call["id"], "event": "error", "code": "provider_rate_limited", "message": "slow down",
                   "retryable": True, "retry_after_ms": 70, "limit": "tokens_per_minute", "attempts": 3,
                   "charged": "none", "status": 429, "upstream": {"code": "rate_limit_exceeded"}})
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        with pytest.raises(sluice.ProviderError) as caught:
            client.call(CHAT, BODY)
    error = caught.value
    assert (error.code, error.retryable, error.retry_after_ms) == ("provider_rate_limited", True, 70)
    assert (error.limit, error.status, error.attempts) == ("tokens_per_minute", 429, 3)
    assert error.upstream == {"code": "rate_limit_exceeded"}


def test_answers_out_of_order_reach_their_threads(scripted):
    def script(peer):
        peer.greet()
        calls = [peer.expect("call") for _ in range(4)]
        assert len({call["id"] for call in calls}) == 4
        for call in reversed(calls):
            peer.result(call, '{"n":%d}' % call["body"]["n"])
        gone(peer)

    with sluice.Client(scripted(script)) as client, ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: client.call(CHAT, {"n": n}).body["n"], range(4)))
    assert results == [0, 1, 2, 3]


def test_calls_over_the_bound_wait_their_turn(scripted):
    def script(peer):
        peer.greet(max_inflight=1)
        for _ in range(3):
            peer.result(peer.expect("call"))
        gone(peer)

    with sluice.Client(scripted(script)) as client, ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(lambda n: client.call(CHAT, BODY), range(3)))) == 3


def test_waiting_for_a_place_ends_with_the_deadline(scripted):
    first = threading.Event()

    def script(peer):
        peer.greet(max_inflight=1)
        peer.expect("call")
        first.set()
        peer.expect("cancel")
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        with client.stream(CHAT, BODY):
            assert first.wait(PATIENCE)
            with pytest.raises(sluice.CallerError) as caught:
                client.call(CHAT, BODY, deadline=0.01)
            assert caught.value.limit == "max_inflight"


def test_a_frame_that_is_too_large_stays_here(scripted):
    def script(peer):
        peer.greet(max_frame=200)
        peer.result(peer.expect("call"))
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        with pytest.raises(sluice.CallerError, match="caller_frame_too_large"):
            client.call(CHAT, {"x": "y" * 200})
        client.call(CHAT, BODY)


def test_progress_reaches_the_caller_only_if_wanted(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        assert "progress" not in call
        peer.send({"id": call["id"], "event": "queued", "pool": "p", "position": 2, "eta_ms": 5, "later": 1})
        peer.send({"id": call["id"], "event": "started", "attempt": 1, "waited_ms": 4})
        peer.send({"id": call["id"], "event": "retrying", "attempt": 2, "code": "provider_timeout", "delay_ms": 3})
        peer.send({"id": call["id"], "event": "of-tomorrow"})
        peer.result(call)
        assert peer.expect("call")["progress"] is False
        peer.result({"id": "2"})
        gone(peer)

    seen = []
    with sluice.Client(scripted(script)) as client:
        client.call(CHAT, BODY, on_progress=seen.append)
        client.call(CHAT, BODY)
    assert [each.event for each in seen] == ["queued", "started", "retrying"]
    assert (seen[0].position, seen[0].eta_ms, seen[1].waited_ms, seen[2].code) == (2, 5, 4, "provider_timeout")


def test_a_stream_to_its_end(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        assert call["body"] == {"model": "m", "stream": True}
        for number, content in enumerate("abc"):
            peer.chunk(call, number, '{"choices":[{"delta":{"content":"%s"}}],"n":1e400}' % content)
        peer.end(call, usage={"input_tokens": 1, "output_tokens": 3})
        gone(peer)

    with sluice.Client(scripted(script)) as client, client.stream(CHAT, BODY) as stream:
        chunks = list(stream)
        assert [chunk.text for chunk in chunks] == ["a", "b", "c"]
        assert b'"n":1e400' in chunks[0].raw
        assert stream.result.finish == "complete" and stream.result.usage.output_tokens == 3
        assert list(stream) == []


def test_credit_is_given_as_the_consumer_consumes(scripted):
    consumed = threading.Event()

    def script(peer):
        peer.greet(stream_credit=100)
        call = peer.expect("call")
        for number in range(4):
            peer.chunk(call, number, '"%s"' % ("x" * 28))
        peer.send({"event": "pong"})
        assert not consumed.is_set()
        consumed.set()
        assert peer.expect("grant") == {"op": "grant", "id": call["id"], "bytes": 60}
        assert peer.expect("grant")["bytes"] == 60
        peer.end(call)
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        stream = client.stream(CHAT, BODY)
        assert consumed.wait(PATIENCE)
        assert len(list(stream)) == 4


@pytest.mark.parametrize("how", ["close", "with", "drop", "error"])
def test_leaving_a_stream_cancels_it(scripted, how):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0)
        assert peer.expect("cancel") == {"op": "cancel", "id": call["id"]}
        peer.end(call, "cancelled", error={"code": "caller_cancelled", "message": "m", "retryable": False})
        peer.result(peer.expect("call"))
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        stream = client.stream(CHAT, BODY)
        next(stream)
        if how == "close":
            stream.close()
        elif how == "with":
            with stream:
                pass
        elif how == "error":
            with pytest.raises(ZeroDivisionError), stream:
                raise ZeroDivisionError
        else:
            del stream
            gc.collect()
        client.call(CHAT, BODY)


def test_cancel_keeps_the_stream_readable(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0, "0")
        peer.expect("cancel")
        peer.chunk(call, 1, "1")
        peer.end(call, "cancelled", charged="estimated",
                 error={"code": "caller_cancelled", "message": "m", "retryable": False})
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        stream = client.stream(CHAT, BODY)
        next(stream)
        stream.cancel()
        assert [chunk.data for chunk in stream] == [1]
        assert stream.result.finish == "cancelled" and stream.result.charged == "estimated"


@pytest.mark.parametrize(
    "finish, error, kind",
    [
        ("truncated", None, sluice.StreamTruncated),
        ("failed", "provider_stream_error", sluice.ProviderError),
        ("failed", "policy_deadline_exceeded", sluice.PolicyError),
        ("failed", "caller_slow_consumer", sluice.CallerError),
        ("cancelled", "caller_cancelled", sluice.CallerError),
    ],
)
def test_half_an_answer_raises_at_its_end(scripted, finish, error, kind):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0, "0")
        more = {"error": {"code": error, "message": "m", "retryable": False}} if error else {}
        peer.end(call, finish, charged="estimated", **more)
        gone(peer)

    got = []
    with sluice.Client(scripted(script)) as client:
        stream = client.stream(CHAT, BODY)
        with pytest.raises(kind) as caught:
            for chunk in stream:
                got.append(chunk.data)
        assert got == [0] and stream.result.finish == finish
        assert caught.value.charged == "estimated" and caught.value.attempts == 1


def test_a_stream_refused(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.send({"id": call["id"], "event": "error", "code": "policy_queue_full", "message": "m", "retryable": True,
                   "attempts": 0, "charged": "none", "limit": "queue_calls"})
        gone(peer)

    with sluice.Client(scripted(script)) as client, pytest.raises(sluice.PolicyError):
        next(client.stream(CHAT, BODY))


def test_a_lost_connection_ends_its_calls_and_the_next_call_connects_again(scripted):
    def lost(peer):
        peer.greet()
        peer.expect("call")

    def again(peer):
        peer.greet()
        call = peer.expect("call")
        assert call["body"] == {"n": 2}
        peer.result(call)
        gone(peer)

    with sluice.Client(scripted(lost, again)) as client:
        with pytest.raises(sluice.ConnectionLost) as caught:
            client.call(CHAT, {"n": 1})
        assert caught.value.charged == "estimated"
        client.call(CHAT, {"n": 2})


def test_a_stream_whose_connection_is_lost(scripted):
    def script(peer):
        peer.greet()
        peer.chunk(peer.expect("call"), 0)

    with sluice.Client(scripted(script)) as client:
        stream = client.stream(CHAT, BODY)
        next(stream)
        with pytest.raises(sluice.ConnectionLost):
            next(stream)
        assert list(stream) == []


def test_the_reason_of_a_closed_connection_is_kept(scripted, caplog):
    def script(peer):
        peer.greet()
        peer.expect("call")
        peer.send({"event": "error", "code": "caller_frame_too_large", "message": "m", "retryable": False,
                   "attempts": 0, "charged": "none"})

    with sluice.Client(scripted(script)) as client, pytest.raises(sluice.ConnectionLost) as caught:
        client.call(CHAT, BODY)
    reasons = []
    error = caught.value
    while error is not None:
        reasons.append(str(error))
        error = error.__cause__
    assert any("caller_frame_too_large" in reason for reason in reasons)


def test_goaway_moves_new_calls_and_lets_old_ones_finish(scripted):
    second = threading.Event()

    def first(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0, "0")
        peer.send({"event": "goaway", "reason": "draining", "drain_ms": 1000})
        peer.chunk(call, 1, "1")
        assert second.wait(PATIENCE)
        peer.end(call)
        gone(peer)

    def next_one(peer):
        peer.greet()
        call = peer.expect("call")
        second.set()
        peer.result(call)
        gone(peer)

    with sluice.Client(scripted(first, next_one)) as client:
        stream = client.stream(CHAT, BODY)
        assert [next(stream).data, next(stream).data] == [0, 1]
        client.call(CHAT, BODY)
        assert list(stream) == [] and stream.result.finish == "complete"


def test_closing_the_client_ends_its_calls(scripted):
    sent = threading.Event()

    def script(peer):
        peer.greet()
        peer.expect("call")
        sent.set()
        gone(peer)

    client = sluice.Client(scripted(script))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.call, CHAT, BODY)
        assert sent.wait(PATIENCE)
        client.close()
        with pytest.raises(sluice.ConnectionLost):
            call.result(PATIENCE)
    with pytest.raises(sluice.AgentUnreachable):
        client.call(CHAT, BODY)


@pytest.fixture
def interruptible():
    """Control-C as a terminal's process has it: one that was started in the background may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_cancels_the_call(scripted, interruptible):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        os.kill(os.getpid(), signal.SIGINT)
        assert peer.expect("cancel")["id"] == call["id"]
        peer.send({"id": call["id"], "event": "error", "code": "caller_cancelled", "message": "m",
                   "retryable": False, "attempts": 1, "charged": "estimated"})
        peer.result(peer.expect("call"))
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        with pytest.raises(KeyboardInterrupt):
            client.call(CHAT, BODY)
        client.call(CHAT, BODY)


def test_an_agent_that_is_silent_past_the_deadline_is_given_up(scripted, monkeypatch):
    monkeypatch.setattr("sluice._call.SILENCE", 0.01)

    def script(peer):
        peer.greet()
        call = peer.expect("call")
        assert peer.expect("cancel")["id"] == call["id"]
        gone(peer)

    with sluice.Client(scripted(script)) as client, pytest.raises(sluice.ConnectionLost, match="silent"):
        client.call(CHAT, BODY, deadline=0.01)


def test_a_forked_child_connects_for_itself(scripted):
    def parent(peer):
        peer.greet()
        peer.result(peer.expect("call"), '{"who":"parent"}')
        peer.result(peer.expect("call"), '{"who":"parent"}')
        gone(peer)

    def child(peer):
        peer.greet()
        peer.result(peer.expect("call"), '{"who":"child"}')
        gone(peer)

    with sluice.Client(scripted(parent, child)) as client:
        assert client.call(CHAT, BODY).body == {"who": "parent"}
        process = os.fork()
        if process == 0:
            right = False
            try:
                right = client.call(CHAT, BODY).body == {"who": "child"}
                client.close()
            finally:
                os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        assert client.call(CHAT, BODY).body == {"who": "parent"}


def test_a_forked_child_that_only_closes_leaves_the_parent_alone(scripted):
    def script(peer):
        peer.greet()
        peer.result(peer.expect("call"))
        peer.result(peer.expect("call"))
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        client.call(CHAT, BODY)
        process = os.fork()
        if process == 0:
            client.close()
            os._exit(0)
        os.waitpid(process, 0)
        client.call(CHAT, BODY)


def test_a_plain_call_that_streams_says_which_method_to_use(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0)
        assert peer.expect("cancel")["id"] == call["id"]
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        with pytest.raises(sluice.ProtocolViolation, match="stream") as caught:
            client.call(CHAT, b'{"model":"m","stream":true}')
    assert caught.value.charged == "estimated"


def test_chat_puts_routing_outside_the_body(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        assert call["tenant"] == "t" and call["lane"] == "batch"
        assert call["body"] == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
        peer.result(call, '{"choices":[{"message":{"content":"hello"}}]}')
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        assert client.chat("m", "hi", temperature=0, tenant="t", lane="batch").text == "hello"


def test_hello_tells_the_bounds(scripted):
    def script(peer):
        peer.greet()
        gone(peer)

    with sluice.Client(scripted(script)) as client:
        hello = client.connect()
    assert hello.max_frame == HELLO["max_frame"] and hello.features == ("stream",) and hello.identity == "uid:0"
