"""Bandwidth: the published formula's constraint, and the two directions of a server's network."""

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide
from siotool.plan.wire.framing import Direction
from siotool.units import format_byte_rate, format_count, format_share


def consumption_rate(world: World[N]) -> N | None:
    """Return the bandwidth of one session, both ways: as given, or as its messages make it."""
    if world.has("workload.consumption_rate"):
        return world["workload.consumption_rate"]
    travel = world.demand.travel
    return None if travel is None else divide(travel.tcp_both, world.demand.connections)


def _bandwidth(world: World[N]) -> Limit[N] | None:
    rate = consumption_rate(world)
    if rate is None or not world.has("server.capacity") or _is_cpu(world):
        return None
    demand = world.demand.connections * rate * world["topology.imbalance"]
    usable = world["server.capacity"] * world["server.utilization"]
    keys = ("workload.connections", "workload.consumption_rate", "server.capacity", "server.utilization")
    return Limit(demand, usable, divide(demand, usable), keys)


def _is_cpu(world: World[N]) -> bool:
    """True for a measured capacity: it stands for CPU, which the event loop covers better.

    Not in a plan without messages whose rate was not measured too: there the event loop knows no deliveries.
    """
    figures = world.inputs.figures
    if figures["server.capacity"].provenance.kind != "measured":
        return False
    return bool(world.demand.streams) or figures["workload.consumption_rate"].provenance.kind == "measured"


def _sentence(world: World[float], limit: Limit[float]) -> str:
    return (
        f"{format_byte_rate(limit.demand)} of all sessions over "
        f"{format_byte_rate(limit.capacity_per_server)} per server, "
        f"{format_share(world['server.utilization'])} of its capacity" + _uneven(world)
    )


def _uneven(world: World[float]) -> str:
    """Say by how much imbalance raises the demand; empty without any."""
    times = world["topology.imbalance"]
    return (
        f", with all servers counted as full as the fullest: {format_count(times)} times the mean"
        if times > 1
        else ""
    )


BANDWIDTH = Constraint("bandwidth", "bytes/s", _bandwidth, _sentence)


def _one_way(name: str, key: str, way: Direction) -> Constraint:
    def limit(world: World[N]) -> Limit[N] | None:
        travel = world.demand.travel
        if travel is None or not world.has(key):
            return None
        flow = travel.to_client if way == Direction.TO_CLIENT else travel.to_server
        demand = flow.link * world["topology.imbalance"]
        usable = world[key] * world["server.utilization"]
        return Limit(
            demand, usable, divide(demand, usable), ("workload.connections", key, "server.utilization")
        )

    def sentence(world: World[float], limit: Limit[float]) -> str:
        return (
            f"{format_byte_rate(limit.demand)} on the wire, headers and acknowledgements of TCP included, "
            f"over {format_byte_rate(limit.capacity_per_server)} per server" + _uneven(world)
        )

    return Constraint(name, "bytes/s", limit, sentence)


OUT = _one_way("network out", "server.bandwidth_out", Direction.TO_CLIENT)
IN = _one_way("network in", "server.bandwidth_in", Direction.TO_SERVER)
