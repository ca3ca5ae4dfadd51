"""Fixed numbers of places: connections allowed, open files, ports of a balancer, connection tracking."""

from siotool.plan.constraints import balancer
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, maximum, whole
from siotool.units import format_count


def _sockets(world: World[N]) -> N:
    """All sockets: a polling client holds a GET and now and then opens a POST beside it."""
    return world.demand.connections * (1.0 + world["transport.polling"]) * world["topology.imbalance"]


def _connections(world: World[N]) -> Limit[N] | None:
    if not world.has("server.connections"):
        return None
    places = world["server.connections"]
    connections = world.demand.connections * world["topology.imbalance"]
    keys = ("workload.connections", "server.connections")
    return Limit(connections, places, divide(connections, places), keys)


def _connections_sentence(world: World[float], limit: Limit[float]) -> str:
    return f"one server may hold {format_count(limit.capacity_per_server)} connections"


CONNECTIONS = Constraint("connections", "connections", _connections, _connections_sentence)


def _files(world: World[N]) -> Limit[N] | None:
    if not world.has("server.open_files"):
        return None
    each = maximum(world["server.open_files"] - world["server.open_files_reserved"], 0.0)
    places = each * world["server.processes"]
    sockets = _sockets(world)
    keys = ("workload.connections", "server.open_files", "server.open_files_reserved", "transport.polling")
    return Limit(sockets, places, divide(sockets, places), keys)


def _files_sentence(world: World[float], limit: Limit[float]) -> str:
    return (
        f"{format_count(limit.capacity_per_server)} sockets fit under the open-file limits of one server, "
        f"{format_count(world['server.open_files_reserved'])} of each process kept for other files"
    )


FILES = Constraint("open files", "sockets", _files, _files_sentence)


def _ports(world: World[N]) -> Limit[N] | None:
    if not world.has("topology.balancer_ports"):
        return None
    # workers of a primary, which the cluster adapter joins, share its one port
    listening = 1.0 if world.inputs.choice("topology.adapter") == "cluster" else world["server.processes"]
    each = world["topology.balancer_ports"] * world["topology.balancer_addresses"] * listening
    places = each * _balancers(world)
    sockets = _sockets(world)
    keys = (
        *("workload.connections", "topology.balancer_ports", "topology.balancer_addresses"),
        *("topology.balancer_connections", "topology.balancer_accept_rate", "topology.balancer_bandwidth"),
        "topology.adapter",
    )
    return Limit(sockets, places, divide(sockets, places), keys)


def _balancers(world: World[N]) -> N:
    """Return the balancers that the plan needs, not rounded, each with ports of its own; one at least.

    As if all were full: then more connections never need fewer servers, though a balancer more brings ports.
    """
    limits = (one.limit(world) for one in (balancer.CONNECTIONS, balancer.ACCEPTS, balancer.BYTES))
    return maximum(1.0, *(limit.servers for limit in limits if limit is not None))


def _ports_sentence(world: World[float], limit: Limit[float]) -> str:
    count = whole(_balancers(world))
    who = f"each of {format_count(count)} balancers" if count > 1 else "a balancer"
    return (
        f"{who} opens {format_count(world['topology.balancer_ports'])} connections from each of its "
        f"{format_count(world['topology.balancer_addresses'])} addresses to one server port"
    )


PORTS = Constraint("balancer ports", "sockets", _ports, _ports_sentence)


def _conntrack(world: World[N]) -> Limit[N] | None:
    if not world.has("topology.conntrack"):
        return None
    places = world["topology.conntrack"]
    sockets = _sockets(world)
    return Limit(sockets, places, divide(sockets, places), ("workload.connections", "topology.conntrack"))


def _conntrack_sentence(world: World[float], limit: Limit[float]) -> str:
    return f"one server tracks {format_count(limit.capacity_per_server)} connections at once"


CONNTRACK = Constraint("conntrack", "sockets", _conntrack, _conntrack_sentence)
