"""What all connections of a worker share, in the loop thread.

A broadcast reaches every user as the same bytes. ``known`` remembers what a frame turned
out to be, so that it is decoded once per worker, not once per user.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from siotool.protocol import packets
from siotool.swarm.delivery_tracker import DeliveryTracker, Receiver
from siotool.swarm.memory_limits import (
    KNOWN_BYTES,
    KNOWN_ENTRY_BYTES,
    WRITE_BUFFER_BYTES,
    WRITE_BUFFERS_BYTES,
)
from siotool.swarm.metrics import Dated, Metrics, Samples, Untimed, epoch_seconds

#: An operation that takes longer than this is overdue.
OVERDUE_S = 1.0


class Deliverable(Protocol):
    """Something that arrives at receivers."""

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Book one arrival."""


class Caller(Protocol):
    """A connection, as far as its calls go."""

    calls: dict[bytes, Any]

    def expire(self, ack_id: bytes) -> None:
        """Give a call up, when it is still waiting."""


class Switchboard:
    """Metrics, known frames, and who listens to what."""

    def __init__(
        self,
        metrics: Metrics,
        tracker: DeliveryTracker,
        to_hub: Callable[..., None],
        bug: Callable[[Exception], None],
        on_forget: Callable[[Any], None],
        namespace: str,
    ) -> None:
        self.metrics = metrics
        self.tracker = tracker
        self.to_hub = to_hub
        #: Told of an exception that no server can bring about.
        self.bug = bug
        self._on_forget = on_forget
        self.known: dict[bytes, Deliverable] = {}
        self._known_bytes = 0
        #: Connections whose server does not read what is sent to it.
        self.paused = 0
        self.event_prefix = packets.event_prefix(namespace)
        self.ack_prefix = packets.ack_prefix(namespace)
        self.connections: set[Any] = set()
        #: Deliveries whose announced send time could not be read.
        self.undated = 0
        self._listening: dict[str, str] = {}
        # by timeout: calls in the order of their deadlines
        self._deadlines: dict[float, deque[tuple[float, Caller, bytes]]] = {}

    def expect(self, timeout: float, now: float, caller: Caller, ack_id: bytes) -> None:
        """Give a call up ``timeout`` seconds from now."""
        waiting = self._deadlines.get(timeout)
        if waiting is None:
            waiting = self._deadlines[timeout] = deque()
        waiting.append((now + timeout, caller, ack_id))

    def expire(self, now: float) -> None:
        """Give up the calls whose time has come; forget those that were answered."""
        for timeout, waiting in list(self._deadlines.items()):
            while waiting:
                deadline, caller, ack_id = waiting[0]
                if ack_id in caller.calls:
                    if deadline > now:
                        break
                    caller.expire(ack_id)
                waiting.popleft()
            if not waiting:
                del self._deadlines[timeout]

    def overdue(self, now: float) -> int:
        """Calls that have waited longer than ``OVERDUE_S``."""
        count = 0
        for timeout, waiting in self._deadlines.items():
            # what was answered is dropped, so that it is not looked at again a second later
            late_until = now - OVERDUE_S + timeout
            late: list[tuple[float, Caller, bytes]] = []
            while waiting and waiting[0][0] < late_until:
                entry = waiting.popleft()
                if entry[2] in entry[1].calls:
                    late.append(entry)
            waiting.extendleft(reversed(late))
            count += len(late)
        return count

    @property
    def write_limit(self) -> int:
        """Bytes that may wait in one connection before nothing more is sent there."""
        return min(WRITE_BUFFER_BYTES, WRITE_BUFFERS_BYTES // max(1, self.paused))

    def listen(self, event: str, sent_at: str) -> None:
        """Book every ``event`` (``*``: any); ``sent_at`` is the field with its send time, or empty."""
        self._listening[event] = sent_at

    def forget(self, connection: object) -> None:
        """Drop a connection that has closed; a second time nothing happens."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._on_forget(connection)

    def recognise(self, packet: packets.Packet, payload: bytes) -> Deliverable | None:
        """What a frame is to be booked as; None when it is of no interest.

        Raises RemoteProtocolError when it is no event.
        """
        name, arguments = packets.parse_event(packet)
        found: Deliverable | None = self.tracker.seen(payload, name)
        if found is None:
            sent_at = self._listening.get(name, self._listening.get("*"))
            if sent_at is None:
                return None
            found = self._listened(name, arguments, sent_at)
        # a packet with attachments or an ack id asks for more than booking, each time anew
        if not packet.attachments and packet.ack_id is None:
            self._remember(payload, found)
        return found

    def _remember(self, payload: bytes, found: Deliverable) -> None:
        size = len(payload) + KNOWN_ENTRY_BYTES
        if size > KNOWN_BYTES:
            return
        if self._known_bytes + size > KNOWN_BYTES:
            self.known.clear()
            self._known_bytes = 0
        self.known[payload] = found
        self._known_bytes += size

    def _listened(self, name: str, arguments: list[Any], sent_at: str) -> Deliverable:
        samples = self.metrics.samples("deliver", name)
        if not sent_at:
            return Untimed(samples)
        value = _field(arguments, sent_at)
        sent = None if value is None else epoch_seconds(value)
        return Undated(samples, self) if sent is None else Dated(samples, sent, self.metrics)


class Undated(Untimed):
    """A server event that was to carry its send time, and has none that can be read."""

    __slots__ = ("_board",)

    def __init__(self, samples: Samples, board: Switchboard) -> None:
        super().__init__(samples)
        self._board = board

    def deliver(self, receiver: Receiver, now: float) -> None:
        """Book one arrival."""
        super().deliver(receiver, now)
        self._board.undated += 1


def _field(arguments: list[Any], path: str) -> float | None:
    """A number in the first argument, by dotted path; the argument itself for ``.``."""
    value: Any = arguments[0] if arguments else None
    for key in path.split(".") if path != "." else ():
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**64:
        return float(value)  # JSON has whole numbers that no float can hold
    return None
