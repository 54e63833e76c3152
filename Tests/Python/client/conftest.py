"""Fixtures: a scripted agent, the real one, the schemas."""

import json
import os

import pytest
from client_harness import PROTOCOL, ScriptedAgent, load_runner


@pytest.fixture
def scripted(tmp_path):
    """Starts a scripted agent; gives the path of its socket."""
    agents = []

    def start(*scripts):
        agent = ScriptedAgent(str(tmp_path / f"agent-{len(agents)}.sock"), *scripts)
        agents.append(agent)
        return agent.path

    yield start
    for agent in agents:
        agent.finish()


@pytest.fixture(scope="session")
def runner():
    """The vector runner as a module."""
    return load_runner()


@pytest.fixture(scope="session")
def agent(runner):
    """The socket of a real agent before the echo upstream."""
    sluice = os.environ.get("SLUICE_BIN")
    if not sluice:
        pytest.skip("SLUICE_BIN is not set: it names the sluice executable to test against")
    with runner.started(sluice) as path:
        yield path


@pytest.fixture(scope="session")
def schemas():
    """A function from a schema's file name to its validator."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    referencing = pytest.importorskip("referencing", reason="referencing comes with jsonschema 4.18 and later")
    files = {file.name: json.loads(file.read_text("utf-8")) for file in (PROTOCOL / "schemas").glob("*.json")}
    registry = referencing.Registry().with_resources(
        (name, referencing.Resource.from_contents(schema)) for name, schema in files.items()
    )
    return lambda name: jsonschema.Draft202012Validator(files[name], registry=registry)
