"""How long a broadcast takes to reach the last session of one process.

An event loop writes to one client after the other: the last of n waits for n writes,
however idle the process is on average. 30,000 sessions at 33 µs each take a second.
"""

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.numbers import Number, divide, maximum
from siotool.plan.world import World
from siotool.units import format_count, format_duration


def audience(world: World) -> Number:
    """Return the sessions that the widest message goes to."""
    wide = [stream.traffic.room_size for stream in world.demand.streams]
    return maximum(0.0, *wide)


def _broadcast(world: World) -> Limit | None:
    if not world.has("goals.delivery_time", "server.delivery_cost") or not world.demand.streams:
        return None
    sessions = audience(world) * world["topology.imbalance"]
    in_time = divide(world["goals.delivery_time"], world["server.delivery_cost"]) * world["server.processes"]
    keys = ("workload.connections", "goals.delivery_time", "server.delivery_cost", "server.processes")
    return Limit(sessions, in_time, divide(sessions, in_time), keys)


def _sentence(world: World, limit: Limit) -> str:
    goal, each = world["goals.delivery_time"], world["server.delivery_cost"]
    return (
        f"{format_count(limit.capacity_per_server)} sessions of one server are written to within "
        f"{format_duration(goal)}, {format_duration(each)} each"
    )


BROADCAST = Constraint("broadcast time", "sessions", _broadcast, _sentence)
