"""The Responses API: plain, typed events, tools, structured output, terminal states."""

import json

from pydantic import BaseModel

MODEL = "gpt-4o-mini"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
        "additionalProperties": False,
    },
    "strict": True,
}


def test_plain(client):
    reply = client.responses.create(model=MODEL, input="Say something.", metadata={"a": "b"})
    assert reply.status == "completed"
    assert reply.output_text
    assert reply.metadata == {"a": "b"}
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens


def test_message_list(client):
    reply = client.responses.create(
        model=MODEL,
        instructions="Be brief.",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "Say something."}]}],
    )
    assert reply.output_text


def test_token_limit(client):
    reply = client.responses.create(model=MODEL, input="Say something.", max_output_tokens=16)
    assert reply.status == "incomplete"
    assert reply.incomplete_details.reason == "max_output_tokens"
    assert reply.usage.output_tokens == 16


def test_stream(client):
    events = list(client.responses.create(model=MODEL, input="Say something.", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text
    assert events[-1].response.usage.output_tokens > 0


def test_stream_that_is_incomplete(client):
    events = list(client.responses.create(model=MODEL, input="Say something.", max_output_tokens=16, stream=True))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


def test_stream_that_fails(client):
    events = list(client.responses.create(model=f"{MODEL}:fault=response-failed,after=6", input="x", stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.status == "failed"
    assert events[-1].response.error.code == "server_error"
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_error_event(client):
    events = list(client.responses.create(model=f"{MODEL}:fault=stream-error,after=6", input="x", stream=True))
    assert events[-2].type == "response.output_text.delta"
    assert (events[-1].type, events[-1].code, events[-1].sequence_number) == ("error", "server_error", 6)


def test_tool(client):
    reply = client.responses.create(model=MODEL, input="x", tools=[TOOL], tool_choice="required")
    (call,) = reply.output
    assert call.type == "function_call"
    assert call.name == "get_weather"
    assert isinstance(json.loads(call.arguments)["place"], str)


def test_tool_loop_ends_with_text(client):
    first = client.responses.create(model=MODEL, input="Use get_weather.", tools=[TOOL])
    call = first.output[0]
    history = [
        {"role": "user", "content": "Use get_weather."},
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"},
    ]
    second = client.responses.create(model=MODEL, input=history, tools=[TOOL])
    assert second.output_text


def test_streamed_tool(client):
    with client.responses.stream(model=MODEL, input="x", tools=[TOOL], tool_choice="required") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    assert "response.function_call_arguments.done" in kinds
    assert json.loads(final.output[0].arguments)["place"]


class Answer(BaseModel):
    title: str
    score: float


def test_structured_output(client):
    reply = client.responses.parse(model=MODEL, input="x", text_format=Answer)
    assert isinstance(reply.output_parsed, Answer)


def test_streamed_structured_output(client):
    with client.responses.stream(model=MODEL, input="x", text_format=Answer) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_response().output_parsed, Answer)
