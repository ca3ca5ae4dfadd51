"""The plan's charts: chances, responses, a storm, the forecast, and the fit behind measured costs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType

import altair as alt
import msgspec

from siotool.page.chart import (
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
    spec,
    time_axis,
)
from siotool.plan.html.curves import Named, Points, Tells, curve, log_ticks, servers_axis, x_axis
from siotool.plan.html.storm_charts import storm_charts
from siotool.plan.inputs.fields import Kind, field_of
from siotool.plan.model import Evidence, Forecast, Plan
from siotool.plan.rendering import terms
from siotool.plan.rendering.pictures import Pictures
from siotool.plan.uncertainty.response import Response
from siotool.printable import printable

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
_MOST_DOTS = 600


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
        storm=storm_charts(pictures.storm) if pictures.storm is not None else [],
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
        curve(
            "chances",
            "Probability that so many servers suffice",
            [Named("probability", points, "step-after")],
            x=x,
            y=y,
            tells=Tells("servers", "format(datum.t, ',.0f')", SHARE),
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
    return curve(
        f"response-{number}",
        printable(one.key),
        [
            Named("to have", list(zip(one.values, one.servers, strict=True)), "step"),
            Named("needed in service", list(zip(one.values, one.exact, strict=True))),
        ],
        x=alt.X(
            "t:Q",
            axis=x_axis(unit, log_ticks(low, high) if log else None),
            scale=alt.Scale(type="log" if log else "linear", domain=[low, high], nice=False),
        ),
        # one scale for all, so that they can be compared
        y=alt.Y("v:Q", axis=servers_axis(), scale=alt.Scale(domain=[0, 1.08 * most])),
        tells=Tells("input", unit.format(v="datum.t"), _SERVERS),
        note=f"{extent}{', log scale' if log else ''}",
        height=150,
    )


def _forecast(known: Forecast) -> list[Chart]:
    def of(values: Sequence[float]) -> Points:
        return [(_instant(point.day), value) for point, value in zip(known.points, values, strict=True)]

    demand, high = [point.p50 for point in known.points], [point.p95 for point in known.points]
    limit = [point.limit for point in known.points]
    lines = [Named("demand", of(demand))]
    if high != demand:
        lines = [Named("demand P50", of(demand)), Named("demand P95", of(high))]
    # a fleet that holds any number has no line: nothing of the demand would be seen beside it
    if max(limit) <= 20 * max(*high, 1.0):
        lines.append(Named("the fleet holds", of(limit)))
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
        curve(
            "forecast",
            "Connections",
            lines,
            x=x,
            y=alt.Y("v:Q", axis=axis(COUNT), scale=alt.Scale(zero=True)),
            tells=Tells("day", "utcFormat(datum.t, '%Y-%m-%d')", COUNT),
            rules=[{"t": day} for day in sorted(set(days)) if first < day < last],
            note="dashed: the days named above" if any(first < day < last for day in days) else "",
        )
    ]
    short = [point.short for point in known.points]
    if any(0 < share < 1 for share in short):
        found.append(
            curve(
                "forecast-short",
                "Probability that the fleet is too small",
                [Named("too small", of(short))],
                x=x,
                y=alt.Y("v:Q", axis=axis(SHARE), scale=alt.Scale(domain=[0, 1])),
                tells=Tells("day", "utcFormat(datum.t, '%Y-%m-%d')", SHARE),
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
    over_time = curve(
        "evidence-time",
        "Server CPU, cores",
        [
            Named("observed", list(zip(middles, observed, strict=True))),
            Named("predicted", list(zip(middles, predicted, strict=True))),
        ],
        x=alt.X("t:Q", axis=time_axis(end_s), scale=alt.Scale(domain=[0, end_s], nice=False)),
        y=alt.Y("v:Q", axis=axis(CORES), scale=alt.Scale(zero=True)),
        tells=Tells("time", clock(end_s, "datum.t"), CORES),
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
            x=alt.X("t:Q", axis=x_axis(CORES), scale=scale),
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
