"""The day on which the planned fleet no longer suffices."""

from datetime import date

from siotool.errors import InputError
from siotool.plan.demand.service import peak_connections
from siotool.plan.growth.counting import holds, today, values_of
from siotool.plan.growth.forecast import MOST_CONNECTIONS, forecast
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.model import Forecast, Plan
from siotool.plan.numbers import minimum

#: As far ahead as the forecast looks month by month; the day itself may be farther.
MONTHS = 36


def outlook(
    plan: Plan, inputs: Inputs, start: date, *, lead_time_s: float, draws: int, seed: int
) -> Forecast | None:
    """Follow the peak of the plan's connections from ``start`` until its fleet is too small.

    The fleet is the one that is 95 % sure, with its shards and balancers; ``workload.ahead``
    made it larger, and does not count as growth once more. None where no fleet is enough.
    Raises InputError for an impossible growth.
    """
    if plan.servers.p95 is None:
        return None
    now = today(inputs)
    values = values_of(now, draws, seed)
    # those that are there, which may be more than it needs today
    shards = None if plan.shards is None else max(plan.shards, int(middle_of(now, "topology.shards")))
    safe = holds(now, values, plan.servers.p95, shards, plan.balancers)
    return forecast(
        peak_connections(values),
        values["workload.growth"],
        minimum(safe, MOST_CONNECTIONS),
        start,
        months=MONTHS,
        lead_time_s=lead_time_s,
    )


def grows(inputs: Inputs) -> bool:
    """Return whether the plan says how connections change over time."""
    growth = inputs.figures["workload.growth"]
    return growth.provenance.kind != "default"


def parse_date(text: str, what: str) -> date:
    """Read a day as 2026-12-31, after which the months looked at are still days. Raises InputError."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{what} is {text!r}; expected a day", "write it like 2026-12-31") from error
    if 12 * (date.max.year - day.year) + date.max.month - day.month <= MONTHS:
        raise InputError(f"{what} is {day}; the {MONTHS} months after it are no days", "check the year")
    return day
