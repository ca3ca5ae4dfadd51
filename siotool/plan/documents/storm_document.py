"""A storm as a document, or as a section of its plan's."""

from collections.abc import Sequence

from siotool.document.document import (
    Axis,
    Bar,
    Chart,
    Curve,
    Document,
    Fact,
    Row,
    Rule,
    Section,
    Sentence,
    Table,
    columns,
)
from siotool.plan.documents import storm_words as words
from siotool.plan.storm.storm_plan import FleetPoint, Pings, StormPlan
from siotool.plan.storm.study import HORIZON_S, goal_met, written

#: What a chart resolves.
_MOST_BINS = 300


def document(storm: StormPlan) -> Document:
    """Return the storm: how long, its course, its length against the fleet, what would help."""
    headline = words.headline(storm)
    return Document(
        name="siotool plan storm",
        context="",
        headline=f"{headline[0].upper()}{headline[1:]}",
        tone="bad" if goal_met(storm) is False else "good",
        sections=[
            Section("course", "What happens", [*_course(storm), Sentence(words.outcomes(storm))]),
            Section("fleets", "The same storm over other fleets", [*_fleets(storm), _fleet_table(storm)]),
            Section(
                "conclusions",
                "What follows",
                [*map(Sentence, words.conclusions(storm)), *_pings(storm.pings)],
            ),
        ],
        answer=[words.setting(storm)],
        facts=_times(storm),
    )


def section(storm: StormPlan) -> Section:
    """Return the storm of a plan's own fleet."""
    said = [
        f"{words.setting(storm)} {words.headline(storm)}.",
        words.outcomes(storm),
        *words.conclusions(storm),
    ]
    charts = [*_course(storm), *_fleets(storm), *_pings(storm.pings)]
    table = _fleet_table(storm, folded="The same storm over other fleets")
    return Section("storm", "A reconnect storm", [*_times(storm), *map(Sentence, said), *charts, table])


def _times(storm: StormPlan) -> list[Fact]:
    return [Fact(f"{share} back after", when) for share, when in words.times(storm)]


def _course(storm: StormPlan) -> list[Chart]:
    course, goal_s = storm.course, storm.goal_s
    end_s = len(course.connected) * course.bin_s
    rules = []
    # a goal long after the storm's end would squeeze the curve
    if goal_s is not None and goal_s <= 3 * end_s:
        rules = [Rule(x=goal_s)]
        end_s = max(end_s, 1.05 * goal_s)
    each = -(-len(course.connected) // _MOST_BINS)
    bin_s, steps = each * course.bin_s, range(0, len(course.connected), each)
    ends = [course.connected[at : at + each][-1] for at in steps]
    came = [(now - before) / bin_s for now, before in zip(ends, [0.0, *ends], strict=False)]
    tries = [sum(chunk) / len(chunk) for chunk in (course.attempts_per_s[at : at + each] for at in steps)]
    x = Axis("clock", "time", 0.0, end_s)
    return [
        Chart(
            key="storm-attempts",
            title="Attempts and returns per second",
            x=x,
            y=Axis("per_s", low=0.0),
            curves=[Curve("attempts", _spread(tries, bin_s)), Curve("back", _spread(came, bin_s))],
            rules=rules,
            note="dashed: the goal" if rules else "",
            telling=True,
        ),
        Chart(
            key="storm-connected",
            title="Clients that are back",
            x=x,
            y=Axis("count", low=0.0),
            curves=[Curve("connected", [(0.0, 0.0), *(((n + 1) * bin_s, c) for n, c in enumerate(ends))])],
            rules=[*rules, Rule(y=0.99 * storm.lost_connections)],
            note="dashed: 99 %, and the goal" if rules else "dashed: 99 %",
        ),
    ]


def _spread(rates: Sequence[float], bin_s: float) -> list[tuple[float, float | None]]:
    """A rate in the middle of each bin."""
    return [((n + 0.5) * bin_s, rate) for n, rate in enumerate(rates)]


def _fleets(storm: StormPlan) -> list[Chart]:
    known = [(float(p.servers), p.ninety_nine_s, p.at_least_s) for p in storm.curve if p.ninety_nine_s]
    if len(known) < 2:
        return []
    rules = [Rule(x=float(storm.servers))]
    if storm.goal_s is not None and storm.goal_s <= 2 * max(back for _, back, _ in known):
        rules.append(Rule(y=storm.goal_s))
    return [
        Chart(
            key="storm-fleets",
            title="Seconds until 99 % are back, by servers",
            x=Axis("servers", "servers", known[0][0], known[-1][0]),
            y=Axis("seconds", low=0.0),
            curves=[
                Curve("simulated", [(servers, back) for servers, back, _ in known]),
                Curve("no server ever idle", [(servers, least) for servers, _, least in known]),
            ],
            rules=rules,
            note="dashed: this fleet" + (", and the goal" if len(rules) > 1 else ""),
        )
    ]


def _pings(known: Pings | None) -> list[Chart]:
    if known is None:
        return []
    return [
        Chart(
            key="storm-pings",
            title="Pings per second, in every interval from then on",
            x=Axis("clock", "time", 0.0, known.interval_s),
            y=Axis("per_s", low=0.0),
            curves=[Curve("pings", _spread(known.pings_per_s, known.bin_s))],
            rules=[Rule(y=known.even_per_s)],
            note="dashed: spread evenly",
        )
    ]


def _fleet_table(storm: StormPlan, folded: str = "") -> Table:
    """Fleets: the time until 99 % are back, the least it could be, what a server takes in."""
    longest = max((p.ninety_nine_s for p in storm.curve if p.ninety_nine_s is not None), default=1.0)
    rows = [_fleet(point, storm, longest) for point in storm.curve]
    names = columns("servers>", "99 % back after>", "at least>", "each takes in>")
    return Table(names, rows, folded=folded)


def _fleet(point: FleetPoint, storm: StormPlan, longest_s: float) -> Row:
    seconds, rate = point.ninety_nine_s, point.accept_rate_per_s
    horizon_s = HORIZON_S + storm.outage_s
    cells = [
        f"{point.servers:,}",
        "no server left" if rate is None else words.after(rate, seconds, horizon_s),
        "" if point.at_least_s is None else written(point.at_least_s),
        "" if rate is None else words.rate(rate),
    ]
    solid = 0.0 if not rate else 100.0 if seconds is None else 100 * seconds / longest_s
    own = point.servers == storm.servers
    return Row(cells, "strong" if own else "", Bar(solid=solid, endless=bool(rate) and seconds is None))
