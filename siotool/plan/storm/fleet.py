"""Storms by fleet: with how many servers, and how many connections on each, all are back in time."""

import math
from collections.abc import Callable, Sequence

import msgspec

from siotool.errors import InputError
from siotool.plan.constraints.storm_bound import FleetLoss, Lost, failure, recovery_at_least_s
from siotool.plan.storm.simulator import Conditions, never, simulate
from siotool.plan.storm.storm_plan import Course, FleetPoint, Pings

#: Clients computed for each point; see the simulator's remark on scale.
SAMPLE = 20_000

#: Bisection ends within so large a part of the result.
_PRECISION = 0.005


class Setting(msgspec.Struct, frozen=True):
    """A storm of any fleet: what is lost, and the handshakes that the survivors complete.

    ``accept(connections, survivors)``: handshakes per second that each of so many servers
    completes beside the load of so many connections, which are all of the service. ``zones``
    counts where one is lost; the fullest server holds ``imbalance`` times the mean.
    """

    accept: Callable[[float, float], float]
    lost: Lost
    zones: int = 1
    imbalance: float = 1.0

    def failure(self, connections: float, servers: float) -> FleetLoss[float]:
        """Return what is lost of a fleet, and what is left."""
        return failure(connections, servers, self.lost, self.zones, self.imbalance)


def curve(
    connections: int,
    servers: Sequence[int],
    setting: Setting,
    conditions: Conditions,
    *,
    horizon_s: float = 1800.0,
) -> list[FleetPoint]:
    """Return the storm of each fleet size: ``connections`` on so many servers when some of them fail.

    The accept rate of ``conditions`` is not looked at: each fleet has its own. Raises InputError
    for a fleet of no servers.
    """
    points = []
    for count in servers:
        if count < 1:
            raise InputError(f"a fleet of {count} servers", "give at least 1")
        gone = setting.failure(connections, count)
        left = gone.survivors > 0
        rate = setting.accept(connections, gone.survivors) if left else 0.0
        storm = _storm(gone, rate, conditions, horizon_s)
        least_s = recovery_at_least_s(gone.lost, gone.even, rate, conditions.outage_s)
        points.append(
            FleetPoint(
                servers=count,
                accept_rate_per_s=rate if left else None,
                ninety_nine_s=storm.ninety_nine_s if storm else None,
                at_least_s=least_s if math.isfinite(least_s) else None,
                peak_attempts_per_s=storm.peak_attempts_per_s if storm else None,
            )
        )
    return points


def largest_connections_per_server(
    goal_s: float, servers: int, setting: Setting, conditions: Conditions
) -> int:
    """Return the largest connections per server with which 99 % of the lost are back within ``goal_s``.

    Each further connection is a client that may be lost, and load on the survivors. Found
    by bisection, to half a percent; 0 where not even one is, or no server is left.
    """
    one = setting.failure(servers, servers)
    if not one.survivors > 0 or not goal_s > conditions.outage_s:
        return 0

    def enough(each: int) -> bool:
        gone = setting.failure(each * servers, servers)
        rate = setting.accept(each * servers, gone.survivors)
        storm = _storm(gone, rate, conditions, goal_s)
        return storm is not None and never(storm.ninety_nine_s) <= goal_s

    # more than servers that are never idle, and carry next to nothing, can do
    most = one.even * setting.accept(servers, one.survivors) * (goal_s - conditions.outage_s)
    low, high = 0, math.floor(most / (0.99 * one.lost)) + 2
    while high - low > max(1, _PRECISION * low):
        middle = (low + high) // 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low


def pings_after(storm: Course, ping_interval_s: float, resident_per_s: float = 0.0) -> Pings:
    """Return the pings once all are back: the returns, folded by the interval, beside even pings.

    ``resident_per_s`` is of those who never left. Raises InputError when the interval is not a whole
    number of the storm's bins.
    """
    bins = round(ping_interval_s / storm.bin_s)
    if bins < 1 or abs(bins * storm.bin_s - ping_interval_s) > 1e-9:
        raise InputError(
            f"a ping interval of {ping_interval_s:g} s does not hold whole bins of {storm.bin_s:g} s",
            "simulate the storm with a bin_s that divides the interval",
        )
    pings = [resident_per_s] * bins
    before = 0.0
    for number, connected in enumerate(storm.connected):
        pings[number % bins] += (connected - before) / storm.bin_s
        before = connected
    even = resident_per_s + before / ping_interval_s
    return Pings(ping_interval_s, storm.bin_s, even, max(pings), pings)


def _storm(gone: FleetLoss[float], rate: float, conditions: Conditions, horizon_s: float) -> Course | None:
    """None where no server is left."""
    if not gone.even * rate > 0:
        return None
    clients = max(1, math.ceil(gone.lost))
    meets = msgspec.structs.replace(conditions, accept_per_s=rate)
    return simulate(clients, gone.even, meets, horizon_s=horizon_s, sample=SAMPLE)
