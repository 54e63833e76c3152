"""The provider and the agent, started and stopped, and what the provider counted."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from callers import die_with_parent
from schedule import OUTPUT_MEDIAN, OUTPUT_SIGMA, RPM, TOKENS_PER_SECOND, TPM, TTFT_MEDIAN, TTFT_SIGMA

MODEL = "gpt-4o-mini"
KEY = "sk-storm"
PATIENCE = 30.0  # seconds until something that must happen counts as failed
BURST = 5.0  # seconds' worth of quota that is left in the provider's buckets at the start

CONFIG = """\
agent:
  drain_timeout: 1s
upstreams:
  - name: provider
    base_url: "http://127.0.0.1:{port}/v1"
    max_connections: 1024
    keys:
      - name: storm
        env: STORM_KEY
pools:
  - name: model
    models: ["{model}"]
    requests_per_minute: {rpm}
    tokens_per_minute: {tpm}
    max_in_flight: 256
{more}"""


@contextlib.contextmanager
def _process(command, log, **options):
    """A child that is told to stop at the end, and killed when it does not."""
    with open(log, "wb") as errors:
        child = subprocess.Popen(command, stderr=errors, preexec_fn=lambda: die_with_parent(signal.SIGTERM), **options)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def provider(program, scratch, seed, scale, free_refusals):
    """Runs the provider; yields its port."""
    command = [
        program, "provider", "--listen", "127.0.0.1:0", "--keys", KEY, "--seed", str(seed),
        "--rpm", str(round(RPM * scale)), "--tpm", str(round(TPM * scale)),
        "--ttft-ms", str(TTFT_MEDIAN * 1000), "--ttft-sigma", str(TTFT_SIGMA),
        "--tokens-per-second", str(TOKENS_PER_SECOND),
        "--output-tokens", str(OUTPUT_MEDIAN), "--output-sigma", str(OUTPUT_SIGMA),
    ]  # fmt: skip
    if free_refusals:
        command.append("--free-refusals")
    log = scratch / "provider.log"
    with _process(command, log, stdout=subprocess.PIPE, text=True) as child:
        line = child.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not found:
            raise RuntimeError(f"the provider did not start: {line}{log.read_text(errors='replace')}")
        yield int(found.group(1))


@contextlib.contextmanager
def agent(program, scratch, port, scale, more=""):
    """Runs the agent before the provider; yields its socket's path and its configuration file."""
    config, log, run = scratch / "agent.yaml", scratch / "agent.log", scratch / "run"
    text = CONFIG.format(port=port, model=MODEL, rpm=round(RPM * scale), tpm=round(TPM * scale), more=more)
    config.write_text(text)
    command = [program, "agent", "--config", config, "--runtime-dir", run, "--state-dir", scratch / "state"]
    with _process(command, log, env={**os.environ, "STORM_KEY": KEY}) as child:
        path = run / "agent.sock"
        _await_socket(path, child, log)
        yield path, config


def _await_socket(path, child, log):
    limit = time.monotonic() + PATIENCE
    while child.poll() is None and time.monotonic() < limit:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return
        time.sleep(0.02)
    raise RuntimeError(f"the agent did not start: {pathlib.Path(log).read_text(errors='replace')}")


class Counts:
    """The provider's own counts."""

    def __init__(self, stats):
        rows = stats["calls"]
        self.received = stats["requests"]
        self.refused = stats["rate_limited"]
        self.served = sum(row["count"] for row in rows if row["status"] == 200)
        self.tokens = stats["admitted_tokens"]
        self.repeats = stats["declared_retries"]
        self.in_flight = stats["in_flight"]["now"]

    def __sub__(self, earlier):
        """What was counted since."""
        difference = object.__new__(Counts)
        for name, value in vars(self).items():
            setattr(difference, name, value - getattr(earlier, name))
        return difference


def counts(port):
    """What the provider has counted until now."""
    return Counts(_ask(port, "GET", "/stand-in/stats"))


def spend_savings(port, scale):
    """Takes the minute's quota that a fresh provider has saved up, except for ``BURST`` seconds' worth, so that a run
    of a minute is not half savings; then starts the counts afresh."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    left_requests, left_tokens = RPM * scale, TPM * scale
    spare_requests, spare_tokens = left_requests * BURST / 60, left_tokens * BURST / 60
    while left_requests > spare_requests:
        share = max(1, round((left_tokens - spare_tokens) / (left_requests - spare_requests)))
        message = {"role": "user", "content": "Spend."}
        instant = f"{MODEL}:ttft-ms=0,tokens-per-second=1000000,output-tokens=1"
        body = json.dumps({"model": instant, "messages": [message], "max_tokens": share})
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the provider answered {answer.status} while its savings were spent")
        left_requests = int(answer.headers["x-ratelimit-remaining-requests"])
        left_tokens = int(answer.headers["x-ratelimit-remaining-tokens"])
    connection.close()
    _ask(port, "POST", "/stand-in/reset")


def _ask(port, method, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Content-Length": "0"})
        return json.load(connection.getresponse())
