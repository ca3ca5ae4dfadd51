"""The report's charts: everything over one and the same time axis."""

from collections.abc import Iterable, Sequence

import altair as alt

from siotool.page.chart import (
    BYTE_RATE,
    BYTES,
    CORES,
    COUNT,
    PER_SECOND,
    SECONDS,
    Chart,
    axis,
    clock,
    hover,
    legend,
    log_y,
    spec,
    time_axis,
)
from siotool.printable import printable
from siotool.report.contents import OperationSeries, Report, Series, format_cores
from siotool.report.words import label

#: Operations that get charts of their own: the most frequent ones.
MOST_OPERATIONS = 8

Values = Sequence[float | None]


def charts(report: Report) -> list[Chart]:
    """Return the charts of a report in reading order; none when nothing was recorded."""
    series = report.series
    if not series.t_s:
        return []
    make = _Maker(series)
    shown = _most_frequent(report)
    rates = {printable(label(row.op, row.name)): row.rate_per_s for row in shown}
    found = [
        make.lines(
            "connections", "Connections", {"users": series.users, "connected": series.connections}, COUNT
        ),
        make.lines("rates", "Operations per second", rates, PER_SECOND, note=_left_out(report)),
        *(make.percentiles(number, row) for number, row in enumerate(shown)),
        make.lines(
            "bandwidth",
            "Bandwidth on the wire",
            {"in": series.wire_in_bytes_per_s, "out": series.wire_out_bytes_per_s},
            BYTE_RATE,
            note="as the clients see it",
        ),
    ]
    failures = {
        "connect errors": series.connect_errors_per_s,
        "closed": series.closed_per_s,
        **{f"{printable(label(row.op, row.name))} errors": row.errors_per_s for row in shown},
    }
    if failures := {name: values for name, values in failures.items() if any(values)}:
        found.append(make.lines("failures", "Failures per second", failures, PER_SECOND))
    found += _delivery(report, make) + _server(report, make) + _generator(series, make)
    return found


def _delivery(report: Report, make: "_Maker") -> list[Chart]:
    series = report.series
    if not report.delivery.expected:
        return []
    found = [make.lines("received", "Deliveries received", {"received": series.received_per_s}, PER_SECOND)]
    trouble = {"lost": series.lost_per_s, "duplicate": series.duplicate_per_s}
    title = "Deliveries lost and duplicate"
    note = "" if any(map(any, trouble.values())) else "none in this run"
    return [*found, make.lines("lost", title, trouble, PER_SECOND, note=note)]


def _server(report: Report, make: "_Maker") -> list[Chart]:
    series, server = report.series, report.server
    if server is None:
        return []
    return [
        make.lines(
            "server-cpu",
            "Server CPU, cores",
            {"cores": series.server_cpu_cores},
            CORES,
            limit=server.cores,
            note=f"dashed: the {format_cores(server.cores)} it can fill",
        ),
        make.lines("server-memory", "Server memory (RSS)", {"RSS": series.server_rss_bytes}, BYTES),
    ]


def _generator(series: Series, make: "_Maker") -> list[Chart]:
    return [
        make.lines(
            "generator-cpu",
            "Busiest generator process, cores",
            {"cores": series.generator_cpu_cores},
            CORES,
            limit=1.0,
            note="dashed: all it can use",
        ),
        make.lines("generator-lag", "Generator loop lag", {"lag": series.generator_loop_lag_s}, SECONDS),
    ]


def _most_frequent(report: Report) -> list[OperationSeries]:
    by_count = sorted(report.operations, key=lambda row: row.count, reverse=True)[:MOST_OPERATIONS]
    kept = {(row.op, row.name) for row in by_count}
    return [row for row in report.series.operations if (row.op, row.name) in kept]


def _left_out(report: Report) -> str:
    more = len(report.operations) - MOST_OPERATIONS
    return f"the {MOST_OPERATIONS} most frequent; {more} more are in the table" if more > 0 else ""


class _Maker:
    """Draws series over one and the same time axis."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._end_s = max(series.t_s)

    def lines(
        self,
        key: str,
        title: str,
        named: dict[str, list[float]] | dict[str, list[float | None]],
        unit: str,
        *,
        limit: float | None = None,
        note: str = "",
        log: bool = False,
    ) -> Chart:
        """One line per name; a dashed line at ``limit``."""
        rows = [
            {"t": t, "s": name, "v": value}
            for name, values in named.items()
            for t, value in zip(self._series.t_s, values, strict=True)
            if not (log and value == 0)
        ]
        known = [value for values in named.values() for value in values if value]
        sparse = _sparse(named.values())
        base = (
            alt.Chart(alt.InlineData(values=rows))
            .transform_calculate(at=clock(self._end_s, "datum.t"))
            .encode(
                x=alt.X(
                    "t:Q", axis=time_axis(self._end_s), scale=alt.Scale(domain=[0, self._end_s], nice=False)
                ),
                y=log_y(unit, known) if log else alt.Y("v:Q", axis=axis(unit), scale=alt.Scale(zero=True)),
                color=alt.Color("s:N", sort=list(named), legend=legend(named, points=sparse)),
            )
        )
        layers = [*self._marks(), _points(base) if sparse else _lines(base)]
        if limit is not None:
            rule = alt.Chart(alt.InlineData(values=[{"v": limit}])).mark_rule()
            layers.append(rule.encode(y="v:Q"))
        layers.append(hover(base, unit))
        return Chart(key=key, title=title, note=note, spec=spec(layers))

    def percentiles(self, number: int, row: OperationSeries) -> Chart:
        """Response times of one operation; on a log scale when they span more than 1 : 50."""
        named = {"p50": row.p50_s, "p95": row.p95_s, "p99": row.p99_s}
        known = [value for values in named.values() for value in values if value]
        log = bool(known) and max(known) > 50 * min(known)
        return self.lines(
            f"percentiles-{number}",
            f"Response time of {printable(label(row.op, row.name))}",
            named,
            SECONDS,
            note="log scale" if log else "",
            log=log,
        )

    def _marks(self) -> list[alt.Chart]:
        """The hold phase as a shade; where one run ends and the next begins as a rule."""
        spans = [{"a": begin, "b": end} for begin, end in self._series.hold_s]
        marks = [
            alt.Chart(alt.InlineData(values=spans)).mark_rect().encode(x="a:Q", x2="b"),
        ]
        if len(self._series.begins_s) > 1:
            begins = [{"a": begin} for begin in self._series.begins_s[1:]]
            marks.append(alt.Chart(alt.InlineData(values=begins)).mark_rule().encode(x="a:Q"))
        return marks


def _sparse(columns: Iterable[Values]) -> bool:
    """Whether most of the time nothing was measured."""
    values = [value for column in columns for value in column]
    return sum(value is None for value in values) > len(values) / 2


def _lines(base: alt.Chart) -> alt.Chart:
    """Lines, broken where nothing was measured."""
    chart: alt.Chart = base.mark_line(invalid="break-paths-show-path-domains")
    return chart


def _points(base: alt.Chart) -> alt.Chart:
    chart: alt.Chart = base.mark_point(filled=True, size=24, opacity=0.9, invalid="filter")
    return chart
