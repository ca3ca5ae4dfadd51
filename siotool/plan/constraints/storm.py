"""Reconnect storms: who is left must take in those that were lost, in time.

What a server takes in per second is given, or what its spare CPU completes: one that runs at
its utilization has the rest for handshakes. The storm simulator plays the clients out one by
one; this bound is its arithmetic (``storm_bound``).
"""

from typing import cast

from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.numbers import Number, divide, minimum
from siotool.plan.storm.bound import Lost, fewest_servers_for_storm
from siotool.plan.world import World
from siotool.protocol.backoff import OFFICIAL
from siotool.units import format_duration, format_rate

#: No server completes more; a handshake that costs nothing leaves the rest of the sums finite.
_MOST_PER_S = 1e9

_WHO = {"server": "a lost server's", "zone": "a lost zone's", "all": "all"}


def accept_rate(world: World) -> Number | None:
    """Return the handshakes per second one server completes in a storm."""
    if world.has("server.accept_rate"):
        return world["server.accept_rate"]
    if world.has("server.connect_cost"):
        spare = (1 - world["server.utilization"]) * world["server.processes"]
        return minimum(divide(spare, world["server.connect_cost"]), _MOST_PER_S)
    return None


def _storm(world: World) -> Limit | None:
    rate = accept_rate(world)
    if rate is None or not world.has("goals.reconnect_time"):
        return None
    lost = cast(Lost, world.inputs.choice("goals.storm"))
    connections = world.demand.connections * world["topology.imbalance"]
    servers = fewest_servers_for_storm(
        connections, rate, world["goals.reconnect_time"], lost, world["topology.zones"]
    )
    keys = (
        "workload.connections",
        "goals.reconnect_time",
        "server.accept_rate" if world.has("server.accept_rate") else "server.connect_cost",
    )
    return Limit(connections, divide(connections, servers), servers, keys)


def _sentence(world: World, limit: Limit) -> str:
    who, goal = _WHO[world.inputs.choice("goals.storm")], format_duration(world["goals.reconnect_time"])
    if limit.servers == float("inf"):
        return f"{who} clients cannot be back within {goal}: {_why_never(world)}"
    rate = accept_rate(world) or 0.0
    return f"{who} clients are back within {goal}, {format_rate(rate)} taken in by each server"


def _why_never(world: World) -> str:
    if world["goals.reconnect_time"] <= OFFICIAL.delay_max_s:
        return "their own last wait takes as long"
    if world.inputs.choice("goals.storm") == "zone" and world["topology.zones"] == 1:
        return "there is one zone, and nothing is left when it fails"
    return "a server at its utilization has no CPU left for handshakes"


STORM = Constraint("reconnect storm", "connections", _storm, _sentence)
