"""A plan term by term: what every renderer shows, in numbers a reader can check by hand."""

from typing import NamedTuple

from siotool.formula import whole_servers
from siotool.plan.model import Plan
from siotool.units import format_share


class Typed(NamedTuple):
    """The figures as the user wrote them; None where a default stands in."""

    connections: str | None
    consumption_rate: str | None
    downtime: str | None
    workday: str | None
    capacity: str | None
    utilization: str | None


class Term(NamedTuple):
    """One variable of the formula: as typed, in SI, and what its unit is."""

    variable: str
    typed: str
    value: str
    unit: str


class Equation(NamedTuple):
    """One quotient: what stands above the bar and below it."""

    above: str
    below: str


#: The published formula in words.
FORMULA = Equation("connections × consumption rate × (1 − downtime / workday)", "capacity × utilization")


def terms(plan: Plan, typed: Typed) -> list[Term]:
    """Return the formula's variables in its own order."""
    given = plan.inputs
    rows = [
        ("connections", given.connections, "sessions"),
        ("consumption rate", given.consumption_rate_bytes_per_s, "bytes/s per session"),
        ("downtime", given.downtime_s, "seconds"),
        ("workday", given.workday_s, "seconds"),
        ("capacity", given.capacity_bytes_per_s, "bytes/s per server"),
        ("utilization", given.utilization, "share of capacity"),
    ]
    return [
        Term(variable, "(default)" if text is None else text, number(value), unit)
        for (variable, value, unit), text in zip(rows, typed, strict=True)
    ]


def provenance(typed: Typed) -> str:
    """Return which figures the user gave and which are defaults, in one line."""
    given = [name for name, text in zip(Typed._fields, typed, strict=True) if text is not None]
    default = [name for name, text in zip(Typed._fields, typed, strict=True) if text is None]
    parts = [("typed", given), ("default", default)]
    return "; ".join(f"{kind}: {', '.join(names)}".replace("_", " ") for kind, names in parts if names)


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
    needed, fleet = plan.constraints[0].servers_p95, plan.corrected.servers
    average = demand_by_availability(plan)
    target = format_share(plan.inputs.availability_target)
    return [
        Count("the formula", quotient(plan, 3), plan.document.servers, "downtime taken off the demand"),
        Count("demand / availability", f"{average:,.3f}", whole_servers(average), "enough on average"),
        Count("corrected", "", fleet, f"{needed:,} of {fleet:,} up {target} of the time"),
    ]


def demand_by_availability(plan: Plan) -> float:
    """Return demand ÷ usable capacity ÷ availability: the servers it takes on average."""
    bandwidth = plan.constraints[0]
    return bandwidth.demand / bandwidth.capacity_per_server / plan.corrected.availability


def headline(plan: Plan) -> tuple[str, str]:
    """Return the answer, and what qualifies it."""
    return servers(plan.servers.p95), f"{plan.document.servers:,} by the formula alone"


def answer(plan: Plan) -> str:
    """Return what the answer rests on, in one sentence."""
    needed, target = plan.constraints[0].servers_p95, format_share(plan.inputs.availability_target)
    if not needed:
        return "There is no demand to carry."
    if plan.inputs.downtime_s == 0:
        return f"It takes {needed:,} in service to carry the demand, and without downtime no more."
    return (
        f"It takes {needed:,} in service to carry the demand. One is in service "
        f"{format_share(plan.corrected.availability)} of the time; of {plan.corrected.servers:,}, at least "
        f"{needed:,} are, {target} of the time."
    )


def difference(plan: Plan) -> str:
    """Return why the counts differ, in one sentence."""
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
    "Bandwidth is the only limit here. CPU, memory or open files may bind first: measure with "
    "siotool loadtest, then siotool report."
)


def servers(count: int) -> str:
    """Write a number of servers."""
    return f"{count:,} server" if count == 1 else f"{count:,} servers"


def number(value: float) -> str:
    """Write a figure with thousands separators and no more than six decimals."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    if 1 <= abs(value) < 1e9:
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    return f"{value:.9g}"
