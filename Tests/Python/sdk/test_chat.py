"""Chat completions: plain, streamed, tools, structured output."""

import json
from typing import Literal, Optional

import pytest
from pydantic import BaseModel, Field

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Say something about water."}]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "minLength": 3},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["place", "unit", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
TIME = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
}


def check_weather(arguments: str) -> None:
    value = json.loads(arguments)
    assert set(value) == {"place", "unit", "days"}
    assert len(value["place"]) >= 3
    assert value["unit"] in ("celsius", "fahrenheit")
    assert 1 <= value["days"] <= 7


def test_plain(client):
    reply = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert reply.object == "chat.completion"
    assert reply.model == MODEL
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply._request_id.startswith("req_")


def test_headers_say_that_it_is_a_stand_in(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    assert raw.headers["x-sluice-stand-in"] == "true"
    assert raw.headers["server"] == "sluice-stand-in"
    assert raw.headers["x-request-id"].startswith("req_")
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.headers["openai-version"] == "2020-10-01"


def test_seed_repeats_the_text(client):
    def text(**more):
        reply = client.chat.completions.create(model=MODEL, messages=MESSAGES, **more)
        return reply.choices[0].message.content

    assert text(seed=7) == text(seed=7)
    assert text(seed=7) != text(seed=8)


def test_token_limit(client):
    reply = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_completion_tokens=5)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 5
    assert len(reply.choices[0].message.content.split()) == 5


def test_stop(client):
    whole = client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content
    word = whole.split()[3]
    cut = client.chat.completions.create(model=MODEL, messages=MESSAGES, stop=[word]).choices[0].message.content
    assert cut == whole[: whole.index(word)]


def test_several_choices(client):
    reply = client.chat.completions.create(model=MODEL, messages=MESSAGES, n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) == 3


def test_stream(client):
    plain = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]


def test_stream_with_usage(client):
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, max_tokens=4, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 4
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-2].choices[0].finish_reason == "length"


def test_stream_of_several_choices(client):
    chunks = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, n=2)
    texts = ["", ""]
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    plain = client.chat.completions.create(model=MODEL, messages=MESSAGES, n=2)
    assert texts == [choice.message.content for choice in plain.choices]


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}], ids=["required", "named"]
)
def test_tool_on_demand(client, choice):
    reply = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=[WEATHER], tool_choice=choice)
    assert reply.choices[0].finish_reason == "tool_calls"
    assert reply.choices[0].message.content is None
    (call,) = reply.choices[0].message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    check_weather(call.function.arguments)


def test_tools_that_the_prompt_names(client):
    messages = [{"role": "user", "content": "Use get_weather and get_time."}]
    reply = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER, TIME])
    assert [call.function.name for call in reply.choices[0].message.tool_calls] == ["get_weather", "get_time"]
    one = client.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER, TIME], parallel_tool_calls=False
    )
    assert len(one.choices[0].message.tool_calls) == 1


def test_tool_loop_ends_with_text(client):
    messages = [{"role": "user", "content": "Use get_weather."}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    call = first.choices[0].message.tool_calls[0]
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "12 degrees"})
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


def test_streamed_tool(client):
    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, tools=[WEATHER], tool_choice="required"
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    assert "tool_calls.function.arguments.done" in kinds
    (call,) = final.choices[0].message.tool_calls
    check_weather(call.function.arguments)
    assert final.choices[0].finish_reason == "tool_calls"


class Step(BaseModel):
    text: str
    next: Optional["Step"]


class Plan(BaseModel):
    title: str = Field(min_length=2)
    kind: Literal["short", "long"]
    score: float = Field(ge=0, le=1)
    count: int = Field(gt=2, lt=6)
    tags: list[str] = Field(min_length=2, max_length=4)
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    first: Step
    note: str | None


@pytest.mark.parametrize("seed", range(5))
def test_structured_output(client, seed):
    reply = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Plan, seed=seed)
    assert isinstance(reply.choices[0].message.parsed, Plan)


def test_streamed_structured_output(client):
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, response_format=Plan) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Plan)


def test_json_object(client):
    reply = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(reply.choices[0].message.content), dict)


def test_legacy_completion(client):
    reply = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", max_tokens=3)
    assert reply.choices[0].finish_reason == "length"
    chunks = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", max_tokens=3, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == reply.choices[0].text
