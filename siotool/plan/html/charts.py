"""The plan's charts: chances, responses, a storm, the forecast, and the fit behind measured costs."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Literal

import altair as alt
import msgspec

from siotool.page.chart import (
    BARE,
    BYTE_RATE,
    BYTES,
    CORES,
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Chart,
    axis,
    clock,
    hover,
    legend,
    spec,
    time_axis,
)
from siotool.page.table import printable
from siotool.plan import terms
from siotool.plan.fields import Kind, field_of
from siotool.plan.forecast import Forecast
from siotool.plan.model import Evidence, Plan
from siotool.plan.pictures import Pictures
from siotool.plan.response import Response
from siotool.plan.storm.model import Pings, StormPlan

#: How an axis writes the figures of a plan file.
_UNITS: Mapping[Kind, str] = MappingProxyType(
    {
        "count": COUNT,
        "factor": "format({v}, '.3~g')",
        "rate": PER_SECOND,
        "byte_rate": BYTE_RATE,
        "size": BYTES,
        "duration": SECONDS,
        "share": SHARE,
    }
)
_SERVERS = "format({v}, ',.3~f')"

#: An input that varies more than this gets a log scale.
_WIDE = 20
#: What a chart resolves.
_MOST_SECONDS = 300
_MOST_BINS = 300
_MOST_DOTS = 600

#: How a line gets from one point to the next: straight, with a step half-way, or with one at the end.
_Line = Literal["linear", "step", "step-after"]
Points = Sequence[tuple[float, float | None]]


class _Named(msgspec.Struct, frozen=True):
    """One line: its name in the legend, its points, and how it gets from one to the next."""

    name: str
    points: Points
    line: _Line = "linear"


class Charts(msgspec.Struct, frozen=True):
    """The charts by the section of the page they stand in."""

    chances: list[Chart]
    responses: list[Chart]
    storm: list[Chart]
    forecast: list[Chart]
    evidence: list[Chart]

    def all(self) -> list[Chart]:
        """Return every chart in reading order."""
        return [*self.chances, *self.responses, *self.storm, *self.forecast, *self.evidence]


def charts(plan: Plan, pictures: Pictures) -> Charts:
    """Return what there is to draw."""
    return Charts(
        chances=_chances(plan, pictures.chances),
        responses=_responses(plan, pictures.responses),
        storm=_storm(pictures.storm) if pictures.storm is not None else [],
        forecast=_forecast(plan.forecast) if plan.forecast is not None else [],
        evidence=_evidence(plan.evidence) if plan.evidence is not None else [],
    )


def _chances(plan: Plan, known: Sequence[tuple[float, float]]) -> list[Chart]:
    if not known:
        return []
    fleet = plan.servers
    first, last = known[0][0], known[-1][0]
    pad = max(1.0, (last - first) * 0.06)
    points: list[tuple[float, float | None]] = [
        (max(0.0, first - pad), 0.0),
        *known,
        (last + pad, known[-1][1]),
    ]
    quantiles = [float(n) for n in sorted({n for n in (fleet.p50, fleet.p90, fleet.p95) if n is not None})]
    x = alt.X(
        "t:Q",
        axis=alt.Axis(
            title=None,
            grid=False,
            tickMinStep=1,
            tickCount=8,
            format=",d",
            labelOverlap="greedy",
            labelSeparation=8,
        ),
        scale=alt.Scale(domain=[points[0][0], points[-1][0]], nice=False),
    )
    y = alt.Y("v:Q", axis=axis(SHARE), scale=alt.Scale(domain=[0, 1]))
    return [
        _chart(
            "chances",
            "Probability that so many servers suffice",
            [_Named("probability", points, "step-after")],
            x=x,
            y=y,
            tells=("servers", "format(datum.t, ',.0f')", SHARE),
            rules=[*({"t": n} for n in quantiles), {"v": 0.95}],
            note="dashed: 95 %, and the fleets at P50, P90 and P95",
        )
    ]


def _responses(plan: Plan, known: Sequence[Response]) -> list[Chart]:
    shown = {figure.key: figure for figure in plan.figures}
    most = max((n for one in known for n in one.servers if n is not None), default=1.0)
    return [_response(number, one, terms.shown(shown[one.key]), most) for number, one in enumerate(known)]


def _response(number: int, one: Response, extent: str, most: float) -> Chart:
    unit = _UNITS[field_of(one.key).kind]
    low, high = one.values[0], one.values[-1]
    log = low > 0 and high > _WIDE * low
    return _chart(
        f"response-{number}",
        printable(one.key),
        [
            _Named("to have", list(zip(one.values, one.servers, strict=True)), "step"),
            _Named("needed in service", list(zip(one.values, one.exact, strict=True))),
        ],
        x=alt.X(
            "t:Q",
            axis=_x_axis(unit, _log_ticks(low, high) if log else None),
            scale=alt.Scale(type="log" if log else "linear", domain=[low, high], nice=False),
        ),
        # one scale for all, so that they can be compared
        y=alt.Y("v:Q", axis=_servers_axis(), scale=alt.Scale(domain=[0, 1.08 * most])),
        tells=("input", unit.format(v="datum.t"), _SERVERS),
        note=f"{extent}{', log scale' if log else ''}",
        height=150,
    )


def _storm(storm: StormPlan) -> list[Chart]:
    course, goal_s = storm.course, storm.goal_s
    end_s = len(course.connected) * course.bin_s
    rules: list[Mapping[str, float]] = []
    # a goal far behind the storm's end would squeeze it into a corner
    if goal_s is not None and goal_s <= 3 * end_s:
        rules = [{"t": goal_s}]
        end_s = max(end_s, 1.05 * goal_s)
    x = alt.X("t:Q", axis=time_axis(end_s), scale=alt.Scale(domain=[0, end_s], nice=False))
    tells = ("time", clock(end_s, "datum.t"))
    each = -(-len(course.connected) // _MOST_BINS)
    bin_s = each * course.bin_s
    rates = [course.attempts_per_s[at : at + each] for at in range(0, len(course.attempts_per_s), each)]
    attempts = [((n + 0.5) * bin_s, sum(chunk) / len(chunk)) for n, chunk in enumerate(rates)]
    ends = [course.connected[at : at + each][-1] for at in range(0, len(course.connected), each)]
    back = [(0.0, 0.0), *(((n + 1) * bin_s, count) for n, count in enumerate(ends))]
    found = [
        _chart(
            "storm-attempts",
            "Attempts per second",
            [_Named("attempts", attempts)],
            x=x,
            y=alt.Y("v:Q", axis=axis(PER_SECOND)),
            tells=(*tells, PER_SECOND),
            rules=rules,
            note="dashed: the goal" if rules else "",
        ),
        _chart(
            "storm-connected",
            "Clients that are back",
            [_Named("connected", back)],
            x=x,
            y=alt.Y("v:Q", axis=axis(COUNT)),
            tells=(*tells, COUNT),
            rules=[*rules, {"v": 0.99 * storm.lost_connections}],
            note="dashed: 99 %, and the goal" if rules else "dashed: 99 %",
        ),
    ]
    return [*found, *_storm_fleets(storm), *_pings(storm.pings)]


def _storm_fleets(storm: StormPlan) -> list[Chart]:
    known = [point for point in storm.curve if point.ninety_nine_s is not None]
    if len(known) < 2:
        return []
    lines = [
        _Named("simulated", [(float(p.servers), p.ninety_nine_s) for p in known]),
        _Named("no server ever idle", [(float(p.servers), p.at_least_s) for p in known]),
    ]
    rules: list[Mapping[str, float]] = [{"t": float(storm.servers)}]
    most_s = max(p.ninety_nine_s or 0.0 for p in known)
    if storm.goal_s is not None and storm.goal_s <= 2 * most_s:
        rules.append({"v": storm.goal_s})
    ends = [float(known[0].servers), float(known[-1].servers)]
    return [
        _chart(
            "storm-fleets",
            "Seconds until 99 % are back, by servers",
            lines,
            x=alt.X(
                "t:Q",
                axis=alt.Axis(title=None, grid=False, tickMinStep=1, tickCount=6, format=",d"),
                scale=alt.Scale(domain=ends, nice=False),
            ),
            y=alt.Y("v:Q", axis=axis(SECONDS), scale=alt.Scale(zero=True)),
            tells=("servers", "format(datum.t, ',.0f')", SECONDS),
            rules=rules,
            note="dashed: this fleet" + (", and the goal" if len(rules) > 1 else ""),
        )
    ]


def _pings(known: Pings | None) -> list[Chart]:
    if known is None:
        return []
    points = [((n + 0.5) * known.bin_s, rate) for n, rate in enumerate(known.pings_per_s)]
    end_s = known.interval_s
    return [
        _chart(
            "storm-pings",
            "Pings per second, in every interval from then on",
            [_Named("pings", points)],
            x=alt.X("t:Q", axis=time_axis(end_s), scale=alt.Scale(domain=[0, end_s], nice=False)),
            y=alt.Y("v:Q", axis=axis(PER_SECOND), scale=alt.Scale(zero=True)),
            tells=("time", clock(end_s, "datum.t"), PER_SECOND),
            rules=[{"v": known.even_per_s}],
            note="dashed: spread evenly",
        )
    ]


def _forecast(known: Forecast) -> list[Chart]:
    def of(values: Sequence[float]) -> Points:
        return [(_instant(point.day), value) for point, value in zip(known.points, values, strict=True)]

    demand, high = [point.p50 for point in known.points], [point.p95 for point in known.points]
    limit = [point.limit for point in known.points]
    lines = [_Named("demand", of(demand))]
    if high != demand:
        lines = [_Named("demand P50", of(demand)), _Named("demand P95", of(high))]
    # a fleet that holds any number has no line: nothing of the demand would be seen beside it
    if max(limit) <= 20 * max(*high, 1.0):
        lines.append(_Named("the fleet holds", of(limit)))
    days = [_instant(day) for day in (known.act_by, known.at_risk, known.runs_out) if day is not None]
    first, last = _instant(known.points[0].day), _instant(known.points[-1].day)
    x = alt.X(
        "t:T",
        axis=alt.Axis(
            title=None, grid=False, tickCount=6, format="%b %Y", labelOverlap="greedy", labelSeparation=8
        ),
        scale=alt.Scale(type="utc", domain=[first, last], nice=False),
    )
    found = [
        _chart(
            "forecast",
            "Connections",
            lines,
            x=x,
            y=alt.Y("v:Q", axis=axis(COUNT), scale=alt.Scale(zero=True)),
            tells=("day", "utcFormat(datum.t, '%Y-%m-%d')", COUNT),
            rules=[{"t": day} for day in sorted(set(days)) if first < day < last],
            note="dashed: the days named above" if any(first < day < last for day in days) else "",
        )
    ]
    short = [point.short for point in known.points]
    if any(0 < share < 1 for share in short):
        found.append(
            _chart(
                "forecast-short",
                "Probability that the fleet is too small",
                [_Named("too small", of(short))],
                x=x,
                y=alt.Y("v:Q", axis=axis(SHARE), scale=alt.Scale(domain=[0, 1])),
                tells=("day", "utcFormat(datum.t, '%Y-%m-%d')", SHARE),
                rules=[{"v": known.threshold}],
                note=f"dashed: the {100 * known.threshold:.3g} % put up with",
            )
        )
    return found


def _instant(day: date) -> float:
    """Milliseconds of a day's begin in UTC: what Vega counts time in."""
    return 1000 * datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _evidence(known: Evidence) -> list[Chart]:
    pairs = list(zip(known.observed_cores, known.predicted_cores, strict=True))
    if len(pairs) < 2:
        return []
    step = -(-len(pairs) // _MOST_SECONDS)
    chunks = [pairs[at : at + step] for at in range(0, len(pairs), step)]
    middles = [min(number * step + step / 2, len(pairs)) for number in range(len(chunks))]
    observed = [sum(seen for seen, _ in chunk) / len(chunk) for chunk in chunks]
    predicted = [sum(fit for _, fit in chunk) / len(chunk) for chunk in chunks]
    end_s = float(len(pairs))
    over_time = _chart(
        "evidence-time",
        "Server CPU, cores",
        [
            _Named("observed", list(zip(middles, observed, strict=True))),
            _Named("predicted", list(zip(middles, predicted, strict=True))),
        ],
        x=alt.X("t:Q", axis=time_axis(end_s), scale=alt.Scale(domain=[0, end_s], nice=False)),
        y=alt.Y("v:Q", axis=axis(CORES), scale=alt.Scale(zero=True)),
        tells=("time", clock(end_s, "datum.t"), CORES),
        note="the runs' seconds laid end to end" + (f", {step} s to a point" if step > 1 else ""),
    )
    return [over_time, _scatter(pairs)]


def _scatter(pairs: Sequence[tuple[float, float]]) -> Chart:
    most = max(max(pair) for pair in pairs) or 1.0
    rows = [{"t": fit, "v": seen, "s": "second"} for seen, fit in pairs[:: -(-len(pairs) // _MOST_DOTS)]]
    scale = alt.Scale(domain=[0, most], nice=True)
    base = (
        alt.Chart(alt.InlineData(values=rows))
        .transform_calculate(at=CORES.format(v="datum.t"))
        .encode(
            x=alt.X("t:Q", axis=_x_axis(CORES), scale=scale),
            y=alt.Y("v:Q", axis=axis(CORES), scale=scale),
            color=alt.Color("s:N", legend=None, scale=alt.Scale(domain=["second", "equal"])),
        )
    )
    ends = [{"t": 0.0, "v": 0.0}, {"t": most, "v": most}]
    diagonal = (
        alt.Chart(alt.InlineData(values=ends))
        .mark_line(strokeDash=[4, 4], strokeWidth=1)
        .encode(x="t:Q", y="v:Q", color=alt.datum("equal"))
    )
    dots = base.mark_point(filled=True, size=18, opacity=0.45)
    return Chart(
        key="evidence-scatter",
        title="Observed (upwards) over predicted cores",
        note="each dot one second; on the dashed line they agree",
        spec=spec([diagonal, dots, hover(base, CORES, "predicted")]),
    )


def _x_axis(unit: str, ticks: Sequence[float] | None = None) -> alt.Axis:
    return alt.Axis(
        title=None,
        grid=False,
        tickCount=4,
        values=alt.Undefined if ticks is None else ticks,
        labelExpr=unit.format(v="datum.value"),
        labelOverlap="greedy",
        labelSeparation=8,
    )


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade, or 1 alone where there are many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in ((1, 2, 5) if len(decades) < 4 else (1,))]
    return [tick for tick in ticks if low <= tick <= high]


def _servers_axis() -> alt.Axis:
    return alt.Axis(**BARE, tickCount=4, tickMinStep=1, format=",d")


def _chart(
    key: str,
    title: str,
    lines: Sequence[_Named],
    *,
    x: alt.X,
    y: alt.Y,
    tells: tuple[str, str, str],
    rules: Sequence[Mapping[str, float]] = (),
    note: str = "",
    height: int = 190,
) -> Chart:
    """Draw lines, over dashed rules at ``t`` or at ``v``.

    ``tells`` is what the pointer shows: the name of the horizontal, how it is written, and how
    the vertical is.
    """
    names = [line.name for line in lines]
    colour = alt.Color("s:N", sort=names, legend=legend(names, points=False), scale=alt.Scale(domain=names))
    layers: list[alt.Chart] = [_rule(rule, x, y) for rule in rules]
    for line in lines:
        base = _base([line], x, y, colour, tells[1])
        layers.append(base.mark_line(interpolate=line.line, invalid="break-paths-show-path-domains"))
    layers.append(hover(_base(lines, x, y, colour, tells[1]), tells[2], tells[0]))
    return Chart(key=key, title=title, note=note, spec=spec(layers, height=height))


def _base(lines: Sequence[_Named], x: alt.X, y: alt.Y, colour: alt.Color, told: str) -> alt.Chart:
    rows: list[dict[str, Any]] = [
        {"t": t, "s": line.name, "v": value} for line in lines for t, value in line.points
    ]
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows)).transform_calculate(at=told).encode(x=x, y=y, color=colour)
    )
    return chart


def _rule(rule: Mapping[str, float], x: alt.X, y: alt.Y) -> alt.Chart:
    chart = alt.Chart(alt.InlineData(values=[dict(rule)])).mark_rule()
    ruled: alt.Chart = chart.encode(x=x) if "t" in rule else chart.encode(y=y)
    return ruled
