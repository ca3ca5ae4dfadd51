"""What a constraint is: a resource, what the service asks of it, and what one server has."""

from collections.abc import Callable
from typing import Literal

import msgspec

from siotool.plan.demand.world import World
from siotool.plan.numbers import Number

#: What is counted: Socket.IO servers, shards of the adapter's backend, or load balancers.
Tier = Literal["servers", "shards", "balancers"]


class Limit(msgspec.Struct, frozen=True):
    """A constraint at work: demand of the whole service, what one server gives of it, servers needed.

    ``demand`` and ``capacity_per_server`` are in the constraint's unit; ``servers`` is not
    rounded, and infinite where no fleet does it. ``keys`` are the inputs it rests on.
    """

    demand: Number
    capacity_per_server: Number
    servers: Number
    keys: tuple[str, ...]


class Constraint(msgspec.Struct, frozen=True):
    """``limit`` is None where the plan says nothing of the resource; ``sentence`` reads single figures."""

    name: str
    unit: str
    limit: Callable[[World], Limit | None]
    sentence: Callable[[World, Limit], str]
    tier: Tier = "servers"
