"""Pass rules: ``--fail-if EXPRESSION``. A run FAILS when the expression is true.

The grammar, in full::

    gate       = metric comparison limit
    comparison = ">" | ">=" | "<" | "<="
    metric     = percentile ":" op [":" name]     limit: a duration       p99:ack:echo > 200ms
               | percentile ":away"               limit: a duration       p99:away > 10s
               | "back_all"                       limit: a duration       back_all > 10s
               | "errors" ":" op [":" name]       limit: a share or count errors:ack > 1%
               | "rate" ":" op [":" name]         limit: per second       rate:ack:echo < 100/s
               | "lost" | "duplicate" | "reordered"
               | "misdelivered"                   limit: a share or count lost > 0.1%
               | "connect_errors"                 limit: a share or count connect_errors > 1%
               | "exceptions"                     limit: a count          exceptions > 0
               | "never_succeeded"                limit: a count          never_succeeded > 0
               | "connections"                    limit: a count          connections < 1000
               | "server_cpu"                     limit: a share or cores server_cpu > 80%
               | "server_rss"                     limit: a size           server_rss > 2GB
               | "bandwidth_in" | "bandwidth_out" limit: a byte rate      bandwidth_in > 10MB/s
    percentile = "p50" | "p90" | "p95" | "p99" | "p99.9" | "max" | "mean"
    op         = "connect" | "phase" | "upgrade" | "namespace" | "ack" | "deliver" | "reconnect" | "custom"

``away`` is how long users were away that had lost their connection, ``back_all`` how long an outage
lasted until everybody was back, of the longest one; users that were never back fail both, and where
nothing was lost both are 0. Without a name, all names of the operation are taken together. A name may
hold spaces and colons. Percentiles are of response times, from the intended start. A share of ``errors`` is
of the operations tried, of ``connect_errors`` of the connections attempted, of ``lost``,
``duplicate``, ``reordered`` and ``misdelivered`` of the deliveries expected. ``exceptions`` counts
what was raised out of a task, a hook or a handler of the scenario; failed checks are ``errors:custom``.
``never_succeeded`` counts the operations, by name, that were tried and had no success at all.
``server_cpu`` is the mean over
the hold phase: ``80%`` of the cores the server can fill, or ``1.5 cores``; a bare number is
refused, because it could mean either.
``server_rss`` and ``connections`` are maxima; ``rate`` and ``bandwidth_*`` means as the
report shows them. A metric that was not measured fails its gate, with the reason.
"""

import difflib
import operator
import re
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from siotool import units
from siotool.errors import GateError, UnitError
from siotool.report.away_measures import measure_away, measure_back_all
from siotool.report.contents import GateResult, OperationFigures, Report, format_cores
from siotool.runfile import OpKind

Unit = Literal["s", "count", "share", "bytes", "bytes_per_s", "per_s", "cores"]

_PERCENTILES = {
    "p50": "p50_s",
    "p90": "p90_s",
    "p95": "p95_s",
    "p99": "p99_s",
    "p99.9": "p99_9_s",
    "max": "max_s",
    "mean": "mean_s",
}
_OF_OPERATIONS = (*_PERCENTILES, "errors", "rate")
_OF_THE_RUN = (
    "back_all",
    "lost",
    "duplicate",
    "reordered",
    "misdelivered",
    "connect_errors",
    "exceptions",
    "never_succeeded",
    "connections",
    "server_cpu",
    "server_rss",
    "bandwidth_in",
    "bandwidth_out",
)
_OPS = get_args(OpKind)
#: Of what else there are percentiles: how long users were away.
_AWAY = "away"
_EXAMPLES = {
    **dict.fromkeys(_PERCENTILES, "p99:ack:echo > 200ms"),
    "errors": "errors:ack > 1%",
    "rate": "rate:ack:echo < 100/s",
    "back_all": "back_all > 10s",
    "lost": "lost > 0.1%",
    "duplicate": "duplicate > 0",
    "reordered": "reordered > 0",
    "misdelivered": "misdelivered > 0",
    "connect_errors": "connect_errors > 1%",
    "exceptions": "exceptions > 0",
    "never_succeeded": "never_succeeded > 0",
    "connections": "connections < 1000",
    "server_cpu": "server_cpu > 80%",
    "server_rss": "server_rss > 2GB",
    "bandwidth_in": "bandwidth_in > 10MB/s",
    "bandwidth_out": "bandwidth_out > 10MB/s",
}
_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_COMPARISON = re.compile(r"[<>=!]+")


