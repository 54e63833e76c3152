"""Processes that a run starts, and stops whatever happens; the agent is one of them."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import string
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 180.0  # seconds until something that must happen counts as failed; servers in Python start slowly


class Processes:
    """Starts processes that write to logs in the scratch directory; ends all of them when left."""

    def __init__(self, scratch):
        self._scratch = scratch
        self._running = []

    def start(self, name, command, **environment):
        log = open(self._scratch / f"{name}.log", "wb")
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **environment}, cwd=self._scratch,
        )
        log.close()
        self._running.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._running):
            stop(process)


def stop(process):
    """SIGTERM, SIGKILL at the bound; gives the exit status."""
    process.terminate()
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Agent:
    """`sluice agent` with agent.yaml; its sockets are in a directory of their own, for their paths must be short."""

    def __init__(self, program, directory, processes, base_url, key):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        render(HERE / "agent.yaml", directory / "agent.yaml", base_url=base_url)
        self._runtime = tempfile.TemporaryDirectory(prefix="sluice-upstreams-")
        runtime = pathlib.Path(self._runtime.name)
        self.socket = runtime / "agent.sock"
        self._stats = runtime / "stats.sock"
        self._process = processes.start(
            directory.name,
            [program, "agent", "--config", directory / "agent.yaml", "--runtime-dir", runtime, "--state-dir", runtime],
            UPSTREAM_KEY=key,
        )
        await_true("the agent is ready", self._ready, self._process)

    def _ready(self):
        return self._get("/readyz")[0] == 200

    def status(self):
        """The agent's /status."""
        return json.loads(self._get("/status")[1])

    def idle(self):
        """Whether no call and no transfer is under way."""
        status = self.status()
        return status["in_flight"] == 0 and status["queued"] == 0 and status["upstream"]["live_transfers"] == 0

    def _get(self, path):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self._stats))
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stop(self):
        """Ends it and gives its exit status."""
        status = stop(self._process)
        self._runtime.cleanup()
        return status


def await_true(what, condition, process=None, seconds=PATIENCE):
    """Polls until the condition holds; raises at the bound, or when the process has ended."""
    limit = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException, ValueError):
            pass
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"not so: {what}; the process ended with status {process.returncode}")
        if time.monotonic() > limit:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def fetch(url, key=None):
    """GET, past the agent; gives the status and the body."""
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def free_port():
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def render(template, target, **values):
    """Fills in the template's `$names` that are given, and leaves all others."""
    target.write_text(string.Template(template.read_text()).safe_substitute(values))


def shell(transcript, command, **options):
    """Runs a preparing command, niced, to its end; raises when it fails."""
    command = [str(part) for part in command]
    transcript.step(" ".join(command))
    subprocess.run(["nice", "-n", "10", *command], check=True, **options)
