"""The charts of a plan's storm: attempts, returns, other fleets, and the pings it leaves behind."""

from collections.abc import Mapping

import altair as alt

from siotool.page.chart import COUNT, PER_SECOND, SECONDS, Chart, axis, clock, time_axis
from siotool.plan.html.curves import Named, Tells, curve
from siotool.plan.storm.storm_plan import Pings, StormPlan

#: What a chart resolves.
_MOST_BINS = 300


def storm_charts(storm: StormPlan) -> list[Chart]:
    """Return the charts of a storm in reading order."""
    course, goal_s = storm.course, storm.goal_s
    end_s = len(course.connected) * course.bin_s
    rules: list[Mapping[str, float]] = []
    # a goal far behind the storm's end would squeeze it into a corner
    if goal_s is not None and goal_s <= 3 * end_s:
        rules = [{"t": goal_s}]
        end_s = max(end_s, 1.05 * goal_s)
    x = alt.X("t:Q", axis=time_axis(end_s), scale=alt.Scale(domain=[0, end_s], nice=False))
    at = clock(end_s, "datum.t")
    each = -(-len(course.connected) // _MOST_BINS)
    bin_s = each * course.bin_s
    rates = [course.attempts_per_s[at : at + each] for at in range(0, len(course.attempts_per_s), each)]
    attempts = [((n + 0.5) * bin_s, sum(chunk) / len(chunk)) for n, chunk in enumerate(rates)]
    ends = [course.connected[at : at + each][-1] for at in range(0, len(course.connected), each)]
    back = [(0.0, 0.0), *(((n + 1) * bin_s, count) for n, count in enumerate(ends))]
    found = [
        curve(
            "storm-attempts",
            "Attempts per second",
            [Named("attempts", attempts)],
            x=x,
            y=alt.Y("v:Q", axis=axis(PER_SECOND)),
            tells=Tells("time", at, PER_SECOND),
            rules=rules,
            note="dashed: the goal" if rules else "",
        ),
        curve(
            "storm-connected",
            "Clients that are back",
            [Named("connected", back)],
            x=x,
            y=alt.Y("v:Q", axis=axis(COUNT)),
            tells=Tells("time", at, COUNT),
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
        Named("simulated", [(float(p.servers), p.ninety_nine_s) for p in known]),
        Named("no server ever idle", [(float(p.servers), p.at_least_s) for p in known]),
    ]
    rules: list[Mapping[str, float]] = [{"t": float(storm.servers)}]
    most_s = max(p.ninety_nine_s or 0.0 for p in known)
    if storm.goal_s is not None and storm.goal_s <= 2 * most_s:
        rules.append({"v": storm.goal_s})
    ends = [float(known[0].servers), float(known[-1].servers)]
    return [
        curve(
            "storm-fleets",
            "Seconds until 99 % are back, by servers",
            lines,
            x=alt.X(
                "t:Q",
                axis=alt.Axis(title=None, grid=False, tickMinStep=1, tickCount=6, format=",d"),
                scale=alt.Scale(domain=ends, nice=False),
            ),
            y=alt.Y("v:Q", axis=axis(SECONDS), scale=alt.Scale(zero=True)),
            tells=Tells("servers", "format(datum.t, ',.0f')", SECONDS),
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
        curve(
            "storm-pings",
            "Pings per second, in every interval from then on",
            [Named("pings", points)],
            x=alt.X("t:Q", axis=time_axis(end_s), scale=alt.Scale(domain=[0, end_s], nice=False)),
            y=alt.Y("v:Q", axis=axis(PER_SECOND), scale=alt.Scale(zero=True)),
            tells=Tells("time", clock(end_s, "datum.t"), PER_SECOND),
            rules=[{"v": known.even_per_s}],
            note="dashed: spread evenly",
        )
    ]
