"""The report's charts as Vega-Lite specifications: shapes and data, no colours.

Colours, fonts and the dark scheme are the page's business (``page.js`` reads them from the
style sheet), so every chart follows the reader's scheme. Units stand on the axes.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import altair as alt
import msgspec

from siotool.report.model import OperationSeries, Report, Series, format_cores
from siotool.report.words import label, printable

#: Operations that get charts of their own: the most frequent ones.
MOST_OPERATIONS = 8
HEIGHT = 190

_SECONDS = (
    "{v} == 0 ? '0' : {v} >= 1 ? format({v}, '.3~g') + ' s' : {v} >= 0.001 ? "
    "format({v} * 1000, '.3~g') + ' ms' : format({v} * 1e6, '.3~g') + ' µs'"
)
_PER_SECOND = "format({v}, {v} < 1 ? '.2~g' : '.3~s') + '/s'"
_BYTES = "{v} == 0 ? '0' : replace(format({v}, '.3~s'), regexp('([kMGTP]?)$'), ' $1B')"
_BYTE_RATE = "{v} == 0 ? '0' : replace(format({v}, '.3~s'), regexp('([kMGTP]?)$'), ' $1B/s')"
_COUNT = "format({v}, '.3~s')"
_CORES = "format({v}, '.2~f')"

Values = Sequence[float | None]


class Chart(msgspec.Struct, frozen=True):
    """``key`` names the place on the page; ``spec`` is what Vega-Lite draws there."""

    key: str
    title: str
    note: str
    spec: dict[str, Any]


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
            "connections", "Connections", {"users": series.users, "connected": series.connections}, _COUNT
        ),
        make.lines("rates", "Operations per second", rates, _PER_SECOND, note=_left_out(report)),
        *(make.percentiles(number, row) for number, row in enumerate(shown)),
        make.lines(
            "bandwidth",
            "Bandwidth on the wire",
            {"in": series.wire_in_bytes_per_s, "out": series.wire_out_bytes_per_s},
            _BYTE_RATE,
            note="as the clients see it",
        ),
    ]
    failures = {
        "connect errors": series.connect_errors_per_s,
        "closed": series.closed_per_s,
        **{f"{printable(label(row.op, row.name))} errors": row.errors_per_s for row in shown},
    }
    if failures := {name: values for name, values in failures.items() if any(values)}:
        found.append(make.lines("failures", "Failures per second", failures, _PER_SECOND))
    found += _delivery(report, make) + _server(report, make) + _generator(series, make)
    return found


def _delivery(report: Report, make: "_Maker") -> list[Chart]:
    series = report.series
    if not report.delivery.expected:
        return []
    found = [make.lines("received", "Deliveries received", {"received": series.received_per_s}, _PER_SECOND)]
    trouble = {"lost": series.lost_per_s, "duplicate": series.duplicate_per_s}
    title = "Deliveries lost and duplicate"
    note = "" if any(map(any, trouble.values())) else "none in this run"
    return [*found, make.lines("lost", title, trouble, _PER_SECOND, note=note)]


def _server(report: Report, make: "_Maker") -> list[Chart]:
    series, server = report.series, report.server
    if server is None:
        return []
    return [
        make.lines(
            "server-cpu",
            "Server CPU, cores",
            {"cores": series.server_cpu_cores},
            _CORES,
            limit=server.cores,
            note=f"dashed: the {format_cores(server.cores)} it can fill",
        ),
        make.lines("server-memory", "Server memory (RSS)", {"RSS": series.server_rss_bytes}, _BYTES),
    ]


def _generator(series: Series, make: "_Maker") -> list[Chart]:
    return [
        make.lines(
            "generator-cpu",
            "Busiest generator process, cores",
            {"cores": series.generator_cpu_cores},
            _CORES,
            limit=1.0,
            note="dashed: all it can use",
        ),
        make.lines("generator-lag", "Generator loop lag", {"lag": series.generator_loop_lag_s}, _SECONDS),
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
        sparse = _sparse(named.values())
        base = (
            alt.Chart(alt.InlineData(values=rows))
            .transform_calculate(at=_clock(self._end_s, "datum.t"))
            .encode(
                x=alt.X("t:Q", axis=self._time_axis(), scale=alt.Scale(domain=[0, self._end_s], nice=False)),
                y=_log_y(unit, rows) if log else alt.Y("v:Q", axis=_axis(unit), scale=alt.Scale(zero=True)),
                color=alt.Color("s:N", sort=list(named), legend=_legend(named, sparse=sparse)),
            )
        )
        layers = [*self._marks(), _points(base) if sparse else _lines(base)]
        if limit is not None:
            rule = alt.Chart(alt.InlineData(values=[{"v": limit}])).mark_rule()
            layers.append(rule.encode(y="v:Q"))
        layers.append(_hover(base, unit))
        return Chart(key=key, title=title, note=note, spec=_spec(layers))

    def percentiles(self, number: int, row: OperationSeries) -> Chart:
        """Response times of one operation; on a log scale when they span more than 1 : 50."""
        named = {"p50": row.p50_s, "p95": row.p95_s, "p99": row.p99_s}
        known = [value for values in named.values() for value in values if value]
        log = bool(known) and max(known) > 50 * min(known)
        return self.lines(
            f"percentiles-{number}",
            f"Response time of {printable(label(row.op, row.name))}",
            named,
            _SECONDS,
            note="log scale" if log else "",
            log=log,
        )

    def _time_axis(self) -> alt.Axis:
        return alt.Axis(
            title=None,
            values=_ticks(self._end_s),
            labelExpr=_clock(self._end_s, "datum.value"),
            grid=False,
            labelOverlap="greedy",
            labelFlush=False,
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


def _legend(named: Collection[str], *, sparse: bool) -> alt.Legend | None:
    if len(named) < 2:
        return None
    short = sum(map(len, named)) <= 24
    return alt.Legend(
        title=None,
        symbolType="circle" if sparse else alt.Undefined,
        columns=len(named) if short else alt.Undefined,
    )


def _hover(base: alt.Chart, unit: str) -> alt.Chart:
    near = alt.selection_point(nearest=True, on="pointerover", fields=["t", "s"], empty=False)
    points: alt.Chart = (
        base.transform_filter("isValid(datum.v)")
        .transform_calculate(text=unit.format(v="datum.v"))
        .mark_point(filled=True, size=60)
        .encode(
            opacity=alt.condition(near, alt.value(1), alt.value(0)),
            tooltip=[
                alt.Tooltip("at:N", title="time"),
                alt.Tooltip("s:N", title="what"),
                alt.Tooltip("text:N", title="value"),
            ],
        )
        .add_params(near)
    )
    return points


_AXIS: dict[str, Any] = {"title": None, "domain": False, "ticks": False}


def _axis(unit: str) -> alt.Axis:
    return alt.Axis(**_AXIS, tickCount=5, labelExpr=unit.format(v="datum.value"))


def _log_y(unit: str, rows: list[dict[str, Any]]) -> alt.Y:
    """A log scale of whole decades, with 1-2-5 ticks as long as they are few."""
    known = [row["v"] for row in rows if row["v"]]
    first, last = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    steps = (1, 2, 5) if last - first < 2 else (1, 3) if last - first < 4 else (1,)
    ticks = [step * 10.0**decade for decade in range(first, last) for step in steps] + [10.0**last]
    return alt.Y(
        "v:Q",
        axis=alt.Axis(**_AXIS, values=ticks, labelExpr=unit.format(v="datum.value")),
        scale=alt.Scale(type="log", domain=[10.0**first, 10.0**last]),
    )


def _spec(layers: list[alt.Chart]) -> dict[str, Any]:
    chart = alt.layer(*layers).properties(
        width="container",
        height=HEIGHT,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec.pop("config", None)  # altair's default theme: the page has its own
    return spec


_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def _ticks(end_s: float) -> list[float]:
    step = next((step for step in _STEPS if end_s / step <= 6), math.ceil(end_s / 6 / 86400) * 86400)
    return [float(tick) for tick in range(0, math.floor(end_s) + 1, step)]


def _clock(end_s: float, value: str) -> str:
    """A Vega expression that writes a time: ``45 s``, from two minutes on ``1:30``, then ``1:05:00``."""
    if end_s < 120:
        return f"format({value}, '.3~g') + ' s'"
    seconds = f"format(floor({value} % 60), '02d')"
    if end_s < 3600:
        return f"floor({value} / 60) + ':' + {seconds}"
    return f"floor({value} / 3600) + ':' + format(floor({value} / 60) % 60, '02d') + ':' + {seconds}"
