"""The LiteLLM proxy, from PyPI. One model it answers by itself; the others it passes on to `sluice provider`."""

import json
import secrets
import sys

from processes import HERE, await_true, fetch, free_port, render, shell
from upstream import Refusal, Upstream

REQUIREMENT = "litellm[proxy]==1.106.2"


def start(program, scratch, processes, transcript):
    transcript.section("the LiteLLM proxy")
    venv = scratch / "venv"
    if not (venv / "bin" / "litellm").exists():
        shell(transcript, [sys.executable, "-m", "venv", venv])
        shell(transcript, [venv / "bin" / "pip", "install", "-q", REQUIREMENT])
    stand_in = start_stand_in(program, processes, transcript)
    port, key = free_port(), "sk-" + secrets.token_hex(24)
    render(HERE / "litellm.yaml", scratch / "litellm.yaml", stand_in=stand_in)
    command = [venv / "bin" / "litellm", "--config", scratch / "litellm.yaml", "--host", "127.0.0.1",
               "--port", port, "--telemetry", "False"]
    transcript.step(" ".join(map(str, command)))
    server = processes.start("litellm", command, LITELLM_MASTER_KEY=key, LITELLM_LOCAL_MODEL_COST_MAP="True")
    base = f"http://127.0.0.1:{port}"
    await_true("LiteLLM answers", lambda: fetch(f"{base}/v1/models", key)[0] == 200, server)
    transcript.saw(REQUIREMENT)

    def stats():
        return json.loads(fetch(f"{stand_in}/stand-in/stats")[1])

    return Upstream(
        name="LiteLLM",
        base_url=f"{base}/v1",
        key=key,
        chat_models=["gpt-4o-mini", "relayed"],
        embedding_model="text-embedding-3-small",
        responses_model="relayed",
        endless={"model": "endless", "stream": True, "messages": [{"role": "user", "content": "Go on."}]},
        errors=[Refusal("unknown model", {"model": "no-such-model", "messages": []}, 400)],
        # Without a database it does not say 401 to a key that it does not know: "No connected db."
        wrong_key=("provider_invalid_request", 400),
        releases=lambda: stats()["clients_left"]["total"],
        evidence=lambda: f"the stand-in behind it: clients_left {stats()['clients_left']['total']}, "
                         f"streams {stats()['streams']['now']}",
    )


def start_stand_in(program, processes, transcript):
    port = free_port()
    command = [program, "provider", "--listen", f"127.0.0.1:{port}"]
    transcript.step(" ".join(map(str, command)))
    url = f"http://127.0.0.1:{port}"
    stand_in = processes.start("stand-in", command)
    await_true("the stand-in answers", lambda: fetch(f"{url}/stand-in/stats")[0] == 200, stand_in)
    return url
