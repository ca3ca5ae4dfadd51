"""What the ranges make of a plan: the whole model, draw by draw, and which input matters most."""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from siotool.plan.evaluation.evaluate import Bound, Evaluation, count, evaluate
from siotool.plan.evaluation.remedy import remedy
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import bounds_of
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.model import ConstraintRow, Effect, Fleet, InputFigure, NextMeasurement, Plan, Uncertainty
from siotool.plan.numbers import Number, is_array, single, where
from siotool.plan.redundancy.bad_days import k_of_n
from siotool.plan.uncertainty import outcomes, sensitivity
from siotool.plan.uncertainty.draws import Uncertain, prepare
from siotool.units import format_share

#: Fleets whose chances are listed: the quantiles, and this many between and around them.
_CHANCES = 5
#: Sobol indices cost a model run for each factor; enough to order them.
_SOBOL_DRAWS = 1024
_GUESS_DRAWS = 4096
#: Inputs that get indices: with more, a plan of many kinds of messages would cost its square.
_INDEXED = 32


def uncertain(inputs: Inputs, seed: int) -> Uncertain:
    """Return the inputs ready to be drawn from, each within its field's bounds.

    A figure that is another one is not among them: the model gives it that one's value.
    """
    same = inputs.same()
    figures: dict[str, float | Range | Replicates] = {}
    for key, figure in inputs.numbers():
        if key not in same and not isinstance(figure.value, str | bool):
            figures[key] = figure.value
    return prepare(figures, {key: bounds_of(key) for key in inputs.uncertain()}, seed)


def with_uncertainty(
    plan: Plan,
    inputs: Inputs,
    *,
    draws: int,
    seed: int,
    sensitivities: bool = True,
) -> Plan:
    """Return the plan with quantiles over ``draws`` worlds in place of its single figures.

    ``sensitivities`` adds Sobol indices, which take a model run for each uncertain input.
    """
    laws = uncertain(inputs, seed)
    values = laws.draw(draws)
    evaluation = evaluate(inputs, values)
    servers = evaluation.fleet
    summary = outcomes.summary(servers)
    fleet = Fleet(p50=count(summary.p50), p90=count(summary.p90), p95=count(summary.p95))

    def model(changed: Mapping[str, Number]) -> Number:
        return evaluate(inputs, changed).fleet

    rows = _constraints(plan, evaluation)
    first, *others = sorted(rows, key=lambda row: _rank(plan, row))
    days = [
        msgspec.structs.replace(day, servers=count(outcomes.summary(drawn.servers).p95))
        for day, drawn in zip(plan.bad_days, evaluation.days, strict=True)
    ]
    world = evaluation.world
    down = world["goals.downtime"] / world["goals.workday"]
    alone = outcomes.summary(k_of_n(evaluation.needed, down, plan.inputs.availability_target)).p50
    return msgspec.structs.replace(
        plan,
        servers=fleet,
        constraints=rows,
        binding=first.name,
        next_constraint=others[0].name if others else None,
        figures=_figures(plan, inputs, laws),
        corrected=msgspec.structs.replace(plan.corrected, servers=count(alone)),
        bad_days=days,
        worst_day=max(days, key=lambda day: math.inf if day.servers is None else day.servers).name,
        shards=_tier(evaluation.shards),
        balancers=_tier(evaluation.balancers),
        remedy=plan.remedy or _remedy(inputs, values, servers, summary.p95),
        uncertainty=msgspec.structs.replace(
            _sensitivity(model, inputs, laws, values, servers, sensitivities),
            draws=draws,
            seed=seed,
            infeasible=summary.infeasible,
            chances=_chances(servers, fleet),
        ),
    )


def _rank(plan: Plan, row: ConstraintRow) -> tuple[float, bool, bool]:
    """The constraint that decides most often comes first; of equals, in the order of the middle."""
    return -(row.binding_probability or 0.0), row.name != plan.binding, row.name != plan.next_constraint


def _constraints(plan: Plan, evaluation: Evaluation[Number]) -> list[ConstraintRow]:
    chances = outcomes.binding(
        [bound.constraint.name for bound in evaluation.bounds], [_decides(b) for b in evaluation.bounds]
    )
    rows = []
    bounds = {bound.constraint.name: bound for bound in evaluation.bounds}
    for row in plan.constraints:
        bound = bounds[row.name]
        p50, p95 = (_whole(q) for q in outcomes.quantiles(bound.limit.servers, 0.5, 0.95))
        rows.append(
            msgspec.structs.replace(
                row, servers_p50=p50, servers_p95=p95, binding_probability=chances.get(row.name, 0.0)
            )
        )
    return rows


def _decides(bound: Bound[Number]) -> Number:
    """The weight of a constraint; a tier behind them decides only where no number of it is enough."""
    asked = bound.weight
    return asked if bound.constraint.tier == "servers" else where(asked == math.inf, math.inf, -1.0)


