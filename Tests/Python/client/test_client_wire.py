"""The pure part of the Python client: frames, raw members, discovery, errors, credit."""

import json
import pickle

import pytest
from client_harness import PROTOCOL  # puts the package on the path

import sluice
from sluice import _call, _discover, _wire
from sluice._errors import from_wire
from sluice._model import Chunk, Result

ODD = b'{ "n":1e400 ,"big":12345678901234567890,"d":1,"d":{"x":"}\\"]"},"esc":"\\u0041\\/\\ud800","s":"\xc3\xa9"}'


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_frames_arrive_however_they_are_cut(size):
    payloads = [b'{"a":1}', b"x" * 300, b"{}"]
    data = b"".join(map(_wire.frame, payloads))
    decoder = _wire.FrameDecoder()
    found = []
    for start in range(0, len(data), size):
        found += decoder.feed(data[start : start + size])
    assert found == payloads


@pytest.mark.parametrize("head", [b"\0\0\0\0", b"\x01\0\0\0", b"HTTP"])
def test_an_impossible_length_is_no_agent(head):
    with pytest.raises(sluice.ProtocolViolation):
        list(_wire.FrameDecoder().feed(head))


def test_members_keep_their_bytes():
    payload = b' {"event" : "result" ,"id":"\\u0041","body":' + ODD + b',"seq" : 12 , "t":true,"e":[ ]}\n'
    members = _wire.members(payload)
    assert members == {
        "event": b'"result"', "id": b'"\\u0041"', "body": ODD, "seq": b"12", "t": b"true", "e": b"[ ]"
    }
    assert _wire.members(b"{ }") == {}


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"a":', b'{"a":[1', b'{"a":}', b'"x"'])
def test_members_of_something_else(payload):
    with pytest.raises((sluice.ProtocolViolation, ValueError)):
        _wire.members(payload)


def test_a_body_of_text_is_spliced_untouched():
    payload = _wire.encode({"op": "call", "id": "1"}, ODD)
    assert payload == b'{"op":"call","id":"1","body":' + ODD + b"}"
    assert _wire.encode({"a": 1}, {"é": "😀"}) == '{"a":1,"body":{"é":"😀"}}'.encode()
    with pytest.raises(ValueError):
        _wire.encode({}, {"x": float("nan")})


def test_a_request_has_only_what_was_said():
    hello = _call.read_hello(json.dumps({"event": "hello"}).encode())
    plain = json.loads(_call.Request("/v1/models").payload("7", hello, 0))
    assert plain == {"op": "call", "id": "7", "path": "/v1/models", "progress": False}
    full = _call.Request("/v1/x", {"model": "m"}, "POST", "t", "f", "batch", 1.5, True)
    assert json.loads(full.payload("8", hello, 0.5)) == {
        "op": "call", "id": "8", "path": "/v1/x", "method": "POST", "tenant": "t", "feature": "f", "lane": "batch",
        "deadline_ms": 1000, "body": {"model": "m"},
    }


def test_frames_of_the_client_are_valid(schemas):
    hello = _call.read_hello(json.dumps({"event": "hello"}).encode())
    full = _call.Request("/v1/x", {"model": "m"}, "POST", "t", "f", "batch", 1.5, True)
    frames = [
        _call.hello_payload("é" * 100), full.payload("1", hello, 0), _call.Request("/v1/models").payload("2", hello, 9),
        _call.cancel_payload("1"), *_call.Credit(2).consume("1", 1 << 25),
    ]
    for frame in frames:
        schemas("client.json").validate(json.loads(frame))
    assert len(json.loads(frames[0])["client"].encode()) == 128


def test_credit_is_granted_in_halves():
    credit = _call.Credit(100)
    assert credit.consume("s", 49) == []
    assert [json.loads(each)["bytes"] for each in credit.consume("s", 11)] == [60]
    assert credit.consume("s", 49) == []
    granted = [json.loads(each)["bytes"] for each in _call.Credit(100).consume("s", (1 << 24) + 5)]
    assert granted == [1 << 24, 5]


def test_every_code_becomes_the_exception_of_its_family():
    kinds = {"caller": sluice.CallerError, "policy": sluice.PolicyError, "provider": sluice.ProviderError,
             "internal": sluice.InternalError}
    for error in json.loads((PROTOCOL / "errors.json").read_text("utf-8"))["errors"]:
        made = from_wire({"code": error["code"], "message": "m", "retryable": error["retryable"]})
        assert type(made) is kinds[error["family"]]
        assert made.retryable is error["retryable"]
    assert type(from_wire({"code": "provider_of_tomorrow"})) is sluice.ProviderError
    assert type(from_wire({"code": "else"})) is sluice.InternalError


def test_errors_survive_pickling():
    error = from_wire({"code": "provider_rate_limited", "message": "m", "retryable": True, "retry_after_ms": 5,
                       "upstream": {"code": "x"}, "status": 429, "attempts": 3, "limit": "l"})
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is sluice.ProviderError and copy.__dict__ == error.__dict__ and str(copy) == str(error)


def test_discovery_takes_the_first_that_exists(monkeypatch, tmp_path):
    for name in ("SLUICE_SOCKET", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert sluice.discover() == "/run/sluice/agent.sock" or _discover.candidates() == ["/run/sluice/agent.sock"]
    (tmp_path / "user" / "sluice").mkdir(parents=True)
    user = tmp_path / "user" / "sluice" / "agent.sock"
    user.touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "service"))
    assert sluice.discover() == str(user)
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "agent.sock").touch()
    assert sluice.discover() == str(tmp_path / "service" / "agent.sock")
    monkeypatch.setenv("SLUICE_SOCKET", "/explicit")
    assert sluice.discover() == "/explicit"
    assert sluice.discover("/given") == "/given"


def test_text_of_chunks_and_results():
    assert Chunk(0, b'{"choices":[{"delta":{"content":"a"}}]}').text == "a"
    assert Chunk(0, b'{"choices":[{"delta":{}}]}').text == ""
    assert Chunk(0, b'{"choices":[],"usage":{}}').text == ""
    assert Chunk(0, b'{"choices":[{"text":"b"}]}').text == "b"
    assert Chunk(0, b'{"type":"response.output_text.delta","delta":"c"}').text == "c"
    assert Chunk(0, b"[1]").text == ""
    assert Result({"body": b'{"choices":[{"message":{"content":"d"}}]}'}).text == "d"
    response = b'{"output":[{"type":"reasoning"},{"content":[{"type":"output_text","text":"e"}]}]}'
    assert Result({"body": response}).text == "e"
    assert Result({"finish": b'"complete"'}).text == "" and Result({}).body is None
