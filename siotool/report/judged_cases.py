"""A report as the test cases that continuous integration shows: its run, gates, doubts, exceptions."""

from collections.abc import Iterator

from siotool.document.junit import JudgedCase
from siotool.report.comparison_measures import metrics_beyond
from siotool.report.contents import GateResult, Report
from siotool.report.gate_metrics import OF_COMPARISONS
from siotool.report.gates import parse
from siotool.report.judging import show
from siotool.report.verdict import no_load_passed, sentence, target_lost
from siotool.searched import LOWEST_FAILED


def judged_cases(report: Report) -> Iterator[JudgedCase]:
    """Yield a case for the run, each gate, each doubt, each exception, and each metric of a comparison."""
    seconds = sum(run.duration_s or 0.0 for run in report.runs)
    failure = "the target was lost" if target_lost(report) else ""
    failure = failure or (LOWEST_FAILED if no_load_passed(report) else "")
    yield JudgedCase(report.scenario, sentence(report), failure, "run", seconds=seconds)
    for gate in report.gates:
        yield JudgedCase(gate.expr, gate_in_words(gate), gate_in_words(gate) if gate.failed else "", "gates")
    yield from _trust(report)
    by_gate = any(gate.failed and gate.expr.startswith("exceptions") for gate in report.gates)
    for found in report.exceptions:
        told = f"{found.count:,} times: {found.kind}: {found.message}"
        failed = by_gate and found.raised
        yield JudgedCase(f"{found.kind} at {found.where}", told, told if failed else "", "exceptions")
    yield from _comparison(report)


def gate_in_words(gate: GateResult) -> str:
    """``p99:ack > 1us: 4 ms, of 15 successes``: what was measured beside what was asked for."""
    value = "" if gate.value is None else f"{show(gate.value, gate.unit)}, "
    return f"{gate.expr}: {value}{gate.reason}"


def _trust(report: Report) -> Iterator[JudgedCase]:
    nothing = "nothing was measured: no connection was tried"
    doubts = [*([nothing] if report.valid == "no" else []), *report.doubts]
    for doubt in doubts:
        yield JudgedCase(doubt, doubt, doubt, "trust", kind="error")
    if not doubts:
        yield JudgedCase("the run can be trusted", "no doubt", group="trust")


def _comparison(report: Report) -> Iterator[JudgedCase]:
    """A metric that is worse is no failure of its own: a gate may allow it, or none may be there."""
    if report.comparison is None:
        return
    failed = [
        parse(gate.expr) for gate in report.gates if gate.failed and gate.expr.startswith(OF_COMPARISONS)
    ]
    beyond = {change.name for gate in failed for change in metrics_beyond(gate, report.comparison)}
    for change in report.comparison.metrics:
        told = (
            f"{change.name}: {change.verdict}, effect {change.effect:.6g} {change.unit} "
            f"({change.low:.6g} to {change.high:.6g} with 95 % confidence)"
        )
        yield JudgedCase(change.name, told, told if change.name in beyond else "", "comparison")


def key_figures(report: Report) -> dict[str, str]:
    """Return the figures that a reader of test results may look for, with units in their names."""
    found = {
        "runs": ", ".join(run.run for run in report.runs),
        "target": report.target.url,
        "scenario": report.scenario,
        "verdict": report.verdict,
        "connections.peak": report.connections.peak,
        "bandwidth.wire_in_bytes_per_s": report.bandwidth.wire_in_bytes_per_s,
        "bandwidth.wire_out_bytes_per_s": report.bandwidth.wire_out_bytes_per_s,
        "delivery.lost": report.delivery.lost if report.delivery.expected else None,
        "server.cpu_cores_mean": report.server.cpu_cores_mean if report.server else None,
        "server.rss_bytes_max": report.server.rss_bytes_max if report.server else None,
        "sizing.servers_measured": report.sizing.servers_measured,
    }
    for row in report.operations:
        found[f"{row.op}.{row.name}.p99_s"] = row.p99_s
        found[f"{row.op}.{row.name}.rate_per_s"] = row.rate_per_s
    return {
        name: f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in found.items()
        if value is not None
    }
