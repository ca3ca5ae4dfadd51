"""What decides the number of servers, in a plan's document: constraints, days to survive, and what if."""

import math
from collections.abc import Sequence

from siotool.document.document import Bar, Block, Chart, Row, Section, Sentence, Table, columns
from siotool.plan.documents import plan_words as words
from siotool.plan.model import ConstraintRow, Effect, Plan
from siotool.units import format_share

_TIERS = (("servers", ""), ("shards", "Shards of the adapter's backend"), ("balancers", "Load balancers"))


def constraints(plan: Plan) -> Section:
    """Return the servers that each constraint asks for, the most first, those of other tiers apart."""
    drawn = plan.uncertainty is not None
    rows = []
    for tier, title in _TIERS:
        asked = [c for c in plan.constraints if c.tier == tier and (c.demand > 0 or c.name == "bandwidth")]
        most = max((n for one in asked for n in (one.servers_p50, one.servers_p95) if n), default=0)
        rows += [_constraint(one, most, title, plan) for one in sorted(asked, key=_asked)]
    counts = ("P50>", "P95>", "binds>") if drawn else ("servers>",)
    note = "In service, without spares." + ("" if drawn else " Each resource on its own.")
    return Section("constraints", "What decides", [Table(columns("constraint", *counts, "why"), rows, note)])


def _asked(row: ConstraintRow) -> tuple[float, float, float]:
    """Most servers first; of equals, the one that decides more often."""
    p95, p50 = (math.inf if n is None else n for n in (row.servers_p95, row.servers_p50))
    return -p95, -p50, -row.binding_probability


def _constraint(row: ConstraintRow, most: int, group: str, plan: Plan) -> Row:
    binding = row.name == plan.binding
    solid = _share(row.servers_p50, most)
    endless = row.servers_p95 is None
    cells = [row.name + (" (binding)" if binding else ""), whole(row.servers_p50)]
    if plan.uncertainty is not None:
        binds = format_share(round(row.binding_probability, 2)) if row.binding_probability else ""
        cells += [whole(row.servers_p95), binds]
    soft = 100 - solid if endless else _share(row.servers_p95, most) - solid
    return Row(
        [*cells, row.sentence],
        "bad" if endless else "strong" if binding else "",
        Bar(solid=solid, soft=soft, endless=endless),
        group,
    )


def bad_days(plan: Plan) -> Section:
    """Return the servers to have for each day, the worst one marked."""
    most = max((day.servers or 0 for day in plan.bad_days), default=0)
    rows = []
    for day in plan.bad_days:
        endless, worst = day.servers is None, day.name == plan.worst_day
        bar = Bar(solid=_share(day.servers, most), soft=100.0 if endless else 0.0, endless=endless)
        cells = [day.name + (" (worst)" if worst else ""), whole(day.servers), day.sentence]
        rows.append(Row(cells, "bad" if endless else "strong" if worst else "", bar))
    sure = ", to be 95 % sure" if plan.uncertainty is not None else ""
    table = Table(columns("day", "servers>", "why"), rows, f"Servers to have, spares included{sure}.")
    return Section("bad-days", "Days to survive", [table])


def sureness(plan: Plan, chances: Sequence[Chart]) -> Section | None:
    """Return what is said of the uncertainty as a whole; None without ranges."""
    doubt = plan.uncertainty
    if doubt is None:
        return None
    said = [doubt.guesswork] if doubt.guesswork else []
    if doubt.next_measurement is not None:
        sentence = doubt.next_measurement.sentence
        said.append(f"{sentence[0].upper()}{sentence[1:]}.")
    rows = [
        Row(
            [words.servers(fleet), format_share(round(chance, 3))],
            "strong" if fleet == plan.servers.p95 else "",
        )
        for fleet, chance in doubt.chances
    ]
    blocks: list[Block] = [*map(Sentence, said), *chances]
    if rows:
        blocks.append(Table(columns("fleet", "suffices>"), rows, told=True))
    blocks.append(Sentence(f"{doubt.draws:,} draws of all ranges, seed {doubt.seed}.", "note"))
    return Section("sure", "How sure that is", blocks)


def what_if(plan: Plan, middle: float | None, responses: Sequence[Chart]) -> Section | None:
    """Return what each uncertain input does to the fleet, the largest swing first; None without any.

    ``middle`` is the fleet with all inputs at their medians, where it is known.
    """
    effects = words.effects(plan)
    if not effects:
        return None
    known = {figure.key: figure for figure in plan.figures}
    ends = [n for e in effects for n in (e.servers_p10, e.servers_p90) if n is not None]
    counts = [*ends, *([middle] if middle is not None else [])]
    low, high = (min(counts), max(counts)) if counts else (0.0, 1.0)
    pad = max(0.5, (high - low) * 0.08)
    scale = (max(0.0, low - pad), high + pad)
    rows = []
    for effect in effects:
        figure = known[effect.key]
        total = "" if effect.total is None else format_share(round(effect.total, 2))
        cells = [effect.key, words.shown(figure), words.swing(effect), total, figure.provenance.kind]
        rows.append(Row(cells, bar=_swing(effect, scale, middle)))
    names = columns("input", "its 90 %>", "servers>", "of the variance>", "from")
    marked = f"; the thin line is the fleet at all medians, {middle:,.0f}" if middle else ""
    note = (
        "Servers to have with one input at its 10 % and at its 90 % quantile, all others at their "
        f"medians{marked}."
    )
    return Section("what-if", "What if an input changes", [Table(names, rows, note), *responses])


def _swing(effect: Effect, scale: tuple[float, float], middle: float | None) -> Bar:
    def place(servers: float) -> float:
        return 100 * (servers - scale[0]) / (scale[1] - scale[0])

    ends = (effect.servers_p10, effect.servers_p90)
    low, high = sorted(100.0 if n is None else place(n) for n in ends)
    mark = None if middle is None else place(middle)
    return Bar(begin=low, solid=high - low, endless=None in ends, mark=mark)


def _share(servers: int | None, most: int) -> float:
    return 100 * servers / most if servers and most else 0.0


def whole(servers: int | None) -> str:
    """Write a count in a narrow cell."""
    return "none is enough" if servers is None else f"{servers:,}"
