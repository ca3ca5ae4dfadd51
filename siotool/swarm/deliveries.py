"""Stamped messages over all workers: expected, received and lost deliveries.

A stamped message is expected by every connection, of any worker, that was open when it was
sent. It is closed when all of them have it, or when it is given up. What arrives at connections
that opened while it was under way counts as expected because it arrived.
"""

from bisect import bisect_right
from collections import Counter
from math import inf

import msgspec

from siotool.runfile import Delivery
from siotool.swarm.delivery_tracker import GIVE_UP_S, REMEMBER_S
from siotool.swarm.worker_report import Presence, Publication, Receipt, WorkerInterval

#: A stamp keeps microseconds: it may lie a little before the second it was written in.
_STAMPS_MAY_DIFFER_S = 1e-3


class _Presence:
    """How many connections of one worker expected broadcasts, as a step function of time."""

    __slots__ = ("_before", "_levels", "_times")

    def __init__(self) -> None:
        self._before = 0
        self._times: list[float] = []
        self._levels: list[int] = []

    def follow(self, changes: list[Presence]) -> None:
        """Add the steps of the next second; a worker reports them in order."""
        level = self._levels[-1] if self._levels else self._before
        for step in changes:
            level += step.change
            self._times.append(step.at)
            self._levels.append(level)

    def at(self, moment: float) -> int:
        """Connections present at a moment, one that joins at it included."""
        index = bisect_right(self._times, moment)
        return self._levels[index - 1] if index else self._before

    def forget(self, moment: float) -> None:
        """Drop the steps up to a moment; no earlier one is asked for any more."""
        index = bisect_right(self._times, moment)
        if index:
            self._before = self._levels[index - 1]
            del self._times[:index], self._levels[:index]


class _Open(msgspec.Struct):
    """A message with deliveries to come; ``missing_at`` counts them by worker."""

    sent: float
    missing_at: dict[int, int]
    received: int = 0

    @property
    def missing(self) -> int:
        """Deliveries still to come. More than expected at one worker makes up for none at another."""
        return sum(count for count in self.missing_at.values() if count > 0)

    def receive(self, worker: int, count: int) -> None:
        """Count deliveries to connections that expected them."""
        self.received += count
        self.missing_at[worker] = self.missing_at.get(worker, 0) - count


class DeliveryAggregator:
    """Expected, received and lost deliveries of stamped messages over all workers.

    A worker's second is closed when its loop gets to it, so two workers' seconds do not end
    together. A message is opened once every worker has reported its connections of that moment.
    What a lost worker has not reported is unknown: it is not expected.
    """

    def __init__(self) -> None:
        self._presence: dict[int, _Presence] = {}
        self._finished: set[int] = set()
        self._unopened: list[tuple[int, Publication]] = []
        self._open: dict[tuple[int, int], _Open] = {}
        #: By publisher, the last message that was opened.
        self._opened: dict[int, int] = {}
        self._early: dict[tuple[int, int], Counter[int]] = {}
        self._given_up: dict[tuple[int, int], float] = {}

    def close(self, parts: list[WorkerInterval], until: float, last: bool) -> Delivery:
        """Count one second of all workers; ``last`` gives up what is still open."""
        self._excuse_lost(parts)
        for part in parts:
            self._presence.setdefault(part.worker, _Presence()).follow(part.presence)
            self._unopened += [(part.worker, publication) for publication in part.published]
        known_until = inf if last else min(part.until for part in parts)
        self._open_messages(known_until)
        totals = Counter[str]()
        for part in parts:
            for receipt in part.receipts:
                self._receive(part.worker, receipt, totals)
        self._close_messages(until, last, totals)
        for presence in self._presence.values():
            presence.forget(known_until - _STAMPS_MAY_DIFFER_S)
        return Delivery(
            published=sum(len(part.published) for part in parts),
            expected=totals["received"] + totals["lost"],
            received=totals["received"],
            lost=totals["lost"],
            duplicate=sum(part.duplicate for part in parts),
            reordered=sum(part.reordered for part in parts),
            late=totals["late"],
            pending=sum(message.missing for message in self._open.values()),
        )

    def _excuse_lost(self, parts: list[WorkerInterval]) -> None:
        reporting = {part.worker for part in parts}
        for worker in self._presence.keys() - self._finished - reporting:
            del self._presence[worker]
            for message in self._open.values():
                message.missing_at.pop(worker, None)
        self._finished |= {part.worker for part in parts if part.final}

    def _open_messages(self, known_until: float) -> None:
        waiting = []
        for sender, publication in self._unopened:
            if publication.sent >= known_until:
                waiting.append((sender, publication))
                continue
            key = (publication.publisher, publication.seq)
            missing = {worker: presence.at(publication.sent) for worker, presence in self._presence.items()}
            if sender in missing:
                missing[sender] -= publication.discount
            message = self._open[key] = _Open(publication.sent, missing)
            self._opened[publication.publisher] = publication.seq
            for worker, count in self._early.pop(key, Counter()).items():
                message.receive(worker, count)
        self._unopened = waiting

    def _receive(self, worker: int, receipt: Receipt, totals: Counter[str]) -> None:
        key = (receipt.publisher, receipt.seq)
        totals["received"] += receipt.undue
        if not receipt.due:
            return
        message = self._open.get(key)
        if message is not None:
            message.receive(worker, receipt.due)
        elif key in self._given_up:
            totals["late"] += receipt.due
        elif receipt.seq <= self._opened.get(receipt.publisher, 0):
            # closed in full, and still more arrives, such as at a sender that should not get its own
            totals["received"] += receipt.due
        else:
            self._early.setdefault(key, Counter())[worker] += receipt.due

    def _close_messages(self, until: float, last: bool, totals: Counter[str]) -> None:
        for key, message in list(self._open.items()):
            missing = message.missing
            if missing and not last and message.sent >= until - GIVE_UP_S:
                continue
            totals["received"] += message.received
            totals["lost"] += missing
            if missing:
                self._given_up[key] = message.sent
            del self._open[key]
        while self._given_up:
            key = next(iter(self._given_up))
            if self._given_up[key] >= until - REMEMBER_S:
                break
            del self._given_up[key]
        if last:
            # their sender was lost without a report, but they arrived
            totals["received"] += sum(early.total() for early in self._early.values())
            self._early.clear()
