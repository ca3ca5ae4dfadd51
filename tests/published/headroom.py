"""How many times a demand fits what there is, and which resource decides that."""

from collections.abc import Mapping

import msgspec

from siotool.errors import InputError
from siotool.plan.numbers import divide, minimum, where


class Headroom(msgspec.Struct, frozen=True):
    """``factor``: so many times the demand just fits, infinite where nothing is asked.

    ``factors``: the same for each resource alone.
    """

    factor: float
    factors: Mapping[str, float]

    def binds(self, resource: str) -> float:
        """Return whether a resource is (one of) the first to run out, draw by draw."""
        return where(self.factors[resource] <= self.factor, 1.0, 0.0)

    def binding(self) -> str:
        """Return the resource that runs out first; single figures only. "" when nothing is asked."""
        first = min(self.factors, key=lambda name: self.factors[name], default="")
        return first if first and self.factors[first] < float("inf") else ""


def headroom(demand: Mapping[str, float], capacity: Mapping[str, float]) -> Headroom:
    """Return how many times ``demand`` fits ``capacity``, both by resource and in that resource's unit.

    A plan is the largest need over its constraints, so the room is the smallest quotient: more
    of any other resource helps nothing. Raises InputError for a demand without a capacity.
    """
    unknown = [name for name in demand if name not in capacity]
    if unknown:
        raise InputError(f"nothing says how much {unknown[0]} there is", "give its capacity")
    # nothing asked of nothing leaves endless room, where divide() would say none
    factors = {
        name: where(demand[name] > 0, divide(capacity[name], demand[name]), float("inf")) for name in demand
    }
    return Headroom(minimum(float("inf"), *factors.values()), factors)
