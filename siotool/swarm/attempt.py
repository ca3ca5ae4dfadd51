"""A connect under way, as the engine keeps it."""

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any


class Attempt:
    """A connect under way: who waits for it, and how long it may take."""

    __slots__ = ("again", "answers", "hurried_to", "leaving", "limit", "start")

    def __init__(self, again: bool, answer: Callable[[Any], None]) -> None:
        self.again = again
        self.answers = [answer]
        self.start = monotonic()
        #: Its user has gone: should it succeed, it is to be closed at once.
        self.leaving = False
        self.limit: asyncio.Timeout | None = None
        self.hurried_to = inf

    def hurry(self, until: float) -> None:
        """Have no more patience than to a moment of the loop's clock."""
        self.hurried_to = min(self.hurried_to, until)
        limit = self.limit
        if limit is not None and not limit.expired() and until < (limit.when() or inf):
            limit.reschedule(until)

    def unanswered(self) -> bool:
        """True when its own patience was not at its end, but the run's."""
        return self.limit is not None and self.limit.expired() and self.limit.when() == self.hurried_to
