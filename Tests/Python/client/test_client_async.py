"""The asyncio client against an agent whose side a test writes out."""

import asyncio
import gc
import threading

import pytest
from client_harness import PATIENCE

import sluice

CHAT = "/v1/chat/completions"
BODY = {"model": "m"}


def gone(peer):
    """The client has closed."""
    assert peer.receive() is None


def run(main):
    """Runs a coroutine, within bounds."""
    return asyncio.run(asyncio.wait_for(main, PATIENCE))


async def reached(event):
    """Waits for a script's thread without stopping the loop."""
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, PATIENCE)


def test_calls_at_once_over_one_connection(scripted):
    def script(peer):
        peer.greet()
        calls = [peer.expect("call") for _ in range(4)]
        for call in reversed(calls):
            peer.result(call, '{"n":%d,"x":1e400}' % call["body"]["n"])
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            results = await asyncio.gather(*(client.call(CHAT, {"n": n}) for n in range(4)))
        assert [result.body["n"] for result in results] == [0, 1, 2, 3]
        assert results[0].raw == b'{"n":0,"x":1e400}'

    run(main(scripted(script)))


def test_calls_over_the_bound_wait_their_turn(scripted):
    def script(peer):
        peer.greet(max_inflight=2)
        for _ in range(6):
            peer.result(peer.expect("call"))
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            assert len(await asyncio.gather(*(client.call(CHAT, BODY) for _ in range(6)))) == 6

    run(main(scripted(script)))


def test_waiting_for_a_place_ends_with_the_deadline(scripted):
    def script(peer):
        peer.greet(max_inflight=1)
        peer.expect("call")
        peer.expect("cancel")
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            async with await client.stream(CHAT, BODY):
                with pytest.raises(sluice.CallerError) as caught:
                    await client.call(CHAT, BODY, deadline=0.01)
                assert caught.value.limit == "max_inflight"

    run(main(scripted(script)))


def test_a_stream_to_its_end_with_credit(scripted):
    def script(peer):
        peer.greet(stream_credit=100)
        call = peer.expect("call")
        for number in range(4):
            peer.chunk(call, number, '"%s"' % ("x" * 28))
        assert peer.expect("grant") == {"op": "grant", "id": call["id"], "bytes": 60}
        assert peer.expect("grant")["bytes"] == 60
        peer.end(call)
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            async with await client.stream(CHAT, BODY) as stream:
                assert [chunk.seq async for chunk in stream] == [0, 1, 2, 3]
            assert stream.result.finish == "complete"

    run(main(scripted(script)))


@pytest.mark.parametrize("how", ["task", "with", "drop"])
def test_giving_up_a_stream_cancels_it(scripted, how):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0)
        assert peer.expect("cancel") == {"op": "cancel", "id": call["id"]}
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            got = asyncio.Event()

            async def consume():
                if how == "drop":
                    stream = await client.stream(CHAT, BODY)
                    await stream.__anext__()
                    return got.set()
                async with await client.stream(CHAT, BODY) as stream:
                    async for _ in stream:
                        got.set()
                        if how == "with":
                            return

            task = asyncio.ensure_future(consume())
            await got.wait()
            if how == "task":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                await task
            gc.collect()
            await asyncio.sleep(0)  # lets the loop run what the finalizer left to it
            await client.connect()

    run(main(scripted(script)))


def test_cancelling_a_task_cancels_its_call_only(scripted):
    seen = threading.Event()

    def script(peer):
        peer.greet()
        first = peer.expect("call")
        second = peer.expect("call")
        seen.set()
        assert peer.expect("cancel")["id"] == first["id"]
        peer.send({"id": first["id"], "event": "error", "code": "caller_cancelled", "message": "m",
                   "retryable": False, "attempts": 1, "charged": "estimated"})
        peer.result(second)
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            first = asyncio.ensure_future(client.call(CHAT, BODY))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(client.call(CHAT, BODY))
            await reached(seen)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).status == 200

    run(main(scripted(script)))


def test_a_timeout_around_a_call_cancels_it(scripted):
    def script(peer):
        peer.greet()
        assert peer.expect("call")["id"] == peer.expect("cancel")["id"]
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.call(CHAT, BODY), 0.05)

    run(main(scripted(script)))


def test_progress_and_errors(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.send({"id": call["id"], "event": "queued", "pool": "p", "position": 1})
        peer.send({"id": call["id"], "event": "error", "code": "policy_draining", "message": "m", "retryable": True,
                   "attempts": 0, "charged": "none"})
        gone(peer)

    async def main(path):
        seen = []
        async with sluice.AsyncClient(path) as client:
            with pytest.raises(sluice.PolicyError) as caught:
                await client.call(CHAT, BODY, on_progress=seen.append)
        assert caught.value.retryable and [each.position for each in seen] == [1]

    run(main(scripted(script)))


def test_a_truncated_stream_raises_at_its_end(scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.chunk(call, 0)
        peer.end(call, "truncated")
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            stream = await client.stream(CHAT, BODY)
            with pytest.raises(sluice.StreamTruncated):
                async for _ in stream:
                    pass
            assert stream.result.finish == "truncated"

    run(main(scripted(script)))


def test_a_lost_connection_and_the_next_call(scripted):
    def lost(peer):
        peer.greet()
        peer.expect("call")

    def again(peer):
        peer.greet()
        peer.result(peer.expect("call"))
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            with pytest.raises(sluice.ConnectionLost):
                await client.call(CHAT, BODY)
            await client.call(CHAT, BODY)

    run(main(scripted(lost, again)))


def test_goaway_moves_new_calls(scripted):
    second = threading.Event()

    def first(peer):
        peer.greet()
        call = peer.expect("call")
        peer.send({"event": "goaway", "reason": "reload", "drain_ms": 1000})
        peer.chunk(call, 0)
        assert second.wait(PATIENCE)
        peer.end(call)
        gone(peer)

    def next_one(peer):
        peer.greet()
        call = peer.expect("call")
        second.set()
        peer.result(call)
        gone(peer)

    async def main(path):
        async with sluice.AsyncClient(path) as client:
            stream = await client.stream(CHAT, BODY)
            await stream.__anext__()
            await client.call(CHAT, BODY)
            assert [chunk async for chunk in stream] == [] and stream.result.finish == "complete"

    run(main(scripted(first, next_one)))


def test_another_loop_connects_anew(scripted):
    def script(peer):
        peer.greet()
        peer.result(peer.expect("call"))
        gone(peer)

    client = sluice.AsyncClient(scripted(script, script))
    for _ in range(2):
        run(client.call(CHAT, BODY))
    run(client.aclose())


def test_nobody_listens(tmp_path):
    with pytest.raises(sluice.AgentUnreachable):
        run(sluice.AsyncClient(str(tmp_path / "none.sock")).call("/v1/models"))


def test_closing_ends_calls(scripted):
    sent = threading.Event()

    def script(peer):
        peer.greet()
        peer.expect("call")
        sent.set()
        gone(peer)

    async def main(path):
        client = sluice.AsyncClient(path)
        call = asyncio.ensure_future(client.call(CHAT, BODY))
        await reached(sent)
        await client.aclose()
        with pytest.raises(sluice.ConnectionLost):
            await call
        with pytest.raises(sluice.AgentUnreachable):
            await client.call(CHAT, BODY)

    run(main(scripted(script)))
