"""A worker's end of the pipe from the process that started it; when it closes, the worker ends.

On a machine that has joined a run, lines come over it that say how its clock compares with the parent's.
"""

import os
from collections.abc import Callable
from typing import Any

import gevent
import msgspec
from gevent import monkey

from siotool.swarm.machines.clock_comparison import ClockReading

_decode = msgspec.json.Decoder(ClockReading).decode


class ParentPipe:
    """Reads standard input in a thread of its own; hands the last clock reading over to the hub."""

    def __init__(self, told: Callable[[ClockReading], object]) -> None:
        """The configuration has been read; ``told`` is called in the hub with each reading after it."""
        self._told = told
        self._last = b""
        hub: Any = gevent.get_hub()
        self._watcher = hub.loop.async_()
        self._watcher.start(self._deliver)
        monkey.get_original("_thread", "start_new_thread")(self._read, ())

    def _read(self) -> None:
        begun = b""
        while data := os.read(0, 1 << 16):
            *whole, begun = (begun + data).split(b"\n")
            if whole:
                self._last = whole[-1]
                self._watcher.send()
        os._exit(1)

    def _deliver(self) -> None:
        self._told(_decode(self._last))
