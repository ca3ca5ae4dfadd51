"""A plan in words and figures: what every renderer shows, in numbers a reader can check by hand."""

import math
from typing import NamedTuple

from siotool.formula import whole_servers
from siotool.plan.inputs.fields import dimension, field_of
from siotool.plan.model import ConstraintRow, Effect, InputFigure, Plan
from siotool.units import format_byte_rate, format_count, format_duration, format_share


class Term(NamedTuple):
    """One variable of the formula: as a person writes it, in SI, its unit, and where it comes from."""

    variable: str
    written: str
    value: str
    unit: str
    origin: str


class Equation(NamedTuple):
    """One quotient: what stands above the bar and below it."""

    above: str
    below: str


#: The published formula in words.
FORMULA = Equation("connections × consumption rate × (1 − downtime / workday)", "capacity × utilization")

#: The formula's variables by their key in the plan file.
_KEYS = (
    ("connections", "workload.connections", "sessions"),
    ("consumption rate", "workload.consumption_rate", "bytes/s per session"),
    ("downtime", "goals.downtime", "seconds"),
    ("workday", "goals.workday", "seconds"),
    ("capacity", "server.capacity", "bytes/s per server"),
    ("utilization", "server.utilization", "share of capacity"),
)


def terms(plan: Plan) -> list[Term]:
    """Return the formula's variables in its own order."""
    given, known = plan.inputs, {figure.key: figure for figure in plan.figures}
    values = (
        given.connections,
        given.consumption_rate_bytes_per_s,
        given.downtime_s,
        given.workday_s,
        given.capacity_bytes_per_s,
        given.utilization,
    )
    rows = []
    for (variable, key, unit), value in zip(_KEYS, values, strict=True):
        figure = known.get(key)
        if figure is None:
            written, origin = format_byte_rate(value), "from the messages"
        else:
            at_peak = key == "workload.connections" and not math.isclose(figure.value or 0.0, value)
            written, origin = shown(figure), figure.provenance.kind + ", at the peak" * at_peak
        rows.append(Term(variable, written, number(value), unit, origin))
    return rows


def shown(figure: InputFigure) -> str:
    """Return an input as a person writes it: one value, or its central 90 %."""
    if figure.text is not None:
        return figure.text
    show = dimension(field_of(figure.key).kind).show
    if figure.p5 is not None and figure.p95 is not None:
        return f"{show(figure.p5)} to {show(figure.p95)}"
    return show(figure.value or 0.0)


def one_line(plan: Plan) -> str:
    """Return the formula with this plan's figures, in one line."""
    given = plan.inputs
    return (
        f"{format_count(given.connections)} × {format_byte_rate(given.consumption_rate_bytes_per_s)} "
        f"× (1 − {format_duration(given.downtime_s)} / {format_duration(given.workday_s)}) "
        f"/ ({format_byte_rate(given.capacity_bytes_per_s)} × {format_share(given.utilization)}) "
        f"= {quotient(plan, 3)}"
    )


def substituted(plan: Plan) -> Equation:
    """Return the formula with the figures in it, in SI units."""
    given = plan.inputs
    return Equation(
        f"{number(given.connections)} × {number(given.consumption_rate_bytes_per_s)} "
        f"× (1 − {number(given.downtime_s)} / {number(given.workday_s)})",
        f"{number(given.capacity_bytes_per_s)} × {number(given.utilization)}",
    )


def quotient(plan: Plan, digits: int) -> str:
    """Return the formula's result cut, not rounded, after ``digits``: 28.0000001 shows that it exceeds 28."""
    exact = plan.document.servers_exact
    if float(exact).is_integer():
        return f"{exact:,.0f}"
    whole, _, decimals = f"{exact:,.15f}".partition(".")
    cut = decimals[digits:].strip("0")
    return f"{whole}.{decimals[:digits]}…" if cut else f"{whole}.{decimals[:digits].rstrip('0')}"


class Count(NamedTuple):
    """One way to count servers: its quotient where it has one, and what it stands for."""

    name: str
    exact: str
    servers: int
    meaning: str


def counts(plan: Plan) -> list[Count]:
    """Return the formula's count and, beside it, the ones that take downtime the other way."""
    given = plan.inputs
    bandwidth = next((one for one in plan.constraints if one.name == "bandwidth"), None)
    demand = bandwidth.demand if bandwidth else given.connections * given.consumption_rate_bytes_per_s
    average = demand / (given.capacity_bytes_per_s * given.utilization) / plan.corrected.availability
    rows = [
        Count("the formula", quotient(plan, 3), plan.document.servers, "downtime taken off the demand"),
        Count("demand / availability", f"{average:,.3f}", whole_servers(average), "enough on average"),
    ]
    fleet = plan.corrected.servers
    if fleet is not None and only_the_formula(plan):
        needed = plan.constraints[0].servers_p50 or 0
        target = format_share(plan.inputs.availability_target)
        rows.append(Count("corrected", "", fleet, f"{needed:,} of {fleet:,} up {target} of the time"))
    return rows


def rows(plan: Plan) -> list[ConstraintRow]:
    """Return the constraints that anything is asked of."""
    return [c for c in plan.constraints if c.demand > 0 or c.name == "bandwidth"]


def only_the_formula(plan: Plan) -> bool:
    """Return whether bandwidth is all that the plan is about."""
    return [constraint.name for constraint in plan.constraints] == ["bandwidth"]


