"""When a load has settled: a test on the course of its seconds instead of a fixed wait.

After a change of load come seconds that do not belong to it: users start and connect, and what an
overload left behind is worked off. While a server recovers, its response times fall. So a load has
settled after a second in which all of it was there and that either missed no more than is allowed, or
whose response times are no longer below those of seconds before. What is decided at a second depends
on seconds before it only: those that are counted are not chosen by what they show.
"""

from collections.abc import Sequence

from siotool.search.seen_blocks import Block

#: Response times that are lower than before by more than this show a server that recovers.
FALLING = 0.05
#: How many seconds before: after a step up one, after a step down, where a backlog may be left, more.
UP, DOWN = 1, 4
#: After so long it is what the server does, and no recovery. Seconds.
LONGEST_S = 30.0


class Settling:
    """The seconds since a change of load; ``drains`` where it was higher before. ``over`` once settled."""

    def __init__(self, allowed: Sequence[float], *, drains: bool) -> None:
        self._allowed = allowed
        self._back = DOWN if drains else UP
        self._levels: list[float] = []
        self._waited_s = 0.0
        self.over = False

    def add(self, block: Block) -> None:
        """Take one more second."""
        self._waited_s += block.duration_s
        if not block.there:
            return
        shares = zip(block.missed, block.tried, self._allowed, strict=True)
        within = any(block.tried) and all(missed <= share * tried for missed, tried, share in shares)
        if block.level_s is not None:
            self._levels.append(block.level_s)
        levels = self._levels
        steady = len(levels) > self._back and levels[-1] >= (1 - FALLING) * levels[-1 - self._back]
        self.over = within or steady or self._waited_s >= LONGEST_S
