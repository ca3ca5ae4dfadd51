"""The backend of the adapter: what its busiest shard delivers to the processes."""

from math import inf

from siotool.plan.adapters import laws as adapters
from siotool.plan.adapters.requests import delivered
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import Stream, World
from siotool.plan.numbers import N, divide, maximum, where, whole
from siotool.units import format_rate


def ceiling(world: World[N]) -> N | None:
    """Return what one shard delivers per second: as given, or as published."""
    if world.has("topology.backend_rate"):
        return world["topology.backend_rate"]
    return adapters.adapter_named(world.inputs.choice("topology.adapter")).ceiling_per_s


def _limit(world: World[N]) -> Limit[N] | None:
    most = ceiling(world)
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    asks = world.has("topology.fetch_rate") and adapter.answers != "nobody"
    if not (world.demand.streams or asks) or (most is None and adapter.law == "nobody"):
        return None
    usable = inf if most is None else most * world["server.utilization"]
    # where no fleet is enough, what it would ask of the adapter does not matter
    servers = where(world.servers < inf, world.servers, 1.0)
    processes = maximum(whole(servers), 1.0) * world["server.processes"]
    total: N = delivered(adapter, world.requests, processes)
    endless: N = delivered(adapter, world.requests, processes, inf)
    for stream in world.demand.streams:
        total = total + _busiest(adapter, stream, processes, 1.0)
        endless = endless + _busiest(adapter, stream, processes, inf)
    # what shards do not divide is on each of them
    divides = endless < usable
    more = divide(maximum(total - endless, 0.0), where(divides, usable - endless, 1.0))
    shards = where(total <= usable, divide(total, usable), where(divides, more, inf))
    keys = ("topology.adapter", "topology.backend_rate", "topology.fetch_rate", "server.utilization")
    # one instance is assumed where no rate is known, and the sentence says so
    return Limit(total, usable, 1.0 + 0.0 * total if most is None else shards, keys)


def _busiest(adapter: adapters.Adapter, stream: Stream[N], processes: N, shards: float) -> N:
    """Return what the busiest of so many shards, a namespace on each, delivers of one stream."""
    return adapters.backend_rate(
        adapter,
        stream.traffic.publishes_per_s,
        stream.crowd,
        processes,
        private_share=stream.private_share,
        shards=shards,
        namespaces=shards,
    )


def _sentence(world: World[float], limit: Limit[float]) -> str:
    name = world.inputs.choice("topology.adapter")
    if limit.capacity_per_server == inf:
        source = adapters.adapter_named(name).ceiling_source
        return (
            f"{format_rate(limit.demand)} to the processes; what one instance delivers is not published, so "
            f"one is assumed: {source}, and set topology.backend_rate"
        )
    if limit.servers == inf:
        return (
            f"{name} delivers {format_rate(limit.demand)} to the processes, and shards do not divide it: "
            f"{format_rate(limit.capacity_per_server)} is the most"
        )
    return f"{format_rate(limit.demand)} to the processes, {format_rate(limit.capacity_per_server)} a shard"


ADAPTER = Constraint("adapter", "messages/s", _limit, _sentence, tier="shards")
