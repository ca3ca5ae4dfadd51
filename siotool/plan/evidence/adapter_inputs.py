"""An adapter's measured costs as a plan takes them: those of its servers, and what its backend can carry.

They are straight in the load, as they are for a server that is busy (``calibrated_inputs``).
"""

from collections.abc import Mapping

import numpy as np
from numpy.random import PCG64, Generator

from siotool.errors import InputError
from siotool.plan.evidence.adapter_fit import LOW
from siotool.plan.evidence.adapter_profile import TURNS, AdapterProfile, SideCosts, asked_of_lab
from siotool.plan.evidence.calibrated import CPU_BETWEEN_STARTS
from siotool.plan.evidence.resample import run_factor
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.plan.inputs.ranges import Replicates
from siotool.runs.seconds import Floats
from siotool.units import format_size

#: A process at rest cannot take more than this of its core.
_MOST_BASE = 0.9
#: A backend does everything within one core: Redis and a primary have one thread, PostgreSQL one lock.
_BACKEND_CORES = 1.0
#: Costs of the work of any server, which another measurement may show better.
_OF_ANY_SERVER = {
    "delivery": "server.delivery_cost",
    "inbound": "server.inbound_cost",
    "byte": "server.byte_cost",
}


def inputs_of_adapter(
    profile: AdapterProfile,
    planned: Inputs,
    size: float,
    seed: int,
    *,
    alone: bool,
    delivered: float | None = None,
) -> Inputs:
    """Return the figures that a measured adapter gives to a plan with publishes of ``size`` bytes on average.

    ``alone``: nothing else says what a server costs. ``delivered``: mean size of its deliveries, None where
    it is the same. Raises InputError where ``planned`` has another adapter.
    """
    _check_adapter(profile, planned)
    generator = Generator(PCG64(seed))
    runs = measured((profile.run,))
    drawn = _drawn(profile.server, generator)
    nothing = np.zeros(len(profile.server.replicates[0]))
    each = drawn.get("adapter_byte", nothing) * size
    costs: dict[str, Floats] = {}
    inside = Provenance("measured", f"inside the cost of a message from the adapter, {runs.detail}")
    figures = {"topology.adapter": Figure(profile.adapter, runs)}
    if "receive" in drawn:
        costs["server.adapter_cost"] = drawn["receive"] + each
        figures["server.decode_cost"] = Figure(0.0, inside)
    if "publish" in drawn:
        costs["server.publish_cost"] = drawn["publish"] + each
    if "encode" in drawn:
        # who leaves rooms undecoded that it does not hold decodes what it then encodes
        costs["server.encode_cost"] = drawn["encode"]
    elif "receive" in drawn:
        figures["server.encode_cost"] = Figure(0.0, inside)
    if alone:
        costs |= {key: drawn[name] for name, key in _OF_ANY_SERVER.items() if name in drawn}
        costs["server.base_cost"] = np.minimum(_MOST_BASE, _busy(profile.server, drawn))
        figures["server.processes"] = figures["server.process_cores"] = Figure(1.0, runs)
        if "delivery" in drawn and drawn["delivery"].all():
            sent = size if delivered is None else delivered
            full = sent / (drawn["delivery"] + drawn.get("byte", nothing) * sent)
            kind = Provenance("measured", f"{runs.detail}: messages of {format_size(sent)} that fill a core")
            figures["server.capacity"] = Figure(_samples(full), kind)
    figures |= {key: Figure(_samples(values), runs) for key, values in costs.items()}
    figures |= _of_backend(profile, size, generator)
    return Inputs(figures)


def _check_adapter(profile: AdapterProfile, planned: Inputs) -> None:
    given = planned.figures.get("topology.adapter")
    if given is None or given.provenance.kind == "default" or given.value == profile.adapter:
        return
    raise InputError(
        f"topology.adapter is {given.value}, and the profile {profile.run} is of {profile.adapter}",
        f"measure it: siotool lab measure {asked_of_lab(str(given.value))}",
    )


def _drawn(side: SideCosts, generator: Generator) -> Mapping[str, Floats]:
    """Replicates by the costs' names; all servers of a start may be a little faster or slower together."""
    at_start = run_factor(CPU_BETWEEN_STARTS, len(side.replicates[0]), generator)
    return {name: np.asarray(row) * at_start for name, row in zip(side.names, side.replicates, strict=True)}


def _of_backend(profile: AdapterProfile, size: float, generator: Generator) -> dict[str, Figure]:
    """The backend's CPU for a message that it takes, and for each that it sends to a server.

    As shares of what a full one has for messages: it is at rest and turns, too. Nothing where it sends none,
    or where a message of the largest fleet may cost it nothing by the 90 % interval.
    """
    if profile.backend is None or not profile.receivers:
        return {}
    drawn = _drawn(profile.backend, generator)
    nothing = np.zeros(len(profile.backend.replicates[0]))
    once = drawn.get("message", nothing) + drawn.get("byte", nothing) * size
    each = drawn.get("receiver", nothing) + drawn.get("byte", nothing) * size
    detail = measured((profile.run,)).detail
    if not message_seen(profile.backend):
        # it is inside its receivers' cost, and any part of that may be its own
        own = generator.random(len(each)) * each
        once, each = once + own * profile.receivers, each - own
        detail += ": a message and its receivers together; between nothing and all is the message's own"
    cost = once + profile.receivers * each
    some = cost > 0
    if some.mean() < 1 - LOW:
        return {}
    least = np.argmin(np.where(some, cost, np.inf))
    room = np.maximum(_BACKEND_CORES - _busy(profile.backend, drawn), 0.01)
    return {
        key: Figure(
            Replicates(tuple(map(float, np.where(some, one, one[least]) / room)), "backend"),
            Provenance("measured", detail),
        )
        for key, one in (("topology.backend_publish_cost", once), ("topology.backend_delivery_cost", each))
    }


def message_seen(backend: SideCosts) -> bool:
    """Whether what a message costs a backend once was told apart from what its receivers do."""
    return "message" in backend.names


def _busy(side: SideCosts, drawn: Mapping[str, Floats]) -> Floats:
    """What does not grow with the load of a busy process: itself at rest, and all the turns that it makes."""
    turns = sum((drawn[name] for name in TURNS if name in drawn), np.zeros_like(drawn["base"]))
    return drawn["base"] + turns * side.turns_most


def _samples(values: Floats) -> Replicates:
    # a group of its own: other measurements of a server, beside it, have other replicates
    return Replicates(tuple(float(value) for value in values), "adapter")
