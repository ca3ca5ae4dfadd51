"""Writes the run file: the workers' intervals put together, the notes, and the end."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence, Set
from time import monotonic

import msgspec

from siotool.errors import OutputError
from siotool.faults.planned_fault import FaultStep
from siotool.runfile import Connections, End, Line, Note, Pace, ScenarioFailure
from siotool.runwriter import Writer
from siotool.searched import FoundCapacity, Hold
from siotool.stopped import Stopped
from siotool.swarm import aggregator, worker_report
from siotool.swarm.config import Reason
from siotool.swarm.deliveries import DeliveryAggregator
from siotool.swarm.exception_log import ExceptionLog
from siotool.swarm.lateness import Level, lateness
from siotool.swarm.live import Display
from siotool.swarm.program import SEEN_AT_MOST, Seen, seen
from siotool.swarm.redacted_report import hide_secrets
from siotool.swarm.redaction import Redaction
from siotool.swarm.scenario_results import ScenarioResults
from siotool.swarm.servers.server_samples import ServerSamples
from siotool.swarm.servers.server_watch import ServerWatch
from siotool.swarm.timeline import Timeline

#: A server that was broken on purpose may show nothing for so long after it is well again.
GRACE_S = 3.0
#: Failures of a connect that the target did not answer, or a proxy answered without it.
_GONE = {
    "refused",
    "reset",
    "timeout",
    "unreachable",
    "dns",
    "transport_close",
    "http_502",
    "http_503",
    "http_504",
}


class Reach:
    """Was the target there at the end? It is lost only when no user could connect any more."""

    def __init__(self) -> None:
        self._under_way = 0
        self._failing = False

    def follow(self, second: Connections) -> None:
        """Take the connections of one more second."""
        self._under_way += second.attempted - second.established - sum(second.failed.values())
        hung = self._under_way > second.attempted  # some have had no answer for longer than that
        failed = hung or not _GONE.isdisjoint(kind for kind, count in second.failed.items() if count)
        if second.open or second.established:
            self._failing = False
        elif failed:
            self._failing = True

    @property
    def lost(self) -> bool:
        """True when the last connects had no answer from the target, and none has succeeded since."""
        return self._failing


class Recorder:
    """The run file of one run, and the display of what is written.

    ``on_failure`` is called once, when it cannot be written any more; nothing is written after.
    ``redaction`` hides secrets in all that is written, also what workers could not know to be one.
    """

    def __init__(
        self,
        workers: int,
        writer: Writer,
        display: Display,
        servers: ServerSamples,
        watch: ServerWatch,
        on_failure: Callable[[OutputError], None],
        redaction: Redaction,
    ) -> None:
        self.timeline = Timeline(workers)
        #: Users that each worker has reported to have started.
        self.started = Counter[int]()
        #: Stages of the run, and the second at which each began; what the present program has seen.
        self._stages: list[tuple[float, int]] = []
        self._program_begin_s = 0.0
        self._seen: deque[Seen] = deque()
        self._doubts: list[str] = []
        self._writer = writer
        self._display = display
        self._servers = servers
        self._server_watch = watch
        self._on_failure = on_failure
        self._failed = False
        #: What a pass of a fixed loop cost between two moments, where such loops run.
        self.pace: Callable[[float, float], Pace | None] = lambda begin, end: None
        #: Second 0 on the monotonic clock; 0 before the run has one.
        self.begin = 0.0
        self._written_s = 0.0
        self._intervals = 0
        self._deliveries = DeliveryAggregator()
        #: Servers that are broken on purpose, None where it may be any; until when others are excused.
        self._excused: Set[str] | None = frozenset()
        self._excused_until: dict[str, float] = {}
        self._excused_any_until = 0.0
        self._broken = False
        self._redaction = redaction
        self._hooks = ScenarioResults(redaction)
        self._exceptions = ExceptionLog(writer.path.parent, lambda text: self.note("warning", text))
        self._reach = Reach()
        self._remarked: set[worker_report.Remark] = set()
        self._undated = self._from_the_future = self._pending = 0
        self._open = self._users = 0

    @property
    def target_lost(self) -> bool:
        """True when users were there at the end, and the target was not."""
        return bool(self._users and not self._open and self._reach.lost)

    def begin_program(self, second: float) -> Sequence[Seen]:
        """A program begins at a second of the run; returns what it has seen lately, as that grows."""
        self._program_begin_s, self._seen = second, deque(maxlen=SEEN_AT_MOST)
        return self._seen

    def begin_stage(self, second: float, number: int) -> None:
        """A stage of the run begins at a second of the run."""
        self._stages.append((second, number))

    def add(self, encoded: list[bytes]) -> None:
        """Take what a worker reports."""
        for report in encoded:
            interval = worker_report.decode(report)
            self.started[interval.worker] += sum(found.started for found in interval.user_classes)
            missed = self.timeline.add(interval)
            if missed is not None:
                first, last = missed[0] + 1, missed[1] + 1
                seconds = f"second {first}" if first == last else f"seconds {first} to {last}"
                self.note(
                    "doubt",
                    f"{seconds} of generator worker {interval.worker} did not arrive: its connection broke, "
                    "and not all that is lost at the users it had then is counted from then on",
                )

    def close_seconds(self, *, everything: bool = False) -> None:
        """Write the seconds that every worker has reported, and all samples of servers are there for.

        ``everything``: do not wait for samples.
        """
        for parts in self.timeline.whole(lambda number: everything or self._sampled(number)):
            for part in parts:
                hide_secrets(part, self._redaction)
            last = self.timeline.finished and not self.timeline.waiting
            begin_s, end_s = self._written_s, aggregator.end_of(parts, self.begin, self._written_s)
            duration_s = round(end_s - begin_s, 3)
            interval = aggregator.merge(
                parts,
                end_s,
                duration_s,
                self._stage_at((begin_s + end_s) / 2),
                self._deliveries.close(parts, min(part.until for part in parts), last),
                self._servers.take(self.begin + begin_s, self.begin + end_s, last=last),
            )
            interval = msgspec.structs.replace(
                interval,
                audiences=self._deliveries.take_audiences(),
                by_node=self._deliveries.take_by_node(),
                lost_ago=self._deliveries.take_lost_ago(),
                acknowledged_lost_ago=self._deliveries.take_acknowledged_ago(),
                exceptions=interval.exceptions + self._raised_in_hooks(),
                pace=self.pace(self.begin + begin_s, self.begin + end_s),
            )
            for part in parts:
                self._undated += part.undated
                self._from_the_future += part.from_the_future
                for remark in part.remarks:
                    if remark not in self._remarked:  # several workers may meet the same
                        self._remarked.add(remark)
                        self.note(remark.level, remark.text)
            if not interval.draining:
                self._open, self._users = interval.connections.open, interval.connections.users
                self._reach.follow(interval.connections)
            self._pending = interval.delivery.pending
            self._written_s = end_s
            self._intervals += 1
            self._write(interval)
            for part in parts:
                self._exceptions.take(part.exceptions)
            self._display.update(interval)
            if found := lateness(parts, duration_s):
                self.note(*found, second_s=end_s)
            for said in self._server_watch.follow(interval, self._missing(), broken=self._broken):
                self.note(*said)
            if (begin_s + end_s) / 2 > self._program_begin_s and not interval.draining:
                self._seen.append(
                    seen(interval, self._program_begin_s, self._doubts, self._servers.described)
                )
            self._doubts = []

    def _sampled(self, number: int) -> bool:
        """Whether no sample of a server is still to come for a second; the run's last may end early."""
        end = self.begin + number + 1
        return (self.timeline.finished and monotonic() < end) or self._servers.ready(end)

    def learn(self, lines: Iterable[Hold | FoundCapacity]) -> None:
        """Write what a search for capacity has learnt; its gates are named as the user named them."""
        for line in lines:
            self._write(msgspec.structs.replace(line, gate=self._redaction.apply(line.gate)))

    def fault(self, step: FaultStep) -> None:
        """Write what came of a step of a fault."""
        self._write(msgspec.structs.replace(step, said=self._redaction.apply(step.said)))

    def excuse(self, names: Set[str] | None) -> None:
        """From now on these servers may show nothing, as they are broken on purpose; None: any of them."""
        now = self._now_s()
        if self._excused is None:
            self._excused_any_until = now + GRACE_S
        for name in (self._excused or set()) - (names or set()):
            self._excused_until[name] = now + GRACE_S
        self._excused = names
        self._broken = self._broken or names is None or bool(names)

    def _missing(self) -> dict[str, str]:
        """Sources that do not answer, and why, without those that need not."""
        now = self._now_s()
        if self._excused is None or now < self._excused_any_until:
            return {}
        return {
            source: why
            for source, why in self._servers.missing.items()
            if (name := source.partition(": ")[0]) not in self._excused
            and now >= self._excused_until.get(name, 0.0)
        }

    def note(self, level: Level, text: str, *, second_s: float | None = None) -> None:
        """Write a note of what happens now; ``second_s``: it is only about the second that ended then."""
        text = self._redaction.apply(text)
        t_s = self._now_s() if second_s is None else second_s
        note = Note(t_s=t_s, level=level, text=text, momentary=second_s is not None)
        if level == "doubt":
            self._doubts.append(text)
        self._write(note)
        self._display.note(note)

    def raised(self, error: BaseException) -> None:
        """Count what an event hook of the scenario raised in this process."""
        self._hooks.exception(error)

    def _raised_in_hooks(self) -> list[ScenarioFailure]:
        _, _, raised = self._hooks.take()
        self._exceptions.take(raised)
        return [ScenarioFailure(found.kind, found.message, found.where, found.count) for found in raised]

    @property
    def scenario_failures(self) -> list[str]:
        """What the scenario's code raised over the run, in words; empty when nothing."""
        return self._exceptions.summary()

    def end(self, reason: Reason, stopped: Stopped | None = None) -> None:
        """Write how the run ended, what ended it early, and what stays unknown."""
        if self._pending:
            self.note("doubt", f"{self._pending} deliveries are unaccounted for: their worker was lost")
        if self._undated:
            self.note("doubt", f"{self._undated} deliveries had no readable send time")
        if self._from_the_future:
            self.note(
                "doubt",
                f"{self._from_the_future} deliveries arrived before they were sent: "
                "the clocks of server and generator differ",
            )
        exceptions = self._raised_in_hooks()
        self._write(
            End(
                t_s=self._now_s(),
                reason=reason,
                exceptions=exceptions,
                intervals=self._intervals,
                stopped=stopped,
            )
        )

    def _now_s(self) -> float:
        return round(max(0.0, monotonic() - self.begin), 3) if self.begin else 0.0

    def _stage_at(self, second: float) -> int:
        return max((number for begin_s, number in self._stages if begin_s <= second), default=0)

    def _write(self, line: Line) -> None:
        if self._failed:
            return
        try:
            self._writer.write(line)
        except OutputError as error:
            self._failed = True
            self._on_failure(error)
