"""Operations that users hand over ahead of time, each begun at its moment.

Waking a greenlet costs more than an operation. So users wake together, a little early, and
their operations wait here: the hub is woken a few dozen times a second with any number of users,
and nothing is sent before or long after it is due.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from siotool.swarm.pacing import TICK_S

#: When it is due on the monotonic clock, and what to call then.
Request = tuple[float, Callable[..., None], tuple[Any, ...]]


class SendQueue:
    """Calls functions in the loop thread, ``TICK_S`` exactly, in the order they were put."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ticks: dict[int, list[Request]] = {}

    def put(self, requests: deque[Request]) -> None:
        """Take all requests out of a queue; those whose moment is past are called at once."""
        ticks = self._ticks
        now = monotonic()
        while requests:
            request = requests.popleft()
            due, function, args = request
            if due <= now:
                self._do(function, args)
                continue
            tick = round(due / TICK_S)
            waiting = ticks.get(tick)
            if waiting is None:
                waiting = ticks[tick] = []
                self._loop.call_later(due - now, self._begin, tick)
            waiting.append(request)

    def _begin(self, tick: int) -> None:
        for _, function, args in self._ticks.pop(tick):
            self._do(function, args)

    def _do(self, function: Callable[..., None], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except Exception as error:  # the others in the queue must still be called
            self._loop.call_exception_handler({"message": "an operation failed", "exception": error})
