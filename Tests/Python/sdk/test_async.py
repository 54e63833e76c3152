"""The asynchronous client."""

import asyncio

import openai
import pytest

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "x"}]


def test_many_at_once(stand_in):
    async def run():
        async with stand_in.async_client() as client:
            calls = [
                client.chat.completions.create(
                    model=f"{MODEL}:ttft-ms=50", messages=[{"role": "user", "content": f"call {number}"}]
                )
                for number in range(20)
            ]
            return await asyncio.gather(*calls)

    replies = asyncio.run(run())
    assert len({reply.id for reply in replies}) == 20
    stats = stand_in.stats()
    assert stats["requests"] == 20
    assert stats["in_flight"]["peak"] > 1
    assert stats["in_flight"]["now"] == 0


def test_stream(stand_in):
    async def run():
        async with stand_in.async_client() as client:
            stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(run())


def test_responses_stream(stand_in):
    async def run():
        async with stand_in.async_client() as client:
            async with client.responses.stream(model=MODEL, input="x") as stream:
                kinds = [event.type async for event in stream]
                return kinds, await stream.get_final_response()

    kinds, final = asyncio.run(run())
    assert kinds[-1] == "response.completed"
    assert final.output_text


def test_exception(stand_in):
    async def run():
        async with stand_in.async_client() as client:
            await client.chat.completions.create(model=f"{MODEL}:fault=429", messages=MESSAGES)

    with pytest.raises(openai.RateLimitError):
        asyncio.run(run())


def test_client_that_leaves_a_stream(stand_in):
    async def run():
        async with stand_in.async_client() as client:
            stream = await client.chat.completions.create(
                model=f"{MODEL}:output-tokens=100000,tokens-per-second=100", messages=MESSAGES, stream=True
            )
            async for _ in stream:
                break
            await stream.close()
            while stand_in.stats()["clients_left"]["total"] == 0:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), timeout=20))
    departure = stand_in.stats()["clients_left"]["latest"][0]
    assert departure["path"] == "/v1/chat/completions"
    assert departure["mid_answer"]
    assert stand_in.stats()["streams"]["now"] == 0
