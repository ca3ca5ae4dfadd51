"""What a constraint is: a resource, what the service asks of it, and what one server has."""

from collections.abc import Callable
from typing import Generic, Literal, Protocol

import msgspec

from siotool.plan.demand.world import World
from siotool.plan.numbers import N

#: What is counted: Socket.IO servers, shards of the adapter's backend, or load balancers.
Tier = Literal["servers", "shards", "balancers"]


class Limit(msgspec.Struct, Generic[N], frozen=True):
    """A constraint at work: demand of the whole service, what one server gives of it, servers needed.

    ``demand`` and ``capacity_per_server`` are in the constraint's unit; ``servers`` is not
    rounded, and infinite where no fleet does it. ``keys`` are the inputs it rests on.
    """

    demand: N
    capacity_per_server: N
    servers: N
    keys: tuple[str, ...]


class Limiting(Protocol):
    """How a limit is worked out, of single figures or draw by draw."""

    def __call__(self, world: World[N], /) -> Limit[N] | None:
        """Return the limit; None where the plan does not describe the resource."""


class Constraint(msgspec.Struct, frozen=True):
    """One resource: how its limit is worked out, and ``sentence``, which says it in words."""

    name: str
    unit: str
    limit: Limiting
    sentence: Callable[[World[float], Limit[float]], str]
    tier: Tier = "servers"
