"""What one worker counts at one target between two reports; written only by its loop thread.

Operations are counted by user class: a user keeps the table of its class at its target, so that this
costs an operation nothing.
"""

from collections import Counter
from collections.abc import Callable

from siotool.client.observer import ByteCounts
from siotool.runfile import Bytes, Connections, Operation, OpKind, TargetUse
from siotool.swarm.operation_merging import merged_operations
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
        self._admit = admit
        self._tables: dict[str, SampleTable] = {}

    def table(self, user_class: str) -> SampleTable:
        """Where the operations of a user class are counted; for the hub's thread, which starts users."""
        found = self._tables.get(user_class)
        if found is None:
            found = self._tables[user_class] = SampleTable(self._admit)
        return found

    def close(self) -> tuple[TargetUse, dict[str, list[Operation]]]:
        """Return what was counted, and the operations by user class; begin anew."""
        # a copy: the hub may add a class meanwhile
        parts = {name: table.close() for name, table in list(self._tables.items())}
        return TargetUse(
            self._close_connections(), merged_operations(parts.values()), self._close_bytes()
        ), parts

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
