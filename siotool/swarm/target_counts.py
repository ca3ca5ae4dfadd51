"""What one worker counts at one target between two reports; written only by its loop thread."""

from collections import Counter
from collections.abc import Callable

from siotool.client.observer import ByteCounts
from siotool.runfile import Bytes, Connections, OpKind, TargetUse
from siotool.swarm.operation_samples import SampleTable


class TargetCounts:
    """Connections, bytes and operations of one target since the last report; ``number`` is the target's."""

    def __init__(self, number: int, admit: Callable[[OpKind, str], str]) -> None:
        self.number = number
        self.open = 0
        self.attempted = 0
        self.established = 0
        self.failed: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.left = 0
        #: Connects that had no answer in time, by the phase they hung in.
        self.hung: Counter[str] = Counter()
        self.traffic = ByteCounts()
        self.table = SampleTable(admit)
        #: Where an operation is counted, by kind and name.
        self.samples = self.table.samples

    def close(self) -> TargetUse:
        """Return what was counted, and begin anew."""
        return TargetUse(self._close_connections(), self.table.close(), self._close_bytes())

    def _close_connections(self) -> Connections:
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

    def _close_bytes(self) -> Bytes:
        traffic = self.traffic
        closed = Bytes(traffic.payload_in, traffic.payload_out, traffic.wire_in, traffic.wire_out)
        traffic.payload_in = traffic.payload_out = traffic.wire_in = traffic.wire_out = 0
        return closed
