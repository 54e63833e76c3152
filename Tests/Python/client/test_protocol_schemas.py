"""The schemas are schemas, and draw the line where the vectors draw it."""

import json

import pytest
from client_harness import PROTOCOL, load_runner

RUNNER = load_runner()
FRAMES = [
    (name, frame)
    for name, vector in RUNNER.load()
    for step in vector["steps"]
    for frame in step.get("send", [])
    if "json" in frame
]


def test_every_schema_is_valid(schemas):
    files = sorted((PROTOCOL / "schemas").glob("*.json"))
    assert len(files) == 17
    for file in files:
        assert json.loads(file.read_text("utf-8"))["$id"] == file.name
        schemas(file.name).check_schema(json.loads(file.read_text("utf-8")))


def test_client_frames_of_the_vectors(schemas):
    check = schemas("client.json")
    wrong = [
        f"{name}: {json.dumps(value)[:200]}"
        for name, frame in FRAMES
        for value in [RUNNER.numbered(frame["json"], 0)]
        if check.is_valid(value) is (frame.get("schema") == "invalid")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "event",
    [
        {"event": "result", "id": "1", "status": 200, "charged": "exact", "attempts": 1},
        {"event": "error", "id": "1", "code": "no_such_code", "message": "x", "retryable": False, "attempts": 0,
         "charged": "none"},
        {"event": "error", "code": "internal", "message": "x", "retryable": False, "attempts": 0},
        {"event": "chunk", "id": "1", "seq": -1, "data": {}},
        {"event": "retrying", "id": "1", "attempt": 1, "code": "internal", "delay_ms": 1},
        {"event": "goaway", "reason": "bored", "drain_ms": 1},
        {"event": "surprise"},
    ],
)
def test_agent_frames_that_are_wrong(schemas, event):
    assert not schemas("agent.json").is_valid(event)


def test_a_result_is_plain_or_a_stream(schemas):
    timing = {"queued_ms": 0, "upstream_ms": 0, "total_ms": 0}
    base = {"event": "result", "id": "1", "status": 200, "charged": "exact", "attempts": 1, "timing": timing}
    error = {"code": "internal", "message": "x", "retryable": False}
    check = schemas("agent.json")
    for good in ({"body": {}}, {"finish": "complete"}, {"finish": "truncated"}, {"finish": "failed", "error": error}):
        assert check.is_valid({**base, **good}), good
    for bad in ({}, {"body": {}, "finish": "complete"}, {"finish": "failed"}, {"finish": "complete", "error": error}):
        assert not check.is_valid({**base, **bad}), bad
