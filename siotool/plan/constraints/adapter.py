"""The backend of the adapter: what its busiest shard delivers to the processes.

A shard is full where

    taken · once + delivered · each = 1

with the CPU that it takes for a message from a process, once, and for each process that it sends one to.
Both grow with the publishes, and only the second with the processes. Where a rate is all that is known of a
shard, typed or published, it is ``1/each``, and ``once`` is 0 unless it was given too.
"""

from math import inf
from typing import Generic

import msgspec

from siotool.plan.adapters import laws as adapters
from siotool.plan.adapters import requests
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, maximum, where, whole
from siotool.units import format_rate

_KEYS = (
    "topology.adapter",
    "topology.backend_rate",
    "topology.backend_publish_cost",
    "topology.backend_delivery_cost",
    "topology.fetch_rate",
    "server.utilization",
)


class Shard(msgspec.Struct, Generic[N], frozen=True):
    """What fills one shard: ``full`` is its work per second, in the unit of the other two.

    Seconds of CPU where its costs are known, and deliveries where a rate is. ``once`` is the work of a
    message taken from a process, ``each`` that of one sent to a process.
    """

    once: N
    each: N
    full: N


class Carried(msgspec.Struct, Generic[N], frozen=True):
    """Messages per second of the busiest shard: taken from processes, and delivered to them."""

    taken: N
    delivered: N

    def work(self, shard: Shard[N]) -> N:
        """Return the work per second that this is for a shard."""
        return self.taken * shard.once + self.delivered * shard.each


def shard_of(world: World[N]) -> Shard[N] | None:
    """Return what fills one shard: as typed, measured or published; None where nobody knows."""
    once = world.get("topology.backend_publish_cost")
    rate: N | None = adapters.adapter_named(world.inputs.choice("topology.adapter")).ceiling_per_s
    if world.has("topology.backend_rate"):
        rate = world["topology.backend_rate"]
    elif world.has("topology.backend_delivery_cost"):
        return Shard(once, world["topology.backend_delivery_cost"], 1.0)
    return None if rate is None else Shard(once * rate, 1.0, rate)


def ceiling(world: World[N], processes: N, shards: N = 1.0) -> N | None:
    """Return the deliveries per second that fill the busiest shard; None where nobody knows.

    Each message goes to as many of so many processes as the plan's do.
    """
    shard = shard_of(world)
    return None if shard is None else _most(shard, _carried(world, processes, shards))


def _most(shard: Shard[N], carried: Carried[N]) -> N:
    """Deliveries per second of a full shard, each with its part of what a message costs once.

    Where nothing is delivered, as many as a shard would deliver that has nothing else to do.
    """
    some = carried.delivered > 0
    share = where(some, divide(carried.delivered, carried.work(shard)), divide(1.0, shard.each))
    return shard.full * share


def _limit(world: World[N]) -> Limit[N] | None:
    shard = shard_of(world)
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    asks = world.has("topology.fetch_rate") and adapter.answers != "nobody"
    if adapter.law == "nobody" or not (world.demand.streams or asks):
        return None
    # where no fleet is enough, what it would ask of the adapter does not matter
    servers = where(world.servers < inf, world.servers, 1.0)
    processes = maximum(whole(servers), 1.0) * world["server.processes"]
    one = _carried(world, processes, 1.0)
    if shard is None:
        # one instance is assumed, and the sentence says so
        return Limit(one.delivered, inf, 1.0 + 0.0 * one.delivered, _KEYS)
    usable = shard.full * world["server.utilization"]
    # what shards do not divide is on each of them
    total, endless = one.work(shard), _carried(world, processes, inf).work(shard)
    divides = endless < usable
    more = divide(maximum(total - endless, 0.0), where(divides, usable - endless, 1.0))
    shards = where(total <= usable, divide(total, usable), where(divides, more, inf))
    return Limit(one.delivered, _most(shard, one) * world["server.utilization"], shards, _KEYS)


def _carried(world: World[N], processes: N, shards: N) -> Carried[N]:
    """Return what the busiest of so many shards, a namespace on each, takes and delivers."""
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    taken: N = requests.taken(adapter, world.requests, processes, shards)
    delivered: N = requests.delivered(adapter, world.requests, processes, shards)
    for stream in world.demand.streams:
        of_stream, room = stream.traffic.publishes_per_s, stream.crowd
        taken = taken + adapters.backend_taken(
            adapter,
            of_stream,
            room,
            private_share=stream.private_share,
            shards=shards,
            namespaces=shards,
        )
        delivered = delivered + adapters.backend_rate(
            adapter,
            of_stream,
            room,
            processes,
            private_share=stream.private_share,
            shards=shards,
            namespaces=shards,
        )
    return Carried(taken, delivered)


def _sentence(world: World[float], limit: Limit[float]) -> str:
    name = world.inputs.choice("topology.adapter")
    if shard_of(world) is None:
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
    if limit.capacity_per_server == inf:
        return f"{format_rate(limit.demand)} to the processes, which cost a shard nothing"
    return f"{format_rate(limit.demand)} to the processes, {format_rate(limit.capacity_per_server)} a shard"


ADAPTER = Constraint("adapter", "messages/s", _limit, _sentence, tier="shards")
