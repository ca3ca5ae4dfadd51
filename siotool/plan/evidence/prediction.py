"""What a plan's figures predict for the load that a run carried, to compare with what it saw."""

from collections.abc import Mapping

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.constraints import cpu
from siotool.plan.demand.service import framing
from siotool.plan.demand.service import world as world_of
from siotool.plan.evidence.asked import workload
from siotool.plan.evidence.observe import Observations, event_loops
from siotool.plan.evidence.profile import ServerProfile
from siotool.plan.evidence.resample import run_factor
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.planfile import with_defaults
from siotool.plan.inputs.provenance import measured
from siotool.plan.numbers import Number
from siotool.plan.uncertainty.worlds import uncertain
from siotool.plan.wire.messages import heartbeat_rates
from siotool.runs.seconds import Floats


def predict(
    inputs: Inputs, observations: Observations, *, draws: int, seed: int, profile: ServerProfile | None = None
) -> dict[str, Floats]:
    """Return draws of CPU, memory, files and connections for one run's load, by ``verify``'s names.

    ``inputs`` are complete; the load is the run's, and goes through the plan's own model. A figure
    that the plan lacks has no row. ``profile`` says more, where the plan's costs are its
    own: open files, and by how much one run differs from the next. An idle run's bandwidth is
    predicted too: heartbeats are all it carries.
    """
    origin = observations.origins[0]
    as_run = _with_load_of(inputs, observations)
    values = uncertain(as_run, seed).draw(draws)
    users = float(origin.users)
    scatter: Number = 1.0
    processes = float(event_loops(origin.cores))
    predicted: dict[str, Floats] = {"connections": _array(users, draws)}
    if profile is not None:
        generator = Generator(PCG64(seed))
        scatter = run_factor(profile.cpu.run_cv, draws, generator)
        drawn = profile.draws(draws, generator)
        if "files_per_connection" in drawn:
            predicted["files"] = drawn["files_base"] * processes + drawn["files_per_connection"] * users
    if any(key in values for key in cpu.COSTS):
        world = world_of(as_run, values)
        each = cpu.repeated(world, processes)
        predicted["cpu"] = _array((cpu.load(world).shared + each * processes) * scatter, draws)
    if "server.memory_per_connection" in values:
        base = values.get("server.memory_base", 0.0) * processes
        added = values["server.memory_per_connection"] * users
        predicted["memory"] = _array(base + added * scatter, draws)
    if origin.scenario == "idle":
        predicted |= _idle_bandwidth(as_run, values, users, draws)
    return predicted


def _with_load_of(inputs: Inputs, observations: Observations) -> Inputs:
    """Return the plan's figures with the workload of one run in the place of the plan's."""
    (origin,) = observations.origins
    seen = measured((origin.run,))
    whole = observations.whole
    own = {key: one for key, one in inputs.figures.items() if not key.startswith("workload.")}
    of_run = workload(origin.asked, seen)
    connections = whole.mean("connections", whole.held)
    rate = whole.mean("bytes_per_s", whole.held) / connections if connections else 0.0
    defaults = {
        key: one
        for key, one in inputs.figures.items()
        if key.startswith("workload.") and one.provenance.kind == "default"
    }
    figures = {
        **defaults,
        **own,
        **of_run.figures,
        "workload.connections": Figure(connections, seen),
        "workload.consumption_rate": Figure(rate, seen),
        **{key: Figure(1.0, seen) for key in ("workload.peak_factor", "workload.event_factor")},
        "workload.growth": Figure(0.0, seen),
        "topology.imbalance": Figure(1.0, seen),
    }
    if not origin.secure:
        figures["transport.tls"] = Figure("none", seen)
    return with_defaults(Inputs(figures, of_run.messages))


def _idle_bandwidth(
    inputs: Inputs, values: Mapping[str, Number], users: float, draws: int
) -> dict[str, Floats]:
    rates = heartbeat_rates(framing(inputs, "websocket"), values["transport.ping_interval"]) * users
    return {
        "bandwidth_in": _array(rates.to_client.tcp, draws),
        "bandwidth_out": _array(rates.to_server.tcp, draws),
    }


def _array(value: Number, draws: int) -> Floats:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (draws,)).copy()
