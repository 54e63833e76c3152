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
TURN = 0.105  # seconds that one call's turn takes at 0.95 of 600 a minute: waits are not told apart more finely
FEWEST = 200  # calls; the 95th percentile of fewer rests on less than ten of them, and says nothing


def differences(program, trace, config):
    """Pairs of figures by name: [real, simulated, relative difference]."""
    with open(trace, encoding="utf-8") as lines:
        real = real_figures([json.loads(line) for line in lines])
    # The storm spends what the provider had saved up, but for five seconds' worth of the minute.
    command = [program, "simulate", "--trace", trace, "--config", config, "--provider-left", "8", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"the simulation failed: {run.stderr}")
    simulated = simulated_figures(json.loads(run.stdout))
    return {name: [value, simulated[name], relative(name, value, simulated[name])] for name, value in real.items()}


def real_figures(entries):
    """Waits of the calls that were sent, in seconds, and what was used; who was cut off at the end counts as well."""
    sent = [each for each in entries if each["attempts"]]
    found = _waits("all lanes", [each["queued_us"] / 1e6 for each in sent])
    for lane in LANES:
        found |= _waits(lane.name, [each["queued_us"] / 1e6 for each in sent if each["lane"] == lane.name])
    found["requests sent"] = sum(each["attempts"] for each in entries)
    answered = [each for each in entries if each["outcome"] == "ok"]
    found["tokens used"] = sum((each.get("input_tokens") or 0) + (each.get("output_tokens") or 0) for each in answered)
    return found


def _waits(name, waits):
    if not waits:
        return {}
    found = {f"{name}, sent": len(waits), f"{name}, mean wait, s": sum(waits) / len(waits)}
    if len(waits) >= FEWEST:
        found |= {f"{name}, wait {word}, s": percentile(waits, share) for word, share in (("p50", 0.5), ("p95", 0.95))}
    return found


def simulated_figures(report):
    """The same figures from the JSON of ``sluice simulate``."""
    found = {}
    for name, part in [("all lanes", report["total"])] + [(each["lane"], each) for each in report["lanes"]]:
        found[f"{name}, sent"] = part["sent"]
        found[f"{name}, mean wait, s"] = part["sent_wait_ms"]["mean"] / 1000
        for word in ("p50", "p95"):
            found[f"{name}, wait {word}, s"] = part["sent_wait_ms"][word] / 1000
    found["requests sent"] = sum(each["requests"] for each in report["pools"])
    found["tokens used"] = sum(each["tokens"] for each in report["pools"])
    return found


def relative(name, real, simulated):
    """The difference, as a share of the real figure; none where waits differ by less than one call's turn."""
    if " wait" in name and abs(simulated - real) <= TURN:
        return 0.0
    return (simulated - real) / max(real, TURN if " wait" in name else 1)


def holds(found):
    """Whether every figure is reproduced."""
    return all(abs(difference) <= MOST for _, _, difference in found.values())


def table(found):
    """Markdown."""
    lines = ["| | real | simulated | difference |", "|---|---|---|---|"]
    for name, (real, simulated, difference) in found.items():
        lines.append(f"| {name} | {real:,.2f} | {simulated:,.2f} | {difference:+.1%} |")
    return "\n".join(lines)
