"""Bad days: what the fleet must have so that enough servers are left on each of them.

Each function takes k, the servers that must be in service, and returns n, the servers to have.
Servers do not fail as independently as ``k of n`` assumes, so a plan takes the largest n over
the bad days it is to survive, and names that day.
"""

import math
from typing import Generic

import msgspec

from siotool.errors import InputError
from siotool.plan.numbers import N, ceil, divide, maximum, where
from siotool.plan.redundancy.availability import servers_for
from siotool.units import format_count, format_share

#: Different counts among draws that are worked out one by one.
_FEW_COUNTS = 100

#: A count within a part in 1e9 of a whole number is that number.
_NOISE = 1e-9


class Redundancy(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """The bad days a fleet shall survive; None or 0 leaves one out.

    ``availability_target`` 0…1: enough servers are in service with this probability, each out
    of service for ``downtime_share`` of the time, independently. ``spare_servers``: 1 for
    N+1, 2 for N+2. ``zones`` of which one fails. ``deploy_out``: servers that a rolling deploy takes
    out at once; one that starts each new server before it stops an old one (``maxSurge`` with
    ``maxUnavailable: 0``) takes none out. ``adapter_shards`` of which one fails.
    """

    availability_target: float | None = None
    downtime_share: N = 0.0
    spare_servers: int = 0
    zones: int | None = None
    deploy_out: float = 0.0
    adapter_shards: float | None = None


class BadDay(msgspec.Struct, Generic[N], frozen=True):
    """A bad day by name, the servers to have for it (infinite: it cannot be survived), and why."""

    name: str
    servers: N
    sentence: str


class StormServers(msgspec.Struct, Generic[N], frozen=True):
    """Servers that must be in service when a reconnect storm begins, those that it takes included.

    ``spares``: how many of goals.spares these include: 1 when the storm takes one server.
    """

    servers: N = 0.0
    spares: int = 0


def bad_days(needed: N, redundancy: Redundancy[N], storm: StormServers[N] | None = None) -> list[BadDay[N]]:
    """Return each bad day with the servers to have for it, the ordinary day first.

    ``needed`` is the whole number of servers that must be in service for the load, as a float;
    infinity stays. A storm is a bad day of its own, and its servers include those it takes: a
    lost zone and a storm are not added up, nor is a spare server and the one that a storm takes.
    What is out of service anyway (k of n, a deploy, further spares) is so when a
    storm begins too, and comes on top. Raises InputError for zones or shares that mean nothing.
    """
    storm = storm or StormServers()
    days = [BadDay("ordinary day", maximum(needed, storm.servers, 0.0), "every server is in service")]
    in_service = maximum(needed, storm.servers)
    target = redundancy.availability_target
    if target is not None:
        days.append(
            BadDay(
                "k of n",
                k_of_n(in_service, redundancy.downtime_share, target),
                f"servers fail independently; enough are left {format_share(target)} of the time",
            )
        )
    if redundancy.spare_servers > 0:
        days.append(_spares(needed, redundancy.spare_servers, storm))
    if redundancy.zones is not None:
        days.append(_zone(needed, redundancy.zones, storm))
    if redundancy.deploy_out > 0:
        sentence = f"a deploy takes out {format_count(redundancy.deploy_out)} at a time"
        days.append(BadDay("rolling deploy", spares(in_service, redundancy.deploy_out), sentence))
    if redundancy.adapter_shards is not None:
        days.append(_shard(in_service, redundancy.adapter_shards))
    return days


def fleet(days: list[BadDay[N]]) -> N:
    """Return the servers that survive every one of the ``days``."""
    return maximum(days[0].servers, *(day.servers for day in days[1:]))


def worst(days: list[BadDay[N]]) -> N:
    """Return the place in ``days`` of the one that needs most servers; of equals, the first."""
    place: N = 0.0
    most = days[0].servers
    for number, day in enumerate(days[1:], start=1):
        place = where(day.servers > most, float(number), place)
        most = maximum(most, day.servers)
    return place


def k_of_n(needed: N, downtime_share: N, target: float) -> N:
    """Smallest n of which ``needed`` are in service with probability ``target``.

    Exact, by ``siotool.plan.redundancy.availability``. A single figure that no reasonable fleet serves
    raises InputError; among draws, such a one is infinity.
    """
    if not 0 < target < 1:
        raise InputError(
            f"availability target is {target:g}; expected more than 0 and less than 1 (100%)",
            "no fleet is always available; 99.9% is a common target",
        )
    if isinstance(downtime_share, float | int):
        if downtime_share <= 0:
            return maximum(needed, 0.0)
        if isinstance(needed, float | int):
            return (
                float(servers_for(int(needed), downtime_share, target)) if math.isfinite(needed) else needed
            )
        import numpy as np  # noqa: PLC0415  (an array is here, so it is loaded)

        counts, place = np.unique(needed, return_inverse=True)
        if len(counts) <= _FEW_COUNTS:
            few = np.array([_scalar_k_of_n(k, downtime_share, target) for k in counts.tolist()])
            drawn: N = few[place]
            return drawn
    # scipy, whose import costs as much as a plan, for draws of many counts only
    from siotool.plan.redundancy.availability_draws import servers_for_draws  # noqa: PLC0415

    found: N = servers_for_draws(needed, downtime_share, target)
    return found


def _scalar_k_of_n(needed: float, downtime_share: float, target: float) -> float:
    """One draw's fleet; infinite where no reasonable one does it."""
    try:
        return float(servers_for(int(needed), downtime_share, target)) if math.isfinite(needed) else needed
    except InputError:
        return math.inf


def spares(needed: N, spare_servers: float) -> N:
    """N+1, N+2: as many spares whatever the size; a service that needs nothing needs none.

    N+2 lets one server fail while another is being updated (B. Beyer et al., Site Reliability
    Engineering, chapter 18, https://sre.google/sre-book/software-engineering-in-sre/).
    """
    return where(needed > 0, needed + spare_servers, 0.0)


def survive_zone_loss(needed: N, zones: int) -> N:
    """Equal zones, one of which fails: the others hold ``needed``; infinity with a single zone.

    n ≥ k·Z/(Z − 1), rounded up to a multiple of Z. With three zones that is half as many
    servers again, each used to two thirds: static stability (AWS Builders' Library,
    https://aws.amazon.com/builders-library/static-stability-using-availability-zones/).
    """
    if zones < 1:
        raise InputError(f"zones is {zones:g}; expected 1 or more")
    return zones * _whole(divide(maximum(needed, 0.0), zones - 1.0))


def _spares(needed: N, count: int, storm: StormServers[N]) -> BadDay[N]:
    what = "one server is" if count == 1 else f"{format_count(count)} servers are"
    servers = maximum(spares(needed, count), spares(storm.servers, max(0, count - storm.spares)))
    return BadDay(f"N+{count}", servers, f"{what} out of service, planned or not")


def _zone(needed: N, zones: int, storm: StormServers[N]) -> BadDay[N]:
    if zones == 1:
        sentence = "there is one zone; nothing is left when it fails"
    else:
        rest = "the other carries" if zones == 2 else f"the other {zones - 1} carry"
        sentence = f"one of {zones} zones fails; {rest} everything"
    return BadDay("zone loss", maximum(survive_zone_loss(needed, zones), storm.servers), sentence)


def _shard(needed: N, shards: float) -> BadDay[N]:
    """Sessions stay connected and no load moves between servers: messages within one still arrive.

    Redis Cluster hashes a sharded channel to a slot, and each slot is on one shard
    (https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub).
    """
    rooms = f"{format_share(1 / shards)} of the rooms get" if shards > 1 else "every room gets"
    sentence = f"{rooms} nothing from other servers until it is replaced; it takes no server out of service"
    return BadDay("adapter shard loss", maximum(needed, 0.0), sentence)


def _whole(value: N) -> N:
    return ceil(value * (1 - _NOISE))
