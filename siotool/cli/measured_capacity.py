"""What one server can process, for a report: from a search for it, or from the costs that the run shows."""

from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.plan.evidence.fit import BASE
from siotool.plan.evidence.measured_inputs import ENOUGH, loop_cores, server_cores
from siotool.plan.evidence.observe import Observations
from siotool.plan.evidence.profile import ServerProfile
from siotool.plan.inputs.distributions import with_median
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import bounds_of
from siotool.plan.inputs.provenance import Provenance
from siotool.report.capacity_estimate import CapacityEstimate
from siotool.report.capacity_figures import CapacityFigures, HoldFigures, capacity_of
from siotool.report.contents import format_cores
from siotool.runfile import Run
from siotool.runs.hold import Marks
from siotool.runs.seconds import Seconds, seconds_of
from siotool.search.axis import show_load, show_number
from siotool.searched import CONFIDENCE, TIME, UNSAMPLED
from siotool.units import format_share

#: Axes of a search that raise what one server carries of the workload.
_OF_LOAD = ("users", "rate")
#: What a session's figures start with that a search has measured together, with the server's costs.
_INSIDE = ("workload.messages.", "server.seen_")


class Searched(msgspec.Struct, frozen=True):
    """What a search found for the formula: the capacity of one server, and what a session takes.

    ``connections``, with low and high, fit on one server. ``high`` is None where the search found no load
    that failed.
    """

    estimate: CapacityEstimate
    session_bytes_per_s: float
    connections: float
    low: float
    high: float | None
    at_least: bool
    sentence: str


def searched(runs: Sequence[Run]) -> Searched | str:
    """Read what a search found; or why it gives no capacity for the formula. Empty: nobody searched."""
    found = capacity_of(runs)
    if found is None:
        return ""
    passed = [one for one in found.holds if one.outcome == "passed" and one.load > 0]
    servers, why = found.servers, _why_none(found, passed)
    if servers is None or why:
        return why
    edge = max(passed, key=lambda one: one.load)
    for run in runs:
        if any((one.t_s, one.load) == (edge.to_s, edge.load) for one in run.holds):
            seconds = seconds_of([run])
            rows = (seconds["begin_s"] >= edge.from_s - 0.5) & (seconds["t_s"] <= edge.to_s + 0.5)
            return _at_edge(found, edge.load, seconds, rows, servers)
    return "the search's holds are in no run"


def _why_none(found: CapacityFigures, passed: Sequence[HoldFigures]) -> str:
    """Why a search shows no bytes per second of one server; empty where it does. ``passed`` are its holds."""
    if found.search not in _OF_LOAD:
        return f"the search was for {found.search}, which is no capacity in bytes per second"
    if not passed:
        return "the search found no load that the server can carry"
    if found.low <= 0:
        return "the search ended before a load was confirmed that the server can carry"
    if found.servers is None:
        return f"the search found what all servers carry together, and not what one does: {found.servers_how}"
    return ""


def _at_edge(
    found: CapacityFigures, load: float, seconds: Seconds, rows: Marks, servers: int
) -> Searched | str:
    """What one of so many servers can carry, each of which has its part of the load."""
    wire, connections = seconds.mean("bytes_per_s", rows), seconds.mean("connections", rows)
    if not (wire > 0 and connections > 0):
        return "nothing travelled in the hold nearest to the capacity"
    each = wire / connections
    value = found.value if found.value is not None else found.low
    # users: more of them, who do as much; rate: as many of them, who do more, and so fewer that do as much
    per_load, scale = wire / load / servers, connections / load / servers
    unit = found.unit
    said = show_load(unit, value)
    if found.at_least:
        said = f"at least {said}"
        if found.confidence < CONFIDENCE:
            said += f" (with {format_share(found.confidence)} confidence)"
    elif found.high is not None:
        low, high = show_number(unit, found.low), show_number(unit, found.high)
        said += f" ({low} to {high}, {format_share(found.confidence)})"
    if servers > 1:
        said += f" on {servers} servers together"
    limit = f"; {found.limited_by} ran out" if found.limited_by not in ("", TIME, UNSAMPLED, "bound") else ""
    estimate = CapacityEstimate(
        value * per_load,
        found.low * per_load,
        None if found.high is None else found.high * per_load,
        "search",
        f"by a search for the highest load that meets the gates: {said}{limit}. With this workload only",
    )
    return Searched(
        estimate=estimate,
        session_bytes_per_s=each,
        connections=value * scale,
        low=found.low * scale,
        high=None if found.high is None else found.high * scale,
        at_least=found.at_least,
        sentence=said,
    )


def with_search(inputs: Inputs, found: Searched, utilization: float) -> Inputs:
    """Return measured inputs in which the capacity that was found stands for the server's CPU and its costs.

    What a server gives of it is its ``utilization``, as in the formula.
    """
    figures = {
        key: one
        for key, one in inputs.figures.items()
        if not key.startswith(_INSIDE) and not key.endswith("_cost") and key != "server.profile"
    }
    origin = Provenance("measured", f"a search: {found.sentence}")
    low, high = found.low * utilization, (found.high or found.connections) * utilization
    middle = min(max(found.connections * utilization, low), high)
    key = "server.connections"
    places = with_median(low, middle, high, bounds_of(key), key) if low < high else middle
    figures[key] = Figure(places, origin)
    figures["server.capacity"] = Figure(found.estimate.bytes_per_s, origin)
    figures["workload.consumption_rate"] = Figure(found.session_bytes_per_s, origin)
    return Inputs(figures)


def by_fit(profile: ServerProfile, observations: Observations) -> CapacityEstimate | None:
    """What fills all cores at the costs that the runs show; None where they show none."""
    if not all(name in profile.figures for name in profile.cpu.names):
        return None
    rows = observations.usable.held
    seconds = observations.usable
    load = {column: seconds.mean(column, rows) for column in profile.cpu.columns if column}
    cores, wire = server_cores(observations), seconds.mean("bytes_per_s", rows)
    filled = format_cores(cores)
    if (of_loop := loop_cores(observations)) is not None:
        cores, filled = of_loop, f"its event loop, at {format_cores(round(of_loop, 2))}"
    names = list(profile.cpu.names)
    rest = profile.cpu.replicates[names.index(BASE)] if BASE in names else np.zeros(1)
    work = profile.cpu.cores(load) - rest
    if not (wire > 0 and np.median(work) > 0):
        return None
    draws = wire * np.maximum(cores - rest, 0.0) / np.maximum(work, 1e-12)
    weak = "and a fuller server may cost more or less"
    if profile.share_of_limit < ENOUGH:
        weak = "too few to show what a full server does"
    low, value, high = (float(one) for one in np.quantile(draws, (0.025, 0.5, 0.975)))
    return CapacityEstimate(
        value,
        low,
        high,
        "fit",
        f"by the costs that the run shows, for as much of this load as fills {filled}; it took "
        f"{format_share(profile.share_of_limit)} of them, {weak}: for messages like these; the network's "
        "limit is not in it",
    )
