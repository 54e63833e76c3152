"""What a run came to, and the table that says so."""

import collections
import math

from schedule import LANES, RPM, RUNAWAY, TPM


def percentile(values, share):
    """The smallest value that at least ``share`` of all do not exceed (nearest rank); ``None`` of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def jain(values):
    """Jain's index (Jain, Chiu, Hawe, 1984): (Σx)² / (n·Σx²); 1 when all are equal, 1/n when one has everything."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def fair_shares(demands, capacity):
    """Max-min fair allocation (Bertsekas, Gallager, Data Networks, 6.5.2): whoever wants less than an equal share of
    what is left gets what it wants; the others share the rest equally."""
    shares, left = {}, capacity
    waiting = sorted(demands, key=demands.get)
    for position, name in enumerate(waiting):
        shares[name] = min(demands[name], left / (len(waiting) - position))
        left -= shares[name]
    return shares


def figures(records, counts, whole, processes, warm_up, seconds, scale):
    """All figures of one run. ``counts`` are the provider's over the window from ``warm_up`` to ``seconds``, ``whole``
    those over all of the run; goodput is counted in the window too."""
    minutes = (seconds - warm_up) / 60
    good = [each for each in records if each.outcome == "ok" and warm_up <= each.ended <= seconds]
    all_good = sum(each.outcome == "ok" for each in records)
    return {
        "calls_offered": len(records),
        "successes_per_minute": len(good) / minutes,
        "tokens_per_minute": sum(each.tokens for each in good) / minutes,
        "requests_quota_used": (counts.received - counts.refused) / minutes / (RPM * scale),
        "tokens_quota_used": counts.tokens / minutes / (TPM * scale),
        "received_by_provider": whole.received,
        "rate_limited": whole.refused,
        # Answers that were under way at the end will be successes that have not been counted yet.
        "attempts_per_success": (whole.received - whole.in_flight) / all_good if all_good else None,
        "attempts_that_callers_counted": sum(each.attempts for each in records),
        "refusals_that_callers_saw": sum(each.refusals for each in records),
        "lanes": {lane.name: _lane(records, lane, warm_up, seconds) for lane in LANES},
        "failures": dict(collections.Counter(
            each.outcome for each in records if each.outcome not in ("ok", "unfinished")).most_common()),
        "unfinished": sum(each.outcome == "unfinished" for each in records),
        "jain_index": _fairness(good, processes, minutes, seconds),
    }  # fmt: skip


def _lane(records, lane, warm_up, seconds):
    """Calls of a lane, the quiet tenants' apart from the runaway's: those that began after the warm-up and, where the
    run is long enough, so early that their deadline came before its end."""
    latest = seconds - lane.deadline if seconds - lane.deadline > warm_up else seconds
    chosen = [each for each in records if each.lane == lane.name and warm_up <= each.began <= latest]
    quiet = [each for each in chosen if each.tenant != RUNAWAY]
    return {
        "all": _waits(chosen),
        "quiet": _waits(quiet),
        "runaway": _waits([each for each in chosen if each.tenant == RUNAWAY]),
    }


def _waits(records):
    ended = [each for each in records if each.outcome != "unfinished"]
    good = [each for each in ended if each.outcome == "ok"]
    return {
        "calls": len(records),
        "unfinished": len(records) - len(ended),
        "answered": len(good) / len(ended) if ended else None,
        "answer_s": _quantiles([each.ended - each.began for each in good]),
        "first_byte_s": _quantiles([each.first for each in good]),
        "wait_s": _quantiles([max(0.0, each.ended - each.began - each.service) for each in good]),
    }


def _quantiles(values):
    return {name: percentile(values, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


def _fairness(good, processes, minutes, seconds):
    """Jain's index of what each tenant got over what max-min fairness would have given it of what all together got, in
    charge units a minute: how the quota was divided, not how much of it was used."""
    demands = collections.Counter()
    for process in processes:
        demands[process.tenant] += process.demand(seconds)
    got = collections.Counter()
    for each in good:
        got[each.tenant] += each.charge / minutes
    if not got:
        return {"all": None, "quiet": None, "got_over_fair": {}}
    fair = fair_shares(demands, sum(got.values()))
    satisfied = {name: got[name] / fair[name] for name in fair}
    return {
        "all": jain(list(satisfied.values())),
        "quiet": jain([value for name, value in satisfied.items() if name != RUNAWAY]),
        "got_over_fair": {name: round(satisfied[name], 3) for name in sorted(satisfied)},
    }


ROWS = [
    ("calls offered", lambda f: f"{f['calls_offered']:,}"),
    ("goodput, answers per minute", lambda f: f"{f['successes_per_minute']:,.0f}"),
    ("goodput, tokens per minute", lambda f: f"{f['tokens_per_minute']:,.0f}"),
    ("request quota used", lambda f: _percent(f["requests_quota_used"])),
    ("token quota used", lambda f: _percent(f["tokens_quota_used"])),
    ("429s from the provider", lambda f: f"{f['rate_limited']:,}"),
    ("attempts per answer", lambda f: _number(f["attempts_per_success"])),
    ("quiet interactive: answered in time", lambda f: _answered(_quiet(f))),
    ("quiet interactive: p50 / p95 to the answer", lambda f: _pair(_quiet(f)["answer_s"])),
    ("quiet interactive: p50 / p95 of waiting in it", lambda f: _pair(_quiet(f)["wait_s"])),
    ("runaway interactive: answered in time", lambda f: _answered(f["lanes"]["interactive"]["runaway"])),
    ("runaway interactive: p50 / p95 to the answer", lambda f: _pair(f["lanes"]["interactive"]["runaway"]["answer_s"])),
    ("quiet normal: answered in time", lambda f: _answered(f["lanes"]["normal"]["quiet"])),
    ("Jain index, 19 quiet and the runaway", lambda f: _number(f["jain_index"]["all"])),
    ("Jain index, 19 quiet", lambda f: _number(f["jain_index"]["quiet"])),
    ("failures", lambda f: _failures(f["failures"])),
]


def table(runs):
    """Markdown: a row for each figure, a column for each run."""
    lines = ["| | " + " | ".join(runs) + " |", "|---" * (len(runs) + 1) + "|"]
    for title, show in ROWS:
        lines.append(f"| {title} | " + " | ".join(show(each) for each in runs.values()) + " |")
    return "\n".join(lines)


def _quiet(run):
    return run["lanes"]["interactive"]["quiet"]


def _answered(waits):
    ended = waits["calls"] - waits["unfinished"]
    return f"{_percent(waits['answered'])} of {ended:,}" if ended else "–"


def _percent(value):
    return "–" if value is None else f"{value:.1%}"


def _number(value):
    return "–" if value is None else f"{value:.2f}"


def _pair(quantiles):
    return "–" if quantiles["p50"] is None else f"{quantiles['p50']:.1f} / {quantiles['p95']:.1f} s"


def _failures(kinds):
    return "<br>".join(f"{count:,} {kind}" for kind, count in kinds.items()) or "none"
