"""The load balancers themselves: connections, new connections per second, bandwidth."""

from siotool.plan.constraints.bandwidth import consumption_rate
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide
from siotool.units import format_byte_rate, format_count, format_rate


def _connections(world: World[N]) -> Limit[N] | None:
    if not world.has("topology.balancer_connections"):
        return None
    demand, most = world.demand.connections, world["topology.balancer_connections"]
    return Limit(
        demand, most, divide(demand, most), ("workload.connections", "topology.balancer_connections")
    )


CONNECTIONS = Constraint(
    "balancer connections",
    "connections",
    _connections,
    lambda world, limit: f"one balancer holds {format_count(limit.capacity_per_server)} connections",
    tier="balancers",
)


def _accepts(world: World[N]) -> Limit[N] | None:
    if not world.has("topology.balancer_accept_rate"):
        return None
    demand, most = world.demand.new_per_s, world["topology.balancer_accept_rate"]
    keys = ("workload.churn", "workload.session_length", "topology.balancer_accept_rate")
    return Limit(demand, most, divide(demand, most), keys)


ACCEPTS = Constraint(
    "balancer accepts",
    "connections/s",
    _accepts,
    lambda world, limit: f"one balancer takes {format_rate(limit.capacity_per_server)} new connections",
    tier="balancers",
)


def _bytes(world: World[N]) -> Limit[N] | None:
    rate = consumption_rate(world)
    if rate is None or not world.has("topology.balancer_bandwidth"):
        return None
    demand, most = world.demand.connections * rate, world["topology.balancer_bandwidth"]
    keys = ("workload.connections", "workload.consumption_rate", "topology.balancer_bandwidth")
    return Limit(demand, most, divide(demand, most), keys)


BYTES = Constraint(
    "balancer bandwidth",
    "bytes/s",
    _bytes,
    lambda world, limit: f"one balancer carries {format_byte_rate(limit.capacity_per_server)}",
    tier="balancers",
)