def headline(plan: Plan) -> tuple[str, str]:
    """Return the answer, and what qualifies it."""
    fleet, formula = plan.servers, f"{plan.document.servers:,} by the formula alone"
    if fleet.p95 is None:
        return "no number of servers is enough", formula
    each = "" if only_the_formula(plan) or not fleet.p95 else f", {_each(fleet.p95)}{plan.server}"
    if plan.uncertainty is None:
        return f"{servers(fleet.p95)}{each}", formula
    half = f"{fleet.p50:,} suffice half of the time" if fleet.p50 is not None else "half of the time none"
    return f"{servers(fleet.p95)} to be 95 % sure{each}", f"{half}; {formula}"


def _each(count: int) -> str:
    return "each " if count > 1 else ""


def answer(plan: Plan) -> str:
    """Return what the answer rests on, in a sentence or two."""
    if plan.servers.p95 is None and plan.remedy:
        return plan.remedy
    if plan.uncertainty is not None:
        return _uncertain_answer(plan)
    needed = _needed(plan)
    if not needed:
        return "There is no demand to carry."
    binding = "" if only_the_formula(plan) else f" {plan.binding.capitalize()} decides{_apart(plan)}."
    what = "get over a reconnect storm in time" if plan.binding == "reconnect storm" else "carry the demand"
    return f"It takes {needed:,} in service to {what}{_spares(plan, needed)}{binding}"


def _spares(plan: Plan, needed: int) -> str:
    """What the fleet has beyond the servers needed, and why."""
    worst = next((day for day in plan.bad_days if day.name == plan.worst_day), None)
    if worst is None or worst.servers == needed:
        return ", and without downtime no more." if plan.inputs.downtime_s == 0 else "."
    if worst.name == "k of n":
        return (
            f". One is in service {format_share(plan.corrected.availability)} of the time; of "
            f"{plan.corrected.servers:,}, at least {needed:,} are, "
            f"{format_share(plan.inputs.availability_target)} of the time."
        )
    return f". The worst day is {worst.name}: {worst.sentence}."


def _uncertain_answer(plan: Plan) -> str:
    decides = sorted(plan.constraints, key=lambda c: -c.binding_probability)[:2]
    said = " and ".join(
        f"{c.name} in {format_share(round(c.binding_probability, 2))}"
        for c in decides
        if c.binding_probability >= 0.01
    )
    doubt = plan.uncertainty.infeasible if plan.uncertainty else 0.0
    hopeless = f" In {format_share(doubt)} of what may be, no number is enough." if doubt else ""
    day = f" The worst day is {plan.worst_day}." if plan.worst_day not in ("", "ordinary day") else ""
    return f"What decides: {said} of all cases.{day}{hopeless}"


def _needed(plan: Plan) -> int:
    """Servers in service for the constraint that decides."""
    return next((c.servers_p95 or 0 for c in plan.constraints if c.name == plan.binding), 0)


def _apart(plan: Plan) -> str:
    if plan.next_constraint is None or plan.apart is None:
        return ""
    return f"; next comes {plan.next_constraint}, which asks for 1/{plan.apart:.2g} of the servers"


def difference(plan: Plan) -> str:
    """Return why the formula's count and the answer differ, in one sentence."""
    if plan.inputs.downtime_s == 0:
        return "Without downtime the counts are the same: demand divided by what one server may carry."
    agree = plan.document.servers == plan.corrected.servers
    return (
        f"{'They agree here, but' if agree else 'They differ because'} the formula takes downtime off the "
        "demand, so that more downtime lowers its result, whereas the sessions stay and the servers still "
        "in service must carry them."
    )


#: What a plan of bandwidth alone leaves out.
SCOPE = (
    "Bandwidth is the only limit here. CPU, memory or open files may bind first: describe the service in a "
    "plan file (siotool plan init), or measure it with siotool loadtest, then siotool report."
)


def effects(plan: Plan) -> list[Effect]:
    """Return the uncertain inputs that make a difference."""
    found = plan.uncertainty.effects if plan.uncertainty is not None else []
    return [e for e in found if e.servers_p10 != e.servers_p90 or (e.total or 0.0) >= 0.005]


def drawn_from(plan: Plan) -> str:
    """Return how the quantiles were found; empty without ranges."""
    doubt = plan.uncertainty
    return "" if doubt is None else f"{doubt.draws:,} draws of all ranges, seed {doubt.seed}."


def chances(plan: Plan) -> list[tuple[str, str]]:
    """Return fleets and the probability that each suffices, written."""
    found = plan.uncertainty.chances if plan.uncertainty is not None else []
    return [(f"{fleet:,}", format_share(round(chance, 3))) for fleet, chance in found]


def given(plan: Plan) -> list[InputFigure]:
    """Return the inputs that somebody gave, measured or published, or that vary: not the plain defaults."""
    return [f for f in plan.figures if f.provenance.kind != "default" or f.p5 is not None]


def untouched(plan: Plan) -> list[InputFigure]:
    """Return the plain defaults."""
    return [f for f in plan.figures if f.provenance.kind == "default" and f.p5 is None]


def swing(effect: Effect) -> str:
    """Return what one input does to the fleet: ``6 → 12 servers``."""
    low, high = (
        "none enough" if value is None else f"{value:,.0f}"
        for value in (effect.servers_p10, effect.servers_p90)
    )
    return f"{low} → {high}"


def servers(count: int | None) -> str:
    """Write a number of servers."""
    if count is None:
        return "no number of servers"
    return f"{count:,} server" if count == 1 else f"{count:,} servers"


def number(value: float) -> str:
    """Write a figure with thousands separators and no more than six decimals."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    if 1 <= abs(value) < 1e9:
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    return f"{value:.9g}"
