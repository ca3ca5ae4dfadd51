"""Measured figures as a plan takes them: costs by their keys, with the scatter that was seen."""

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.asked import workload
from siotool.plan.evidence.fit import BASE, REPLICATES
from siotool.plan.evidence.observe import LEAST_LOOP, Observations, event_loops, limit_share
from siotool.plan.evidence.profile import ServerProfile
from siotool.plan.evidence.resample import run_factor
from siotool.plan.inputs.costs import COSTS, LEARNT
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.plan.inputs.ranges import Replicates
from siotool.runs.capacity import straight_line
from siotool.runs.seconds import Floats, Seconds

#: A column of ``Observations`` → the key for how much of it one core was seen to carry.
SEEN = (
    ("connections", "server.seen_connections"),
    ("inbound_per_s", "server.seen_messages"),
    ("deliveries_per_s", "server.seen_deliveries"),
)
#: A run that brought its server to this share of its CPU shows how a full one behaves.
ENOUGH = 0.4
_CPU = frozenset((BASE, *(cost.key for cost in LEARNT)))


def inputs_of(profile: ServerProfile, observations: Observations, seed: int) -> Inputs:
    """Return what the runs show of a plan's figures, and of its messages where they are of one workload.

    Costs that are inside another one are 0 and say so; the encoding of a publish is inside the
    cost of the message, where the runs had any broadcast. After light runs, what one core was seen to
    carry is included: a plan believes only a few times as much. The consumption rate and the capacity
    are for the formula: wire bytes of a session, and of a core, times the cores of the server.
    """
    figures: dict[str, Figure] = {}
    for key in (cost.key for cost in COSTS if cost.key in profile.figures):
        one = profile.figures[key]
        most = 0.99 if key == BASE else np.inf
        figures[key] = Figure(_samples(np.minimum(one.replicates, most), key), one.provenance)
    runs = measured(profile.runs)
    cores = server_cores(observations)
    processes = event_loops(cores)
    figures["server.processes"] = Figure(float(processes), runs)
    figures["server.process_cores"] = Figure(min(1.0, cores / processes), runs)
    for absorbed in profile.absorbed:
        figures[absorbed.cost] = Figure(0.0, Provenance("measured", absorbed.sentence))
    if "server.delivery_cost" in profile.figures:
        inside = Provenance("measured", f"inside the cost of the message, {runs.detail}")
        figures["server.encode_cost"] = Figure(0.0, inside)
    figures |= _for_the_formula(profile, observations, seed, runs)
    figures |= _places(profile, observations, runs)
    if profile.share_of_limit < ENOUGH:
        for column, key in SEEN:
            if profile.measured_to[column] > 0:
                figures[key] = Figure(profile.measured_to[column] / cores, runs)
    if not profile.one_workload:
        return Inputs(figures)
    largest = max(observations.origins, key=lambda origin: origin.asked.connection_s / origin.nodes)
    of_run = workload(largest.asked, runs)
    return Inputs({**figures, **of_run.figures}, of_run.messages)


def _places(profile: ServerProfile, observations: Observations, runs: Provenance) -> dict[str, Figure]:
    """The memory and open files of the server that was measured, where the runs show what a session takes."""
    figures = {}
    memory = [one.memory_bytes / one.nodes for one in observations.origins if one.memory_bytes]
    files = [one.files_limit for one in observations.origins if one.files_limit]
    if memory and "server.memory_per_connection" in profile.figures:
        figures["server.memory"] = Figure(float(min(memory)), runs)
    if (
        files
        and "files_per_connection" in profile.figures
        and profile.figures["files_base"].value < min(files)
    ):
        figures["server.open_files"] = Figure(float(min(files)), runs)
        figures["server.open_files_reserved"] = Figure(profile.figures["files_base"].value, runs)
    return figures


def server_cores(observations: Observations) -> float:
    """Cores that one of the sampled servers may fill; the most where the runs differ."""
    return max(origin.cores / origin.nodes for origin in observations.origins)


def loop_cores(observations: Observations) -> float | None:
    """The CPU in cores that one of the sampled servers takes when its event loop is full; None if unknown.

    Threads beside the loop, and the kernel, may take more CPU than it, and a loop that waits for others
    takes less than a core.
    """
    rows = observations.whole.only(observations.whole.held & observations.whole.sampled)
    busy, cores = rows.mean("server_loop_share"), rows.mean("cpu_cores")
    if not (busy > LEAST_LOOP and cores > 0):
        return None
    return cores / max(origin.nodes for origin in observations.origins) / busy


def _for_the_formula(
    profile: ServerProfile, observations: Observations, seed: int, runs: Provenance
) -> dict[str, Figure]:
    # runs of several workloads have no common bandwidth of a session
    each = [
        profile.figures[name].replicates
        for name in ("bytes_in_per_connection_per_s", "bytes_out_per_connection_per_s")
        if name in profile.figures
    ]
    figures = {}
    if len(each) == 2:
        figures["workload.consumption_rate"] = Figure(_samples(each[0] + each[1], ""), runs)
    rows = observations.whole.only(observations.whole.held & observations.whole.sampled)
    cores = server_cores(observations)
    capacity = straight_line(rows.mean("bytes_per_s"), _busy_cores(observations, rows), cores)
    if isinstance(capacity, float):
        scatter = run_factor(profile.cpu.run_cv, REPLICATES, Generator(PCG64(seed)))
        figures["server.capacity"] = Figure(
            _samples(capacity * scatter, ""),
            Provenance("measured", f"{runs.detail}: a straight line through the CPU it used"),
        )
    return figures


def _busy_cores(observations: Observations, rows: Seconds) -> float:
    """Cores that were in use, or that a busy event loop kept from doing more; mean of the rows."""
    cores = np.array([origin.cores for origin in observations.origins])[rows.run]
    busy = limit_share(rows, observations.origins) * cores
    known = np.isfinite(busy)
    return float(np.average(busy[known], weights=rows["duration_s"][known])) if known.any() else 0.0


def _samples(replicates: Floats, name: str) -> Replicates:
    # what was fitted together is drawn together
    return Replicates(tuple(float(value) for value in replicates), "cpu" if name in _CPU else "")
