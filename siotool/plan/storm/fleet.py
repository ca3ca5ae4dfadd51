"""Storms seen from the fleet: how many servers, and how many connections on each, get over them in time."""

import math
from collections.abc import Sequence

import msgspec

from siotool.errors import InputError
from siotool.plan.storm.bound import PING_INTERVAL_S, Failure, Lost, failure, recovery_at_least_s
from siotool.plan.storm.simulator import Conditions, Storm, simulate

#: Clients computed for each point; see the simulator's remark on scale.
SAMPLE = 20_000

#: Bisection ends within so large a part of the result.
_PRECISION = 0.005


class Point(msgspec.Struct, frozen=True):
    """One fleet size: what is lost, what is left, and how long 99 % of the lost take to be back.

    Seconds are infinite (null in JSON) where that is not within the horizon, or nobody is left
    to take them in; then there is no peak either (not a number). No backoff beats ``at_least_s``.
    """

    servers: int
    lost: float
    survivors: float
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
    conditions: Conditions,
    lost: Lost,
    *,
    zones: int = 1,
    horizon_s: float = 1800.0,
    sample: int = SAMPLE,
) -> list[Point]:
    """Return the storm of each fleet size: ``connections`` on so many servers when some of them fail.

    Raises InputError for a fleet of no servers.
    """
    points = []
    for count in servers:
        if count < 1:
            raise InputError(f"a fleet of {count} servers", "give at least 1")
        gone = failure(connections, count, lost, zones)
        storm = _storm(gone, conditions, horizon_s, sample)
        points.append(
            Point(
                servers=count,
                lost=gone.lost,
                survivors=gone.survivors,
                ninety_nine_s=storm.ninety_nine_s if storm else math.inf,
                at_least_s=recovery_at_least_s(
                    gone.lost, gone.survivors, conditions.accept_per_s, conditions.outage_s
                ),
                peak_attempts_per_s=storm.peak_attempts_per_s if storm else math.nan,
            )
        )
    return points


def largest_connections_per_server(
    goal_s: float,
    servers: int,
    conditions: Conditions,
    lost: Lost,
    *,
    zones: int = 1,
    sample: int = SAMPLE,
) -> int:
    """Return the largest connections per server with which 99 % of the lost are back within ``goal_s``.

    Found by bisection, to half a percent; 0 where not even one is, or no server is left.
    """
    one = failure(servers, servers, lost, zones)
    if not one.survivors > 0 or not goal_s > conditions.outage_s:
        return 0

    def enough(each: int) -> bool:
        gone = Failure(each * one.lost, one.survivors)
        storm = _storm(gone, conditions, goal_s, sample)
        return storm is not None and storm.ninety_nine_s <= goal_s

    fluid = one.survivors * conditions.accept_per_s * (goal_s - conditions.outage_s) / (0.99 * one.lost)
    low, high = 0, math.floor(fluid) + 2  # what even servers that are never idle cannot do
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


def _storm(gone: Failure, conditions: Conditions, horizon_s: float, sample: int) -> Storm | None:
    """None where nobody is left to take anyone in."""
    if not gone.survivors > 0:
        return None
    clients = max(1, math.ceil(gone.lost))
    return simulate(clients, gone.survivors, conditions, horizon_s=horizon_s, sample=sample)
