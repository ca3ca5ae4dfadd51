"""Measured figures as a plan takes them: costs by their keys, with the scatter that was seen."""

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.fit import REPLICATES
from siotool.plan.evidence.observe import Floats, Observations
from siotool.plan.evidence.profile import Profile
from siotool.plan.evidence.provenance import Provenance, measured
from siotool.plan.evidence.resample import run_factor
from siotool.plan.figures.inputs import Figure, Inputs
from siotool.plan.figures.ranges import Samples

#: A measured figure → the key of the plan file it fills.
KEYS = (
    ("idle_s_per_s", "server.idle_cost"),
    ("inbound_s", "server.inbound_cost"),
    ("delivery_s", "server.delivery_cost"),
    ("byte_s", "server.byte_cost"),
    ("connect_s", "server.connect_cost"),
    ("memory_base_bytes", "server.memory_base"),
    ("memory_per_connection_bytes", "server.memory_per_connection"),
)
_CPU = frozenset(("base_cores", "idle_s_per_s", "inbound_s", "delivery_s", "byte_s", "connect_s"))


def inputs_of(profile: Profile, observations: Observations, seed: int) -> Inputs:
    """Return what the runs say of a plan's figures.

    Costs that are inside another one are 0 and say so; the encoding of a publish is inside the
    cost of the message, where the runs had any broadcast. The consumption rate and the capacity are
    measured for the formula: wire bytes of a session, and of a core, times the cores of the server.
    """
    figures: dict[str, Figure] = {}
    for name, key in KEYS:
        if name in profile.figures:
            one = profile.figures[name]
            figures[key] = Figure(_samples(one.replicates, name), one.provenance)
    if "base_cores" in profile.figures:
        one = profile.figures["base_cores"]
        processes = max(origin.cores / origin.nodes for origin in observations.origins)
        figures["server.base_cost"] = Figure(
            _samples(np.clip(one.replicates / processes, 0.0, 0.99), "base_cores"), one.provenance
        )
    runs = measured(profile.runs)
    for absorbed in profile.absorbed:
        filled = dict(KEYS).get(absorbed.cost)
        if filled is not None:
            figures[filled] = Figure(0.0, Provenance("measured", absorbed.sentence))
    if "delivery_s" in profile.figures:
        inside = Provenance("measured", f"inside the cost of the message, {runs.detail}")
        figures["server.encode_cost"] = Figure(0.0, inside)
    figures |= _for_the_formula(profile, observations, seed, runs)
    return Inputs(figures)


def _for_the_formula(
    profile: Profile, observations: Observations, seed: int, runs: Provenance
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
    held = observations.held()
    cores = observations.mean("cpu_cores", held)
    if cores > 0:
        server = max(origin.cores / origin.nodes for origin in observations.origins)
        capacity = observations.mean("bytes_per_s", held) / cores * server
        scatter = run_factor(profile.cpu.run_cv, REPLICATES, Generator(PCG64(seed)))
        figures["server.capacity"] = Figure(
            _samples(capacity * scatter, ""),
            Provenance("measured", f"{runs.detail}: a straight line through the CPU it used"),
        )
    return figures


def _samples(replicates: Floats, name: str) -> Samples:
    # what was fitted together is drawn together
    return Samples(tuple(float(value) for value in replicates), "cpu" if name in _CPU else "")
