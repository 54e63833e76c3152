"""nginx with canned replies, from Debian's packages."""

import secrets
import subprocess

from processes import HERE, await_true, fetch, free_port, render
from upstream import Refusal, Upstream


def start(program, scratch, processes, transcript):
    transcript.section("nginx with canned replies")
    transcript.step("nginx -v")
    transcript.saw(subprocess.run(["nginx", "-v"], stderr=subprocess.PIPE, text=True, check=True).stderr)
    port, key = free_port(), "sk-" + secrets.token_hex(24)
    render(HERE / "nginx.conf", scratch / "nginx.conf", port=port, key=key, canned=HERE / "canned")
    log = scratch / "access.log"
    log.unlink(missing_ok=True)
    command = ["nginx", "-p", f"{scratch}/", "-c", scratch / "nginx.conf", "-e", "error.log"]
    transcript.step(" ".join(map(str, command)))
    server = processes.start("nginx", command)
    base_url = f"http://127.0.0.1:{port}/v1"
    await_true("nginx answers", lambda: fetch(f"{base_url}/models", key)[0] == 200, server)
    return Upstream(
        name="nginx",
        base_url=base_url,
        key=key,
        embedding_model="text-embedding-3-small",
        responses_model="gpt-4o-mini",
        endless={"model": "endless", "stream": True, "messages": [{"role": "user", "content": "Go on."}]},
        errors=[Refusal("unknown model", {"model": "no-such-model", "messages": []}, 404)],
        releases=lambda: len(left(log)),
        evidence=lambda: "access.log: " + (left(log) or ["nobody has left"])[-1],
        canned_chat=(HERE / "canned/chat.json").read_bytes(),
    )


def left(log):
    """The lines of clients that left: nginx calls their requests not complete."""
    return [line for line in log.read_text().splitlines() if not line.endswith("complete=OK")]
