"""A plan for an autoscaler: replicas, connections per pod, and the ramp between them.

A pod is one server of the plan, with all its processes. The most replicas are the plan's
fleet at 95 % sureness; the fewest are the fleet, bad days included, that the mean of the day
needs: without ``workload.peak_factor`` and ``workload.event_factor``, and without growth.
"""

import math

from siotool.errors import InputError
from siotool.plan.demand.service import peak_connections
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.growth import counting
from siotool.plan.growth.exports import Autoscaling
from siotool.plan.growth.rampup import MOST_RAMP_S, Ramp, ramp_warning
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.model import Plan
from siotool.plan.numbers import Number, is_array, single, where
from siotool.units import format_count


def scaling(plan: Plan, inputs: Inputs, target: str, namespace: str, *, draws: int, seed: int) -> Autoscaling:
    """Return replicas and connections per pod for a workload named ``target``.

    A pod holds its part of what the whole fleet holds, so that scaling leaves the spares: of the fleet of
    the peak or of the mean day, whichever is less, and with ranges in 95 % of the draws. Raises InputError
    for a plan that no number of servers satisfies, or without demand.
    """
    most = plan.servers.p95
    if not most:
        raise InputError(
            "the plan has no fleet to scale", "there is no demand, or no number of servers is enough"
        )
    mean = counting.mean_day(inputs)
    fewest = max(1, min(counting.servers(mean, draws, seed).p95 or 1, most))
    each = min(
        _held(counting.today(inputs), most, draws, seed) / most, _held(mean, fewest, draws, seed) / fewest
    )
    return Autoscaling(
        target=target,
        namespace=namespace,
        min_replicas=fewest,
        max_replicas=most,
        connections_per_pod=each,
        figures=(
            f"{most:,} servers, spares included, for {format_count(round(plan.inputs.connections))} "
            f"connections; {plan.binding} decides.",
            f"{fewest:,} servers, spares included, for the mean of the day, "
            f"{format_count(round(_mean_connections(inputs)))} connections.",
        ),
    )


def outrun(inputs: Inputs, scaling: Autoscaling, pod_start_s: float) -> str | None:
    """Say whether new connections, with none leaving, outrun the autoscaler from the mean to the peak.

    ``pod_start_s``: from asking for a pod to its taking connections. None when they do not, or
    where the plan has no new connections.
    """
    values = middles(inputs)
    demand = evaluate(inputs, values).world.demand
    start, per_s = _mean_connections(inputs), float(demand.new_per_s)
    peak = float(demand.connections)
    if not 0 < peak - start <= per_s * MOST_RAMP_S:
        return None
    return ramp_warning(
        Ramp(start, peak, per_s),
        scaling.connections_per_pod,
        scaling.min_replicas,
        scaling.max_replicas,
        pod_start_s,
    )


def _mean_connections(inputs: Inputs) -> float:
    mean = counting.mean_day(inputs)
    return float(peak_connections(middles(mean)))


def _held(inputs: Inputs, servers: int, draws: int, seed: int) -> float:
    """Return the connections that so many servers hold, spares left over, in 95 % of the draws.

    Where connections cost nothing, those that there are.
    """
    values = counting.values_of(inputs, draws, seed)
    held = counting.holds(inputs, values, servers)
    return _p5(where(held < math.inf, held, peak_connections(values)))


def _p5(connections: Number) -> float:
    if not is_array(connections):
        return single(connections)
    from siotool.plan.uncertainty import outcomes  # noqa: PLC0415  (an array is here, so numpy is)

    return outcomes.quantiles(connections, 0.05)[0]
