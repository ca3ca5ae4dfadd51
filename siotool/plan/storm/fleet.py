"""Storms seen from the fleet: how many servers, and how many connections on each, get over them in time."""

import math
from collections.abc import Callable, Sequence

import msgspec

from siotool.errors import InputError
from siotool.plan.constraints.storm_bound import PING_INTERVAL_S, Failure, Lost, failure, recovery_at_least_s
from siotool.plan.storm.simulator import Conditions, Storm, simulate

#: Clients computed for each point; see the simulator's remark on scale.
SAMPLE = 20_000

#: Bisection ends within so large a part of the result.
_PRECISION = 0.005


class Setting(msgspec.Struct, frozen=True):
    """What a storm takes, whatever the fleet, and what its survivors do for those who come back.

    ``accept(connections, survivors)``: handshakes per second that each of so many servers
    completes beside the load of so many connections, which are all of the service. ``zones``
    counts where one is lost; the fullest server holds ``imbalance`` times the mean.
    """

    accept: Callable[[float, float], float]
    lost: Lost
    zones: int = 1
    imbalance: float = 1.0

    def failure(self, connections: float, servers: float) -> Failure[float]:
        """Return what is lost of a fleet, and what is left."""
        return failure(connections, servers, self.lost, self.zones, self.imbalance)


class Point(msgspec.Struct, frozen=True):
    """One fleet size: what is lost, what is left, and how long 99 % of the lost take to be back.

    Seconds are infinite (null in JSON) where that is not within the horizon, or nobody is left
    to take them in, or nothing of those who are; then there is no peak either (not a number). No
    backoff beats ``at_least_s``.
    """

    servers: int
    lost: float
    survivors: float
    accept_per_s: float
    ninety_nine_s: float
    at_least_s: float
    peak_attempts_per_s: float


class Pings(msgspec.Struct, frozen=True):
    """Pings per second over one ping interval, in bins of ``bin_s``, after everyone is back."""

    bin_s: float
    pings_per_s: list[float]
    even_per_s: float
    peak_per_s: float


def curve(
    connections: int,
    servers: Sequence[int],
    setting: Setting,
    conditions: Conditions,
    *,
    horizon_s: float = 1800.0,
    sample: int = SAMPLE,
) -> list[Point]:
    """Return the storm of each fleet size: ``connections`` on so many servers when some of them fail.

    The accept rate of ``conditions`` is not looked at: each fleet has its own. Raises InputError
    for a fleet of no servers.
    """
    points = []
    for count in servers:
        if count < 1:
            raise InputError(f"a fleet of {count} servers", "give at least 1")
        gone = setting.failure(connections, count)
        rate = setting.accept(connections, gone.survivors) if gone.survivors > 0 else 0.0
        storm = _storm(gone, rate, conditions, horizon_s, sample)
        points.append(
            Point(
                servers=count,
                lost=gone.lost,
                survivors=gone.survivors,
                accept_per_s=rate,
                ninety_nine_s=storm.ninety_nine_s if storm else math.inf,
                at_least_s=recovery_at_least_s(gone.lost, gone.even, rate, conditions.outage_s),
                peak_attempts_per_s=storm.peak_attempts_per_s if storm else math.nan,
            )
        )
    return points


def largest_connections_per_server(
    goal_s: float, servers: int, setting: Setting, conditions: Conditions, *, sample: int = SAMPLE
) -> int:
    """Return the largest connections per server with which 99 % of the lost are back within ``goal_s``.

    Each connection more is a client more that may be lost, and load more on the survivors. Found
    by bisection, to half a percent; 0 where not even one is, or no server is left.
    """
    one = setting.failure(servers, servers)
    if not one.survivors > 0 or not goal_s > conditions.outage_s:
        return 0

    def enough(each: int) -> bool:
        gone = setting.failure(each * servers, servers)
        rate = setting.accept(each * servers, gone.survivors)
        storm = _storm(gone, rate, conditions, goal_s, sample)
        return storm is not None and storm.ninety_nine_s <= goal_s

    # what even servers that are never idle, and carry next to nothing, cannot do
    most = one.even * setting.accept(servers, one.survivors) * (goal_s - conditions.outage_s)
    low, high = 0, math.floor(most / (0.99 * one.lost)) + 2
    while high - low > max(1, _PRECISION * low):
        middle = (low + high) // 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low


def pings_after(storm: Storm, ping_interval_s: float = PING_INTERVAL_S) -> Pings:
    """Return the pings of the clients that came back: their returns, folded by the ping interval.

    Raises InputError when the interval is not a whole number of the storm's bins.
    """
    bins = round(ping_interval_s / storm.bin_s)
    if bins < 1 or abs(bins * storm.bin_s - ping_interval_s) > 1e-9:
        raise InputError(
            f"a ping interval of {ping_interval_s:g} s does not hold whole bins of {storm.bin_s:g} s",
            "simulate the storm with a bin_s that divides the interval",
        )
    pings = [0.0] * bins
    before = 0.0
    for number, connected in enumerate(storm.connected):
        pings[number % bins] += (connected - before) / storm.bin_s
        before = connected
    return Pings(storm.bin_s, pings, before / ping_interval_s, max(pings))


def _storm(
    gone: Failure[float], rate: float, conditions: Conditions, horizon_s: float, sample: int
) -> Storm | None:
    """None where nothing is left to take anyone in."""
    if not gone.even * rate > 0:
        return None
    clients = max(1, math.ceil(gone.lost))
    meets = msgspec.structs.replace(conditions, accept_per_s=rate)
    return simulate(clients, gone.even, meets, horizon_s=horizon_s, sample=sample)
