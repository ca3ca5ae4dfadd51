"""The verdict on a run in one sentence: passed, failed by what, or not to be trusted and why."""

from siotool.errors import ExitCode
from siotool.report.capacity_tables import capacity_sentence
from siotool.report.contents import GateResult, Report, Verdict
from siotool.report.gate_metrics import OF_COMPARISONS
from siotool.report.judging import show
from siotool.searched import LOWEST_FAILED
from siotool.units import format_duration, format_share

#: Why a run ended early, as the reason for an exit code.
ENDED = {
    "interrupted": "interrupted; what was measured is kept",
    "workers_lost": "every worker was lost; what was measured is kept",
    "target_lost": "the target was lost",
}
#: Gates and doubts that the sentence names, before it only counts the others.
_NAMED = 3
#: A doubt is quoted up to so many characters.
_QUOTED = 90


def verdict_of(report: Report) -> Verdict:
    """Untrusted goes before failed: what cannot be believed proves nothing either way."""
    if report.valid != "yes":
        return "untrusted"
    failed = target_lost(report) or no_load_passed(report) or any(gate.failed for gate in report.gates)
    return "failed" if failed else "passed"


def target_lost(report: Report) -> bool:
    """Whether a run ended because its target was gone."""
    return any(run.ended == "target_lost" for run in report.runs)


def no_load_passed(report: Report) -> bool:
    """Whether a search for capacity found that its lowest load failed."""
    found = report.capacity
    return found is not None and found.why == LOWEST_FAILED


def sentence(report: Report) -> str:
    """The verdict, its reason, the capacity, and the shares of failed operations and lost deliveries."""
    shares = _shares(report)
    if report.capacity is not None:
        shares = f"{capacity_sentence(report.capacity)} ({shares} at the load that is judged)"
    failed = [gate for gate in report.gates if gate.failed]
    match report.verdict:
        case "passed":
            nothing = "" if report.gates else " No gate was asked for."
            return f"PASSED: {shares}.{nothing}"
        case "failed":
            return f"FAILED{_by(report, failed)}: {shares}."
        case "untrusted":
            also = f" It also failed {_named([_reason(gate) for gate in failed])}." if failed else ""
            return f"NOT TO BE TRUSTED: {_why(report)}; {shares}.{also}"


def why(report: Report, code: int) -> str:
    """One line with the reason for an exit code that is not 0: a target, a doubt, a gate, a regression."""
    failed = [gate for gate in report.gates if gate.failed]
    match code:
        case ExitCode.INTERRUPTED:
            return ENDED["interrupted"]
        case ExitCode.UNREACHABLE if target_lost(report):
            return f"{ENDED['target_lost']}: {sentence(report)}"
        case ExitCode.UNREACHABLE:
            return ENDED["workers_lost"]
        case ExitCode.SUSPECT:
            return f"not to be trusted: {_why(report)}"
        case _ if failed:
            first, *others = failed
            value = "" if first.value is None else f"{show(first.value, first.unit)}, "
            more = f"; so did {_named([gate.expr for gate in others])}" if others else ""
            return f"the gate {first.expr} failed ({value}{first.reason}){more}"
        case _:
            return sentence(report)


def _by(report: Report, failed: list[GateResult]) -> str:
    reasons = [f" by {_named([_reason(gate) for gate in failed])}"] if failed else []
    if target_lost(report):
        after = max(run.duration_s or 0.0 for run in report.runs if run.ended == "target_lost")
        reasons.insert(0, f", the target was lost and did not come back within {format_duration(after)}")
    return "".join(reasons)


def _why(report: Report) -> str:
    if report.valid == "no":
        return "nothing was measured: no connection was tried"
    first, *others = report.doubts
    if len(first) > _QUOTED:
        first = first[: _QUOTED - 1].rstrip() + "…"
    more = f" (and {len(others)} more {'doubt' if len(others) == 1 else 'doubts'})" if others else ""
    return f"{first}{more}"


def _reason(gate: GateResult) -> str:
    """A gate's expression; of a comparison also what it found, as its limit does not tell."""
    compared = gate.expr.startswith(OF_COMPARISONS) and gate.value is not None
    return f"{gate.expr} ({gate.reason})" if compared else gate.expr


def _named(names: list[str]) -> str:
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more gates"]
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _shares(report: Report) -> str:
    # namespaces and upgrades are steps of a connect; deliveries have a share of their own
    rows = [row for row in report.operations if row.op in ("ack", "custom")]
    tried = report.connections.attempted + sum(row.count + row.failed for row in rows)
    failed = sum(report.connections.failed.values()) + sum(row.failed for row in rows)
    delivery = report.delivery
    parts = [_share(failed, tried, "operation", "failed")] if tried or not delivery.expected else []
    if delivery.expected:
        parts.append(
            _share(delivery.lost, delivery.expected, "expected delivery", "lost", "expected deliveries")
        )
    if unsent := sum(row.failed for row in report.operations if row.op == "deliver"):
        parts.append(f"{unsent:,} {'publish was' if unsent == 1 else 'publishes were'} not sent")
    return ", ".join(parts)


def _share(count: int, whole: int, noun: str, what: str, plural: str = "") -> str:
    nouns = noun if whole == 1 else plural or f"{noun}s"
    if not whole:
        return f"no {noun} was tried"
    were = f" were {what}" if what == "lost" else f" {what}"
    return f"{_percent(count, whole)} of {whole:,} {nouns}{were}"


def _percent(count: int, whole: int) -> str:
    """A share; only 0 is written as 0 %, and only 1 as 100 %."""
    share = count / whole
    if 0 < share < 0.0001:
        return "< 0.01 %"
    if 0.9999 < share < 1:
        return "> 99.99 %"
    return format_share(share)