class Gate(msgspec.Struct, frozen=True):
    """One parsed expression; ``limit`` is in SI ``unit``; op and name only where they apply."""

    text: str
    metric: str
    op: str | None
    name: str | None
    comparison: Literal[">", ">=", "<", "<="]
    limit: float
    unit: Unit


def parse(text: str) -> Gate:
    """Read one expression. Raises GateError naming what is wrong, where, and an example."""
    found = list(_COMPARISON.finditer(text))
    if not found:
        raise _error(text, len(text), "no comparison (> >= < <=)", "p99:ack:echo > 200ms")
    # the last one: an event name may hold a ">" of its own, a limit cannot
    sign = found[-1]
    if sign.group() not in _COMPARE:
        raise _error(text, sign.start(), f"unknown comparison {sign.group()!r} (> >= < <=)", "lost > 0")
    metric, op, name = _metric(text, text[: sign.start()])
    limit, unit = _limit(text, sign.end(), metric)
    return Gate(
        text=" ".join(text.split()),
        metric=metric,
        op=op,
        name=name,
        comparison=sign.group(),  # type: ignore[arg-type]  # one of _COMPARE's keys
        limit=limit,
        unit=unit,
    )


def judge(
    gate: Gate, report: Report, *, default: bool = False, without: frozenset[str] = frozenset()
) -> GateResult:
    """Judge a report by a gate. What was not measured fails, with the reason.

    ``without`` are names of operations that a gate on all names leaves out.
    """
    value, reason = _measure(gate, report, without)
    failed = value is None or _COMPARE[gate.comparison](value, gate.limit)
    row = _row(gate, report) if gate.metric in _PERCENTILES else None
    if row is not None and _is_lower_bound(gate.metric, row):
        reason += "; at least, as no answer came"
        failed = failed or gate.comparison in (">", ">=")  # it may be any time from there on
    return GateResult(
        expr=gate.text,
        default=default,
        value=value,
        unit=gate.unit,
        outcome="failed" if failed else "passed",
        reason=f"not measured: {reason}" if value is None else reason,
    )


def show(value: float, unit: str) -> str:
    """Write a measured value in the words of its gate's unit."""
    return _SHOW[unit](value)


_SHOW: dict[str, Callable[[float], str]] = {
    "s": units.format_duration,
    "share": units.format_share,
    "bytes": units.format_size,
    "bytes_per_s": units.format_byte_rate,
    "per_s": lambda value: f"{units.format_count(value)}/s",
    "cores": format_cores,
    "count": units.format_count,
}


def _error(text: str, position: int, problem: str, example: str, suggestion: str = "") -> GateError:
    return GateError(
        f"gate {text!r}, character {position + 1}: {problem}", f"{suggestion}write it like {example!r}"
    )


def _nearest(word: str, known: tuple[str, ...]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]}? " if nearest else f"known: {', '.join(known)}; "


