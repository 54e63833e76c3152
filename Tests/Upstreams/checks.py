"""The same calls for every upstream and for both callers."""

import json

from callers import ShellCaller
from processes import Agent, await_true

LETTING_GO = 30  # seconds until an upstream that has not noticed counts as failed
PROMPT = [{"role": "user", "content": "Say hello in one short sentence."}]


def run(caller, agent, upstream, transcript):
    """All calls that the upstream can answer."""
    transcript.section(f"{upstream.name}, through {caller.name}")
    models(caller, upstream, transcript)
    for model in upstream.chat_models:
        plain_chat(caller, model, upstream, transcript)
        streamed_chat(caller, model, transcript)
    if upstream.embedding_model:
        embeddings(caller, upstream, transcript)
    if upstream.responses_model:
        plain_response(caller, upstream.responses_model, transcript)
        streamed_response(caller, upstream.responses_model, transcript)
    for case in upstream.errors:
        refusal(caller, case, transcript)
    cancelled(caller, agent, upstream, transcript)


def models(caller, upstream, transcript):
    answer = caller.get("/v1/models")
    names = [model["id"] for model in answer.body.get("data", [])]
    transcript.saw(f"models {names}; {json.dumps(answer.summary())}")
    transcript.check("GET /v1/models lists the model", upstream.chat_models[0] in names, answer.end)


def plain_chat(caller, model, upstream, transcript):
    answer = caller.post("/v1/chat/completions", {"model": model, "max_tokens": 16, "messages": PROMPT})
    transcript.saw(answer.summary())
    choice = answer.body.get("choices", [{}])[0]
    transcript.saw(choice.get("message", {}).get("content") or "")
    transcript.check("plain chat: an answer", bool(choice.get("message", {}).get("content")), answer.end)
    transcript.check("plain chat: usage is the body's own", counted(answer, answer.body.get("usage")), answer.end)
    if answer.raw and upstream.canned_chat:
        transcript.check("plain chat: the body is what the server sent, byte for byte",
                         answer.raw == upstream.canned_chat.strip(), answer.raw)


