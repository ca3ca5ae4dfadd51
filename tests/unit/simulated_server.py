"""Servers in simulated time whose edge is known by construction, for searches that take no time."""

import math

import numpy as np

from siotool.search.capacity_search import Asked, CapacitySearch, HoldEnded
from siotool.search.seen_blocks import Block

ALLOWED = 0.01
#: Seconds after a change of load in which it is not all there.
MOVING_S = 2


class SteadyServer:
    """Misses ``ALLOWED`` of the operations at its ``edge``, and more with a power of the load.

    ``clumped`` of 0 misses each operation by itself; above it, seconds differ by a gamma factor of mean 1 and
    that variance.
    """

    def __init__(self, edge: float, power: float, clumped: float, seed: int) -> None:
        self._edge, self._power, self._clumped = edge, power, clumped
        self._chance = np.random.Generator(np.random.PCG64(seed))

    def second(self, load: float) -> tuple[float, float, float]:
        """Missed and tried operations of a second, and its mean response time."""
        share = ALLOWED * (load / self._edge) ** self._power
        if self._clumped:
            share *= self._chance.gamma(1 / self._clumped) * self._clumped
        share = min(1.0, share)
        return float(self._chance.binomial(round(load), share)), float(round(load)), 0.01 + share


class QueueServer:
    """One queue that serves ``pace`` a second, faster and slower by a normal factor in each second.

    An operation that waits longer than 0.2 s is missed. A second is gone through in twentieths.
    """

    def __init__(self, pace: float, noise: float, seed: int) -> None:
        self._pace, self._noise = pace, noise
        self._chance = np.random.Generator(np.random.PCG64(seed))
        self._queue = 0.0

    def second(self, load: float) -> tuple[float, float, float]:
        """Missed and tried operations of a second, and its mean response time."""
        pace = self._pace * max(0.2, 1 + self._noise * self._chance.standard_normal())
        missed = waited = 0.0
        for _ in range(20):
            self._queue = max(0.0, self._queue + (load - pace) / 20)
            missed += load / 20 * (self._queue / pace > 0.2)
            waited += self._queue / self._pace / 20
        return missed, load, 0.002 + waited


class StandstillServer:
    """Answers all in time up to its ``edge``, and none beyond."""

    def __init__(self, edge: float) -> None:
        self._edge = edge

    def second(self, load: float) -> tuple[float, float, float]:
        """Missed and tried operations of a second, and its mean response time."""
        return (load if load > self._edge else 0.0), load, 0.01


def search_of(
    server: SteadyServer | QueueServer | StandstillServer,
    *,
    start: float = 10.0,
    most: float = 1e6,
    generator_most: float = math.inf,
    longest_s: float = 270.0,
) -> tuple[CapacitySearch, list[HoldEnded]]:
    """Search a server to the end; above ``generator_most`` the generator does not make the load."""
    search = CapacitySearch(Asked((ALLOWED,), start, most, whole=True, longest_s=longest_s))
    ended, load, moving = [], 0.0, 0
    while not search.over:
        if search.load != load:
            load, moving = search.load, MOVING_S
        missed, tried, level = server.second(load)
        doubts = ("no CPU left",) if load > generator_most else ()
        hold = search.add(Block(1.0, (missed,), (tried,), moving <= 0, level, doubts))
        moving -= 1
        if hold is not None:
            ended.append(hold)
    return search, ended
