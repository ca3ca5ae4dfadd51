"""What runs show, for a count of servers: a plan's figures, what they rest on, why they are a bound."""

import math
from collections.abc import Sequence

import msgspec

from siotool.cli.measured_capacity import Searched, by_fit, searched
from siotool.cli.measured_costs import costs_of
from siotool.cli.options import SEED
from siotool.cli.profile_evidence import capacity_by_profile, costs_by_profile
from siotool.errors import InputError
from siotool.plan.constraints.seen import BELIEVED
from siotool.plan.evidence.calibrated import CalibratedProfile
from siotool.plan.evidence.calibrated_inputs import inputs_of_profile
from siotool.plan.evidence.connect_ways import planned_ways
from siotool.plan.evidence.measured_inputs import ENOUGH, inputs_of
from siotool.plan.evidence.message_sizes import message_sizes
from siotool.plan.evidence.observe import Observations, observe
from siotool.plan.evidence.profile import ServerProfile, measure
from siotool.plan.evidence.wire_costs import wire_costs
from siotool.plan.inputs import compose
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance
from siotool.report.capacity_estimate import CapacityEstimate
from siotool.report.capacity_figures import capacity_of
from siotool.report.contents import Bandwidth
from siotool.report.cost_figures import CostFigures
from siotool.runfile import Run
from siotool.runs.seconds import Seconds
from siotool.searched import FAILED_IN_ONE
from siotool.units import format_share

#: Below this share of its CPU, how much more load a server can carry cannot be estimated.
_LEAST_SHARE = 0.02
#: Why there is no capacity where the server was sampled and took no time that could be seen.
_IDLE = "the server did too little to extrapolate from; load it more"
#: In a room of this share of all users, messages grow with the square of the users.
_NEARLY_ALL = 0.9


class Learnt(msgspec.Struct, frozen=True):
    """What runs show: a plan's figures, what the count rests on, and why it is only a bound.

    ``lacks`` says why there is no capacity though the servers were sampled, and what to do; empty otherwise.
    """

    seen: Inputs
    how: str
    capacity: CapacityEstimate | None = None
    costs: list[CostFigures] = []
    searched: Searched | None = None
    bound: str = ""
    lacks: str = ""


def learnt_from(
    runs: Sequence[Run],
    seconds: Seconds,
    bandwidth: Bandwidth,
    calibrated: CalibratedProfile | None = None,
    *,
    planned: Inputs | None = None,
) -> Learnt:
    """Learn from runs with their table. They are pooled already, and their doubts are in the report.

    A search goes before a ``calibrated`` profile, and this before the runs' own costs. ``planned`` says how
    the clients are to connect.
    """
    try:
        observations = observe(
            runs, ["yes"] * len(runs), accept_suspect=True, same_target=True, seconds=seconds
        )
        profile = measure(observations, SEED)
        seen = inputs_of(profile, observations, SEED)
        found = Learnt(
            seen,
            _how(profile),
            by_fit(profile, observations),
            costs_of(profile, wire_costs(observations)),
            bound=_bound(observations, profile),
            lacks="" if "server.capacity" in seen else _IDLE,
        )
    except InputError as error:
        how = f"the formula with the measured consumption rate; {error.message}"
        found = Learnt(_rate_alone(bandwidth, runs), how, lacks=_lacks(error, runs))
    if calibrated is not None:
        found = _by_profile(found, calibrated, runs, planned or Inputs())
    search = searched(runs)
    if isinstance(search, str):
        return msgspec.structs.replace(found, how=f"{found.how}; {search}" if search else found.how)
    known = capacity_of(runs)
    who = "one search" if known is not None and known.why == FAILED_IN_ONE else "the search"
    bound = f"{who} found no load that failed: {search.sentence}" if search.at_least else _beside(runs)
    exact = "" if bound else ": exact within its interval"
    how = f"the capacity that was searched for, {search.sentence}{exact}"
    return msgspec.structs.replace(found, how=how, capacity=search.estimate, searched=search, bound=bound)


def _beside(runs: Sequence[Run]) -> str:
    """What ran out beside the servers in a search for the capacity, as a balancer; empty: nothing did."""
    found = capacity_of(runs)
    limit = found.limited_by.removeprefix("server: ") if found is not None else ""
    names = {one.name for run in runs for one in run.header.servers if one.beside}
    there = limit.partition("'s ")[0] in names
    return f"{limit} ran out, beside the servers: they can carry more" if there else ""


def _by_profile(found: Learnt, calibrated: CalibratedProfile, runs: Sequence[Run], planned: Inputs) -> Learnt:
    """The same with a profile's costs in the place of the runs' own: the workload stays theirs.

    How clients connect is as planned, as it is in the count.
    """
    own = Inputs(
        {key: one for key, one in found.seen.figures.items() if not key.startswith("server.")},
        found.seen.messages,
    )
    sizes = message_sizes(own)
    ways = planned_ways(planned)
    costs = inputs_of_profile(calibrated, sizes.delivered, SEED, received=sizes.received, ways=ways)
    suspect = f", which is suspect ({'; '.join(calibrated.doubts)})" if calibrated.doubts else ""
    return Learnt(
        compose.over(costs, own),
        f"the planner with the costs of the profile {calibrated.run}{suspect}, the messages and the "
        "consumption rate of the run, and the rest as planned",
        capacity_by_profile(calibrated, runs),
        costs_by_profile(calibrated),
    )


def _how(profile: ServerProfile) -> str:
    if any(name in profile.figures for name in profile.cpu.names):
        return "the planner with measured costs, messages and consumption rate, and the rest as planned"
    why = next((one.sentence for one in profile.absent if one.cost == profile.cpu.names[0]), "")
    return f"the planner with measured messages and consumption rate, and published costs: {why}"


def _lacks(error: InputError, runs: Sequence[Run]) -> str:
    """Why sampled servers show no capacity; empty where none was sampled."""
    if any(run.header.server is None for run in runs):
        return ""
    said = error.message.removeprefix(f"{runs[0].path}: ") if len(runs) == 1 else error.message
    return f"{said}; {error.hint}" if error.hint else said


def _rate_alone(bandwidth: Bandwidth, runs: Sequence[Run]) -> Inputs:
    into, out = bandwidth.per_connection_in_bytes_per_s, bandwidth.per_connection_out_bytes_per_s
    if into is None or out is None:
        return Inputs()
    origin = Provenance("measured", ", ".join(run.header.run for run in runs))
    return Inputs({"workload.consumption_rate": Figure(into + out, origin)})


def _bound(observations: Observations, profile: ServerProfile) -> str:
    """Why a count is only an upper bound, and the load that would give the exact one; else empty."""
    share = profile.share_of_limit
    if share >= ENOUGH:
        return ""
    largest = max(observations.origins, key=lambda origin: origin.users)
    times = ENOUGH / max(share, 1e-6)
    if largest.asked.room_size > _NEARLY_ALL * largest.users:
        times = math.sqrt(times)
    wanted = math.ceil(largest.users * times / 10) * 10
    remedy = (
        f"a run with about {wanted:,} users would give the exact count"
        if share >= _LEAST_SHARE
        else "only a run with far more users would give the exact count"
    )
    return (
        f"the run took {format_share(share)} of the server's CPU, and a server counts for at most "
        f"{BELIEVED:g} times the run's load; {remedy}"
    )
