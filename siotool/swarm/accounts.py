"""The parent's account: the intervals of all workers, merged into the run's.

A stamped message is expected by every connection, of any worker, that was open when it was
sent. Its account is closed when all of them have it, or when it is given up; what arrives
at connections that opened while it was under way is expected because it arrived.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from siotool.histogram import Histogram
from siotool.runfile import Bytes, Connections, Delivery, Interval, Operation, ServerUse
from siotool.swarm.ledger import GIVE_UP_S
from siotool.swarm.records import Publication, Receipt, WorkerInterval


class Timeline:
    """Puts the workers' intervals side by side: a second is whole when every worker told of it."""

    def __init__(self, workers: int) -> None:
        self._waiting: dict[int, dict[int, WorkerInterval]] = defaultdict(dict)
        self._last: dict[int, int | None] = dict.fromkeys(range(workers))
        self._next = 0
        self.lost: set[int] = set()

    @property
    def waiting(self) -> bool:
        """True while there are seconds that have not been given out."""
        return bool(self._waiting)

    @property
    def finished(self) -> bool:
        """True when every worker has made its last report, or is gone."""
        return all(last is not None for last in self._last.values())

    def add(self, interval: WorkerInterval) -> None:
        """Take one worker's interval."""
        self._waiting[interval.number][interval.worker] = interval
        if interval.final:
            self._last[interval.worker] = interval.number

    def lose(self, worker: int) -> None:
        """A worker is gone: wait for it no longer."""
        if self._last[worker] is None:
            self.lost.add(worker)
            told = [number for number, found in self._waiting.items() if worker in found]
            self._last[worker] = max(told, default=self._next - 1)

    def whole(self) -> Iterator[list[WorkerInterval]]:
        """Seconds that are whole and have not been given out, in order."""
        while True:
            due = {w for w, last in self._last.items() if last is None or last >= self._next}
            found = self._waiting.get(self._next, {})
            if not due or not due <= found.keys():
                return
            del self._waiting[self._next]
            self._next += 1
            yield [found[worker] for worker in sorted(found)]


class _Open(msgspec.Struct):
    """A message that is still owed to someone."""

    sent: float
    due: int
    received: int = 0


class Deliveries:
    """Expected, received and lost deliveries of stamped messages over all workers."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._present: list[int] = []
        self._now_present = 0
        self._open: dict[tuple[int, int], _Open] = {}
        self._early: dict[tuple[int, int], int] = {}
        self._given_up: set[tuple[int, int]] = set()

    def close(self, parts: list[WorkerInterval], until: float, last: bool) -> Delivery:
        """Book one second of all workers; ``last`` gives up whatever is still open."""
        self._follow(parts)
        published = [publication for part in parts for publication in part.published]
        for publication in published:
            self._publish(publication)
        totals = Counter[str]()
        for part in parts:
            for receipt in part.receipts:
                self._receive(receipt, totals)
        self._settle(until, last, totals)
        return Delivery(
            published=len(published),
            expected=totals["received"] + totals["lost"],
            received=totals["received"],
            lost=totals["lost"],
            duplicate=sum(part.duplicate for part in parts),
            reordered=sum(part.reordered for part in parts),
            late=totals["late"],
            pending=sum(max(0, m.due - m.received) for m in self._open.values()),
        )

    def _follow(self, parts: list[WorkerInterval]) -> None:
        """Extend the number of present connections as a step function of time."""
        changes = sorted((p.at, p.change) for part in parts for p in part.presence)
        if changes and self._times and changes[0][0] < self._times[-1]:
            # a loop that was late closes its second late; keep the steps in order
            at = bisect_right(self._times, changes[0][0])
            tail = self._times[at:]
            levels = [self._present[at - 1] if at else 0, *self._present[at:]]
            steps = [after - before for before, after in pairwise(levels)]
            changes = sorted(changes + list(zip(tail, steps, strict=True)))
            del self._times[at:], self._present[at:]
            self._now_present = levels[0]
        for at_time, change in changes:
            self._now_present += change
            self._times.append(at_time)
            self._present.append(self._now_present)

    def _present_at(self, moment: float) -> int:
        at = bisect_right(self._times, moment)
        return self._present[at - 1] if at else 0

    def _publish(self, publication: Publication) -> None:
        key = (publication.publisher, publication.seq)
        due = max(0, self._present_at(publication.sent) - publication.discount)
        self._open[key] = _Open(publication.sent, due, self._early.pop(key, 0))

    def _receive(self, receipt: Receipt, totals: Counter[str]) -> None:
        key = (receipt.publisher, receipt.seq)
        totals["received"] += receipt.undue
        message = self._open.get(key)
        if message is not None:
            message.received += receipt.due
        elif key in self._given_up:
            totals["late"] += receipt.due
        else:
            # its sender's second is still to come
            self._early[key] = self._early.get(key, 0) + receipt.due

    def _settle(self, until: float, last: bool, totals: Counter[str]) -> None:
        for key, message in list(self._open.items()):
            given_up = last or message.sent < until - GIVE_UP_S
            if message.received < message.due and not given_up:
                continue
            totals["received"] += message.received
            totals["lost"] += max(0, message.due - message.received)
            if message.received < message.due:
                self._given_up.add(key)
            del self._open[key]
        if last:
            # their sender is gone without a report; they arrived all the same
            totals["received"] += sum(self._early.values())
            self._early.clear()


def merge_operations(parts: list[WorkerInterval]) -> list[Operation]:
    """One operation for each kind and name."""
    groups: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for part in parts:
        for operation in part.operations:
            groups[operation.op, operation.name].append(operation)
    return [_merged(group) for group in groups.values()]


def _merged(group: list[Operation]) -> Operation:
    if len(group) == 1:
        return group[0]
    response, service, errors = Histogram(), Histogram(), Counter[str]()
    for operation in group:
        response.add(operation.response)
        service.add(operation.service)
        errors.update(operation.errors)
    return Operation(
        op=group[0].op,
        name=group[0].name,
        count=sum(operation.count for operation in group),
        errors=dict(errors),
        response=response.sparse(),
        service=service.sparse(),
    )


def merge(
    parts: list[WorkerInterval], begin: float, stage: int, delivery: Delivery, server: ServerUse | None
) -> Interval:
    """The run's interval of one second; ``begin`` is the run's start on the monotonic clock."""
    number = parts[0].number
    final = all(part.final for part in parts)
    until = max(part.until for part in parts) - begin if final else float(number + 1)
    failed, closed = Counter[str](), Counter[str]()
    for part in parts:
        failed.update(part.connections.failed)
        closed.update(part.connections.closed)
    return Interval(
        t_s=round(until, 3),
        duration_s=round(max(until - number, 1e-3), 3),
        stage=stage,
        connections=Connections(
            open=sum(part.connections.open for part in parts),
            users=sum(part.users for part in parts),
            attempted=sum(part.connections.attempted for part in parts),
            established=sum(part.connections.established for part in parts),
            failed=dict(failed),
            closed=dict(closed),
        ),
        operations=merge_operations(parts),
        delivery=delivery,
        bytes=Bytes(
            payload_in=sum(part.bytes.payload_in for part in parts),
            payload_out=sum(part.bytes.payload_out for part in parts),
            wire_in=sum(part.bytes.wire_in for part in parts),
            wire_out=sum(part.bytes.wire_out for part in parts),
        ),
        generator=[msgspec.structs.replace(part.health, schedule_lag_s=part.schedule_lag) for part in parts],
        server=server,
    )
