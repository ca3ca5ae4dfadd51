"""The servers that measured costs make, and those that changed ones would: the difference of a comparison."""

from collections.abc import Sequence

from siotool.cli.counts import Intent, measured_over
from siotool.cli.options import DRAWS, SEED
from siotool.errors import InputError
from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.observe import observe
from siotool.plan.evidence.profile import measure
from siotool.plan.inputs import compose
from siotool.plan.inputs.costs import COSTS
from siotool.plan.inputs.figure import Figure, Inputs, Value
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.sizing.sizing import size
from siotool.report.comparison.servers_change import Count, Factors
from siotool.runfile import Run

_CPU = frozenset(cost.key for cost in COSTS if cost.kind == "duration" or cost.key == "server.base_cost")
_MEMORY = frozenset(cost.key for cost in COSTS if cost.kind == "size")
#: What a light run was seen to carry bounds a plan whatever its costs are: no difference would show.
_SEEN = "server.seen_"


def counting(runs: Sequence[Run], intent: Intent) -> Count | str:
    """Return what counts the servers of the planned service with the costs that runs measured.

    Where the runs show no costs, or searched for a capacity, which has servers of its own, it is the reason.
    """
    if any(run.capacity is not None for run in runs):
        return "the runs searched for a capacity: compare their intervals"
    try:
        observations = observe(runs, ["yes"] * len(runs), accept_suspect=True, same_target=True)
        seen = inputs_of(measure(observations, SEED), observations, SEED)
    except InputError as error:
        return error.message
    inputs = measured_over(intent.inputs, seen)
    if "workload.connections" not in inputs:
        peak = max(interval.connections.open for run in runs for interval in run.intervals)
        origin = Provenance("measured", "the most that were open")
        inputs = inputs.replaced({"workload.connections": Figure(float(peak), origin)})
    if "server.capacity" not in inputs or "workload.consumption_rate" not in inputs:
        return "the runs show no capacity of a server"
    kept = Inputs(
        {key: one for key, one in inputs.figures.items() if not key.startswith(_SEEN)}, inputs.messages
    )

    def count(factors: Factors) -> int | None:
        changed = {key: _changed(key, one, factors) for key, one in kept.figures.items()}
        complete = compose.complete(Inputs(changed, kept.messages))
        return size(complete, draws=DRAWS, seed=SEED, sensitivities=False).servers.p95

    return count


def _changed(key: str, figure: Figure, factors: Factors) -> Figure:
    """A figure with its factor, where it was measured."""
    if figure.provenance.kind != "measured":
        return figure
    by = {"workload.consumption_rate": factors.bytes, "server.capacity": factors.bytes / factors.cpu}
    by |= dict.fromkeys(_CPU, factors.cpu) | dict.fromkeys(_MEMORY, factors.memory)
    most = 0.99 if key == "server.base_cost" else float("inf")
    return Figure(_times(figure.value, by.get(key, 1.0), most), figure.provenance)


def _times(value: Value, factor: float, most: float) -> Value:
    if isinstance(value, Replicates):
        return Replicates(tuple(min(one * factor, most) for one in value.values), value.group)
    if isinstance(value, Range):
        likely = None if value.likely is None else value.likely * factor
        return Range(value.low * factor, likely, value.high * factor)
    return value if isinstance(value, str | bool) else min(value * factor, most)
