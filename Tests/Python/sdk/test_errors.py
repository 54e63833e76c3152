"""The typed exception of each error, and how the SDK retries."""

import time

import openai
import pytest

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "x"}]


def chat(client, model=MODEL, **more):
    return client.chat.completions.create(model=model, messages=MESSAGES, **more)


FAULTS = [
    ("400", openai.BadRequestError, 400, None),
    ("context-length", openai.BadRequestError, 400, "context_length_exceeded"),
    ("401", openai.AuthenticationError, 401, "invalid_api_key"),
    ("403", openai.PermissionDeniedError, 403, None),
    ("404", openai.NotFoundError, 404, "model_not_found"),
    ("409", openai.ConflictError, 409, None),
    ("422", openai.UnprocessableEntityError, 422, None),
    ("429", openai.RateLimitError, 429, "rate_limit_exceeded"),
    ("quota", openai.RateLimitError, 429, "insufficient_quota"),
    ("500", openai.InternalServerError, 500, "server_error"),
    ("overloaded", openai.InternalServerError, 503, "server_is_overloaded"),
    ("slow-down", openai.InternalServerError, 503, "slow_down"),
]


@pytest.mark.parametrize("way", ["suffix", "header"])
@pytest.mark.parametrize("word,exception,status,code", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_status(client, way, word, exception, status, code):
    with pytest.raises(exception) as caught:
        if way == "suffix":
            chat(client, f"{MODEL}:fault={word}")
        else:
            chat(client, extra_headers={"x-sluice-fault": word})
    assert caught.value.status_code == status
    assert caught.value.code == code
    assert caught.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    "call,param,code",
    [
        (lambda c: c.chat.completions.create(model=MODEL, messages=[]), "messages", "empty_array"),
        (lambda c: c.post("/chat/completions", cast_to=object, body={"model": MODEL}), "messages",
         "missing_required_parameter"),
        (lambda c: c.post("/chat/completions", cast_to=object, body={"messages": MESSAGES}), "model",
         "missing_required_parameter"),
        (lambda c: chat(c, temperature=9), "temperature", "invalid_value"),
        (lambda c: chat(c, max_tokens=0), "max_tokens", "integer_below_min_value"),
        (lambda c: chat(c, extra_body={"stream": "yes"}), "stream", "invalid_type"),
        (lambda c: chat(c, "gpt-4", max_tokens=9000), "max_tokens", "context_length_exceeded"),
        (lambda c: c.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "x" * 40000}]),
         "messages", "context_length_exceeded"),
    ],
)
def test_bad_request(client, call, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        call(client)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert caught.value.type == "invalid_request_error"


def test_body_that_is_not_json(stand_in, client):
    http = client._client
    reply = http.post(
        f"{stand_in.base_url}/chat/completions", content=b"{nonsense", headers={"authorization": "Bearer k"}
    )
    assert reply.status_code == 400
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


def test_unknown_model_and_url(client):
    with pytest.raises(openai.NotFoundError) as caught:
        chat(client, "gpt-none")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as caught:
        client.get("/nothing", cast_to=object)
    assert caught.value.code == "unknown_url"


def test_keys(start):
    stand_in = start("--keys", "sk-one,sk-two")
    chat(stand_in.client(api_key="sk-two"))
    with pytest.raises(openai.AuthenticationError) as caught:
        chat(stand_in.client(api_key="sk-three"))
    assert caught.value.code == "invalid_api_key"
    assert "sk-three" not in str(caught.value)


def test_rate_limit(start):
    stand_in = start("--rpm", "2")
    client = stand_in.client()
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    assert raw.headers["x-ratelimit-limit-requests"] == "2"
    assert raw.headers["x-ratelimit-remaining-requests"] == "1"
    assert raw.headers["x-ratelimit-reset-requests"] == "30s"
    chat(client)
    with pytest.raises(openai.RateLimitError) as caught:
        chat(client)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.type == "requests"
    assert int(caught.value.response.headers["retry-after-ms"]) <= 30_000
    chat(client, "gpt-4o")
    assert stand_in.stats()["rate_limited"] == 1


def test_token_limit_counts_the_asked_for_output_up_front(start):
    client = start("--tpm", "1000").client()
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, max_tokens=600)
    assert 300 < int(raw.headers["x-ratelimit-remaining-tokens"]) < 400
    with pytest.raises(openai.RateLimitError) as caught:
        chat(client, max_tokens=600)
    assert caught.value.type == "tokens"
    with pytest.raises(openai.RateLimitError) as caught:
        chat(client, max_tokens=2000)
    assert "retry-after-ms" not in caught.value.response.headers


