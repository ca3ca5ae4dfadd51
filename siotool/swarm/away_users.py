"""Users of one worker that have lost their connection and are to come back; in its loop thread.

While a user is away, what is sent to it is not expected: to all, and to the audiences it was in. The
parent counts such deliveries; those that come after all, as of a recovered session or out of a store, are
counted here, and how long after it began to connect again a user got the last of them.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from math import inf

from siotool.histogram import Histogram, Sparse
from siotool.runfile import Losses
from siotool.swarm.receiver import GIVE_UP_S, Receiver
from siotool.swarm.worker_report import Presence


class AwayUsers:
    """Who is away, and what happened to those that came back since the last report."""

    def __init__(self) -> None:
        #: Users that are away now.
        self.count = 0
        #: Deliveries that came to a recovered session and were sent before it was back; deliveries,
        #: recovered or not, that were sent while their receiver was away.
        self.replayed = 0
        self.caught_up = 0
        self._recovered = 0
        self._away = array("d")
        self._silence = array("d")
        #: How long drains took, by when their users were back.
        self._drained: list[tuple[float, float]] = []
        #: When users that are back began to connect, and when they got the last of what they had missed.
        self._returned: dict[Receiver, float] = {}
        self._draining: dict[Receiver, float] = {}
        self._presence: list[Presence] = []

    def begin(self, receiver: Receiver, now: float, idle_s: float | None) -> None:
        """A receiver's connection is lost; nothing had passed over it for ``idle_s`` seconds."""
        self.count += 1
        self._close_drain(receiver)
        receiver.lost_at = receiver.away_from = now
        recent = (one for one in receiver.past if one[1] > now - 2 * GIVE_UP_S)
        receiver.past = (*recent, (receiver.joined_at, now))
        receiver.session_at, receiver.joined_at, receiver.away_until = receiver.joined_at, inf, inf
        receiver.missing_in = (0, *(place.audience.number for place in receiver.places if place.cut))
        self._presence += [Presence(now, 1, audience) for audience in receiver.missing_in]
        if idle_s is not None:
            self._silence.append(idle_s)

    def end(
        self, receiver: Receiver, now: float, *, recovered: bool, connecting_at: float | None = None
    ) -> None:
        """A receiver is back, in a ``recovered`` session or a new one; nothing unless it was away.

        It began to connect at ``connecting_at``: a server that is busy with others lets it wait, and that is
        a part of what it takes until it has all.
        """
        if receiver.lost_at < inf:
            self._away.append(now - receiver.lost_at)
            self._recovered += recovered
            self.replayed += receiver.early if recovered else 0
            receiver.away_until = now
            self._returned[receiver] = now if connecting_at is None else connecting_at
            if receiver.early:
                self._draining[receiver] = now
            if not recovered:
                receiver.session_at = inf
            self.forget(receiver, now)

    def forget(self, receiver: Receiver, now: float) -> None:
        """A receiver is not waited for: it is back, stays away, or has left."""
        if receiver.lost_at == inf:
            self._close_drain(receiver)
        else:
            self.count -= 1
            self._presence += [Presence(now, -1, audience) for audience in receiver.missing_in]
            receiver.lost_at, receiver.missing_in, receiver.early = inf, (), 0
            if receiver.away_until == inf:  # should it come after all, nothing waits for it any more
                receiver.away_until, receiver.session_at = now, inf

    def catch_up(self, receiver: Receiver, sent: float, now: float) -> None:
        """A message has come that was sent before its receiver was back.

        A server replays a session's messages before it says that it is given back.
        """
        if receiver.away_from <= sent < receiver.away_until:
            self.caught_up += 1
            if receiver.lost_at == inf:
                self._draining[receiver] = now
        if receiver.lost_at < inf:
            receiver.early += 1
        elif receiver.session_at <= sent < receiver.away_until:
            self.replayed += 1

    def take_presence(self) -> list[Presence]:
        """Users that went away (+1) or are no longer (−1) since the last report, by audience."""
        presence, self._presence = self._presence, []
        return presence

    def close(self, now: float) -> Losses:
        """Counts since the last report, which ends ``now``."""
        ago = defaultdict[int, list[float]](list)
        for back, took in self._drained:
            ago[max(0, int(now - back))].append(took)
        closed = Losses(
            away_now=self.count,
            back=len(self._away),
            recovered=self._recovered,
            replayed=self.replayed,
            caught_up=self.caught_up,
            away=_times(self._away),
            silence=_times(self._silence),
            drained=_times([took for _, took in self._drained]),
            drained_ago=[(seconds, _times(took)) for seconds, took in sorted(ago.items())],
        )
        self._away, self._silence, self._drained = array("d"), array("d"), []
        self._recovered = self.replayed = self.caught_up = 0
        return closed

    def _close_drain(self, receiver: Receiver) -> None:
        """A receiver that was back is gone: what it had missed and got, it has got."""
        began = self._returned.pop(receiver, receiver.away_until)
        last = self._draining.pop(receiver, None)
        if last is not None:
            self._drained.append((receiver.away_until, max(0.0, last - began)))


def _times(values: Sequence[float]) -> Sparse:
    times = Histogram()
    times.record(values)
    return times.sparse()
