"""A worker's seconds: each closes an interval of what its connections did, in the loop thread."""

from collections.abc import Callable
from time import monotonic

import gevent.event
import msgspec

from siotool.histogram import Sparse
from siotool.swarm.aggregator import merge_uses
from siotool.swarm.engine import Engine
from siotool.swarm.health import Health
from siotool.swarm.lateness import STALL_S, seconds_covered, without_times
from siotool.swarm.operation_merging import without_service
from siotool.swarm.worker_report import WorkerInterval

#: How long it takes, at most, to read what has arrived meanwhile.
_CATCH_UP_S = 0.5
#: The run's end closes an interval of its own unless the last one was closed so recently.
_SHORTEST_S = 0.1
#: Timers count milliseconds, and may fire a moment early.
_EARLY_S = 0.005
#: More connections than this are not read in one go as a second ends: each takes some microseconds, in which
#: nothing else is done. They are read in turns before: so long, and so many turns.
_AT_ONCE = 500
_AHEAD_S = 0.25
_TURNS = 20
_TURN_S = _AHEAD_S / (_TURNS + 5)


class IntervalClock:
    """Closes an interval each second from ``begin`` on, and calls ``on_interval`` with it in the hub."""

    def __init__(
        self, engine: Engine, worker: int, on_machine: int, on_interval: Callable[[WorkerInterval], None]
    ) -> None:
        """``on_machine``: how many workers share this machine."""
        self._engine = engine
        self._worker = worker
        self._health = Health(worker, on_machine)
        self._on_interval = on_interval
        self._begin = self._from = self._closed_at = self._times_from = 0.0
        self._number = 0
        self._running = self._draining = False

    def begin(self, at: float, second: int) -> None:
        """Second 0 of the run begins at ``at``, on its monotonic clock; ``second`` is the first here.

        The last call before that one counts.
        """
        first = at + second
        self._begin, self._from, self._closed_at = at, first, first
        self._number = second
        self._running = True
        self._engine.at(first, lambda: self._start_health(first))
        self._engine.at(first + 1, lambda: self._close(first))
        self._engine.at(first + 1 - _AHEAD_S, lambda: self._begin_reading(first))

    @property
    def begin_at(self) -> float:
        """Second 0 of the run on the machine's monotonic clock; 0 before it is known."""
        return self._begin

    def close_due(self) -> None:
        """Before users start or stop: close a second that is over, with the present users."""
        self._and_wait(self._close_due)

    def cut(self) -> None:
        """The last stage is over: close an interval now; what comes after it is draining."""
        self._and_wait(self._cut)

    def _and_wait(self, close: Callable[[], None]) -> None:
        """Do something in the loop thread, and wait until what it reported has been taken."""
        if self._running and not self._draining:
            closed = gevent.event.Event()

            def act() -> None:
                close()
                self._engine.loop.to_hub(closed.set)

            self._engine.at(0.0, act)
            closed.wait()

    def close_last(self) -> None:
        """Let everything under way arrive, close every connection; then close the last interval."""
        self._engine.drain()
        self._engine.at(0.0, self._close_last)

    # ── in the loop thread ────────────────────────────────────────────────────────────

    def _start_health(self, first: float) -> None:
        if first == self._from:
            self._health.start(monotonic())

    def _close(self, first: float) -> None:
        """A second is over. What else is due now comes first: it shows how late the loop is."""
        if first == self._from:
            self._engine.loop.at(0.0, self._close_now)

    def _close_now(self) -> None:
        if not self._running:
            return
        self._close_due()
        first, end = self._from, self._begin + self._number + 1
        self._engine.loop.at(end, lambda: self._close(first))
        self._engine.loop.at(end - _AHEAD_S, lambda: self._begin_reading(first))

    def _begin_reading(self, first: float) -> None:
        """Read what many connections have carried before the second is over, a part at a time."""
        count = len(self._engine.loop.pool.connections)
        if first == self._from and count > _AT_ONCE:
            self._read(self._number, -(-count // _TURNS))

    def _read(self, number: int, count: int) -> None:
        loop = self._engine.loop
        if self._running and self._number == number and loop.pool.read_ahead(count):
            loop.at(monotonic() + _TURN_S, lambda: self._read(number, count))

    def _close_due(self) -> None:
        if self._running and monotonic() > self._begin + self._number + 1 - _EARLY_S:
            self._report(final=False)

    def _cut(self) -> None:
        if self._running and monotonic() - self._closed_at >= _SHORTEST_S:
            self._report(final=False)
        self._draining = True

    def _close_last(self) -> None:
        self._running = False
        self._report(final=True)

    def _report(self, final: bool) -> None:
        loop = self._engine.loop
        metrics, tracker = loop.metrics, loop.tracker
        now = monotonic()
        loop.pool.read_wire()
        if metrics.loop_lag > STALL_S:
            self._times_from = now + _CATCH_UP_S
        tracker.audiences.settle(now, final=final)
        metrics.pushes.settle(now, final=final)
        uses, by_class = metrics.close_targets()
        whole = merge_uses(uses)
        operations, untimed = [*metrics.close_operations(), *whole.operations], 0
        timed, late = self._closed_at >= self._times_from, metrics.take_late()
        if not timed:
            operations, untimed = without_times(operations)
            late = Sparse()
            uses = [msgspec.structs.replace(use, operations=without_times(use.operations)[0]) for use in uses]
            by_class = {name: without_times(found)[0] for name, found in by_class.items()}
        covers = seconds_covered(self._number, now - self._begin)
        interval = WorkerInterval(
            worker=self._worker,
            number=self._number,
            covers=covers,
            until=now,
            operations=operations,
            untimed=untimed,
            connections=whole.connections,
            bytes=whole.bytes,
            targets=uses if len(uses) > 1 else [],
            class_operations={name: without_service(found) for name, found in by_class.items()},
            health=self._health.sample(now, metrics.loop_lag, metrics.schedule_lag, late),
            presence=metrics.take_presence(),
            absence=metrics.away.take_presence(),
            losses=metrics.away.close(now),
            published=tracker.take_published(),
            acknowledged=tracker.take_acknowledged(),
            receipts=tracker.take_receipts(timed=timed),
            pushes=metrics.pushes.take_counts(),
            undated=metrics.undated,
            from_the_future=metrics.from_the_future,
            draining=self._draining,
            overdue=loop.overdue(now),
            remarks=metrics.take_remarks(),
            final=final,
        )
        metrics.loop_lag = metrics.schedule_lag = 0.0
        metrics.from_the_future = metrics.undated = 0
        tracker.forget_old(now)
        self._number += covers
        self._closed_at = now
        loop.to_hub(self._on_interval, interval)