def _metric(text: str, left: str) -> tuple[str, str | None, str | None]:
    parts = left.split(":", 2)
    metric = parts[0].strip()
    start = len(left) - len(left.lstrip())
    known = (*_OF_OPERATIONS, *_OF_THE_RUN)
    if not metric:
        raise _error(text, start, "no metric", "p99:ack:echo > 200ms")
    if metric not in known:
        raise _error(
            text, start, f"unknown metric {metric!r}", "p99:ack:echo > 200ms", _nearest(metric, known)
        )
    example = _EXAMPLES[metric]
    after = len(parts[0]) + 1
    if metric in _OF_THE_RUN:
        if len(parts) > 1:
            raise _error(text, after - 1, f"{metric!r} is of the whole run and takes no ':'", example)
        return metric, None, None
    if len(parts) == 1:
        raise _error(text, len(left.rstrip()), f"{metric!r} needs an operation ({', '.join(_OPS)})", example)
    op = parts[1].strip()
    if op == _AWAY and metric in _PERCENTILES and len(parts) == 2:
        return metric, op, None
    if op not in _OPS:
        problem = f"unknown operation {op!r}" if op else f"no operation ({', '.join(_OPS)})"
        raise _error(text, after, problem, example, _nearest(op, _OPS) if op else "")
    if len(parts) == 2:
        return metric, op, None
    name = parts[2].strip()
    if not name:
        raise _error(text, len(left.rstrip()), "no name after the last ':'", example)
    return metric, op, name


def _limit(text: str, position: int, metric: str) -> tuple[float, Unit]:
    limit = text[position:].strip()
    position += len(text[position:]) - len(text[position:].lstrip())
    example = _EXAMPLES[metric]
    if not limit:
        raise _error(text, len(text), "no limit", example)
    try:
        value, unit = _quantity(metric, limit)
    except UnitError as error:
        what = error.message.removeprefix("limit: ")
        raise _error(text, position, what, example, f"{error.hint}; ") from error
    if value < 0:
        raise _error(text, position, f"the limit {limit!r} is negative", example)
    return value, unit


def _quantity(metric: str, limit: str) -> tuple[float, Unit]:
    if metric in _READ:
        read, unit = _READ[metric]
        return read(limit, "limit"), unit
    if limit.endswith("%"):
        return units.parse_share(limit, "limit"), "share"
    if metric != "server_cpu":
        return units.parse_count(limit, "limit"), "count"
    cores = re.fullmatch(r"(.*\d)\s*cores?", limit)
    if cores is None:
        raise UnitError(
            f"{limit!r} is neither a share nor cores", "80% is of the server's cores, 1.5 cores is absolute"
        )
    return units.parse_count(cores.group(1), "limit"), "cores"


def _parse_per_second(text: str, what: str) -> float:
    return units.parse_count(re.sub(r"\s*/\s*s$", "", text), what)


#: Metrics with one kind of limit; all others take a share or a count (of cores).
_READ: dict[str, tuple[Callable[[str, str], float], Unit]] = {
    **dict.fromkeys(_PERCENTILES, (units.parse_duration, "s")),
    "back_all": (units.parse_duration, "s"),
    "rate": (_parse_per_second, "per_s"),
    "server_rss": (units.parse_size, "bytes"),
    "bandwidth_in": (units.parse_byte_rate, "bytes_per_s"),
    "bandwidth_out": (units.parse_byte_rate, "bytes_per_s"),
    "connections": (units.parse_count, "count"),
    "exceptions": (units.parse_count, "count"),
    "never_succeeded": (units.parse_count, "count"),
}

_Measured = tuple[float | None, str]


def _measure(gate: Gate, report: Report, without: frozenset[str]) -> _Measured:
    if gate.metric == "errors":
        return _measure_errors(gate, report, without)
    if gate.metric in _OF_OPERATIONS:
        return _measure_operation(gate, report)
    return _MEASURE[gate.metric](gate, report)


def _measure_connect_errors(gate: Gate, report: Report) -> _Measured:
    failed = sum(report.connections.failed.values())
    return _count_or_share(gate, failed, report.connections.attempted, "connections attempted")


def _measure_connections(_gate: Gate, report: Report) -> _Measured:
    peak = report.connections.peak
    return peak, "largest number open at once" if peak is not None else "nothing was recorded"


