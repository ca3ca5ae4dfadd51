"""What one worker counts between two reports; written only by its loop thread."""

from array import array
from math import inf
from time import time as epoch
from typing import Literal

from siotool.histogram import Histogram, Sparse
from siotool.printable import one_line, printable
from siotool.runfile import OTHER, Operation, OpKind, TargetUse
from siotool.swarm.away_users import AwayUsers
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.memory_limits import NAME_CHARACTERS, NAMES, REMARK_CHARACTERS, REMARKS_OF_A_KIND
from siotool.swarm.operation_merging import operations_by_class
from siotool.swarm.operation_samples import OperationSamples, SampleTable
from siotool.swarm.pushes import Pushes
from siotool.swarm.receiver import Receiver
from siotool.swarm.redaction import Redaction
from siotool.swarm.target_counts import TargetCounts
from siotool.swarm.worker_report import Presence, Remark

#: What an epoch time in seconds may be: from 2001 to 2286. The same span in milliseconds
#: (JavaScript's ``Date.now()``) does not touch it.
_EPOCH_FROM, _EPOCH_TO = 1e9, 1e10
#: How far the moments are apart at which it is counted how late the loop was.
_MOMENT_S = 0.005


def epoch_seconds(value: float) -> float | None:
    """Read an epoch time given in seconds or milliseconds; None when it is neither."""
    for seconds in (value, value / 1000):
        if _EPOCH_FROM <= seconds < _EPOCH_TO:
            return seconds
    return None


class Untimed:
    """A server event without a send time: counted, but without latency."""

    __slots__ = ("samples",)

    def __init__(self, samples: OperationSamples) -> None:
        self.samples = samples

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival."""
        self.samples.untimed += 1


class Dated:
    """A server event that is to carry its send time, in epoch seconds; None when it cannot be read."""

    __slots__ = ("metrics", "samples", "sent_at")

    def __init__(self, samples: OperationSamples, sent_at: float | None, metrics: "Metrics") -> None:
        self.samples = samples
        self.sent_at = sent_at
        self.metrics = metrics

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Count one arrival by the wall clock, which is the only one a server shares."""
        if self.sent_at is None:
            self.samples.untimed += 1
            self.metrics.undated += 1
            return
        elapsed = epoch() - self.sent_at
        if elapsed < 0:
            self.metrics.from_the_future += 1
            elapsed = 0.0
        self.samples.record(elapsed, elapsed)