def test_connection_errors(client):
    for word in ["close", "reset", "cut-mid-body"]:
        with pytest.raises(openai.APIConnectionError):
            chat(client, f"{MODEL}:fault={word}")


def test_timeout(stand_in):
    client = stand_in.client(timeout=0.3)
    for word in ["hang", "hang-mid-stream"]:
        with pytest.raises(openai.APITimeoutError):
            chat(client, f"{MODEL}:fault={word}")
    deadline = time.monotonic() + 10
    while stand_in.stats()["clients_left"]["total"] < 2:
        assert time.monotonic() < deadline, "the stand-in never noticed that the clients left"


def test_error_inside_a_stream(client):
    stream = chat(client, f"{MODEL}:fault=stream-error,after=4", stream=True)
    seen = 0
    with pytest.raises(openai.APIError) as caught:
        for _ in stream:
            seen += 1
    assert seen == 4
    assert caught.value.code == "server_error"


def test_stream_that_is_cut(client):
    stream = chat(client, f"{MODEL}:fault=cut-mid-stream,after=4", stream=True)
    seen = 0
    with pytest.raises(openai.APIConnectionError):
        for _ in stream:
            seen += 1
    assert seen == 4


def test_stream_that_ends_early(client):
    chunks = list(chat(client, f"{MODEL}:fault=end-early,after=4", stream=True))
    assert len(chunks) == 4
    assert chunks[-1].choices[0].finish_reason is None


def test_malformed_replies(client):
    with pytest.raises(ValueError):
        chat(client, f"{MODEL}:fault=malformed-json")
    with pytest.raises(ValueError):
        list(chat(client, f"{MODEL}:fault=malformed-json", stream=True))


def test_huge_body(client):
    raw = client.chat.completions.with_raw_response.create(
        model=f"{MODEL}:fault=huge-body,bytes=3000000", messages=MESSAGES
    )
    assert int(raw.headers["content-length"]) > 3_000_000
    assert raw.parse().choices[0].message.content


def test_trickle(client):
    reply = chat(client, f"{MODEL}:fault=trickle,bytes=100,delay-ms=1")
    assert reply.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "retry",
    ["429,retry-after-ms=1", "429,retry-after=0.001", "429,retry-after-date=0", "500,retry-after-ms=1",
     "overloaded,retry-after-ms=1", "close"],
)
def test_retries_until_it_works(stand_in, retry):
    client = stand_in.client(max_retries=2)
    reply = chat(client, f"{MODEL}:fault={retry},times=2,tag=retry")
    assert reply.choices
    stats = stand_in.stats()
    assert stats["requests"] == 3
    assert stats["declared_retries"] == 2
    assert stats["duplicates"]["bodies"] == 2


def test_should_retry_decides(stand_in):
    client = stand_in.client(max_retries=2)
    with pytest.raises(openai.RateLimitError):
        chat(client, f"{MODEL}:fault=429,should-retry=false")
    assert stand_in.stats()["requests"] == 1
    stand_in.reset()
    with pytest.raises(openai.BadRequestError):
        chat(client, f"{MODEL}:fault=400,should-retry=true,retry-after-ms=1")
    assert stand_in.stats()["requests"] == 3


def test_retry_after_is_waited_for(stand_in):
    client = stand_in.client(max_retries=1)
    begin = time.monotonic()
    chat(client, f"{MODEL}:fault=429,retry-after-ms=400,times=1,tag=wait")
    assert time.monotonic() - begin >= 0.4


def test_fault_file(start, tmp_path):
    script = tmp_path / "faults.json"
    script.write_text(
        '{"rules": [{"model": "gpt-4o*", "path": "/v1/chat/completions", "every": 2, "fault": "503"}]}'
    )
    stand_in = start("--faults", str(script))
    client = stand_in.client()
    with pytest.raises(openai.InternalServerError):
        chat(client)
    chat(client)
    with pytest.raises(openai.InternalServerError):
        chat(client)
    chat(client, "gpt-4.1")
    assert stand_in.stats()["faults"] == {"503": 2}
