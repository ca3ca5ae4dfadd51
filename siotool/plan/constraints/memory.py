"""Memory: of a whole server, and of the heap of one event-loop process.

The kernel's share of a socket is not in a process's resident memory, but control groups
count it: about 4 kB (Centrifugo, https://centrifugal.dev/blog, 2026-08-17).
"""

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, maximum
from siotool.units import format_count, format_size


def _memory(world: World[N]) -> Limit[N] | None:
    if not world.has("server.memory", "server.memory_per_connection"):
        return None
    base = world.get("server.memory_base") * world["server.processes"]
    usable = maximum(world["server.memory"] * world["server.utilization"] - base, 0.0)
    each = world["server.memory_per_connection"] + world.get("server.kernel_memory_per_connection")
    room = divide(usable, each)
    connections = world.demand.connections * world["topology.imbalance"]
    keys = (
        "workload.connections",
        "server.memory",
        "server.memory_per_connection",
        "server.kernel_memory_per_connection",
        "server.memory_base",
        "server.utilization",
    )
    return Limit(connections, room, divide(connections, room), keys)


def _memory_sentence(world: World[float], limit: Limit[float]) -> str:
    each = world["server.memory_per_connection"] + world.get("server.kernel_memory_per_connection")
    return f"{format_size(each)} a connection: {format_count(limit.capacity_per_server)} fit in one server"


MEMORY = Constraint("memory", "connections", _memory, _memory_sentence)


def _heap(world: World[N]) -> Limit[N] | None:
    if not world.has("server.heap", "server.heap_per_connection"):
        return None
    room = (
        divide(world["server.heap"] * world["server.utilization"], world["server.heap_per_connection"])
        * world["server.processes"]
    )
    connections = world.demand.connections * world["topology.imbalance"]
    keys = ("workload.connections", "server.heap", "server.heap_per_connection", "server.utilization")
    return Limit(connections, room, divide(connections, room), keys)


def _heap_sentence(world: World[float], limit: Limit[float]) -> str:
    return (
        f"{format_size(world['server.heap_per_connection'])} of heap a connection: "
        f"{format_count(limit.capacity_per_server)} fit under the heap limits of one server"
    )


HEAP = Constraint("heap", "connections", _heap, _heap_sentence)
