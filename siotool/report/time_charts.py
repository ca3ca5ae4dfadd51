"""A report's charts over time, by the section they belong to; all have the same time axis."""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from siotool.document.document import Axis, Chart, Curve, Rule, Unit
from siotool.report import ways
from siotool.report.contents import OperationSeries, Report, Series, format_cores
from siotool.report.run_tables import label

#: Operations that get charts of their own: the most frequent ones.
MOST_OPERATIONS = 8
#: Response times that span more than this get a log scale.
_WIDE = 50

Values = Sequence[float | None]


def over_time(report: Report) -> dict[str, list[Chart]]:
    """Return the charts by the key of the section they belong to; none when nothing was recorded."""
    series = report.series
    if not series.t_s:
        return {}
    shown = _most_frequent(report)
    wire = {"in": series.wire_in_bytes_per_s, "out": series.wire_out_bytes_per_s}
    users = {"users": series.users, "connected": series.connections}
    rates = {label(row.op, row.name): row.rate_per_s for row in shown}
    many = _left_out(report)
    charts = {
        "connections": [
            _chart(series, "connections", "Users and connections", users, "count", how=ways.COUNTS)
        ],
        "errors": _failures(series, shown),
        "operations": [
            _chart(series, "rates", "Operations per second", rates, "per_s", note=many, how=ways.COUNTS),
            *(_percentiles(series, key, row) for key, row in zip(_keys(shown), shown, strict=True)),
        ],
        "delivery": _delivery(series) if report.delivery.expected else [],
        "bandwidth": [
            _chart(series, "bandwidth", "Bandwidth on the wire", wire, "bytes_per_s", how=ways.WIRE)
        ],
        "server": _server(series, report.server.cores) if report.server is not None else [],
        "generator": _generator(series),
    }
    end_s = series.t_s[-1]
    troubles = [(one.t_s, end_s if one.well_s is None else one.well_s) for one in report.faults]
    return {
        key: [structs.replace(chart, troubles=troubles) for chart in found] for key, found in charts.items()
    }


def _failures(series: Series, shown: Sequence[OperationSeries]) -> list[Chart]:
    failures: dict[str, Values] = {
        "connect errors": series.connect_errors_per_s,
        "closed": series.closed_per_s,
        **{f"{label(row.op, row.name)} errors": row.errors_per_s for row in shown},
    }
    failures = {name: values for name, values in failures.items() if any(values)}
    if not failures:
        return []
    return [_chart(series, "failures", "Failures per second", failures, "per_s", how=ways.COUNTS)]


def _server(series: Series, cores: float) -> list[Chart]:
    memory = {"RSS": series.server_rss_bytes}
    return [
        _cores(series, "server-cpu", "Server CPU, cores", series.server_cpu_cores, cores, ways.SAMPLES),
        _chart(series, "server-memory", "Server memory (RSS)", memory, "bytes", how=ways.SAMPLES),
    ]


def _generator(series: Series) -> list[Chart]:
    title, values = "Busiest generator process, cores", series.generator_cpu_cores
    lag = {"lag": series.generator_loop_lag_s}
    return [
        _cores(series, "generator-cpu", title, values, 1.0, ways.GENERATOR),
        _chart(series, "generator-lag", "Generator loop lag", lag, "seconds", how=ways.GENERATOR),
    ]


def _delivery(series: Series) -> list[Chart]:
    trouble = {"lost": series.lost_per_s, "duplicate": series.duplicate_per_s}
    note = "" if any(map(any, trouble.values())) else "none in this run"
    received = {"received": series.received_per_s}
    return [
        _chart(series, "received", "Deliveries received", received, "per_s", how=ways.ACCOUNT),
        _chart(
            series, "lost", "Deliveries lost and duplicate", trouble, "per_s", note=note, how=ways.ACCOUNT
        ),
    ]


def _cores(series: Series, key: str, title: str, values: Values, most: float, how: str) -> Chart:
    note = f"dashed: the {format_cores(most)} it can fill"
    return _chart(series, key, title, {"cores": values}, "cores", limit=most, note=note, how=how)


def _keys(shown: Sequence[OperationSeries]) -> list[str]:
    """A key for each operation, made of its name: the same in every run, and fit for a file's name."""
    found: list[str] = []
    for row in shown:
        words = re.sub("[^a-z0-9]+", "-", label(row.op, row.name).lower()).strip("-")
        key, number = f"times-{words[:60]}", 1
        while key in found:
            number += 1
            key = f"times-{words[:60]}-{number}"
        found.append(key)
    return found


def _percentiles(series: Series, key: str, row: OperationSeries) -> Chart:
    named = {"p50": row.p50_s, "p95": row.p95_s, "p99": row.p99_s}
    known = [value for values in named.values() for value in values if value]
    log = bool(known) and max(known) > _WIDE * min(known)
    title = f"Response time of {label(row.op, row.name)}"
    note = "log scale" if log else ""
    return _chart(series, key, title, named, "seconds", log=log, note=note, how=ways.RESPONSE)


def _chart(
    series: Series,
    key: str,
    title: str,
    named: Mapping[str, Values],
    unit: Unit,
    *,
    how: str,
    limit: float | None = None,
    log: bool = False,
    note: str = "",
) -> Chart:
    """A curve per name; a dashed line at ``limit``, and where one run ends and the next begins."""
    sparse = _sparse(named.values())
    curves = [
        Curve(name, list(zip(series.t_s, values, strict=True)), "dots" if sparse else "linear")
        for name, values in named.items()
    ]
    rules = [Rule(x=begin) for begin in series.begins_s[1:]]
    return Chart(
        key,
        title,
        Axis("clock", "time", low=0.0, high=max(series.t_s)),
        Axis(unit, log=log),
        curves,
        note,
        rules if limit is None else [*rules, Rule(y=limit)],
        series.hold_s,
        how=(how,),
    )


def _sparse(columns: Iterable[Values]) -> bool:
    """Whether most of the time nothing was measured."""
    values = [value for column in columns for value in column]
    return sum(value is None for value in values) > len(values) / 2


def _most_frequent(report: Report) -> list[OperationSeries]:
    by_count = sorted(report.operations, key=lambda row: row.count, reverse=True)[:MOST_OPERATIONS]
    kept = {(row.op, row.name) for row in by_count}
    return [row for row in report.series.operations if (row.op, row.name) in kept]


def _left_out(report: Report) -> str:
    more = len(report.operations) - MOST_OPERATIONS
    return f"the {MOST_OPERATIONS} most frequent; {more} more are in the table" if more > 0 else ""
