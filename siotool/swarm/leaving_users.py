"""Users that leave: they expect nothing more; their connections close once what is under way arrived."""

from math import inf
from time import monotonic

from siotool.swarm.audience import CHANGING_S
from siotool.swarm.metrics import Metrics
from siotool.swarm.user_observer import UserObserver

#: A leaving connection waits at least so long for answers, and for messages of other workers.
QUIET_S = 0.3
#: What has not come so long after it left, while later messages have, is lost: a server that loses
#: messages does not keep those who left.
LATE_S = 1.0


class LeavingUsers:
    """The leaving users of one worker, in its loop thread; none takes longer than ``patience_s``."""

    def __init__(self, metrics: Metrics, patience_s: float) -> None:
        self._metrics = metrics
        self._patience_s = patience_s
        self._leaving: dict[UserObserver, float] = {}
        #: When the last wait for what is under way ends, once the run does.
        self.until = inf

    def __bool__(self) -> bool:
        return bool(self._leaving)

    def begin(self, user: UserObserver) -> None:
        """A user expects nothing from now on."""
        connection = user.connection
        if connection is not None and connection.open and user not in self._leaving:
            now = monotonic()
            waiting = bool(connection.calls) or now - user.answered_at < CHANGING_S
            self._metrics.leave(user, now, gone=True, waiting=waiting)
            self._leaving[user] = now

    def forget(self, user: UserObserver) -> None:
        """A user's connection has closed."""
        self._leaving.pop(user, None)

    def close(self, now: float) -> None:
        """Close connections with nothing under way, and those that have waited long enough."""
        tracker = self._metrics.tracker
        caught_up = tracker.caught_up(max(self._leaving.values()))
        unused = tracker.unused
        for user, left in list(self._leaving.items()):
            connection = user.connection
            assert connection is not None
            # what still comes may have been sent after it left, as in a busy room
            quiet = unused or user.overtaken or now - min(connection.heard, now) >= QUIET_S
            arrived = caught_up and quiet and now - left >= QUIET_S
            lost = user.overtaken and now - left >= LATE_S
            done = (arrived or lost) and not connection.calls and not user.waits
            if (done and not connection.unsent) or now >= min(left + self._patience_s, self.until):
                del self._leaving[user]
                connection.end("client")
