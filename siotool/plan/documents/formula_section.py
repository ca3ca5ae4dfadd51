"""The published formula in a plan's document: its variables, its equation, and the counts beside its own."""

import math

from siotool.document.document import Equation, Row, Section, Sentence, Table, columns
from siotool.formula import whole_servers
from siotool.plan.documents import plan_words as words
from siotool.plan.model import Plan
from siotool.units import format_byte_rate, format_share

#: The formula's variables: key in the plan file, field of the plan's inputs, and unit.
_VARIABLES = (
    ("workload.connections", "connections", "sessions"),
    ("workload.consumption_rate", "consumption_rate_bytes_per_s", "bytes/s per session"),
    ("goals.downtime", "downtime_s", "seconds"),
    ("goals.workday", "workday_s", "seconds"),
    ("server.capacity", "capacity_bytes_per_s", "bytes/s per server"),
    ("server.utilization", "utilization", "share of capacity"),
)
KEYS = frozenset(key for key, _, _ in _VARIABLES)

#: What a plan of bandwidth alone leaves out.
_SCOPE = (
    "Bandwidth is the only limit here. CPU, memory or open files may bind first: describe the service in a "
    "plan file (siotool plan init), or measure it with siotool loadtest, then siotool report."
)


def formula(plan: Plan) -> Section:
    """Return the formula's variables in its own order, and the formula in words and in SI units."""
    known = {figure.key: figure for figure in plan.figures}
    rows = []
    for key, field, unit in _VARIABLES:
        value, figure = getattr(plan.inputs, field), known.get(key)
        if figure is None:
            written, origin = format_byte_rate(value), "from the messages"
        else:
            at_peak = key == "workload.connections" and not math.isclose(figure.value or 0.0, value)
            written, origin = words.shown(figure), figure.provenance.kind + ", at the peak" * at_peak
        name = key.partition(".")[2].replace("_", " ")
        rows.append(Row([name, written, words.number(value), unit, origin]))
    table = Table(columns("variable", "value>", "in SI units>", "unit", "from"), rows)
    scope = [Sentence(_SCOPE)] if words.only_the_formula(plan) else []
    return Section("formula", "The formula", [table, _equation(plan), *scope])


def _equation(plan: Plan) -> Equation:
    given, number = plan.inputs, words.number
    return Equation(
        "servers",
        [
            ("connections × consumption rate × (1 − downtime / workday)", "capacity × utilization"),
            (
                f"{number(given.connections)} × {number(given.consumption_rate_bytes_per_s)} "
                f"× (1 − {number(given.downtime_s)} / {number(given.workday_s)})",
                f"{number(given.capacity_bytes_per_s)} × {number(given.utilization)}",
            ),
        ],
        f"{words.quotient(plan, 6)} → {words.servers(plan.document.servers)}",
    )


def counts(plan: Plan) -> Section:
    """Return the formula's count and, beside it, those that keep enough servers in service."""
    given, (bandwidth,) = plan.inputs, plan.constraints
    average = (
        bandwidth.demand / (given.capacity_bytes_per_s * given.utilization) / plan.corrected.availability
    )
    rows = [
        ("the formula", words.quotient(plan, 3), plan.document.servers, "downtime taken off the demand"),
        ("demand / availability", _exact(average), whole_servers(average), "enough on average"),
    ]
    fleet = plan.corrected.servers
    if fleet is not None:
        needed, target = bandwidth.servers_p50 or 0, format_share(given.availability_target)
        rows.append(("corrected", "", fleet, f"{needed:,} of {fleet:,} up {target} of the time"))
    cells = [Row([name, exact, f"{n:,}", meaning]) for name, exact, n, meaning in rows]
    table = Table(columns("count", "exact>", "servers>", "meaning"), cells)
    return Section("counts", "Ways to count", [table, Sentence(_difference(plan))])


def _exact(average: float) -> str:
    """A quotient with three decimals; less than that with three significant digits."""
    return f"{average:,.3f}" if not 0 < average < 0.01 else words.number(float(f"{average:.3g}"))


def _difference(plan: Plan) -> str:
    """Why the formula's count and the answer differ, in one sentence."""
    agree = plan.document.servers == plan.corrected.servers
    if plan.inputs.downtime_s == 0 and agree:
        return "Without downtime the counts are the same: demand divided by what one server may carry."
    if plan.inputs.downtime_s == 0 and _imbalance(plan) > 1:
        return (
            "They differ because the formula takes all servers for equally loaded: the fullest one carries "
            "more than the mean (topology.imbalance)."
        )
    if plan.inputs.downtime_s == 0:
        return (
            "They differ because some figures are ranges: the formula takes the median of each, and the "
            "corrected count is the median of all draws."
        )
    return (
        f"{'They agree here, but' if agree else 'They differ because'} the formula takes downtime off the "
        "demand: more downtime lowers its result; but the sessions stay, and the servers still in "
        "service must carry them."
    )


def _imbalance(plan: Plan) -> float:
    """The fullest server over the mean."""
    known = {figure.key: figure.value for figure in plan.figures}
    return known.get("topology.imbalance") or 1.0
