"""What one worker counts between two reports; written only by its loop thread."""

from array import array
from collections import Counter
from math import inf
from time import time as epoch
from typing import Literal

from siotool.client.observer import ByteCounts
from siotool.histogram import Histogram
from siotool.printable import one_line
from siotool.runfile import OTHER, Bytes, Connections, Operation, OpKind
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.memory_limits import NAME_CHARACTERS, NAMES, REMARK_CHARACTERS, REMARKS_OF_A_KIND
from siotool.swarm.receiver import Receiver
from siotool.swarm.worker_report import Presence, Remark

#: What an epoch time in seconds may be: from 2001 to 2286. The same span in milliseconds
#: (JavaScript's ``Date.now()``) does not touch it.
_EPOCH_FROM, _EPOCH_TO = 1e9, 1e10


def epoch_seconds(value: float) -> float | None:
    """Read an epoch time given in seconds or milliseconds; None when it is neither."""
    for seconds in (value, value / 1000):
        if _EPOCH_FROM <= seconds < _EPOCH_TO:
            return seconds
    return None


class OperationSamples:
    """One kind of operation since the last report; times in seconds."""

    __slots__ = ("errors", "given_up", "name", "op", "response", "service", "untimed")

    def __init__(self, op: OpKind, name: str) -> None:
        self.op = op
        self.name = name
        self.response = array("d")
        self.service = array("d")
        self.untimed = 0
        self.errors: Counter[str] = Counter()
        self.given_up = array("d")

    def record(self, response: float, service: float) -> None:
        """Count a success: seconds since the intended start, and since the actual one."""
        self.response.append(response)
        self.service.append(service)

    def fail(self, kind: str, waited: float | None = None) -> None:
        """Count a failure; ``waited`` seconds since the intended start where no answer came."""
        self.errors[kind] += 1
        if waited is not None:
            self.given_up.append(waited)

    def close(self) -> Operation:
        """Return what was counted, and begin anew."""
        response, service, given_up = Histogram(), Histogram(), Histogram()
        response.record(self.response)
        service.record(self.service)
        given_up.record(self.given_up)
        closed = Operation(
            op=self.op,
            name=self.name,
            count=len(self.response) + self.untimed,
            errors=dict(self.errors),
            response=response.sparse(),
            service=service.sparse(),
            given_up=given_up.sparse(),
        )
        self.response, self.service, self.untimed = array("d"), array("d"), 0
        self.given_up = array("d")
        self.errors.clear()
        return closed


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
    """Counts of connections, operations and bytes since the last report."""

    def __init__(self, tracker: DeliveryTracker) -> None:
        self.tracker = tracker
        #: Connections that are open; those of them that expect broadcasts.
        self.open = 0
        self.present = 0
        self.attempted = 0
        self.established = 0
        self.failed: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.left = 0
        #: Connects that had no answer in time, by the phase they hung in.
        self.hung: Counter[str] = Counter()
        self.presence: list[Presence] = []
        self.traffic = ByteCounts()
        self.loop_lag = 0.0
        self.schedule_lag = 0.0
        #: Deliveries that arrived before their send time; whose announced one could not be read.
        self.from_the_future = 0
        self.undated = 0
        self.remarks: list[Remark] = []
        self._said: dict[str, set[str]] = {}
        self._samples: dict[tuple[OpKind, str], OperationSamples] = {}
        self._names: Counter[OpKind] = Counter()

    def samples(self, op: OpKind, name: str) -> OperationSamples:
        """Where operations of this kind are counted; past ``NAMES`` of them all others together."""
        found = self._samples.get((op, name))
        return self._new_samples(op, name) if found is None else found

    def _new_samples(self, op: OpKind, name: str) -> OperationSamples:
        # JavaScript's texts may hold half of a surrogate pair, which no file can
        name = name[:NAME_CHARACTERS].encode("utf-8", "replace").decode()
        if (op, name) not in self._samples:
            if self._names[op] >= NAMES:
                self.remark(
                    "other", f"{op}: more than {NAMES} names; all further ones are counted as {OTHER}"
                )
                name = OTHER
            else:
                self._names[op] += 1
        return self._samples.setdefault((op, name), OperationSamples(op, name))

    def remark(self, kind: str, text: str, level: Literal["warning", "doubt"] = "warning") -> None:
        """Add a remark to the report, once; of each kind only the first few."""
        text = one_line(text, REMARK_CHARACTERS)
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

    def join(self, receiver: Receiver, now: float, *, recovered: bool = False) -> None:
        """A receiver expects broadcasts from now on.

        Its audiences are those it joins now; in a ``recovered`` session also those it had.
        """
        receiver.joined_at, receiver.left_at, receiver.overtaken = now, inf, False
        if recovered:
            self.tracker.audiences.recover(receiver, now)
        self.open += 1
        self.present += 1
        self.presence.append(Presence(now, 1))

    def leave(self, receiver: Receiver, now: float, *, gone: bool = False, waiting: bool = True) -> None:
        """A receiver expects nothing that is sent from now on, to any audience.

        Of one that is ``gone`` for good the connection may stay open for a while. ``waiting``: it
        has not had all the answers it asked for, or only just.
        """
        if receiver.left_at == inf and receiver.joined_at != inf:
            receiver.left_at = now
            self.present -= 1
            self.presence.append(Presence(now, -1))
            self.tracker.audiences.end(receiver, now, gone=gone, waiting=waiting)

    def close_operations(self) -> list[Operation]:
        """Operations since the last report, deliveries included."""
        for event, response, service in self.tracker.arrivals():
            samples = self.samples("deliver", event)
            samples.response.frombytes(response.tobytes())
            samples.service.frombytes(service.tobytes())
        for event, count in self.tracker.undue():
            self.samples("deliver", event).untimed += count
        closed = [samples.close() for samples in self._samples.values()]
        return [operation for operation in closed if operation.count or operation.errors]

    def close_connections(self) -> Connections:
        """Connections since the last report."""
        closed = Connections(
            open=self.open,
            attempted=self.attempted,
            established=self.established,
            failed=dict(self.failed),
            closed=dict(self.closed),
            left=self.left,
            hung=dict(self.hung),
        )
        self.attempted = self.established = self.left = 0
        self.failed.clear()
        self.closed.clear()
        self.hung.clear()
        return closed

    def close_bytes(self) -> Bytes:
        """Bytes since the last report."""
        traffic = self.traffic
        closed = Bytes(traffic.payload_in, traffic.payload_out, traffic.wire_in, traffic.wire_out)
        traffic.payload_in = traffic.payload_out = traffic.wire_in = traffic.wire_out = 0
        return closed

    def take_presence(self) -> list[Presence]:
        """Changes of presence and of memberships since the last report."""
        presence = self.presence + self.tracker.take_presence()
        self.presence = []
        return presence
