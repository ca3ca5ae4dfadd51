"""Rows of a users file on their way to users: each goes out once, whatever the number of workers.

A worker asks for as many as it has users to start, and gets those that come next.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import gevent.event
import msgspec

from siotool.errors import ScenarioError
from siotool.swarm.users_file import UsersFile


class RowDesk:
    """Hands out the rows of a file, in their order; ``refused`` were asked for when none was left."""

    def __init__(self, users: UsersFile) -> None:
        self.name = users.name
        self._rows = users.rows
        self._reuse = users.reuse
        self._next = 0
        self.refused = 0

    def take(self, count: int) -> list[bytes]:
        """So many rows, or those that are left."""
        if self._reuse:
            taken = [self._rows[(self._next + more) % len(self._rows)] for more in range(count)]
        else:
            taken = self._rows[self._next : self._next + count]
        self._next += len(taken)
        self.refused += count - len(taken)
        return taken


class RowPool:
    """Rows of one process for its users; ``request`` asks for some, and ``deliver`` is called with them."""

    def __init__(self, request: Callable[[int], object] = lambda count: None) -> None:
        #: May be set later, before the first user.
        self.request = request
        self._rows: deque[bytes] = deque()
        self._awaited = 0
        self._news = gevent.event.Event()

    @classmethod
    def at(cls, desk: RowDesk) -> "RowPool":
        """A pool in the process that has the file."""
        pool = cls(lambda count: pool.deliver(count, desk.take(count)))
        return pool

    def deliver(self, asked: int, rows: Sequence[bytes]) -> None:
        """Take the answer to a request for ``asked`` rows; fewer say that none is left."""
        self._rows.extend(rows)
        self._awaited -= asked
        self._news.set()

    def provide(self, count: int) -> int:
        """Wait until ``count`` rows are there, or all that are left; returns how many of them are there."""
        missing = count - len(self._rows) - self._awaited
        if missing > 0:
            self._awaited += missing
            self.request(missing)
        while len(self._rows) < count and self._awaited > 0:
            self._news.clear()
            self._news.wait()
        return min(count, len(self._rows))

    def take(self) -> dict[str, Any]:
        """The next row. Raises ScenarioError when none is left."""
        if not self._rows and not self.provide(1):
            raise ScenarioError("the users file has no row left", "add rows, or give --reuse-rows")
        row: dict[str, Any] = msgspec.json.decode(self._rows.popleft())
        return row
