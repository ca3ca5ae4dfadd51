"""One pass through the model: figures in, servers out, for single figures and for draws alike."""

import math
from collections.abc import Mapping

import msgspec

from siotool.errors import InputError
from siotool.plan.constraints.constraint import Constraint, Limit
from siotool.plan.constraints.registry import BEHIND_THE_SERVERS, CONSTRAINTS
from siotool.plan.demand import world as world_of
from siotool.plan.figures.inputs import Inputs
from siotool.plan.numbers import Number, is_array, maximum, where, whole
from siotool.plan.redundancy.availability import MOST_SERVERS
from siotool.plan.redundancy.bad_days import BadDay, Deploy, Redundancy, bad_days, fleet
from siotool.plan.world import World
from siotool.units import format_byte_rate


class Bound(msgspec.Struct, frozen=True):
    """A constraint and what it came to."""

    constraint: Constraint
    limit: Limit


class Evaluation(msgspec.Struct, frozen=True):
    """What a world needs: ``needed`` servers in service, ``fleet`` with spares for every bad day.

    ``shards`` and ``balancers`` are whole numbers too; 0 where the plan says nothing of them. Where
    no number of these is enough, no number of servers is either.
    """

    world: World
    bounds: tuple[Bound, ...]
    needed: Number
    days: list[BadDay]
    fleet: Number
    shards: Number
    balancers: Number


def evaluate(inputs: Inputs, values: Mapping[str, Number]) -> Evaluation:
    """Return what the service needs when its figures have these values."""
    world = world_of(inputs, values)
    bounds = _bounds(world, CONSTRAINTS)
    _refuse_absurd(bounds)
    needed = maximum(0.0, *(whole(bound.limit.servers) for bound in bounds))
    days = bad_days(needed, redundancy(inputs, values))
    servers = fleet(days)
    world = msgspec.structs.replace(world, servers=maximum(servers, 0.0))
    behind = _bounds(world, BEHIND_THE_SERVERS)
    shards, balancers = _most(behind, "shards"), _most(behind, "balancers")
    hopeless = maximum(shards, balancers) == math.inf
    if hopeless.any() if is_array(hopeless) else hopeless:
        needed = where(hopeless, math.inf, needed)
        days = bad_days(needed, redundancy(inputs, values))
        servers = fleet(days)
    return Evaluation(
        world=world,
        bounds=bounds + behind,
        needed=needed,
        days=days,
        fleet=servers,
        shards=shards,
        balancers=balancers,
    )


def redundancy(inputs: Inputs, values: Mapping[str, Number]) -> Redundancy:
    """Return the bad days that the plan's goals name."""
    out = values["goals.max_unavailable"]
    zones = int(values["topology.zones"])
    return Redundancy(
        availability_target=values["goals.availability"],
        downtime_share=values["goals.downtime"] / values["goals.workday"],
        spare_servers=int(values["goals.spares"]),
        zones=zones if inputs.flag("goals.survive_zone") else None,
        deploy=Deploy(servers_out=out) if out > 0 else None,
        adapter_shards=values["topology.shards"] if values["topology.shards"] > 1 else None,
    )


def binding(bounds: tuple[Bound, ...]) -> list[Bound]:
    """Return the constraints on servers, the one that asks for most first; single figures only.

    A tier behind the servers that no number satisfies comes before those: it decides that there is no fleet.
    """
    deciding = [b for b in bounds if b.constraint.tier == "servers" or math.isinf(b.limit.servers)]
    return sorted(deciding, key=lambda bound: -bound.limit.servers)


def _bounds(world: World, constraints: tuple[Constraint, ...]) -> tuple[Bound, ...]:
    found = ((constraint, constraint.limit(world)) for constraint in constraints)
    return tuple(Bound(constraint, limit) for constraint, limit in found if limit is not None)


def _refuse_absurd(bounds: tuple[Bound, ...]) -> None:
    """Refuse single figures that are a slip of units; among draws, such a one is infinity."""
    for bound in bounds:
        limit = bound.limit
        if is_array(limit.servers) or is_array(limit.demand):
            continue
        overflow = math.isinf(limit.servers) and bound.constraint.name == "bandwidth"
        if MOST_SERVERS < limit.servers < math.inf or overflow or not math.isfinite(limit.demand):
            raise InputError(
                f"{bound.constraint.name}: a demand of {_amount(limit.demand, bound)} and "
                f"{_amount(limit.capacity_per_server, bound)} per server make more than "
                f"{MOST_SERVERS:,} servers",
                "check the units of connections, consumption rate and capacity",
            )


def _amount(value: float, bound: Bound) -> str:
    unit = bound.constraint.unit
    return format_byte_rate(value) if unit == "bytes/s" else f"{value:,.4g} {unit}"


def _most(bounds: tuple[Bound, ...], tier: str) -> Number:
    return maximum(0.0, *(whole(b.limit.servers) for b in bounds if b.constraint.tier == tier))


def count(servers: float) -> int | None:
    """Return whole servers as an int; None where no number is enough."""
    return int(servers) if math.isfinite(servers) else None
