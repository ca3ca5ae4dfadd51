"""Totals and recent rates of a running test: the state behind the live view."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass

from siotool.histogram import merged
from siotool.runfile import Bytes, Connections, Delivery, Header, Interval, Note, Operation, OpKind
from siotool.swarm.aggregator import summed
from siotool.workload import users_asked, users_at

#: Rates and percentiles are of the last few seconds, so that they move with the run.
WINDOW_S = 5.0
#: After the load's end, a shorter interval gives no rate.
_WHOLE_S = 0.95
_NOTES_KEPT = 50
#: Seconds are written down to milliseconds.
_CLOCK_S = 0.002


@dataclass(frozen=True, slots=True)
class Lately:
    """One kind of operation: its totals, and its rate and response times within the window.

    Times are seconds, None where nothing was timed.
    """

    op: OpKind
    name: str
    count: int
    errors: int
    rate_per_s: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class Progress:
    """Adds up intervals; nothing here reads a clock."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.last: Interval | None = None
        #: Failures by operation and class, ``closed`` connections among them.
        self.errors: Counter[tuple[str, str]] = Counter()
        #: Totals; levels in them are those of the last interval.
        self.connections, self.delivery, self.bytes = Connections(), Delivery(), Bytes()
        self.notes: deque[Note] = deque(maxlen=_NOTES_KEPT)
        self._counts: Counter[tuple[OpKind, str]] = Counter()
        self._failures: Counter[tuple[OpKind, str]] = Counter()
        self._window: deque[Interval] = deque()
        #: Seconds of stages that were left out by now.
        self._skipped_s = 0.0

    def update(self, interval: Interval) -> None:
        """Add one interval."""
        self.last = interval
        self._skipped_s = max(self._skipped_s, self._ahead_s(interval))
        # a part of a second after the load's end is no rate
        if not interval.draining or interval.duration_s >= _WHOLE_S or not self._window:
            self._window.append(interval)
        while self._window[0].t_s <= interval.t_s - WINDOW_S:
            self._window.popleft()
        self.connections = summed([self.connections, interval.connections], levels=["open", "users"])
        self.delivery = summed([self.delivery, interval.delivery], levels=["pending"])
        self.bytes = summed([self.bytes, interval.bytes])
        for kind, count in interval.connections.closed.items():
            self.errors["closed", kind] += count
        for operation in interval.operations:
            key = (operation.op, operation.name)
            self._counts[key] += operation.count
            self._failures[key] += sum(operation.errors.values())
            for kind, count in operation.errors.items():
                self.errors[operation.op, kind] += count

    def _ahead_s(self, interval: Interval) -> float:
        """How much later a stage was planned that a second belongs to; 0 where it is not early."""
        stages, begin_s = self.header.workload.stages, interval.t_s - interval.duration_s
        planned_s = sum(one.duration_s for one in stages[: interval.stage])
        # a second is of the stage that it is in for the most part
        early = interval.stage < len(stages) and planned_s > begin_s + interval.duration_s / 2 + _CLOCK_S
        return planned_s - begin_s if early else 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, at the end of the last interval."""
        return self.last.t_s if self.last else 0.0

    @property
    def planned_s(self) -> float:
        """Length of the run in seconds, without stages that it left out; 0 where it is decided as it goes."""
        return max(0.0, self.header.workload.duration_s - self._skipped_s)

    @property
    def left_s(self) -> float:
        """Planned seconds still to go; 0 once the plan is over."""
        return max(0.0, self.planned_s - self.elapsed_s)

    @property
    def stage(self) -> int:
        """Number of the current stage, from 0; the last one once the plan is over."""
        found = users_at(self.header.workload.stages, self.elapsed_s + self._skipped_s)
        return found[1] if found else max(0, len(self.header.workload.stages) - 1)

    @property
    def users_wanted(self) -> int:
        """The most users the stages may have asked for by this moment."""
        return users_asked(self.header.workload.stages, self.elapsed_s + self._skipped_s)

    @property
    def overdue(self) -> dict[str, int]:
        """Operations under way for more than a second, by kind; most first."""
        found = self.last.overdue if self.last else {}
        return dict(sorted(((op, n) for op, n in found.items() if n), key=lambda entry: -entry[1]))

    @property
    def wire_rates_per_s(self) -> tuple[float, float]:
        """TCP payload in and out, bytes per second within the window."""
        seconds = self._window_s
        if not seconds:
            return 0.0, 0.0
        lately = summed([interval.bytes for interval in self._window])
        return lately.wire_in / seconds, lately.wire_out / seconds

    def operations(self) -> list[Lately]:
        """Return every kind of operation seen so far, in the order of appearance."""
        recent: defaultdict[tuple[OpKind, str], list[Operation]] = defaultdict(list)
        for interval in self._window:
            for operation in interval.operations:
                recent[operation.op, operation.name].append(operation)
        return [self._lately(key, recent[key]) for key in self._counts]

    def _lately(self, key: tuple[OpKind, str], recent: list[Operation]) -> Lately:
        times = merged(part for operation in recent for part in (operation.response, operation.given_up))
        count = sum(operation.count for operation in recent)
        return Lately(
            *key,
            count=self._counts[key],
            errors=self._failures[key],
            rate_per_s=count / self._window_s if count else 0.0,
            p50_s=times.quantile(0.50),
            p95_s=times.quantile(0.95),
            p99_s=times.quantile(0.99),
        )

    @property
    def _window_s(self) -> float:
        return sum(interval.duration_s for interval in self._window)
