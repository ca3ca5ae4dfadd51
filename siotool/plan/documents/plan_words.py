"""A plan in words and figures that a reader can check by hand."""

from siotool.plan.inputs.fields import dimension, field_of
from siotool.plan.model import Effect, InputFigure, Plan
from siotool.units import format_byte_rate, format_count, format_duration, format_share


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


def quotient(plan: Plan, digits: int) -> str:
    """Return the formula's result cut, not rounded, after ``digits``: 28.0000001 shows that it exceeds 28.

    Of less than that ``digits`` significant ones are shown, rounded: 0.00143.
    """
    exact = plan.document.servers_exact
    if float(exact).is_integer():
        return f"{exact:,.0f}"
    if exact < 10.0 ** (1 - digits):
        return number(float(f"{exact:.{digits}g}"))
    whole, _, decimals = f"{exact:,.15f}".partition(".")
    cut = decimals[digits:].strip("0")
    return f"{whole}.{decimals[:digits]}…" if cut else f"{whole}.{decimals[:digits].rstrip('0')}"


def only_the_formula(plan: Plan) -> bool:
    """Return whether bandwidth is all that the plan is about."""
    return [constraint.name for constraint in plan.constraints] == ["bandwidth"]


def headline(plan: Plan) -> str:
    """Return the answer."""
    fleet = plan.servers.p95
    if fleet is None:
        return "No number of servers is enough"
    each = "" if only_the_formula(plan) or not fleet else f", {_each(fleet)}{plan.server}"
    sure = " to be 95 % sure" if plan.uncertainty is not None else ""
    return f"{servers(fleet)}{sure}{each}"


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
    what = (
        "recover from a reconnect storm in time" if plan.binding == "reconnect storm" else "carry the demand"
    )
    return f"It takes {needed:,} in service to {what}{_spares(plan, needed)}{binding}"


def _spares(plan: Plan, needed: int) -> str:
    """What the fleet has beyond the servers needed, and why."""
    worst = next((day for day in plan.bad_days if day.name == plan.worst_day), None)
    if worst is None or worst.servers == needed:
        return "; without downtime no more are needed." if plan.inputs.downtime_s == 0 else "."
    if worst.name == "k of n":
        return (
            f". One server is in service {format_share(plan.corrected.availability)} of the time. At least "
            f"{needed:,} of {plan.corrected.servers:,} are in service "
            f"{format_share(plan.inputs.availability_target)} of the time."
        )
    return f". The worst day is {worst.name}: {worst.sentence}."


def _uncertain_answer(plan: Plan) -> str:
    if plan.servers.p95 == 0:
        return "There is no demand to carry."
    decides = sorted(plan.constraints, key=lambda c: -c.binding_probability)[:2]
    said = " and ".join(
        f"{c.name} in {format_share(round(c.binding_probability, 2))}"
        for c in decides
        if c.binding_probability >= 0.01
    )
    doubt = plan.uncertainty.infeasible if plan.uncertainty else 0.0
    none_enough = f" In {format_share(doubt)} of all cases, no number is enough." if doubt else ""
    day = f" The worst day is {plan.worst_day}." if plan.worst_day not in ("", "ordinary day") else ""
    return f"What decides: {said} of all cases.{day}{none_enough}"


def _needed(plan: Plan) -> int:
    """Servers in service for the constraint that decides."""
    return next((c.servers_p95 or 0 for c in plan.constraints if c.name == plan.binding), 0)


def _apart(plan: Plan) -> str:
    if plan.next_constraint is None or plan.apart is None:
        return ""
    return f"; next is {plan.next_constraint}, which needs 1/{plan.apart:.2g} of the servers"


def effects(plan: Plan) -> list[Effect]:
    """Return the uncertain inputs that make a difference."""
    found = plan.uncertainty.effects if plan.uncertainty is not None else []
    return [e for e in found if e.servers_p10 != e.servers_p90 or (e.total or 0.0) >= 0.005]


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
