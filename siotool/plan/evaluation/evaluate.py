"""One pass through the model: figures in, servers out, for single figures and for draws alike."""

import math
from collections.abc import Mapping
from typing import Generic

import msgspec

from siotool.errors import InputError
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.constraints.registry import BEHIND_THE_SERVERS, CONSTRAINTS
from siotool.plan.constraints.storm import STORM, lost_at_once
from siotool.plan.demand.service import world as world_of
from siotool.plan.demand.world import World
from siotool.plan.inputs.figure import Inputs
from siotool.plan.numbers import N, anywhere, divide, is_array, maximum, minimum, single, where, whole
from siotool.plan.redundancy.availability import MOST_SERVERS
from siotool.plan.redundancy.bad_days import BadDay, Redundancy, StormServers, bad_days, fleet
from siotool.units import format_byte_rate


class Bound(msgspec.Struct, Generic[N], frozen=True):
    """A constraint and what it came to.

    ``weight`` is the servers it asks for, by which constraints are compared. Bad days add less to
    a storm's servers than to others: where that makes the storm's fleet the smaller one, its
    weight is as much smaller than the largest of the others.
    """

    constraint: Constraint
    limit: Limit[N]
    weight: N


class Evaluation(msgspec.Struct, Generic[N], frozen=True):
    """What a world needs: ``needed`` servers in service, ``fleet`` with spares for every bad day.

    ``for_load`` is what is needed apart from storms. ``shards`` and ``balancers`` are whole numbers
    too; 0 where the plan does not describe them. Where no number of these is enough, no number of
    servers is either.
    """

    world: World[N]
    bounds: tuple[Bound[N], ...]
    needed: N
    for_load: N
    days: list[BadDay[N]]
    fleet: N
    shards: N
    balancers: N


def evaluate(inputs: Inputs, values: Mapping[str, N]) -> Evaluation[N]:
    """Return what the service needs when its figures have these values."""
    world = world_of(inputs, values)
    bounds = _bounds(world, CONSTRAINTS)
    _refuse_absurd(bounds)
    for_load = maximum(0.0, *(whole(b.limit.servers) for b in bounds if b.constraint is not STORM))
    storm = _storm(world, bounds)
    needed = maximum(for_load, storm.servers)
    goals = redundancy(inputs, values)
    days = bad_days(for_load, goals, storm)
    servers = fleet(days)
    world = msgspec.structs.replace(world, servers=maximum(servers, 0.0))
    behind = _bounds(world, BEHIND_THE_SERVERS)
    shards, balancers = _most(behind, "shards"), _most(behind, "balancers")
    none_enough = maximum(shards, balancers) == math.inf
    if anywhere(none_enough):
        for_load, needed = where(none_enough, math.inf, for_load), where(none_enough, math.inf, needed)
        days = bad_days(for_load, goals, storm)
        servers = fleet(days)
    return Evaluation(
        world=world,
        bounds=_weighed(bounds, goals, storm) + behind,
        needed=needed,
        for_load=for_load,
        days=days,
        fleet=servers,
        shards=shards,
        balancers=balancers,
    )


def _storm(world: World[N], bounds: tuple[Bound[N], ...]) -> StormServers[N]:
    servers = maximum(0.0, *(whole(b.limit.servers) for b in bounds if b.constraint is STORM))
    return StormServers(servers, spares=1 if lost_at_once(world) == "server" else 0)


def _weighed(
    bounds: tuple[Bound[N], ...], goals: Redundancy[N], storm: StormServers[N]
) -> tuple[Bound[N], ...]:
    """Return the bounds with the storm's weight as its fleet compares with that of the others."""
    others = [b.limit.servers for b in bounds if b.constraint is not STORM]
    alike = goals.zones is None and not goals.spare_servers
    if alike or not others or len(others) == len(bounds):
        return bounds
    most = maximum(others[0], *others[1:])
    of_load, of_storm = fleet(bad_days(whole(most), goals)), fleet(bad_days(0.0, goals, storm))
    smaller = (of_storm < of_load) & (of_load < math.inf)
    reduced = where(smaller, most, 0.0) * divide(where(smaller, of_storm, 0.0), of_load)
    return tuple(
        msgspec.structs.replace(b, weight=where(smaller, minimum(b.weight, reduced), b.weight))
        if b.constraint is STORM
        else b
        for b in bounds
    )


def redundancy(inputs: Inputs, values: Mapping[str, N]) -> Redundancy[N]:
    """Return the bad days that the plan's goals name."""
    out, shards = single(values["goals.max_unavailable"]), single(values["topology.shards"])
    zones = int(single(values["topology.zones"]))
    return Redundancy(
        availability_target=single(values["goals.availability"]),
        downtime_share=values["goals.downtime"] / values["goals.workday"],
        spare_servers=int(single(values["goals.spares"])),
        zones=zones if inputs.flag("goals.survive_zone") else None,
        deploy_out=out,
        adapter_shards=shards if shards > 1 else None,
    )


def binding(bounds: tuple[Bound[float], ...]) -> list[Bound[float]]:
    """Return the constraints on servers, the one that asks for most first; single figures only.

    A tier behind the servers that no number satisfies comes before those: it decides that there is no fleet.
    """
    deciding = [b for b in bounds if b.constraint.tier == "servers" or math.isinf(b.limit.servers)]
    return sorted(deciding, key=lambda bound: -bound.weight)


def _bounds(world: World[N], constraints: tuple[Constraint, ...]) -> tuple[Bound[N], ...]:
    found = ((constraint, constraint.limit(world)) for constraint in constraints)
    return tuple(Bound(constraint, limit, limit.servers) for constraint, limit in found if limit is not None)


def _refuse_absurd(bounds: tuple[Bound[N], ...]) -> None:
    """Refuse single figures that are a slip of units; among draws, such a one is infinity."""
    for bound in bounds:
        unit, limit = bound.constraint.unit, bound.limit
        if is_array(limit.servers) or is_array(limit.demand):
            continue
        servers, asked = single(limit.servers), single(limit.demand)
        overflow = math.isinf(servers) and bound.constraint.name == "bandwidth"
        if MOST_SERVERS < servers < math.inf or overflow or not math.isfinite(asked):
            raise InputError(
                f"{bound.constraint.name}: a demand of {_amount(asked, unit)} and "
                f"{_amount(single(limit.capacity_per_server), unit)} per server need more than "
                f"{MOST_SERVERS:,} servers",
                "check the units of connections, consumption rate and capacity",
            )


def _amount(value: float, unit: str) -> str:
    return format_byte_rate(value) if unit == "bytes/s" else f"{value:,.4g} {unit}"


def _most(bounds: tuple[Bound[N], ...], tier: str) -> N:
    return maximum(0.0, *(whole(b.limit.servers) for b in bounds if b.constraint.tier == tier))


def count(servers: float) -> int | None:
    """Return whole servers as an int; None where no number is enough."""
    return int(servers) if math.isfinite(servers) else None
