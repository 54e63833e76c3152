"""64 processes, 20 tenants, one quota: without Sluice and with it. Start it by ``run`` beside it."""

import argparse
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import compare
import report
import servers
from callers import Crowd
from direct import Direct
from schedule import RPM, TPM, processes
from through import Through

LEAD = 0.5  # seconds from everybody's being ready to the first call
MODES = {
    "direct": "every process calls the provider",
    "lenient": "the same, and refused calls do not count as requests",
    "sluice": "every process calls the agent",
    "calm": "the same, and the runaway stays away",
}
DEFAULT_MODES = ["direct", "lenient", "sluice"]


def main():
    """Runs the modes, prints the table."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    runs = {}
    with tempfile.TemporaryDirectory(prefix="storm-") as directory:
        scratch = pathlib.Path(directory)
        try:
            for mode in options.modes:
                _say(f"{mode}: {options.seconds:g} s")
                runs[mode] = _run(mode, options, scratch)
            differences = _compare(options, scratch, runs)
        except KeyboardInterrupt:
            sys.exit("interrupted")
        except RuntimeError as trouble:
            sys.exit(str(trouble))
    if options.json:
        print(json.dumps({"settings": _settings(options), "runs": runs, "simulated": differences}, indent=2))
    else:
        print(report.table(runs))
        if differences:
            print("\n" + compare.table(differences))
    if differences and not compare.holds(differences):
        sys.exit(1)


def _options():
    parser = argparse.ArgumentParser(prog="Tests/Storm/run", description=__doc__)
    modes = "; ".join(f"{name}: {what}" for name, what in MODES.items())
    parser.add_argument("--modes", type=lambda text: text.split(","), default=DEFAULT_MODES,
                        help=f"with commas between ({','.join(DEFAULT_MODES)}); {modes}")
    parser.add_argument("--seconds", type=float, default=54, help="length of each run (54)")
    parser.add_argument("--warm-up", type=float, default=10, help="seconds at its start that do not count (10)")
    parser.add_argument("--seed", type=int, default=1, help="of calls, texts and latencies (1)")
    parser.add_argument("--scale", type=float, default=1, help="multiplies the quota and the offered load (1)")
    parser.add_argument("--simulate", action="store_true", help="compare with a simulation of the agent's trace")
    parser.add_argument("--json", action="store_true", help="everything, for programs")
    parser.add_argument("--keep", type=pathlib.Path, help="directory that keeps configuration, trace and logs")
    options = parser.parse_args()
    if not set(options.modes) <= set(MODES):
        parser.error(f"--modes takes {', '.join(MODES)}")
    if options.seconds <= options.warm_up:
        parser.error("--seconds must be more than --warm-up")
    if options.simulate and "sluice" not in options.modes:
        parser.error("--simulate needs the mode sluice")
    return options


def _settings(options):
    return {
        "processes": len(processes(options.seed, options.scale)), "seconds": options.seconds,
        "warm_up": options.warm_up, "seed": options.seed, "scale": options.scale,
        "requests_per_minute": round(RPM * options.scale), "tokens_per_minute": round(TPM * options.scale),
    }  # fmt: skip


def _run(mode, options, scratch):
    program, place = os.environ["SLUICE"], options.keep or scratch
    place = (place / mode).absolute()
    place.mkdir(parents=True, exist_ok=True)
    with servers.provider(program, place, options.seed, options.scale, mode == "lenient") as port:
        everyone = processes(options.seed, options.scale)
        if mode in ("direct", "lenient"):
            draw = random.Random(f"direct {options.seed}")
            return _load(options, port, everyone, lambda _: Direct(port, servers.KEY, servers.MODEL, draw))
        if mode == "calm":
            everyone = [each for each in everyone if not each.is_runaway]
        more = compare.TRACE.format(file=place / "trace.jsonl") if options.simulate else ""
        with servers.agent(program, place, port, options.scale, more) as (path, _):
            return _load(options, port, everyone, lambda _: Through(str(path), servers.MODEL))


def _load(options, port, everyone, make_transport):
    """Lets the crowd loose and reads the provider's counts at the window's two ends."""
    with Crowd(everyone, make_transport) as crowd:
        servers.spend_savings(port, options.scale)
        start = time.monotonic() + LEAD
        crowd.start(start, options.seconds)
        _sleep_until(start + options.warm_up)
        before = servers.counts(port)
        _sleep_until(start + options.seconds)
        after = servers.counts(port)
        records = crowd.records()
    return report.figures(
        records, after - before, after, everyone, options.warm_up, options.seconds, options.scale)


def _compare(options, scratch, runs):
    if not options.simulate:
        return None
    place = (options.keep or scratch) / "sluice"
    return compare.differences(os.environ["SLUICE"], place / "trace.jsonl", place / "agent.yaml")


def _sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def _say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