class Metrics:
    """Counts since the last report: of each target, and of all together what belongs to none."""

    def __init__(
        self, tracker: DeliveryTracker, targets: int = 1, redaction: Redaction | None = None
    ) -> None:
        """``redaction`` hides secrets in names and remarks."""
        self.tracker = tracker
        self.redaction = redaction or Redaction()
        self.pushes = Pushes(self._pushed)
        self.targets = [TargetCounts(number, self._admit) for number in range(targets)]
        #: Connections that expect broadcasts.
        self.present = 0
        self.presence: list[Presence] = []
        self.away = AwayUsers()
        self.loop_lag = 0.0
        #: How late the loop was, each time that it was looked at.
        self.late = array("d")
        self.schedule_lag = 0.0
        #: Deliveries that arrived before their send time; whose announced one could not be read.
        self.from_the_future = 0
        self.undated = 0
        self.remarks: list[Remark] = []
        self._said: dict[str, set[str]] = {}
        self._names: dict[OpKind, set[str]] = {}
        self._table = SampleTable(self._admit)
        #: Where an operation of no single target is counted, by kind and name.
        self.samples = self._table.samples

    def _admit(self, op: OpKind, name: str) -> str:
        """The name to count an operation under; past ``NAMES`` of a kind all others are counted together."""
        # JavaScript's texts may hold half of a surrogate pair, which no file can
        name = self.redaction.label(name)[:NAME_CHARACTERS].encode("utf-8", "replace").decode()
        # names are a server's words: they are written, and shown on terminals, as they are counted
        name = printable(name).replace("\n", "\N{REPLACEMENT CHARACTER}")
        names = self._names.setdefault(op, set())
        if name in names:
            return name
        if len(names) >= NAMES:
            self.remark("other", f"{op}: more than {NAMES} names; all further ones are counted as {OTHER}")
            return OTHER
        names.add(name)
        return name

    def _pushed(self, event: str, took: float | None) -> None:
        samples = self.samples("deliver", event)
        if took is None:
            samples.untimed += 1
        else:
            samples.record(took, took)

    def remark(self, kind: str, text: str, level: Literal["warning", "doubt"] = "warning") -> None:
        """Add a remark to the report, once; of each kind only the first few."""
        text = one_line(self.redaction.apply(text), REMARK_CHARACTERS)
        said = self._said.setdefault(kind, set())
        if text not in said and len(said) < REMARKS_OF_A_KIND:
            said.add(text)
            self.remarks.append(Remark(level, text))

    def take_remarks(self) -> list[Remark]:
        """Remarks since the last report."""
        remarks, self.remarks = self.remarks, []
        return remarks

    def begin(self, now: float, intended: float) -> None:
        """A scheduled operation begins; note how late."""
        lag = now - intended
        self.schedule_lag = lag if lag > self.schedule_lag else self.schedule_lag

    def join(
        self,
        receiver: Receiver,
        now: float,
        *,
        recovered: bool = False,
        node: str = "",
        connecting_at: float | None = None,
    ) -> None:
        """A receiver expects broadcasts from now on.

        Its audiences are those it joins now; in a ``recovered`` session also those it had. What is stamped
        within the clocks' error from now on may have been sent before: it is not expected. ``node`` is the
        one that it is on; empty: it is not known. ``connecting_at`` is when it began to connect; None: now.
        """
        receiver.move(node, now)
        self.away.end(receiver, now, recovered=recovered, connecting_at=connecting_at)
        since = now + self.tracker.unsure_s
        receiver.joined_at, receiver.left_at, receiver.overtaken = since, inf, False
        if recovered:
            self.tracker.audiences.recover(receiver, now)
        self.present += 1
        self.presence.append(Presence(since, 1, 0, node))

    def lose(self, receiver: Receiver, now: float, idle_s: float | None) -> None:
        """A receiver's connection is lost, over which nothing had passed for ``idle_s`` seconds."""
        expected = receiver.left_at == inf
        self.leave(receiver, now)
        receiver.meant = False
        if expected:
            self.away.begin(receiver, now, idle_s)

    def leave(self, receiver: Receiver, now: float, *, gone: bool = False, waiting: bool = True) -> None:
        """A receiver expects nothing that is sent from now on, to any audience.

        Of one that is ``gone`` for good the connection may stay open for a while. ``waiting``: it
        has not had all the answers it asked for, or only just.
        """
        if receiver.left_at == inf and receiver.joined_at != inf:
            receiver.left_at = left = max(now, receiver.joined_at)
            self.present -= 1
            self.presence.append(Presence(left, -1, 0, receiver.node))
            self.tracker.audiences.end(receiver, now, gone=gone, waiting=waiting)

    def loop_was_late(self, seconds: float, every_s: float) -> None:
        """The loop was late when it was looked at, ``every_s`` after the last time.

        Counted are moments ``_MOMENT_S`` apart. Of a loop that was late by longer than that, it is known how
        late it was at each moment since; it stood still before the look was due, half as long on average.
        """
        self.loop_lag = max(self.loop_lag, seconds)
        moments = round(every_s / _MOMENT_S)
        if seconds <= every_s:
            self.late.extend([seconds] * moments)
            return
        longest = seconds + every_s / 2
        self.late.extend(longest - moment * _MOMENT_S for moment in range(int(longest / _MOMENT_S)))
        self.late.extend([0.0] * (moments // 2))

    def take_late(self) -> Sparse:
        """How late the loop was since the last report."""
        found = Histogram()
        found.record(self.late)
        self.late = array("d")
        return found.sparse()

    def close_operations(self) -> list[Operation]:
        """Operations of no single target since the last report: deliveries."""
        for event, response, service in self.tracker.arrivals():
            samples = self.samples("deliver", event)
            samples.response.frombytes(response.tobytes())
            samples.service.frombytes(service.tobytes())
        for event, count in self.tracker.undue():
            self.samples("deliver", event).untimed += count
        return self._table.close()

    def close_targets(self) -> tuple[list[TargetUse], dict[str, list[Operation]]]:
        """What happened at each target since the last report; and by user class, where there are several."""
        closed = [target.close() for target in self.targets]
        by_class = [part for _, part in closed]
        several = len({name for part in by_class for name in part}) > 1
        return [use for use, _ in closed], operations_by_class(by_class) if several else {}

    def take_presence(self) -> list[Presence]:
        """Changes of presence and of memberships since the last report."""
        presence = self.presence + self.tracker.take_presence()
        self.presence = []
        return presence
