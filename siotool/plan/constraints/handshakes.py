"""Handshakes that a server completes: with nothing else to do, and beside the load that comes back.

    a(S) = A · (1 − ρ(S))

A is what a server at rest completes per second, and ρ(S) the share of the event loop that the
service takes once S servers carry all of it (``event_loop.occupied``). The load is that of
every connection, also of those that are still away, as at the end of the storm. Before that
servers have more to spare, so no storm takes longer because of it.
"""

from collections.abc import Mapping

from siotool.plan.constraints.cpu import connect_s
from siotool.plan.constraints.event_loop import occupied
from siotool.plan.demand.service import world as world_of
from siotool.plan.demand.world import World
from siotool.plan.inputs.figure import Inputs
from siotool.plan.numbers import N, divide, maximum, minimum

#: No server completes more; a handshake that costs nothing leaves the rest of the sums finite.
_MOST_PER_S = 1e9


def at_rest(world: World[N]) -> N | None:
    """Return the handshakes per second that one server completes with nothing else to do; None if unknown.

    Given, or all its cores over what one handshake costs, its TLS included where it ends that itself.
    """
    if world.has("server.accept_rate"):
        return world["server.accept_rate"]
    if world.has("server.connect_cost"):
        cores = world["server.processes"] * world["server.process_cores"]
        return minimum(divide(cores, connect_s(world)), _MOST_PER_S)
    return None


def left(world: World[N], survivors: N) -> N:
    """Return the share of its cores, 0…1, that the load leaves the fullest of so many servers."""
    return maximum(1.0 - occupied(world)(survivors * world["server.processes"]), 0.0)


def with_connections(
    inputs: Inputs, values: Mapping[str, N], world: World[N], connections: float
) -> World[N]:
    """Return the world in which so many are connected, each doing as much as in ``world``."""
    if connections == world.demand.connections:
        return world
    times = connections / world.demand.connections
    return world_of(inputs, {**values, "workload.connections": values["workload.connections"] * times})
