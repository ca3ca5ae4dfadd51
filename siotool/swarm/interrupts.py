"""Signals that end a run in order: Ctrl-C, SIGTERM, and a terminal that goes."""

import signal
from collections.abc import Callable

import gevent

from siotool.swarm.ending_signals import HANGUP, ending_signals


class Interrupts:
    """Takes the signals from Python, and tells the run of them once there is one.

    Made before the run file, so that no moment is left at which there is a file but nobody who ends it.
    Once it is closed, Python has them again as it had them before.
    """

    def __init__(self) -> None:
        self._count = 0
        self._tell: Callable[[int], None] | None = None
        numbers = [signal.SIGINT, *ending_signals()]
        self._handlers = {number: gevent.signal_handler(number, self._came, number) for number in numbers}

    def tell(self, interrupted: Callable[[int], None]) -> None:
        """Call ``interrupted`` with 1, 2, … at each signal from now on, and at once if one came before."""
        self._tell = interrupted
        if self._count:
            interrupted(self._count)

    def close(self) -> None:
        """Give the signals back to Python."""
        for number, handler in self._handlers.items():
            handler.cancel()
            signal.signal(number, signal.getsignal(number))  # libev leaves the default behind

    def _came(self, number: int) -> None:
        if self._count and number == HANGUP:
            return  # a closing shell sends one too: it is no second interrupt
        self._count += 1
        if self._tell is not None:
            self._tell(self._count)
