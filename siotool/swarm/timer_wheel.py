"""Wakes greenlets at moments: all that wait for the same one share a timer."""

from time import monotonic
from typing import Any

import gevent
from gevent.hub import Waiter


class TimerWheel:
    """Moments of the monotonic clock that greenlets of this hub wait for."""

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._rounds: dict[float, tuple[Any, list[Waiter[bool]]]] = {}

    def wait(self, moment: float) -> bool:
        """Sleep until ``moment``; only give the other greenlets a turn when it is past.

        True when it was stirred: the moment may be another one now.
        """
        found = self._rounds.get(moment)
        if found is None:
            ahead = moment - monotonic()
            if ahead <= 0:
                gevent.sleep(0)
                return False
            timer = self._loop.timer(ahead)
            found = self._rounds[moment] = (timer, [])
            timer.start(self._due, moment, update=True)
        waiter: Waiter[bool] = Waiter()
        found[1].append(waiter)
        stirred: bool = waiter.get()
        return stirred

    def stir(self) -> None:
        """Wake all that wait, before their moment; returns before they are awake."""
        self._loop.run_callback(self._stir)  # only the hub may wake them

    def _stir(self) -> None:
        rounds, self._rounds = self._rounds, {}  # who is awake waits for another moment at once
        for timer, waiters in rounds.values():
            self._wake(timer, waiters, stirred=True)

    def _due(self, moment: float) -> None:
        timer, waiters = self._rounds.pop(moment)
        self._wake(timer, waiters, stirred=False)

    def _wake(self, timer: Any, waiters: "list[Waiter[bool]]", stirred: bool) -> None:
        timer.stop()
        timer.close()
        for waiter in waiters:
            waiter.switch(stirred)  # no effect on a greenlet that was killed meanwhile
