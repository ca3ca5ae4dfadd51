"""Ends tasks that take too long: those whose time is up within the same moment share a timer."""

import asyncio
from collections.abc import Callable
from math import ceil

#: Moments are so far apart: a task ends so much later than it should, at most.
TICK_S = 0.02

#: What is called when the time is up; kept until then, or until it is taken out.
Expire = Callable[[], None]


class Deadlines:
    """The deadlines of one loop, on its clock."""

    def __init__(self) -> None:
        self._rounds: dict[int, set[Expire]] = {}

    def add(self, loop: asyncio.AbstractEventLoop, until: float, expire: Expire) -> set[Expire]:
        """Call ``expire`` at a moment of the loop's clock; returns what it is to be taken out of before."""
        moment = ceil(until / TICK_S)
        found = self._rounds.get(moment)
        if found is None:
            found = self._rounds[moment] = set()
            loop.call_at(moment * TICK_S, self._over, moment)
        found.add(expire)
        return found

    def _over(self, moment: float) -> None:
        for expire in self._rounds.pop(int(moment)):
            expire()
