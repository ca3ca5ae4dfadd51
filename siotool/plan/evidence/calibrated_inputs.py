"""A profile's costs as a plan takes them: straight in the load, as they are for a server that is busy.

The turns of a busy loop are as many as it makes at most, whatever its load: their cost is part of the server
at rest, as is what a server takes that has little to do. How much of a long message a delivery is follows
from the size of the plan's own messages.
What a byte costs is that of a byte sent; a received one costs more or less, which goes to its message.
What a connect costs is the mean over the ways in which the plan's clients open.
"""

from collections.abc import Mapping

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.calibrated import CPU_BETWEEN_STARTS, CalibratedProfile
from siotool.plan.evidence.connect_ways import connect_cost
from siotool.plan.evidence.curve import long_share
from siotool.plan.evidence.observe import event_loops
from siotool.plan.evidence.resample import run_factor
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.plan.inputs.ranges import Replicates
from siotool.runs.seconds import Floats
from siotool.units import format_size

#: Bytes around the text of a message on the wire: the packet's type and event, the frame's head.
_FRAME = 30.0
#: A process at rest cannot take more than this of its core.
_MOST_BASE = 0.9


def inputs_of_profile(
    profile: CalibratedProfile,
    size: float,
    seed: int,
    *,
    received: float | None = None,
    ways: Mapping[str, float] | None = None,
) -> Inputs:
    """Return what a calibration shows of a plan's figures, for deliveries of ``size`` bytes on average.

    ``received``: mean size of what sessions send; None where it is the same. ``ways``: shares of the clients
    by the way they connect (``connect_ways``); None where all do as the calibration's own.

    Costs are drawn together: a server started again may be a little faster or slower in all it does.
    """
    generator = Generator(PCG64(seed))
    count = len(profile.replicates[0])
    at_start = run_factor(CPU_BETWEEN_STARTS, count, generator)
    drawn = {
        name: np.asarray(row) * at_start for name, row in zip(profile.names, profile.replicates, strict=True)
    }
    runs = measured((profile.run,))
    opening = connect_cost(profile, ways or {profile.transport: 1.0})
    if "connect" in drawn:
        drawn["connect"] = opening.drawn(drawn["connect"], at_start)
    processes = event_loops(profile.server_cores)
    sizes = (size, size if received is None else received)
    figures = {
        key: Figure(Replicates(tuple(map(float, values)), "cpu"), runs)
        for key, values in _costs(profile, drawn, sizes, processes).items()
    }
    if opening.words and (connects := figures.get("server.connect_cost")) is not None:
        kind = Provenance("measured", f"{runs.detail}: {opening.words}")
        figures["server.connect_cost"] = Figure(connects.value, kind)
    for cost in profile.costs:
        if not cost.separable and (key := _KEYS.get(cost.name)) is not None and key not in figures:
            figures[key] = Figure(0.0, Provenance("measured", cost.sentence))
    figures["server.processes"] = Figure(float(processes), runs)
    figures["server.process_cores"] = Figure(min(1.0, profile.full_cores / processes), runs)
    if (capacity := _capacity(profile, drawn, size, generator)) is not None:
        kind = Provenance("measured", f"{runs.detail}: messages of {format_size(size)} that fill its cores")
        figures["server.capacity"] = Figure(Replicates(tuple(map(float, capacity)), "cpu"), kind)
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
    "publish": "server.encode_cost",
    "ack": "server.ack_cost",
    "connect": "server.connect_cost",
    "byte": "server.byte_cost",
    "idle": "server.idle_cost",
}


def _capacity(
    profile: CalibratedProfile, drawn: Mapping[str, Floats], size: float, generator: Generator
) -> Floats | None:
    """Bytes per second of a server that delivers as much as its cores can; where none was seen, answers.

    A full server may do more than its costs say, or less (``siotool.plan.evidence.full_server``).
    """
    wire = size + _FRAME
    name = "delivery" if "delivery" in drawn else "inbound"
    if name not in drawn or not drawn[name].all():
        return None
    each = drawn[name] + drawn.get("long", 0.0) * long_share(wire) + drawn.get("byte", 0.0) * wire
    most = np.full(len(each), profile.full_cores)
    kind = "all" if name == "delivery" else "call"
    # where it is not known of the one kind, it is taken to be as of the other, as for a run's own load
    for full in [one for one in profile.full if one.kind == kind] or profile.full:
        most *= full.low * (full.high / full.low) ** generator.random(len(each))
    found: Floats = wire / each * np.maximum(0.0, most - _at_rest(profile, drawn))
    return found


def _at_rest(profile: CalibratedProfile, drawn: Mapping[str, Floats]) -> Floats:
    """Cores that a busy server takes beside what grows with its load."""
    shape = profile.curve.shape
    rest = drawn.get("base", 0.0) + drawn.get("turn", 0.0) * shape.turns_most + shape.waking_cores
    return np.broadcast_to(np.asarray(rest), (len(profile.replicates[0]),))


def _costs(
    profile: CalibratedProfile, drawn: Mapping[str, Floats], sizes: tuple[float, float], processes: int
) -> dict[str, Floats]:
    delivered, received = sizes
    found = {key: drawn[name] for name, key in _KEYS.items() if name in drawn}
    if "delivery" in drawn and "long" in drawn:
        found["server.delivery_cost"] = drawn["delivery"] + drawn["long"] * long_share(delivered)
    if "inbound" in drawn and "byte_in" in drawn:
        more = (drawn["byte_in"] - drawn.get("byte", 0.0)) * received
        found["server.inbound_cost"] = np.maximum(0.0, drawn["inbound"] + more)
    found["server.base_cost"] = np.minimum(_MOST_BASE, _at_rest(profile, drawn) / processes)
    return found
