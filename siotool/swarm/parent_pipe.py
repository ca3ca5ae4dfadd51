"""A worker's end of the pipe from its parent: rows of the users file come over it.

When the pipe closes, the worker ends. Rows may hold passwords. Nobody else
can read a pipe, as a port on loopback could be.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import msgspec
from gevent import monkey

from siotool.swarm.row_desk import RowPool

_decode = msgspec.json.Decoder(tuple[int, list[msgspec.Raw]]).decode


def answer(asked: int, rows: list[bytes]) -> bytes:
    """The line that answers a request for so many rows."""
    return b"[%d,[%s]]\n" % (asked, b",".join(rows))


class ParentPipe:
    """Reads standard input in a thread of its own; hands lines over to the hub."""

    def __init__(self) -> None:
        """The configuration has been read; from now on each line is an ``answer``."""
        self._lines: deque[bytes] = deque()
        self._pool: RowPool | None = None
        self._ask: Callable[[int], object] = lambda count: None
        hub: Any = gevent.get_hub()
        self._watcher = hub.loop.async_()
        self._watcher.start(self._deliver)
        monkey.get_original("_thread", "start_new_thread")(self._read, ())

    def serve(self, pool: RowPool, ask: Callable[[int], object]) -> None:
        """Deliver to a pool what ``ask`` makes the parent send."""
        self._pool, self._ask = pool, ask

    def request(self, count: int) -> None:
        """Ask the parent for rows."""
        self._ask(count)

    def _read(self) -> None:
        begun = b""
        while data := os.read(0, 1 << 16):
            *whole, begun = (begun + data).split(b"\n")
            if whole:
                self._lines.extend(whole)
                self._watcher.send()
        os._exit(1)

    def _deliver(self) -> None:
        while self._lines:
            asked, rows = _decode(self._lines.popleft())
            if self._pool is not None:
                self._pool.deliver(asked, [bytes(row) for row in rows])