def _remedy(inputs: Inputs, values: Mapping[str, Number], servers: Number, p95: float) -> str:
    """Why there is no fleet where the middle of all ranges has one: as in the first draw without."""
    if math.isfinite(p95):
        return ""
    world = int(np.argmax(np.isinf(outcomes.as_draws(servers))))
    one = {key: float(drawn[world]) if is_array(drawn) else single(drawn) for key, drawn in values.items()}
    return remedy(evaluate(inputs, one))


def _whole(exact: float) -> int | None:
    return math.ceil(exact - 1e-9 * exact) if math.isfinite(exact) else None


def _tier(drawn: Number) -> int | None:
    p95 = outcomes.summary(drawn).p95
    return count(p95) if p95 else None


def _figures(plan: Plan, inputs: Inputs, laws: Uncertain) -> list[InputFigure]:
    same = inputs.same()
    rows = []
    for row in plan.figures:
        name = same.get(row.key, row.key)
        if name not in laws.laws:
            rows.append(row)
            continue
        p5, p50, p95 = (float(q) for q in laws.quantiles(name, [0.05, 0.5, 0.95]))
        law = laws.laws[name]
        fitted = f"{len(law.values):,} replicates" if isinstance(law, Replicates) else law.words
        rows.append(msgspec.structs.replace(row, value=p50, p5=p5, p95=p95, fitted=fitted))
    return rows


def _chances(servers: Number, fleet: Fleet) -> list[tuple[int, float]]:
    """Fleets from well below P50 to above P95, with the probability that each suffices."""
    known = [n for n in (fleet.p50, fleet.p90, fleet.p95) if n is not None]
    if not known:
        return []
    low, high = max(1, round(known[0] * 0.7)), math.ceil(known[-1] * 1.15)
    step = max(1, (high - low) // _CHANCES)
    chances = [(n, outcomes.suffices(servers, n)) for n in sorted({*range(low, high + 1, step), *known})]
    # a fleet that helps no more often than a smaller one is not listed
    return [now for before, now in zip([(0, 0.0), *chances], chances, strict=False) if now[1] > before[1]]


def _sensitivity(
    model: Callable[[Mapping[str, Number]], Number],
    inputs: Inputs,
    laws: Uncertain,
    values: Mapping[str, Number],
    servers: Number,
    indices: bool,
) -> Uncertainty:
    swings = sensitivity.tornado(model, laws)
    worth = sensitivity.foremost(values, servers, swings, _INDEXED)
    sobol = sensitivity.sobol(model, laws, _SOBOL_DRAWS, worth) if indices else []
    of = {name: index for index in sobol for name in index.names}
    provenances = {key: figure.provenance for key, figure in inputs.numbers()}
    guesses = [key for key in laws.laws if provenances[key].guessed]
    share = sensitivity.guess_share(model, laws, guesses, _GUESS_DRAWS) if indices else None
    best = sensitivity.next_measurement(values, servers, _measurable(guesses))
    effects = [
        Effect(
            key=swing.name,
            servers_p10=_finite(swing.servers_at_p10),
            servers_p90=_finite(swing.servers_at_p90),
            first_order=of[swing.name].first if swing.name in of else None,
            total=of[swing.name].total if swing.name in of else None,
        )
        for swing in swings
    ]
    effects.sort(key=_weight)
    return Uncertainty(
        effects=effects,
        guessed_share=share,
        guesswork="" if share is None else _guesswork(share, guesses, effects, provenances),
        next_measurement=None
        if best is None
        else NextMeasurement(key=best.name, servers=max(0.0, best.shrink_servers), sentence=best.sentence),
    )


def _weight(effect: Effect) -> tuple[float, float]:
    """Largest swing first; of equals, the one that explains more."""
    low, high = effect.servers_p10, effect.servers_p90
    swing = abs(high - low) if low is not None and high is not None else math.inf
    return -(swing if low != high else 0.0), -(effect.total or 0.0)


def _guesswork(
    share: float, guesses: Sequence[str], effects: Sequence[Effect], provenances: Mapping[str, Provenance]
) -> str:
    if share < 0.005:
        return "None of the uncertainty comes from guesses: what varies was measured or published."
    most = max((e for e in effects if e.key in guesses), key=lambda effect: effect.total or 0.0)
    return (
        f"{format_share(round(share, 2))} of the uncertainty comes from guesses, most of it from {most.key} "
        f"({provenances[most.key].kind})."
    )


#: What a load test, or the service in production, can show.
_MEASURABLE = ("server.", "workload.", "topology.backend", "topology.imbalance", "topology.balancer")
#: What cannot be measured before it happens.
_FUTURE = ("workload.growth", "workload.event_factor")


def _measurable(guesses: Sequence[str]) -> list[str]:
    return [key for key in guesses if key.startswith(_MEASURABLE) and key not in _FUTURE]


def _finite(servers: float) -> float | None:
    return servers if math.isfinite(servers) else None
