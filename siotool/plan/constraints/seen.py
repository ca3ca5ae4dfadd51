"""What a light run proves: that a server carries this load, and not how many times more of it.

Costs change with the load: a server that is busier does more at a time, a garbage collector runs
more often. So a line through a light load promises what no run has shown. A plan believes up to
2.5 times the load that was seen: the whole server, where the run brought it to 40 %.
"""

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, maximum
from siotool.units import format_count

#: So many times the load that was seen.
BELIEVED = 2.5


def _limit(world: World[N]) -> Limit[N] | None:
    asked: tuple[tuple[str, N], ...] = (
        ("server.seen_connections", world.demand.connections),
        ("server.seen_messages", world.demand.inbound_per_s),
        ("server.seen_deliveries", world.demand.deliveries_per_s),
    )
    cores = world["server.processes"] * world["server.process_cores"]
    times = [divide(amount, world[key] * cores) for key, amount in asked if world.has(key)]
    if not times:
        return None
    demand = maximum(0.0, *times) * world["topology.imbalance"]
    keys = ("workload.connections", *(key for key, _ in asked if world.has(key)))
    return Limit(demand, BELIEVED, divide(demand, BELIEVED), keys)


def _sentence(world: World[float], limit: Limit[float]) -> str:
    return (
        f"the load is {format_count(limit.demand)} times what one server was seen to carry, and "
        f"{format_count(BELIEVED)} times is believed: a bound, until a run takes 40 % of its CPU"
    )


SEEN = Constraint("seen load", "times", _limit, _sentence)
