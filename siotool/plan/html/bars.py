"""Bars within tables: charts that need no script, each beside the figures it shows."""

import math
from collections.abc import Sequence

import msgspec

from siotool.page.table import Column, Tone
from siotool.plan.model import BadDayRow, ConstraintRow, Effect, Plan
from siotool.plan.rendering import terms
from siotool.plan.uncertainty.response import Response
from siotool.units import format_share


class Bar(msgspec.Struct, frozen=True):
    """Where a bar begins and how long its two parts are, in percent of the track.

    ``endless`` stands for a number that none is. ``mark`` is where a thin line crosses it.
    """

    begin: float = 0.0
    solid: float = 0.0
    soft: float = 0.0
    endless: bool = False
    mark: float | None = None


class BarRow(msgspec.Struct, frozen=True):
    """A bar with the cells beside it, as many as the table's columns but for the first and the last."""

    name: str
    bar: Bar
    cells: list[str]
    words: str = ""
    tone: Tone = ""


class BarTable(msgspec.Struct, frozen=True):
    """Rows in groups, each with a scale of its own; the first group's title may be empty."""

    key: str
    title: str
    columns: list[Column]
    groups: list[tuple[str, list[BarRow]]]
    note: str = ""


_TIERS = (("servers", ""), ("shards", "Shards of the adapter's backend"), ("balancers", "Load balancers"))


def constraints(plan: Plan) -> BarTable:
    """Return the servers that each constraint asks for, those of other tiers apart."""
    drawn = plan.uncertainty is not None
    counts = [Column("P50", True), Column("P95", True), Column("binds", True)]
    groups = []
    for tier, title in _TIERS:
        rows = sorted((row for row in terms.rows(plan) if row.tier == tier), key=_asked)
        most = max((n for row in rows for n in (row.servers_p50, row.servers_p95) if n), default=0)
        if rows:
            groups.append((title, [_constraint(row, most, plan) for row in rows]))
    return BarTable(
        key="constraints",
        title="What decides",
        columns=[Column("constraint"), *(counts if drawn else [Column("servers", True)]), Column("why")],
        groups=groups,
        note="In service, without spares. "
        + ("Bars: P50, and up to P95 in a lighter shade." if drawn else "Each resource on its own."),
    )


def _asked(row: ConstraintRow) -> tuple[float, float, float]:
    """Most servers first; of equals, the one that decides more often."""
    p95, p50 = (math.inf if n is None else n for n in (row.servers_p95, row.servers_p50))
    return -p95, -p50, -row.binding_probability


def _constraint(row: ConstraintRow, most: int, plan: Plan) -> BarRow:
    binding = row.name == plan.binding
    solid = _share(row.servers_p50, most)
    endless = row.servers_p95 is None
    if plan.uncertainty is None:
        cells = [whole(row.servers_p50)]
    else:
        binds = format_share(round(row.binding_probability, 2)) if row.binding_probability else ""
        cells = [whole(row.servers_p50), whole(row.servers_p95), binds]
    return BarRow(
        name=row.name + (" (binding)" if binding else ""),
        bar=Bar(
            solid=solid,
            soft=100 - solid if endless else _share(row.servers_p95, most) - solid,
            endless=endless,
        ),
        cells=cells,
        words=row.sentence,
        tone="bad" if endless else "strong" if binding else "",
    )


def bad_days(plan: Plan) -> BarTable:
    """Return the servers to have for each day, the worst one marked."""
    most = max((day.servers or 0 for day in plan.bad_days), default=0)
    return BarTable(
        key="bad-days",
        title="Days to survive",
        columns=[Column("day"), Column("servers", True), Column("why")],
        groups=[("", [_day(day, most, plan.worst_day) for day in plan.bad_days])],
        note="Servers to have, spares included"
        + (", to be 95 % sure." if plan.uncertainty is not None else "."),
    )


def _day(day: BadDayRow, most: int, worst: str) -> BarRow:
    return BarRow(
        name=day.name + (" (worst)" if day.name == worst else ""),
        bar=Bar(
            solid=_share(day.servers, most),
            soft=100.0 if day.servers is None else 0.0,
            endless=day.servers is None,
        ),
        cells=[whole(day.servers)],
        words=day.sentence,
        tone="bad" if day.servers is None else "strong" if day.name == worst else "",
    )


def tornado(plan: Plan, responses: Sequence[Response]) -> BarTable | None:
    """Return what each uncertain input does to the fleet, the largest swing first; None without any."""
    effects = terms.effects(plan)
    if not effects:
        return None
    known = {figure.key: figure for figure in plan.figures}
    ends = [n for e in effects for n in (e.servers_p10, e.servers_p90) if n is not None]
    middle = next((one.servers[len(one.servers) // 2] for one in responses), None)
    counts = [*ends, *([middle] if middle is not None else [])]
    low, high = (min(counts), max(counts)) if counts else (0.0, 1.0)
    pad = max(0.5, (high - low) * 0.08)
    scale = (max(0.0, low - pad), high + pad)
    rows = []
    for effect in effects:
        figure = known[effect.key]
        total = "" if effect.total is None else format_share(round(effect.total, 2))
        rows.append(
            BarRow(
                name=effect.key,
                bar=_swing(effect, scale, middle),
                cells=[terms.shown(figure), terms.swing(effect), total],
                words=figure.provenance.kind,
            )
        )
    return BarTable(
        key="tornado",
        title="What if an input is another",
        columns=[
            Column("input"),
            Column("its 90 %", True),
            Column("servers", True),
            Column("of the variance", True),
            Column("from"),
        ],
        groups=[("", rows)],
        note="Servers to have with one input at its 10 % and at its 90 % quantile, all others at their "
        "medians" + (f"; the thin line is the fleet at all medians, {middle:,.0f}." if middle else "."),
    )


def _swing(effect: Effect, scale: tuple[float, float], middle: float | None) -> Bar:
    first, last = effect.servers_p10, effect.servers_p90
    mark = None if middle is None else _place(middle, scale)
    low, high = (100.0 if n is None else _place(n, scale) for n in (first, last))
    return Bar(
        begin=min(low, high),
        solid=abs(high - low),
        endless=first is None or last is None,
        mark=mark,
    )


def _place(servers: float, scale: tuple[float, float]) -> float:
    return 100 * (servers - scale[0]) / (scale[1] - scale[0])


def _share(servers: int | None, most: int) -> float:
    return 100 * servers / most if servers and most else 0.0


def whole(servers: int | None) -> str:
    """Write a count in a narrow cell."""
    return "none is enough" if servers is None else f"{servers:,}"
