"""The servers needed now, at the plan's growth, and with spares for bad days: each with what decides it."""

from typing import Literal

from siotool.plan.evaluation.evaluate import binding, count, evaluate
from siotool.plan.growth import counting
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middle_of, middles
from siotool.plan.model import Plan
from siotool.plan.numbers import Number, is_array, single
from siotool.report.sizing_figures import CountStage
from siotool.units import format_duration, format_share

_LOW, _HIGH = 0.05, 0.95


def stages_of(
    inputs: Inputs, plan: Plan, figures: Literal["planned", "measured"], *, draws: int, seed: int
) -> list[CountStage]:
    """Return the stages of ``plan``, made of complete ``inputs``; growth only where it has one."""
    growth, ahead = (middle_of(inputs, f"workload.{name}") for name in ("growth", "ahead"))
    stages = [
        _stage("now", "servers in service for today's load", counting.today(inputs), figures, draws, seed)
    ]
    if growth:
        rate = f"growth of {format_share(growth)} a year"
        if ahead:
            how = f"servers in service in {format_duration(ahead)}, at a {rate}"
            stages.append(_stage("growth", how, inputs, figures, draws, seed))
        else:
            how = f"the plan has a {rate}, and no workload.ahead: it counts for today only"
            stages.append(CountStage("growth", figures, None, None, None, "", how))
    day = next((one for one in plan.bad_days if one.name == plan.worst_day), None)
    why = "the plan has no bad day that takes a server out"
    if day is not None and day != plan.bad_days[0]:
        why = f"with spares for the worst of the bad days: {day.sentence}"
    low, high = _between(inputs, draws, seed)
    ordinary = day is None or day == plan.bad_days[0]
    decided = plan.binding if ordinary else f"{plan.binding}, {plan.worst_day}"
    return [*stages, CountStage("redundancy", figures, plan.servers.p95, low, high, decided, why)]


def _stage(
    name: Literal["now", "growth"],
    how: str,
    inputs: Inputs,
    figures: Literal["planned", "measured"],
    draws: int,
    seed: int,
) -> CountStage:
    needed = evaluate(inputs, counting.values_of(inputs, draws, seed)).needed
    low, high = _quantiles(needed)
    at_middle = evaluate(inputs, middles(inputs))
    first = binding(at_middle.bounds)
    return CountStage(name, figures, high, low, high, first[0].constraint.name if first else "", how)


def _between(inputs: Inputs, draws: int, seed: int) -> tuple[int | None, int | None]:
    return _quantiles(evaluate(inputs, counting.values_of(inputs, draws, seed)).fleet)


def _quantiles(servers: Number) -> tuple[int | None, int | None]:
    """Of drawn counts the 5 % and the 95 % quantile; of a single one, twice the same."""
    if not is_array(servers):
        known = count(single(servers))
        return known, known
    from siotool.plan.uncertainty import outcomes

    low, high = outcomes.quantiles(servers, _LOW, _HIGH)
    return count(low), count(high)
