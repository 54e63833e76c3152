"""The Python client against the real agent (SLUICE_BIN) before the echo upstream."""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from client_harness import PROTOCOL

import sluice

CHAT = "/v1/chat/completions"
ODD = b'{"model":"echo","n":1e400,"big":12345678901234567890,"d":1,"d":2,"s":"\\u0041\\/\xc3\xa9"}'


@pytest.fixture
def client(agent):
    with sluice.Client(agent) as client:
        yield client


def test_plain(client):
    result = client.call(CHAT, ODD, tenant="acme", feature="test", lane="interactive", deadline=30)
    assert b'"received":' + ODD in result.raw
    assert result.usage == sluice.Usage(3, 5) and result.charged == "exact" and result.attempts == 1
    assert result.upstream_request_id.startswith("req_echo_")
    assert client.models().body["data"][0]["id"] == "echo"


def test_stream(client):
    with client.chat_stream("stream", "hi") as stream:
        assert "".join(stream.text()) == "abc"
    assert stream.result.finish == "complete" and stream.result.usage.output_tokens == 5


def test_a_stream_longer_than_its_credit(client):
    with client.stream(CHAT, {"model": "big-stream"}) as stream:
        assert sum(len(chunk.raw) for chunk in stream) == 300 * 4096


@pytest.mark.parametrize(
    "model, kind, code",
    [
        ("status-400", sluice.ProviderError, "provider_invalid_request"),
        ("status-401", sluice.ProviderError, "provider_auth_failed"),
        ("status-429", sluice.ProviderError, "provider_rate_limited"),
        ("bad-json", sluice.ProviderError, "provider_bad_response"),
    ],
)
def test_errors(client, model, kind, code):
    with pytest.raises(kind) as caught:
        client.call(CHAT, {"model": model})
    assert caught.value.code == code


def test_deadline(client):
    with pytest.raises(sluice.PolicyError, match="policy_deadline_exceeded"):
        client.call(CHAT, {"model": "hang"}, deadline=0.2)


def test_truncated(client):
    with pytest.raises(sluice.StreamTruncated):
        list(client.stream(CHAT, {"model": "cut-stream"}))


def test_leaving_a_stream_reaches_the_provider(client):
    with client.stream(CHAT, {"model": "slow-stream", "tag": "python-leave"}) as stream:
        next(stream)
    seen = client.call(CHAT, {"model": "wait-aborted", "for": "python-leave"})
    assert seen.body == {"object": "seen"}


def test_threads_share_a_connection(client):
    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(lambda n: client.call(CHAT, {"model": "echo", "n": n}).body["received"]["n"], range(64)))
    assert numbers == list(range(64))
    assert sum(thread.name == "sluice-reader" for thread in threading.enumerate()) == 1


def test_more_tasks_than_one_connection_may_hold(agent):
    async def main():
        async with sluice.AsyncClient(agent) as client:
            bound = (await client.connect()).max_inflight
            calls = [client.call(CHAT, {"model": "echo", "n": n}) for n in range(bound + 50)]
            results = await asyncio.gather(*calls)
            assert [result.body["received"]["n"] for result in results] == list(range(bound + 50))

    asyncio.run(main())


def test_async_stream_and_cancellation(agent):
    async def main():
        async with sluice.AsyncClient(agent) as client:
            stream = await client.chat_stream("stream", "hi")
            assert [chunk.text async for chunk in stream] == ["a", "b", "c"]
            task = asyncio.ensure_future(client.call(CHAT, {"model": "hang", "tag": "python-task"}))
            await client.call(CHAT, {"model": "wait-received", "for": "python-task"})
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            seen = await client.call(CHAT, {"model": "wait-aborted", "for": "python-task"})
            assert seen.body == {"object": "seen"}

    asyncio.run(main())


def command(agent, *arguments):
    """Runs `python -m sluice`."""
    source = str(PROTOCOL / "clients" / "python" / "src")
    return subprocess.run(
        [sys.executable, "-m", "sluice", *arguments], capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": source, "SLUICE_SOCKET": agent},
    )


def test_the_command(agent):
    streamed = command(agent, "hi", "--model", "stream")
    assert (streamed.returncode, streamed.stdout, streamed.stderr) == (0, "abc\n", "")
    plain = command(agent, "hi", "--model", "echo", "--no-stream", "--json")
    assert plain.returncode == 0 and '"object":"echo"' in plain.stdout
    refused = command(agent, "hi", "--model", "status-400")
    assert refused.returncode == 1 and "provider_invalid_request" in refused.stderr and refused.stdout == ""
