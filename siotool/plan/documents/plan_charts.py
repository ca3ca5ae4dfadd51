"""The charts of a plan: chances, responses, the forecast, and the fit behind measured costs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType

from siotool.document.document import Axis, Chart, Curve, Rule, Unit
from siotool.plan.documents import plan_words as words
from siotool.plan.inputs.fields import Kind, field_of
from siotool.plan.model import Evidence, Forecast, Plan
from siotool.plan.uncertainty.response import Response
from siotool.printable import printable

#: How an axis writes the figures of a plan file.
_UNITS: Mapping[Kind, Unit] = MappingProxyType(
    {
        "count": "count",
        "factor": "factor",
        "rate": "per_s",
        "byte_rate": "bytes_per_s",
        "size": "bytes",
        "duration": "seconds",
        "share": "share",
    }
)

#: An input that varies more than this gets a log scale.
_WIDE = 20
#: What a chart resolves.
_MOST_SECONDS = 300
_MOST_DOTS = 600


def chances(plan: Plan, known: Sequence[tuple[float, float]]) -> list[Chart]:
    """Return the curve of fleets and the probability that each suffices, where it is known."""
    if not known:
        return []
    fleet = plan.servers
    first, last = known[0][0], known[-1][0]
    pad = max(1.0, (last - first) * 0.06)
    low, high = max(0.0, first - pad), last + pad
    quantiles = sorted({n for n in (fleet.p50, fleet.p90, fleet.p95) if n is not None})
    return [
        Chart(
            key="chances",
            title="Probability that so many servers suffice",
            x=Axis("servers", "servers", low, high),
            y=Axis("share", low=0.0, high=1.0),
            curves=[Curve("probability", [(low, 0.0), *known, (high, known[-1][1])], "step-after")],
            rules=[*(Rule(x=float(n)) for n in quantiles), Rule(y=0.95)],
            note="dashed: 95 %, and the fleets at P50, P90 and P95",
        )
    ]


def responses(plan: Plan, known: Sequence[Response]) -> list[Chart]:
    """Return how the servers follow each of some inputs, on one scale, so that they can be compared."""
    figures = {figure.key: figure for figure in plan.figures}
    most = max((n for one in known for n in one.servers if n is not None), default=1.0)
    charts = []
    for number, one in enumerate(known):
        low, high = one.values[0], one.values[-1]
        log = low > 0 and high > _WIDE * low
        charts.append(
            Chart(
                key=f"response-{number}",
                title=printable(one.key),
                x=Axis(_UNITS[field_of(one.key).kind], "input", low, high, log),
                y=Axis("servers", low=0.0, high=1.08 * most),
                curves=[
                    Curve("to have", list(zip(one.values, one.servers, strict=True)), "step"),
                    Curve("needed in service", list(zip(one.values, one.exact, strict=True))),
                ],
                note=f"{words.shown(figures[one.key])}{', log scale' if log else ''}",
                height=150,
            )
        )
    return charts


def forecast(known: Forecast) -> list[Chart]:
    """Return demand over time beside what the fleet holds, and the probability that it holds too little."""
    days = [_instant(point.day) for point in known.points]
    x = Axis("day", "day", days[0], days[-1])

    def of(values: Sequence[float]) -> list[tuple[float, float | None]]:
        return list(zip(days, values, strict=True))

    demand, high = [point.p50 for point in known.points], [point.p95 for point in known.points]
    curves = [Curve("demand", of(demand))]
    if high != demand:
        curves = [Curve("demand P50", of(demand)), Curve("demand P95", of(high))]
    limit = [point.limit for point in known.points]
    # a fleet that holds any number has no line: it would flatten the demand
    if max(limit) <= 20 * max(*high, 1.0):
        curves.append(Curve("the fleet holds", of(limit)))
    named = {_instant(day) for day in (known.act_by, known.at_risk, known.runs_out) if day is not None}
    within = [day for day in sorted(named) if days[0] < day < days[-1]]
    charts = [
        Chart(
            key="forecast",
            title="Connections",
            x=x,
            y=Axis("count", low=0.0),
            curves=curves,
            rules=[Rule(x=day) for day in within],
            note="dashed: the days named above" if within else "",
        )
    ]
    short = [point.short for point in known.points]
    if any(0 < share < 1 for share in short):
        charts.append(
            Chart(
                key="forecast-short",
                title="Probability that the fleet is too small",
                x=x,
                y=Axis("share", low=0.0, high=1.0),
                curves=[Curve("too small", of(short))],
                rules=[Rule(y=known.threshold)],
                note=f"dashed: the accepted {100 * known.threshold:.3g} %",
            )
        )
    return charts


def _instant(day: date) -> float:
    """Seconds from 1970 to the start of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def evidence(known: Evidence) -> list[Chart]:
    """Return the CPU that runs showed and that of the fit: over time, and one over the other."""
    pairs = list(zip(known.observed_cores, known.predicted_cores, strict=True))
    if len(pairs) < 2:
        return []
    step = -(-len(pairs) // _MOST_SECONDS)
    chunks = [(at, pairs[at : at + step]) for at in range(0, len(pairs), step)]
    observed = [(at + step / 2, sum(seen for seen, _ in some) / len(some)) for at, some in chunks]
    predicted = [(at + step / 2, sum(fit for _, fit in some) / len(some)) for at, some in chunks]
    most = max(max(pair) for pair in pairs) or 1.0
    dots = [(fit, seen) for seen, fit in pairs[:: -(-len(pairs) // _MOST_DOTS)]]
    return [
        Chart(
            key="evidence-time",
            title="Server CPU, cores",
            x=Axis("clock", "time", 0.0, float(len(pairs))),
            y=Axis("cores", low=0.0),
            curves=[Curve("observed", observed), Curve("predicted", predicted)],
            note="the seconds of all runs in a row" + (f", {step} s to a point" if step > 1 else ""),
        ),
        Chart(
            key="evidence-scatter",
            title="Observed (upwards) over predicted cores",
            x=Axis("cores", "predicted", 0.0, most),
            y=Axis("cores", "observed", 0.0, most),
            curves=[Curve("equal", [(0.0, 0.0), (most, most)], "dashed"), Curve("second", dots, "dots")],
            note="each dot is one second; on the dashed line both are equal",
        ),
    ]
