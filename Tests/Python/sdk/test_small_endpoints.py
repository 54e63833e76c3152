"""Embeddings, models, moderations."""

import base64
import math
import struct

import openai
import pytest

EMBEDDER = "text-embedding-3-small"


def test_embeddings_in_both_encodings(client):
    by_default = client.embeddings.create(model=EMBEDDER, input=["one", "two"])
    assert [item.index for item in by_default.data] == [0, 1]
    assert all(len(item.embedding) == 1536 for item in by_default.data)
    floats = client.embeddings.create(model=EMBEDDER, input=["one", "two"], encoding_format="float")
    for decoded, plain in zip(by_default.data, floats.data):
        assert decoded.embedding == pytest.approx(plain.embedding, abs=1e-6)
        assert math.fsum(value * value for value in plain.embedding) == pytest.approx(1, abs=1e-3)
    assert by_default.usage.prompt_tokens > 0


def test_embedding_bytes(client):
    reply = client.embeddings.create(model=EMBEDDER, input="one", encoding_format="base64", dimensions=8)
    assert len(struct.unpack("<8f", base64.b64decode(reply.data[0].embedding))) == 8


@pytest.mark.parametrize("value", [[1, 2, 3], [[1, 2], [3]]], ids=["tokens", "token lists"])
def test_embedding_of_tokens(client, value):
    assert client.embeddings.create(model=EMBEDDER, input=value).data


def test_models(client):
    names = [model.id for model in client.models.list()]
    assert "gpt-4o-mini" in names
    model = client.models.retrieve("gpt-4o-mini")
    assert (model.id, model.object) == ("gpt-4o-mini", "model")
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-none")
    assert caught.value.code == "model_not_found"


def test_moderation(client):
    fine, bad = client.moderations.create(input=["fine", "flagme"]).results
    assert (fine.flagged, bad.flagged) == (False, True)
    assert bad.categories.harassment
