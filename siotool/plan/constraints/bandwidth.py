"""Bandwidth: the document's own constraint, and the two directions of a server's network."""

from collections.abc import Callable

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import Number, divide
from siotool.units import format_byte_rate, format_count, format_share


def consumption_rate(world: World) -> Number | None:
    """Return the bandwidth of one session, both ways: as given, or as its messages make it."""
    demand = world.demand
    if world.has("workload.consumption_rate"):
        return world["workload.consumption_rate"]
    if demand.tcp_to_client_bytes_per_s is None:
        return None
    both = demand.tcp_to_client_bytes_per_s + demand.tcp_to_server_bytes_per_s
    return divide(both, demand.connections)


def _bandwidth(world: World) -> Limit | None:
    rate = consumption_rate(world)
    if rate is None or not world.has("server.capacity") or _is_cpu(world):
        return None
    demand = world.demand.connections * rate * world["topology.imbalance"]
    usable = world["server.capacity"] * world["server.utilization"]
    keys = ("workload.connections", "workload.consumption_rate", "server.capacity", "server.utilization")
    return Limit(demand, usable, divide(demand, usable), keys)


def _is_cpu(world: World) -> bool:
    """True for a capacity that runs showed: bytes for CPU, of which the event loop knows more."""
    return world.inputs.figures["server.capacity"].provenance.kind == "measured"


def _sentence(world: World, limit: Limit) -> str:
    return (
        f"{format_byte_rate(limit.demand)} of all sessions over "
        f"{format_byte_rate(limit.capacity_per_server)} per server, "
        f"{format_share(world['server.utilization'])} of its capacity" + _uneven(world)
    )


def _uneven(world: World) -> str:
    """What the demand is more than the sum of all, where the fullest server has more than its part."""
    times = world["topology.imbalance"]
    return (
        f", as if all were as full as the fullest: {format_count(times)} times the mean" if times > 1 else ""
    )


BANDWIDTH = Constraint("bandwidth", "bytes/s", _bandwidth, _sentence)


def _one_way(name: str, key: str, asked: Callable[[World], Number | None]) -> Constraint:
    def limit(world: World) -> Limit | None:
        demand = asked(world)
        if demand is None or not world.has(key):
            return None
        demand = demand * world["topology.imbalance"]
        usable = world[key] * world["server.utilization"]
        return Limit(
            demand, usable, divide(demand, usable), ("workload.connections", key, "server.utilization")
        )

    def sentence(world: World, limit: Limit) -> str:
        return (
            f"{format_byte_rate(limit.demand)} on the wire, headers and acknowledgements of TCP included, "
            f"over {format_byte_rate(limit.capacity_per_server)} per server" + _uneven(world)
        )

    return Constraint(name, "bytes/s", limit, sentence)


OUT = _one_way("network out", "server.bandwidth_out", lambda world: world.demand.link_to_client_bytes_per_s)
IN = _one_way("network in", "server.bandwidth_in", lambda world: world.demand.link_to_server_bytes_per_s)
