"""Connections that leave: they expect nothing more, and close once what is under way has arrived."""

from math import inf
from time import monotonic

from siotool.swarm.connection import Connection
from siotool.swarm.metrics import Metrics

#: A connection that leaves may still be owed answers, and messages of other workers, for so long.
QUIET_S = 0.3


class Farewells:
    """Those of one worker, in its loop thread; none takes longer than ``patience_s``."""

    def __init__(self, metrics: Metrics, patience_s: float) -> None:
        self._metrics = metrics
        self._patience_s = patience_s
        self._leaving: dict[Connection, float] = {}
        #: When the last wait for what is under way ends, once the run does.
        self.until = inf

    def __bool__(self) -> bool:
        return bool(self._leaving)

    def begin(self, connection: Connection) -> None:
        """An open connection expects nothing from now on."""
        if connection.open and connection not in self._leaving:
            now = monotonic()
            self._metrics.leave(connection.receiver, now)
            self._leaving[connection] = now

    def forget(self, connection: Connection) -> None:
        """A connection has closed."""
        self._leaving.pop(connection, None)

    def close(self, now: float) -> None:
        """Close those that nothing is under way for any more, and those that have waited enough."""
        tracker = self._metrics.tracker
        caught_up = tracker.caught_up(max(self._leaving.values()))
        unused = tracker.unused
        for connection, left in list(self._leaving.items()):
            # what still comes may be sent after it left, as in a room that talks on
            quiet = unused or connection.receiver.overtaken or now - min(connection.heard, now) >= QUIET_S
            settled = caught_up and quiet and now - left >= QUIET_S and not connection.calls
            if (settled and not connection.unsent) or now >= min(left + self._patience_s, self.until):
                del self._leaving[connection]
                connection.end("client")
