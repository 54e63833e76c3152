"""The conformance vectors for clients, against both clients."""

import client_vectors
import pytest

VECTORS = list(client_vectors.load())


@pytest.mark.parametrize("client_type", [client_vectors.Blocking, client_vectors.Asynchronous])
@pytest.mark.parametrize("vector", [vector for _, vector in VECTORS], ids=[name for name, _ in VECTORS])
def test_vector(vector, client_type, tmp_path):
    if vector.get("needs") == "cancel_call" and not client_type.can_cancel_calls:
        pytest.skip("a blocking call is cancelled by an interrupt only")
    client_vectors.run_vector(vector, client_type, tmp_path)


def test_names_are_unique():
    names = [name for name, _ in VECTORS]
    assert len(names) > 40 and len(set(names)) == len(names)


def test_a_wrong_answer_fails(tmp_path):
    vector = dict(VECTORS)["results/bytes-survive"]
    call = vector["calls"]["a"]
    wrong = {**call, "expect": {"result": {**call["expect"]["result"], "body": "{}"}}}
    with pytest.raises(AssertionError):
        client_vectors.run_vector({**vector, "calls": {"a": wrong}}, client_vectors.Blocking, tmp_path)
