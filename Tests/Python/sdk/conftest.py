"""Starts `sluice provider` and gives tests clients of it."""

import contextlib
import json
import os
import re
import subprocess
import urllib.request

import openai
import pytest


class StandIn:
    """A running stand-in."""

    def __init__(self, process: subprocess.Popen, base_url: str):
        self.process = process
        self.base_url = base_url
        self.root = base_url.removesuffix("/v1")

    def client(self, **options) -> openai.OpenAI:
        return openai.OpenAI(**self._options(options))

    def async_client(self, **options) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(**self._options(options))

    def _options(self, options: dict) -> dict:
        return {"base_url": self.base_url, "api_key": "sk-stand-in", "max_retries": 0, **options}

    def stats(self) -> dict:
        with urllib.request.urlopen(f"{self.root}/stand-in/stats") as reply:
            return json.load(reply)

    def reset(self) -> None:
        request = urllib.request.Request(f"{self.root}/stand-in/reset", method="POST")
        urllib.request.urlopen(request).close()


@contextlib.contextmanager
def running(*arguments: str):
    binary = os.environ.get("SLUICE_BIN")
    if not binary:
        raise pytest.UsageError("SLUICE_BIN must name the sluice executable")
    command = [binary, "provider", "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        match = re.search(r"http://\S+/v1", line)
        assert match, f"no address in the start-up line: {line!r}"
        assert "stand-in" in line
        yield StandIn(process, match.group())
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture(scope="session")
def _shared():
    with running() as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(_shared):
    """The shared stand-in, its counts at zero."""
    _shared.reset()
    return _shared


@pytest.fixture
def client(stand_in):
    with stand_in.client() as client:
        yield client


@pytest.fixture
def start():
    """Starts a stand-in with arguments of its own: `start("--rpm", "2")`."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(running(*arguments))
