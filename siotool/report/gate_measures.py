"""What gates measure of a run, or of a part of it: a value in the gate's unit, and how it was obtained."""

from collections.abc import Callable

from siotool.report.away_measures import measure_away, measure_back_all
from siotool.report.comparison_measures import measure_more_servers, measure_worse
from siotool.report.contents import OperationFigures, format_cores
from siotool.report.gate_metrics import AWAY, OF_OPERATIONS, PERCENTILES
from siotool.report.gates import Gate, Scope
from siotool.report.parts import Measurable, PartFigures

Measured = tuple[float | None, str]


def measure(gate: Gate, report: Measurable, without: frozenset[str] = frozenset()) -> Measured:
    """Return the value, None where it was not measured, and how it was obtained or why not."""
    if gate.scope is not None and isinstance(report, PartFigures) and report.empty:
        return None, f"no second of {_words(gate.scope)}"
    if gate.metric == "errors":
        return _measure_errors(gate, report, without)
    if gate.metric in OF_OPERATIONS:
        return _measure_operation(gate, report)
    return _MEASURE[gate.metric](gate, report)


def _measure_connect_errors(gate: Gate, report: Measurable) -> Measured:
    failed = sum(report.connections.failed.values())
    return _count_or_share(gate, failed, report.connections.attempted, "connections attempted")


def _measure_connections(_gate: Gate, report: Measurable) -> Measured:
    peak = report.connections.peak
    return peak, "largest number open at once" if peak is not None else "nothing was recorded"


def _measure_bandwidth(gate: Gate, report: Measurable) -> Measured:
    bandwidth = report.bandwidth
    rate = bandwidth.wire_in_bytes_per_s if gate.metric == "bandwidth_in" else bandwidth.wire_out_bytes_per_s
    if rate is None:
        return None, "no second with open connections"
    return rate, "mean of the hold phase, on the wire, all connections together"


def _measure_errors(gate: Gate, report: Measurable, without: frozenset[str]) -> Measured:
    rows = [row for row in report.operations if row.op == gate.op and row.name not in without]
    if gate.name is not None:
        rows = [row for row in rows if row.name == gate.name]
    if not rows:
        return _absent(gate, report)
    failed = sum(row.failed for row in rows)
    value, reason = _count_or_share(gate, failed, failed + sum(row.count for row in rows), "operations tried")
    if without:
        reason += f", without {', '.join(sorted(without))} (own gate)"
    return value, reason


def _measure_exceptions(_gate: Gate, report: Measurable) -> Measured:
    raised = [found for found in report.exceptions if found.raised]
    if not raised:
        return 0.0, "raised by the scenario's code"
    first = raised[0]
    return float(sum(found.count for found in raised)), f"most often {first.kind} at {first.where}"


def _measure_never_succeeded(_gate: Gate, report: Measurable) -> Measured:
    never = [f"{row.op}:{row.name}" for row in report.operations if row.failed and not row.count]
    names = f": {', '.join(never)}" if never else ""
    return float(len(never)), f"of {len(report.operations):,} operations{names}"


def _absent(gate: Gate, report: Measurable) -> Measured:
    named = [row for row in report.operations if row.op == gate.op]
    seen = ", ".join(f"{row.op}:{row.name}" for row in (named or report.operations))
    wanted = gate.op if gate.name is None else f"{gate.op}:{gate.name}"
    where = "this run" if gate.scope is None else _words(gate.scope)
    return None, f"no {wanted} in {where}" + (f"; it has {seen}" if seen else "")


def _words(scope: Scope) -> str:
    stage = "" if scope.stage is None else f"stage {scope.stage}"
    if scope.fault is not None:
        stage = f"fault {scope.fault}" if scope.fault.isdecimal() else f"what was {scope.fault} the faults"
    if scope.user_class is None:
        return stage
    return f"what users of class {scope.user_class} did" + (f" in {stage}" if stage else "")


def row_of(gate: Gate, report: Measurable) -> OperationFigures | None:
    """Return the operation that a gate is about; None where the run had none."""
    named = [row for row in report.operations if row.op == gate.op]
    if gate.name is not None:
        rows = [row for row in named if row.name == gate.name]
    elif len(named) > 1:
        rows = [row for row in report.operations_merged if row.op == gate.op]
    else:
        rows = named
    return rows[0] if rows else None


def _measure_operation(gate: Gate, report: Measurable) -> Measured:
    if gate.op == AWAY:
        return measure_away(report, PERCENTILES[gate.metric])
    row = row_of(gate, report)
    if row is None:
        return _absent(gate, report)
    if gate.metric == "rate":
        over = "the hold phase" if row.rate_over == "hold" else "the run"
        return row.rate_per_s, f"mean of {over}" if row.rate_per_s is not None else "no time to count over"
    value: float | None = getattr(row, PERCENTILES[gate.metric])
    return value, _of_samples(row)


def is_lower_bound(metric: str, row: OperationFigures) -> bool:
    """Return whether a percentile lies among operations without an answer: the figure is a lower bound."""
    share = float(metric[1:]) / 100 if metric[0] == "p" else 1.0  # max and mean hang on every one
    return row.given_up > 0 and share * (row.count + row.given_up) > row.count


def _of_samples(row: OperationFigures) -> str:
    return f"of {row.count:,} successes" if row.count else f"none of {row.failed:,} succeeded"


def _measure_delivery(gate: Gate, report: Measurable) -> Measured:
    delivery = report.delivery
    if not delivery.expected and not delivery.received:
        return None, "no stamped broadcast was accounted for"
    count: int = getattr(delivery, gate.metric)
    return _count_or_share(gate, count, delivery.expected, "deliveries expected")


def _measure_server(gate: Gate, report: Measurable) -> Measured:
    server = report.server
    if server is None:
        return None, "the server was not sampled (--server-pid)"
    if gate.metric == "server_rss":
        return server.rss_bytes_max, "largest sample"
    value = server.cpu_share_mean if gate.unit == "share" else server.cpu_cores_mean
    if value is None:
        return None, "no sample of the server in the hold phase"
    return value, f"mean of the hold phase; the server can fill {format_cores(server.cores)}"


def _count_or_share(gate: Gate, count: int, whole: int, of: str) -> Measured:
    if not whole:
        return None, f"no {of}"
    return (count / whole if gate.unit == "share" else count), f"{count:,} of {whole:,} {of}"


_MEASURE: dict[str, Callable[[Gate, Measurable], Measured]] = {
    "back_all": lambda _, report: measure_back_all(report),
    "lost": _measure_delivery,
    "duplicate": _measure_delivery,
    "reordered": _measure_delivery,
    "misdelivered": _measure_delivery,
    "connect_errors": _measure_connect_errors,
    "exceptions": _measure_exceptions,
    "never_succeeded": _measure_never_succeeded,
    "connections": _measure_connections,
    "server_cpu": _measure_server,
    "server_rss": _measure_server,
    "bandwidth_in": _measure_bandwidth,
    "bandwidth_out": _measure_bandwidth,
    "worse": measure_worse,
    "more_servers": lambda _, report: measure_more_servers(report),
}
