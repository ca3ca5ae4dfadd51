"""From inputs to a plan: the formula, every constraint, the bad days, and what the ranges make of it."""

import math
from collections.abc import Callable

import msgspec

from siotool.errors import InputError
from siotool.formula import Figures, servers_exact, whole_servers
from siotool.plan.constraints.bandwidth import consumption_rate
from siotool.plan.evaluation import basis, lints
from siotool.plan.evaluation.evaluate import Bound, Evaluation, binding, count, evaluate
from siotool.plan.evaluation.remedy import remedy
from siotool.plan.inputs.fields import dimension, field_of
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middle, middles
from siotool.plan.model import (
    BadDayRow,
    ConstraintRow,
    Corrected,
    Evidence,
    Fleet,
    FormulaServers,
    InputFigure,
    Plan,
)
from siotool.plan.model import FormulaInputs as DocumentInputs
from siotool.plan.redundancy.bad_days import k_of_n, worst
from siotool.units import format_byte_rate, format_share

_FORMULA_NEEDS = 'the formula needs both, for example capacity = "1Gbit/s": the network of one server'

#: Default draws of a plan with ranges.
DRAWS = 10_000


def size(
    inputs: Inputs,
    *,
    draws: int = DRAWS,
    seed: int = 1,
    sensitivities: bool = True,
    evidence: Callable[[Evaluation[float]], Evidence] | None = None,
) -> Plan:
    """Size a fleet.

    ``inputs`` are complete (``planfile.with_defaults``). Ranges go through the model in
    ``draws`` draws, seeded by ``seed``; ``sensitivities`` adds which of them matter,
    which takes longer. ``evidence`` describes the runs that figures were measured in.
    Raises InputError for impossible figures.
    """
    at_middle = evaluate(inputs, middles(inputs))
    figures = document_figures(at_middle)
    plan = _plan(inputs, at_middle, figures)
    if evidence is not None:
        seen = evidence(at_middle)
        plan = msgspec.structs.replace(plan, evidence=seen, warnings=plan.warnings + seen.beyond)
    if not inputs.uncertain():
        return plan
    # numpy, for ranges only
    from siotool.plan.uncertainty.worlds import with_uncertainty  # noqa: PLC0415

    return _several(
        with_uncertainty(plan, inputs, draws=draws, seed=seed, sensitivities=sensitivities), at_middle
    )


def _several(plan: Plan, at_middle: Evaluation[float]) -> Plan:
    """Return the plan with what its fleet needs where the middle of its ranges is one process only."""
    each, most = at_middle.world["server.processes"], plan.servers.p95
    if at_middle.fleet * each > 1 or most is None or most * each <= 1:
        return plan
    return msgspec.structs.replace(plan, warnings=plan.warnings + lints.of_several(at_middle.world))


def document_figures(evaluation: Evaluation[float]) -> Figures:
    """Return the figures of the published formula. Raises InputError where a plan lacks it."""
    world = evaluation.world
    rate = consumption_rate(world)
    missing = [
        key
        for key, there in (
            ("workload.consumption_rate, or [workload.messages.NAME]", rate is not None),
            ("server.capacity", world.has("server.capacity")),
        )
        if not there
    ]
    if missing or rate is None:
        raise InputError(f"the plan has no {' and no '.join(missing)}", _FORMULA_NEEDS)
    return Figures(
        connections=world.demand.connections,
        consumption_rate_bytes_per_s=rate,
        downtime_s=world["goals.downtime"],
        workday_s=world["goals.workday"],
        capacity_bytes_per_s=world["server.capacity"],
        utilization=world["server.utilization"],
    )


