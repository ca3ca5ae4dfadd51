"""Who of the workers starts which of the users that arrive, also when one is lost or replaced.

The arrivals of a run are one stream, and each is of a lane: the first, the second and so on, then the first
again. A worker has a lane. That of a lost one is shared out among the others, who take its users in turn.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from math import inf

import msgspec

from siotool.workload import Arrivals

#: Custom messages. The parent says that users arrive: ``ExpectedArrivals``; None: no more do.
ARRIVALS = "siotool_arrivals"
#: The parent says that others start them from a moment on: ``ArrivalShares``.
SHARES = "siotool_shares"
#: Who was to arrive is known for so long: a worker is found to be lost sooner than that.
_KEPT_S = 60.0


class DueArrival(msgspec.Struct, frozen=True):
    """A user that arrives, by its number in the stream; ``moment`` is in seconds of the arrivals."""

    moment: float
    number: int


#: No user arrives any more.
NOBODY = DueArrival(inf, -1)
#: All workers that an arrival was dealt to are lost.
NO_WORKER = -1


class Tenant(msgspec.Struct, frozen=True):
    """A worker that has a lane from a moment on; it is lost at another, or has told of nothing since."""

    worker: int
    from_s: float = -inf
    until_s: float = inf

    @property
    def lost(self) -> bool:
        """Whether it is."""
        return self.until_s < inf


class ArrivalShares(msgspec.Struct, frozen=True):
    """The tenants of each lane, one after another. Moments are those of the arrivals, also in the past."""

    lanes: list[list[Tenant]]

    def worker_of(self, arrival: DueArrival) -> int:
        """The worker that starts an arrival, or ``NO_WORKER``: none is left but those about to begin."""
        there = (one.worker for one in self._asked(arrival) if one.until_s > arrival.moment)
        return next(there, NO_WORKER)

    def counter_of(self, arrival: DueArrival) -> int:
        """The worker that counts an arrival which nobody has started: the same, unless that is lost since."""
        left = [tenants[-1].worker for tenants in self.lanes if not tenants[-1].lost] or [NO_WORKER]
        there = (one.worker for one in self._asked(arrival) if not one.lost)
        return next(there, left[arrival.number % len(left)])

    def places(self, worker: int, arrivals: Arrivals, residents: int) -> float:
        """How many that arrived may be at a worker at once, beside ``residents`` of the run."""
        if not arrivals.most:
            return inf
        tenants = [tenants[-1] for tenants in self.lanes]
        left = [tenant.worker for tenant in tenants if not tenant.lost]
        places = 0.0
        for lane, tenant in enumerate(tenants):
            sharing = left if tenant.lost else [tenant.worker]
            if worker in sharing:
                each, more = divmod(arrivals.places(lane, len(tenants), residents), len(sharing))
                places += each + (sharing.index(worker) < more)
        return places

    def _asked(self, arrival: DueArrival) -> Iterator[Tenant]:
        """Who is to start an arrival: the tenant of its lane, or another if that is lost, and so on.

        All have equal shares of what a lost one was to start. What others were to start stays theirs.
        """
        turn, lane = divmod(arrival.number, len(self.lanes))
        tenant = self._tenant(lane, arrival.moment)
        yield tenant
        others = [self._tenant(other, arrival.moment) for other in range(len(self.lanes)) if other != lane]
        while others:
            turn, chosen = divmod(turn, len(others))
            yield others.pop(chosen)

    def _tenant(self, lane: int, moment: float) -> Tenant:
        for tenant in reversed(self.lanes[lane]):
            if tenant.from_s <= moment:
                return tenant
        return self.lanes[lane][0]


class ExpectedArrivals(msgspec.Struct, frozen=True):
    """Users that arrive, from the moment ``at`` of the parent's clock on, and who starts them."""

    arrivals: Arrivals
    at: float
    shares: ArrivalShares


class ArrivalLanes:
    """The lanes of a run that begins with so many workers. Moments are those of the parent's clock."""

    def __init__(self, workers: int) -> None:
        self._lanes = [[Tenant(worker)] for worker in range(workers)]

    @property
    def vacant(self) -> bool:
        """Whether the worker of a lane is lost, and no other has come for it."""
        return any(tenants[-1].lost for tenants in self._lanes)

    def lose(self, worker: int, unknown_from: float) -> None:
        """A worker is lost, and what it did from a moment on is not known."""
        for tenants in self._lanes:
            if tenants[-1].worker == worker:
                tenants[-1] = msgspec.structs.replace(tenants[-1], until_s=unknown_from)

    def take_over(self, worker: int, begins: float) -> int | None:
        """A new worker gets the lane of a lost one; returns which, or None when there is none."""
        for tenants in self._lanes:
            if tenants[-1].lost:
                lost = tenants[-1].worker
                tenants.append(Tenant(worker, begins))
                return lost
        return None

    def shares(self, at: float) -> ArrivalShares:
        """Who starts which arrivals, where the arrivals begin at a moment."""
        return ArrivalShares(
            [
                [Tenant(one.worker, one.from_s - at, one.until_s - at) for one in tenants]
                for tenants in self._lanes
            ]
        )


class DealtArrivals:
    """The arrivals that come to one worker, as shares of them change.

    ``moments`` are those of the whole stream. ``next`` is the next one of this worker. All of them, and
    ``now``, are in seconds of the arrivals.
    """

    def __init__(self, moments: Iterable[float], worker: int, shares: ArrivalShares, now: float) -> None:
        self._worker = worker
        self._shares = shares
        self._coming: Iterator[DueArrival] = (
            DueArrival(moment, number) for number, moment in enumerate(moments)
        )
        #: Arrivals of all workers that were looked at; the last one is ``next``.
        self._seen: deque[DueArrival] = deque()
        self.next = self._look_on(now)

    def take(self, now: float) -> DueArrival:
        """Take the next one."""
        taken, self.next = self.next, self._look_on(now)
        return taken

    def share(self, shares: ArrivalShares, now: float) -> int:
        """More is known of who starts which.

        Returns how many arrivals of a lost worker have become this one's that were due by now: nobody has
        started them.
        """
        before, self._shares = self._shares, shares
        coming: list[DueArrival] = []
        while self._seen and (self._seen[-1].moment > now or self._seen[-1] is self.next):
            coming.append(self._seen.pop())
        self._coming = chain(reversed(coming), self._coming)
        self.next = self._look_on(now)
        ends = {tenant.worker: tenant.until_s for tenants in shares.lanes for tenant in tenants}
        return sum(
            ends.get(before.worker_of(one), inf) <= one.moment <= now
            and shares.counter_of(one) == self._worker
            for one in self._seen
            if one is not self.next
        )

    def _look_on(self, now: float) -> DueArrival:
        while self._seen and self._seen[0].moment < now - _KEPT_S:
            self._seen.popleft()
        for one in self._coming:
            self._seen.append(one)
            if self._shares.worker_of(one) == self._worker:
                return one
        return NOBODY