def _measure_bandwidth(gate: Gate, report: Report) -> _Measured:
    bandwidth = report.bandwidth
    rate = bandwidth.wire_in_bytes_per_s if gate.metric == "bandwidth_in" else bandwidth.wire_out_bytes_per_s
    if rate is None:
        return None, "no second with open connections"
    return rate, "mean of the hold phase, on the wire, all connections together"


def _measure_errors(gate: Gate, report: Report, without: frozenset[str]) -> _Measured:
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


def _measure_exceptions(_gate: Gate, report: Report) -> _Measured:
    raised = [found for found in report.exceptions if found.raised]
    if not raised:
        return 0.0, "raised by the scenario's code"
    first = raised[0]
    return float(sum(found.count for found in raised)), f"most often {first.kind} at {first.where}"


def _measure_never_succeeded(_gate: Gate, report: Report) -> _Measured:
    never = [f"{row.op}:{row.name}" for row in report.operations if row.failed and not row.count]
    names = f": {', '.join(never)}" if never else ""
    return float(len(never)), f"of {len(report.operations):,} operations{names}"


def _absent(gate: Gate, report: Report) -> _Measured:
    named = [row for row in report.operations if row.op == gate.op]
    seen = ", ".join(f"{row.op}:{row.name}" for row in (named or report.operations))
    wanted = gate.op if gate.name is None else f"{gate.op}:{gate.name}"
    return None, f"no {wanted} in this run" + (f"; it has {seen}" if seen else "")


def _row(gate: Gate, report: Report) -> OperationFigures | None:
    """The operation that a gate is about; None where the run had none."""
    named = [row for row in report.operations if row.op == gate.op]
    if gate.name is not None:
        rows = [row for row in named if row.name == gate.name]
    elif len(named) > 1:
        rows = [row for row in report.operations_merged if row.op == gate.op]
    else:
        rows = named
    return rows[0] if rows else None


def _measure_operation(gate: Gate, report: Report) -> _Measured:
    if gate.op == _AWAY:
        return measure_away(report, _PERCENTILES[gate.metric])
    row = _row(gate, report)
    if row is None:
        return _absent(gate, report)
    if gate.metric == "rate":
        over = "the hold phase" if row.rate_over == "hold" else "the run"
        return row.rate_per_s, f"mean of {over}" if row.rate_per_s is not None else "no time to count over"
    value: float | None = getattr(row, _PERCENTILES[gate.metric])
    return value, _of_samples(row)


def _is_lower_bound(metric: str, row: OperationFigures) -> bool:
    """Whether a percentile lies among operations without an answer: the figure is a lower bound."""
    share = float(metric[1:]) / 100 if metric[0] == "p" else 1.0  # max and mean hang on every one
    return row.given_up > 0 and share * (row.count + row.given_up) > row.count


def _of_samples(row: OperationFigures) -> str:
    return f"of {row.count:,} successes" if row.count else f"none of {row.failed:,} succeeded"


def _measure_delivery(gate: Gate, report: Report) -> _Measured:
    delivery = report.delivery
    if not delivery.expected and not delivery.received:
        return None, "no stamped broadcast was accounted for"
    count: int = getattr(delivery, gate.metric)
    return _count_or_share(gate, count, delivery.expected, "deliveries expected")


def _measure_server(gate: Gate, report: Report) -> _Measured:
    server = report.server
    if server is None:
        return None, "the server was not sampled (--server-pid)"
    if gate.metric == "server_rss":
        return server.rss_bytes_max, "largest sample"
    value = server.cpu_share_mean if gate.unit == "share" else server.cpu_cores_mean
    if value is None:
        return None, "no sample of the server in the hold phase"
    return value, f"mean of the hold phase; the server can fill {format_cores(server.cores)}"


def _count_or_share(gate: Gate, count: int, whole: int, of: str) -> _Measured:
    if not whole:
        return None, f"no {of}"
    return (count / whole if gate.unit == "share" else count), f"{count:,} of {whole:,} {of}"


_MEASURE: dict[str, Callable[[Gate, Report], _Measured]] = {
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
}
