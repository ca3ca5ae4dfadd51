"""Fixed numbers of places: connections allowed, open files, ports of a balancer, connection tracking."""

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, maximum
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
    places = world["topology.balancer_ports"] * world["topology.balancer_addresses"] * listening
    sockets = _sockets(world)
    keys = (
        *("workload.connections", "topology.balancer_ports", "topology.balancer_addresses"),
        "topology.adapter",
    )
    return Limit(sockets, places, divide(sockets, places), keys)


def _ports_sentence(world: World[float], limit: Limit[float]) -> str:
    return (
        f"a balancer opens {format_count(world['topology.balancer_ports'])} connections from each of its "
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
