"""Curves and one storm of a plan, for a page alone: computed only when drawn."""

from collections.abc import Mapping

import numpy as np

from siotool.plan.constraints.handshakes import at_rest
from siotool.plan.constraints.storm import lost_at_once
from siotool.plan.constraints.storm_bound import failure
from siotool.plan.demand.service import world as world_of
from siotool.plan.documents import plan_charts, storm_document
from siotool.plan.documents import plan_words as words
from siotool.plan.documents.plan_document import Drawn
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.model import Plan
from siotool.plan.numbers import Number
from siotool.plan.storm.storm_plan import StormPlan
from siotool.plan.storm.study import StormOptions, study
from siotool.plan.uncertainty.outcomes import as_draws, quantiles
from siotool.plan.uncertainty.response import responses
from siotool.plan.uncertainty.worlds import uncertain

#: Inputs whose responses are drawn.
_RESPONSES = 6
#: Most fleets on the curve of chances, and the share at which it ends: beyond is only a long tail.
_FLEETS = 200
_LAST = 0.99
#: Enough for a page; plan storm is finer.
_COARSENESS = 2.0


def drawn(plan: Plan, inputs: Inputs, *, draws: int, seed: int) -> Drawn:
    """Return what is to be drawn of a plan that was sized with these ``inputs``, ``draws`` and ``seed``."""
    storm = storm_of(plan, inputs, draws=draws, seed=seed)
    laws = uncertain(inputs, seed)
    known, curves = [], []
    if laws.laws:
        names = [effect.key for effect in words.effects(plan)][:_RESPONSES]
        known = chances(inputs, laws.draw(draws))
        curves = responses(inputs, laws, names)
    return Drawn(
        chances=plan_charts.chances(plan, known),
        responses=plan_charts.responses(plan, curves),
        middle=next((one.servers[len(one.servers) // 2] for one in curves), None),
        storm=storm_document.section(storm) if storm is not None else None,
        forecast=plan_charts.forecast(plan.forecast) if plan.forecast is not None else (),
        evidence=plan_charts.evidence(plan.evidence) if plan.evidence is not None else (),
    )


def chances(inputs: Inputs, values: Mapping[str, Number]) -> list[tuple[float, float]]:
    """Return fleets and the probability that each suffices, from the first that may to nearly all that do."""
    servers = as_draws(evaluate(inputs, values).fleet)
    finite = np.sort(servers[np.isfinite(servers)])
    if not finite.size:
        return []
    (last,) = quantiles(finite, _LAST)
    fleets = np.unique(finite[finite <= last])
    if fleets.size > _FLEETS:
        fleets = fleets[np.unique(np.linspace(0, fleets.size - 1, _FLEETS).round().astype(np.intp))]
    below = np.searchsorted(finite, fleets, side="right")
    return [(float(n), float(count) / servers.size) for n, count in zip(fleets, below, strict=True)]


def storm_of(plan: Plan, inputs: Inputs, *, draws: int, seed: int) -> StormPlan | None:
    """Return the storm of the plan's fleet at P95.

    None where the plan has no handshakes, no fleet or no connections. Where the goals' failure
    leaves no server, all are lost and back at once.
    """
    world = world_of(inputs, middles(inputs))
    fleet, connections = plan.servers.p95, world.demand.connections
    if at_rest(world) is None or not fleet or connections < 1:
        return None
    lost = lost_at_once(world)
    if not failure(connections, float(fleet), lost, world["topology.zones"]).survivors > 0:
        lost = "all"
    return study(
        inputs, StormOptions(servers=fleet, lost=lost, coarseness=_COARSENESS), draws=draws, seed=seed
    )
