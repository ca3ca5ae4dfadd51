"""The backend of the adapter: what its busiest shard delivers to the processes."""

from siotool.plan import adapters
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.numbers import Number, divide, maximum, where, whole
from siotool.plan.world import World
from siotool.units import format_rate


def ceiling(world: World) -> Number | None:
    """Return what one shard delivers per second: as given, or as published."""
    if world.has("topology.backend_rate"):
        return world["topology.backend_rate"]
    return adapters.adapter_named(world.inputs.choice("topology.adapter")).ceiling_per_s


def _limit(world: World) -> Limit | None:
    most = ceiling(world)
    if most is None or not world.demand.streams:
        return None
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    usable = most * world["server.utilization"]
    # where no fleet is enough, what it would ask of the adapter does not matter
    servers = where(world.servers < float("inf"), world.servers, 1.0)
    processes = maximum(whole(servers), 1.0) * world["server.processes"]
    delivered: Number = 0.0
    shards: Number = 0.0
    for stream in world.demand.streams:
        publishes, room = stream.traffic.publishes_per_s, stream.traffic.room_size
        delivered = delivered + adapters.backend_rate(adapter, publishes, room, processes)
        shards = shards + _share_of_shards(adapter, publishes, room, processes, usable)
    keys = ("topology.adapter", "topology.backend_rate", "server.utilization")
    return Limit(delivered, usable, shards, keys)


def _share_of_shards(
    adapter: adapters.Adapter, publishes: Number, room: Number, processes: Number, usable: Number
) -> Number:
    """Shards that one stream fills: its deliveries over a shard's, infinite where sharding does not help."""
    needed = adapters.shards_needed(adapter, publishes, room, processes, ceiling_per_s=usable)
    filled = divide(adapters.backend_rate(adapter, publishes, room, processes), usable)
    return maximum(filled, needed - 1.0)


def _sentence(world: World, limit: Limit) -> str:
    name = world.inputs.choice("topology.adapter")
    if limit.servers == float("inf"):
        return (
            f"{name} delivers every publish to every process and does not divide: "
            "no number of shards is enough"
        )
    return f"{format_rate(limit.demand)} to the processes, {format_rate(limit.capacity_per_server)} a shard"


ADAPTER = Constraint("adapter", "messages/s", _limit, _sentence, tier="shards")
