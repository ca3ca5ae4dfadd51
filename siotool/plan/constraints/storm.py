"""Reconnect storms: the servers left must take in the lost clients, in time, beside the load that returns.

The fullest survivor decides. It takes in its part of the lost with what the service's load
leaves of it (``handshakes``). The storm simulator follows each client; this bound
is plain arithmetic (``storm.bound``).
"""

from typing import cast

from siotool.plan.constraints import cpu, event_loop
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.constraints.handshakes import at_rest, left
from siotool.plan.constraints.solve import largest_fitting
from siotool.plan.constraints.storm_bound import Lost, failure, fewest_servers_for_storm
from siotool.plan.demand.world import World
from siotool.plan.numbers import N, divide, maximum, minimum, where, whole
from siotool.protocol.backoff import OFFICIAL
from siotool.units import format_duration, format_rate, format_share

_WHO = {"server": "a lost server's", "zone": "a lost zone's", "all": "all"}

#: More servers than this are infinitely many.
_LEAST_X = 1e-12
#: What the sums may be off by.
_NOISE = 1e-12


def lost_at_once(world: World[N]) -> Lost:
    """Return what the plan's storm loses."""
    return cast(Lost, world.inputs.choice("goals.storm"))


def servers_needed(world: World[N], rate: N) -> N:
    """Return the fewest whole servers whose survivors take the lost in within the goal.

    ``rate``: handshakes per second of one at rest. The bound for servers at rest is where the
    search begins. Beyond it, solved for x = 1/servers: the load and the lost each take a share of
    the fullest survivor's time, together no more than 1. Infinite where no number of servers does it.
    """
    connections, imbalance, zones = (
        world.demand.connections,
        world["topology.imbalance"],
        world["topology.zones"],
    )
    lost, goal_s = lost_at_once(world), world["goals.reconnect_time"]
    resting = fewest_servers_for_storm(connections, rate, goal_s, lost, zones, imbalance)
    if goal_s <= OFFICIAL.delay_max_s or (lost == "zone" and zones == 1):
        return resting
    most_each, processes = rate * (goal_s - OFFICIAL.delay_max_s), world["server.processes"]
    busy = event_loop.occupied(world)

    def excess(x: N) -> N:
        gone = failure(connections, 1 / maximum(x, _LEAST_X), lost, zones, imbalance)
        handshakes = divide(gone.lost, gone.even * most_each)
        return handshakes + busy(gone.survivors * processes) - (1.0 + _NOISE)

    step = zones if lost == "zone" else 1.0  # zones are equal
    least = maximum(resting, step)
    # the load alone, without any handshakes, takes as many
    loaded = cpu.load(world).shared * imbalance
    high = minimum(1 / least, divide(processes + 0.0 * loaded, loaded))
    found = maximum(step * whole(divide(1.0, step * largest_fitting(excess, high))), least)
    fewer = maximum(found - step, least)
    found = where(excess(1 / fewer) <= 0, fewer, found)
    return where(resting > 0, found, 0.0)


def _storm(world: World[N]) -> Limit[N] | None:
    rate = at_rest(world)
    if rate is None or not world.has("goals.reconnect_time"):
        return None
    connections = world.demand.connections * world["topology.imbalance"]
    servers = servers_needed(world, rate)
    handshakes: tuple[str, ...] = (
        ("server.accept_rate",)
        if world.has("server.accept_rate")
        else ("server.connect_cost", *_tls(world), "server.processes")
    )
    load: tuple[str, ...] = tuple(key for key in cpu.COSTS if world.has(key) and key not in handshakes)
    keys = ("workload.connections", "goals.reconnect_time", *handshakes, *load)
    return Limit(connections, divide(connections, servers), servers, keys)


def _tls(world: World[N]) -> tuple[str, ...]:
    counts = world.inputs.flag("server.tls") and world.has("server.tls_connect_cost")
    return ("server.tls_connect_cost",) if counts else ()


def _sentence(world: World[float], limit: Limit[float]) -> str:
    lost = lost_at_once(world)
    who, goal = _WHO[lost], format_duration(world["goals.reconnect_time"])
    if limit.servers == float("inf"):
        return f"{who} clients cannot be back within {goal}: {_why_never(world)}"
    survivors = failure(world.demand.connections, limit.servers, lost, world["topology.zones"]).survivors
    share = left(world, survivors) if survivors else 1.0
    rate = format_rate(_rounded(share * (at_rest(world) or 0.0)))
    beside = f": {format_share(_rounded(share))} of what it does when idle" if share < 1 else ""
    return f"{who} clients are back within {goal}, {rate} taken in by each server{beside}"


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _why_never(world: World[float]) -> str:
    if world["goals.reconnect_time"] <= OFFICIAL.delay_max_s:
        return "their own last wait takes as long"
    if lost_at_once(world) == "zone" and world["topology.zones"] == 1:
        return "there is one zone, and nothing is left when it fails"
    return (
        "with any number of servers left, what each process spends on its own work and the publishes of all "
        "others leaves no CPU for handshakes"
    )


STORM = Constraint("reconnect storm", "connections", _storm, _sentence)
