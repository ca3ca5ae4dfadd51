"""A profile's costs as a plan takes them: straight in the load, as they are for a server that is busy.

The turns of a busy loop are as many as it makes at most, whatever its load: their cost is part of the server
at rest. How much of a long message a delivery is follows from the size of the plan's own messages.
What a byte costs is that of a byte sent; a received one costs more or less, which goes to its message.
"""

from collections.abc import Mapping

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.calibrated import CalibratedProfile
from siotool.plan.evidence.curve import long_share
from siotool.plan.evidence.observe import event_loops
from siotool.plan.evidence.resample import run_factor
from siotool.plan.inputs.figure import Figure, Inputs, middle
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.plan.inputs.ranges import Replicates
from siotool.runs.seconds import Floats

#: Bytes of a message where a plan does not say.
_SIZE = 200.0
#: A process at rest cannot take more than this of its core.
_MOST_BASE = 0.9


def message_size(planned: Inputs) -> float:
    """Mean size in bytes of the messages of a plan; 200 where it has none."""
    sizes = [
        middle(figure.value)
        for key, figure in planned.figures.items()
        if key.startswith("workload.messages.") and key.endswith(".size")
    ]
    return float(np.mean(sizes)) if sizes else _SIZE


def inputs_of_profile(profile: CalibratedProfile, size: float, seed: int) -> Inputs:
    """Return what a calibration shows of a plan's figures, for messages of ``size`` bytes.

    Costs are drawn together, and with them the pace of the machine, which was not always the same.
    """
    generator = Generator(PCG64(seed))
    count = len(profile.replicates[0])
    at_pace = run_factor(profile.pace_cv, count, generator)
    drawn = {
        name: np.asarray(row) * at_pace for name, row in zip(profile.names, profile.replicates, strict=True)
    }
    runs = measured((profile.run,))
    processes = event_loops(profile.server_cores)
    figures = {
        key: Figure(Replicates(tuple(map(float, values)), "cpu"), runs)
        for key, values in _costs(profile, drawn, size, processes).items()
    }
    for cost in profile.costs:
        if not cost.separable and (key := _KEYS.get(cost.name)) is not None and key not in figures:
            figures[key] = Figure(0.0, Provenance("measured", cost.sentence))
    figures["server.processes"] = Figure(float(processes), runs)
    figures["server.process_cores"] = Figure(min(1.0, profile.server_cores / processes), runs)
    memory = profile.memory
    if memory is not None:
        figures["server.memory_base"] = Figure((memory.base_bytes + memory.growth_bytes) / processes, runs)
        if memory.per_connection_bytes > 0:
            spread = (memory.per_connection_high - memory.per_connection_low) / 3.29
            each = np.maximum(1.0, memory.per_connection_bytes + generator.normal(0.0, spread, count))
            figures["server.memory_per_connection"] = Figure(Replicates(tuple(map(float, each))), runs)
            if profile.server_memory_bytes is not None:
                figures["server.memory"] = Figure(float(profile.server_memory_bytes), runs)
    return Inputs(figures)


#: Costs that a plan has by themselves.
_KEYS = {
    "delivery": "server.delivery_cost",
    "inbound": "server.inbound_cost",
    "ack": "server.ack_cost",
    "connect": "server.connect_cost",
    "byte": "server.byte_cost",
    "publish": "server.encode_cost",
    "idle": "server.idle_cost",
}


def _costs(
    profile: CalibratedProfile, drawn: Mapping[str, Floats], size: float, processes: int
) -> dict[str, Floats]:
    found = {key: drawn[name] for name, key in _KEYS.items() if name in drawn}
    if "delivery" in drawn and "long" in drawn:
        found["server.delivery_cost"] = drawn["delivery"] + drawn["long"] * long_share(size)
    if "inbound" in drawn and "byte_in" in drawn:
        more = (drawn["byte_in"] - drawn.get("byte", 0.0)) * size
        found["server.inbound_cost"] = np.maximum(0.0, drawn["inbound"] + more)
    rest = drawn.get("base", 0.0) + drawn.get("turn", 0.0) * profile.curve.turns_most
    count = len(profile.replicates[0])
    found["server.base_cost"] = np.minimum(_MOST_BASE, np.broadcast_to(rest, (count,)) / processes)
    return found
