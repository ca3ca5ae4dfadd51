"""Wakes greenlets at moments: all that wait for the same one share a timer."""

from time import monotonic
from typing import Any

import gevent
from gevent.hub import Waiter


class TimerWheel:
    """Moments of the monotonic clock that greenlets of this hub wait for."""

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._rounds: dict[float, tuple[Any, list[Waiter[None]]]] = {}

    def wait(self, moment: float) -> None:
        """Sleep until ``moment``; only give the other greenlets a turn when it is past."""
        found = self._rounds.get(moment)
        if found is None:
            ahead = moment - monotonic()
            if ahead <= 0:
                gevent.sleep(0)
                return
            timer = self._loop.timer(ahead)
            found = self._rounds[moment] = (timer, [])
            timer.start(self._wake, moment, update=True)
        waiter: Waiter[None] = Waiter()
        found[1].append(waiter)
        waiter.get()

    def _wake(self, moment: float) -> None:
        timer, waiters = self._rounds.pop(moment)
        timer.stop()
        timer.close()
        for waiter in waiters:
            waiter.switch(None)  # no effect on a greenlet that was killed meanwhile