def _plan(inputs: Inputs, evaluation: Evaluation[float], figures: Figures) -> Plan:
    target = evaluation.world["goals.availability"]
    down = evaluation.world["goals.downtime"] / evaluation.world["goals.workday"]
    # a resource that costs nothing limits nothing: there is no capacity to show
    limiting = tuple(
        b
        for b in evaluation.bounds
        if math.isfinite(b.limit.capacity_per_server) or b.constraint.tier != "servers"
    )
    order = binding(limiting)
    fleet = count(evaluation.fleet)
    exact = servers_exact(figures)
    document = FormulaServers(servers_exact=exact, servers=whole_servers(exact))
    next_one = order[1] if len(order) > 1 else None
    return Plan(
        version=1,
        inputs=DocumentInputs(**msgspec.structs.asdict(figures), availability_target=target),
        document=document,
        corrected=Corrected(
            servers=count(k_of_n(evaluation.needed, down, target)),
            availability=figures.availability,
            method=f"smallest n with P[Binomial(n, {figures.availability:.6g}) ≥ k] ≥ {target:.6g}",
        ),
        constraints=[_constraint(inputs, evaluation, bound) for bound in limiting],
        binding=order[0].constraint.name,
        servers=Fleet(p50=fleet, p90=fleet, p95=fleet),
        warnings=_warnings(figures, document.servers, evaluation) + lints.lint(evaluation),
        server=basis.server_words(inputs),
        figures=[_figure(inputs, key) for key in inputs.figures],
        messages=list(inputs.messages),
        next_constraint=next_one.constraint.name if next_one else None,
        apart=_apart(order),
        bad_days=[BadDayRow(day.name, count(day.servers), day.sentence) for day in evaluation.days],
        worst_day=evaluation.days[int(worst(evaluation.days))].name,
        shards=_tier(evaluation.shards),
        balancers=_tier(evaluation.balancers),
        remedy=remedy(evaluation),
        rests_on=basis.rests_on(evaluation),
    )


def _constraint(inputs: Inputs, evaluation: Evaluation[float], bound: Bound[float]) -> ConstraintRow:
    limit = bound.limit
    servers = count(float(whole_servers(limit.servers)) if math.isfinite(limit.servers) else limit.servers)
    first = binding(evaluation.bounds)[0]
    return ConstraintRow(
        name=bound.constraint.name,
        demand=limit.demand,
        capacity_per_server=limit.capacity_per_server if math.isfinite(limit.capacity_per_server) else None,
        unit=bound.constraint.unit,
        servers_p50=servers,
        servers_p95=servers,
        provenance=provenance(inputs, limit.keys),
        tier=bound.constraint.tier,
        servers_exact=limit.servers if math.isfinite(limit.servers) else None,
        binding_probability=1.0 if bound is first else 0.0,
        sentence=bound.constraint.sentence(evaluation.world, limit),
    )


def provenance(inputs: Inputs, keys: tuple[str, ...]) -> str:
    """Return where the figures of a constraint come from, in one line."""
    found: dict[str, list[str]] = {}
    for key in keys:
        if key in inputs.figures:
            name = key.rpartition(".")[2] if key.count(".") == 1 else ".".join(key.split(".")[2:])
            found.setdefault(inputs.figures[key].provenance.kind, []).append(name.replace("_", " "))
    order = ("measured", "published", "typed", "default")
    return "; ".join(f"{kind}: {', '.join(found[kind])}" for kind in order if kind in found)


def _figure(inputs: Inputs, key: str) -> InputFigure:
    figure, field = inputs.figures[key], field_of(key)
    if isinstance(figure.value, str | bool):
        return InputFigure(key, "", figure.provenance, text=str(figure.value).lower())
    unit = dimension(field.kind).unit
    return InputFigure(key, unit, figure.provenance, value=middle(key, figure.value))


def _apart(order: list[Bound[float]]) -> float | None:
    """How many times the servers of the next constraint the first one takes."""
    if len(order) < 2 or not 0 < order[1].weight < math.inf or math.isinf(order[0].weight):
        return None
    return float(order[0].weight / order[1].weight)


def _tier(servers: float) -> int | None:
    return count(servers) if servers else None


def _warnings(figures: Figures, by_formula: int, evaluation: Evaluation[float]) -> list[str]:
    warnings = []
    needed = whole_servers(figures.demand_bytes_per_s / figures.usable_bytes_per_s)
    if 0 < by_formula < needed:
        share = figures.demand_bytes_per_s / by_formula / figures.capacity_bytes_per_s
        servers, them = ("1 server", "it") if by_formula == 1 else (f"{by_formula:,} servers", "all of them")
        warnings.append(
            f"the formula's {servers} would run at {format_share(share)} of capacity with {them} "
            f"in service, above the {format_share(figures.utilization)} asked for"
        )
    if figures.downtime_s == 0 and evaluation.for_load and evaluation.fleet == evaluation.for_load:
        warnings.append("downtime is 0: no server is set aside for one that is out of service")
    if figures.utilization == 1:
        warnings.append("utilization is 100 %: nothing is left for a peak above the average")
    if figures.consumption_rate_bytes_per_s > figures.usable_bytes_per_s:
        warnings.append(
            f"one session takes {format_byte_rate(figures.consumption_rate_bytes_per_s)}, more than the "
            f"{format_byte_rate(figures.usable_bytes_per_s)} one server may give, and cannot be split"
        )
    return warnings
