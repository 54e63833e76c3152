"""What the simulation makes of the agent's own trace, against what really happened."""

import json
import subprocess

from report import percentile
from schedule import LANES

TRACE = """\
trace:
  file: "{file}"
"""
MOST = 0.10  # largest difference that is still a reproduction
LEAST_WAIT = 0.1  # seconds; shorter waits are compared as if they were this long


def differences(program, trace, config):
    """Pairs of figures by name: [real, simulated, relative difference]."""
    with open(trace, encoding="utf-8") as lines:
        real = real_figures([json.loads(line) for line in lines])
    command = [program, "simulate", "--trace", trace, "--config", config, "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"the simulation failed: {run.stderr}")
    simulated = simulated_figures(json.loads(run.stdout))
    return {name: [value, simulated[name], relative(name, value, simulated[name])] for name, value in real.items()}


def real_figures(entries):
    """Waits of the answered calls of each lane, in seconds, and what was sent in all."""
    found = {}
    for lane in LANES:
        waits = [each["queued_us"] / 1e6 for each in entries if each["lane"] == lane.name and each["outcome"] == "ok"]
        if waits:
            for name, share in (("p50", 0.5), ("p95", 0.95)):
                found[f"{lane.name} wait {name}, s"] = percentile(waits, share)
    found["requests sent"] = sum(each["attempts"] for each in entries)
    found["tokens used"] = sum(
        (each.get("input_tokens") or 0) + (each.get("output_tokens") or 0)
        for each in entries if each["outcome"] == "ok"
    )  # fmt: skip
    return found


def simulated_figures(report):
    """The same figures from the JSON of ``sluice simulate``."""
    found = {}
    for lane in report["lanes"]:
        for name in ("p50", "p95"):
            found[f"{lane['lane']} wait {name}, s"] = lane["wait_ms"][name] / 1000
    found["requests sent"] = sum(each["requests"] for each in report["pools"])
    found["tokens used"] = sum(each["tokens"] for each in report["pools"])
    return found


def relative(name, real, simulated):
    """The difference, as a share of the real figure."""
    least = LEAST_WAIT if " wait " in name else 1
    return (simulated - real) / max(real, least)


def holds(found):
    """Whether every figure is reproduced."""
    return all(abs(difference) <= MOST for _, _, difference in found.values())


def table(found):
    """Markdown."""
    lines = ["| | real | simulated | difference |", "|---|---|---|---|"]
    for name, (real, simulated, difference) in found.items():
        lines.append(f"| {name} | {real:,.2f} | {simulated:,.2f} | {difference:+.1%} |")
    return "\n".join(lines)
