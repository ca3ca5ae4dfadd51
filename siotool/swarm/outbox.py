"""Operations that users hand over ahead of time, each begun at its moment.

Waking a greenlet costs more than an operation. So users wake together, a little early, and
their operations wait here: the hub is woken a hundred times a second however many users
there are, and nothing is sent before or long after it is due.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from siotool.swarm.pacing import TICK_S


class Outbox:
    """Calls functions in the loop thread, ``TICK_S`` exactly, in the order they were put."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ticks: dict[int, list[tuple[Callable[..., None], tuple[Any, ...]]]] = {}

    def put(self, due: float, function: Callable[..., None], *args: Any) -> None:
        """Call ``function`` at ``due`` of the monotonic clock; at once when that is past."""
        ahead = due - monotonic()
        if ahead <= 0:
            function(*args)
            return
        tick = round(due / TICK_S)
        waiting = self._ticks.get(tick)
        if waiting is None:
            waiting = self._ticks[tick] = []
            self._loop.call_later(ahead, self._begin, tick)
        waiting.append((function, args))

    def _begin(self, tick: int) -> None:
        for function, args in self._ticks.pop(tick):
            function(*args)