def streamed_chat(caller, model, transcript):
    body = {"model": model, "max_tokens": 16, "messages": PROMPT, "stream": True}
    answer = caller.post("/v1/chat/completions", body)
    show_stream(answer, transcript)
    extra = [chunk for chunk in answer.chunks if only_usage(chunk)]
    text = "".join((choice.get("delta") or {}).get("content") or "" for chunk in answer.chunks
                   for choice in chunk.get("choices", []))
    transcript.saw(text)
    transcript.check("streamed chat: complete, in several chunks",
                     answer.end.get("finish") == "complete" and len(answer.chunks) > 2 and text, answer.end)
    transcript.check("streamed chat: usage is counted though nobody asked",
                     bool(answer.end.get("usage")) and answer.end.get("charged") == "exact", answer.end)
    transcript.check("streamed chat: the chunk with the usage is withheld", not extra, extra)
    asked = caller.post("/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
    show_stream(asked, transcript)
    last = [chunk.get("usage") for chunk in asked.chunks if only_usage(chunk)]
    transcript.saw(f"usage in the last chunk: {json.dumps(last)}")
    transcript.check("streamed chat: the chunk with the usage comes when asked for, and agrees",
                     len(last) == 1 and counted(asked, last[0]), asked.end)


def embeddings(caller, upstream, transcript):
    answer = caller.post("/v1/embeddings", {"model": upstream.embedding_model, "input": "How long is a vector?"})
    vectors = [item["embedding"] for item in answer.body.get("data", [])]
    sizes = [len(vector) for vector in vectors]
    transcript.saw(f"vectors of {sizes} numbers; {json.dumps(answer.summary())}")
    transcript.check("embeddings: a vector", bool(vectors and vectors[0]), answer.end)
    transcript.check("embeddings: usage is the body's own", counted(answer, answer.body.get("usage")), answer.end)


def plain_response(caller, model, transcript):
    answer = caller.post("/v1/responses", {"model": model, "input": "Say hello.", "max_output_tokens": 16})
    transcript.saw(answer.summary())
    parts = [part for item in answer.body.get("output", []) for part in item.get("content") or []]
    text = "".join(part.get("text") or "" for part in parts)
    transcript.saw(text)
    transcript.check("responses: an answer", bool(text), answer.end)
    transcript.check("responses: usage is the body's own", counted(answer, answer.body.get("usage")), answer.end)


def streamed_response(caller, model, transcript):
    body = {"model": model, "input": "Say hello.", "max_output_tokens": 16, "stream": True}
    answer = caller.post("/v1/responses", body)
    show_stream(answer, transcript)
    kinds = [chunk.get("type", "") for chunk in answer.chunks]
    transcript.saw(" ".join(dict.fromkeys(kinds)))
    last = answer.chunks[-1].get("response", {}) if answer.chunks else {}
    terminal = kinds[-1:] in (["response.completed"], ["response.incomplete"])
    transcript.check("streamed responses: complete, ends with its terminal event",
                     terminal and answer.end.get("finish") == "complete", answer.end)
    transcript.check("streamed responses: usage is the last event's", counted(answer, last.get("usage")), answer.end)


def refusal(caller, case, transcript):
    answer = caller.post(case.path, case.body)
    transcript.saw(answer.summary())
    seen = (answer.end.get("code"), answer.end.get("status"))
    transcript.check(f"{case.what}: {case.code}, HTTP {case.status}",
                     answer.failed and seen == (case.code, case.status), answer.end)
    transcript.check(f"{case.what}: the provider's own error is in it, nothing is charged",
                     isinstance(answer.end.get("upstream"), dict) and answer.end.get("charged") == "none", answer.end)


def cancelled(caller, agent, upstream, transcript):
    """A stream that would go on for long is cancelled after a few chunks; the upstream must say that it let go."""
    before = upstream.releases()

    def meanwhile():
        transcript.saw(f"under way: {agent.status()['in_flight']} in flight at the agent; {upstream.evidence()}")

    answer = caller.cancel("/v1/chat/completions", upstream.endless, meanwhile)
    transcript.saw(answer.summary())
    said = answer.end.get("finish") == "cancelled" or answer.end.get("code") == "caller_cancelled"
    transcript.check("cancel mid-stream: cancelled, with an honest `charged`",
                     said and answer.end.get("charged") == "estimated", answer.end)
    holds(f"cancel mid-stream: {upstream.name} let go of it", lambda: upstream.releases() > before, transcript)
    transcript.saw(upstream.evidence())
    holds("cancel mid-stream: the agent is idle", agent.idle, transcript)


def holds(what, condition, transcript):
    """A check of something that must become true."""
    try:
        await_true(what, condition, seconds=LETTING_GO)
        transcript.check(what, True)
    except RuntimeError as failure:
        transcript.check(what, False, failure)


def wrong_key(program, scratch, processes, upstream, transcript):
    """An agent with the same configuration and another key: a typed error, and the key is not in it."""
    transcript.section(f"{upstream.name}, with a key that it does not know")
    key = "sk-0123456789abcdef-not-the-key"
    agent = Agent(program, scratch / "agent-wrong-key", processes, upstream.base_url, key)
    answer = ShellCaller(program, agent.socket, transcript).post(
        "/v1/chat/completions", {"model": upstream.chat_models[0], "messages": PROMPT})
    transcript.saw(answer.summary())
    code, status = upstream.wrong_key
    transcript.check(f"wrong key: {code}, HTTP {status}",
                     (answer.end.get("code"), answer.end.get("status")) == (code, status), answer.end)
    text = json.dumps(answer.end)
    transcript.check("wrong key: no part of the key is in the error", "0123456789" not in text and key[-4:] not in text)
    transcript.check("SIGTERM ends it with status 0", agent.stop() == 0)


def show_stream(answer, transcript):
    transcript.saw(f"{len(answer.chunks)} chunks; {json.dumps(answer.summary())}")


def only_usage(chunk):
    """Whether a chunk says nothing but the usage: OpenAI's has no choices, LiteLLM's has one with an empty delta."""
    silent = all(not choice.get("delta") and not choice.get("finish_reason") for choice in chunk.get("choices", []))
    return bool(chunk.get("usage")) and silent


def counted(answer, usage):
    """Whether the agent's count is the one in the provider's `usage`, of either shape, and `charged` says so."""
    if not usage or answer.end.get("charged") != "exact":
        return False
    theirs = (usage.get("prompt_tokens", usage.get("input_tokens")),
              usage.get("completion_tokens", usage.get("output_tokens", 0)))
    ours = answer.end.get("usage") or {}
    return (ours.get("input_tokens"), ours.get("output_tokens", 0)) == theirs
