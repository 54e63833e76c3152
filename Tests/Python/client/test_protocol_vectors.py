"""The conformance vectors against the real agent."""

import pytest
from client_harness import load_runner

RUNNER = load_runner()
VECTORS = list(RUNNER.load())


@pytest.fixture(scope="module")
def validate():
    return RUNNER.validator()


@pytest.mark.parametrize("vector", [vector for _, vector in VECTORS], ids=[name for name, _ in VECTORS])
def test_vector(agent, validate, vector):
    try:
        RUNNER.run_vector(agent, vector, validate)
    except RUNNER.Skipped as reason:
        pytest.skip(str(reason))


def test_names_are_unique():
    names = [name for name, _ in VECTORS]
    assert len(names) > 300 and len(set(names)) == len(names)


def test_the_matcher_can_fail():
    same = RUNNER.matches
    assert same({"a": {"$absent": True}}, {}) and not same({"a": {"$absent": True}}, {"a": None})
    assert same({"a": [1]}, {"a": [1], "b": 2}) and not same({"a": [1]}, {"a": [1, 2]})
    assert same(1, 1) and not same(1, True) and not same(True, 1) and not same("1", 1)
    assert not same({"a": {"$any": True}}, {}) and not same({"$exact": {"a": 1}}, {"a": 1, "b": 2})
    assert same({"$range": [1, 2]}, 2) and not same({"$range": [1, 2]}, 3) and not same({"$range": [0, 1]}, True)
    assert same({"$in": ["x", {"$regex": "^y"}]}, "yes") and not same({"$in": ["x"]}, "y")
    assert not same({"$type": "integer"}, True) and not same({"$type": "number"}, "1")
