"""What the connections of one loop to one target share: the open ones, and the calls' deadlines."""

from collections import deque
from collections.abc import Iterable
from math import ceil
from typing import Any, Protocol

from siotool.client.deadlines import Deadlines
from siotool.client.observer import Arrival, ByteCounts, Pending
from siotool.protocol import json_parser
from siotool.protocol.engine_io import Revision
from siotool.protocol.session import MAIN
from siotool.protocol.socket_io import PacketType, Parser

#: Bytes that wait in one connection because its server does not read. Past it nothing more is
#: sent there (``not_sent``); the last message may go over it.
WRITE_BUFFER_BYTES = 4_000_000
#: The same over all connections of a pool: the more of them wait, the less each may hold.
WRITE_BUFFERS_BYTES = 256_000_000


class Caller(Protocol):
    """A connection, as far as its calls go."""

    calls: dict[bytes, Pending]

    def expire(self, ack_id: bytes) -> None:
        """Give a call up, when it is still waiting."""


class Pool:
    """Connections of one parser and one revision of Engine.IO; used in the loop's thread.

    ``known``, filled by the user of the pool: packets whose event need not be parsed again.
    """

    def __init__(
        self, traffic: ByteCounts, parser: Parser = json_parser, revision: Revision = 4, main: str = MAIN
    ) -> None:
        """``main``: the namespace that most connections use."""
        self.traffic = traffic
        self.parser = parser
        self.revision = revision
        #: The namespace of the short ways, and how events and acks begin there; none where packets
        #: are messages of bytes.
        self.main_namespace = "" if parser.BINARY else main
        self.event_prefix = json_parser.frame(PacketType.EVENT, main)
        self.ack_prefix = json_parser.frame(PacketType.ACK, main)
        self.known: dict[bytes, Arrival] = {}
        self.connections: set[Any] = set()
        #: Until when connects wait.
        self.deadlines = Deadlines()
        #: Connections whose server does not read what is sent to it.
        self.paused = 0
        #: Those that ``beat`` has yet to look at in this round.
        self._to_look_at: list[Any] = []
        #: Those that ``read_wire`` has yet to read, where some were read ahead of it.
        self._unread: list[Any] | None = None
        # by timeout: calls in the order of their deadlines
        self._deadlines: dict[float, deque[tuple[float, Caller, bytes]]] = {}

    @property
    def write_limit(self) -> int:
        """Bytes that may wait in one connection before nothing more is sent there."""
        return min(WRITE_BUFFER_BYTES, WRITE_BUFFERS_BYTES // max(1, self.paused))

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

    def overdue(self, now: float, after_s: float) -> int:
        """Calls that have waited longer than ``after_s`` seconds."""
        count = 0
        for timeout, waiting in self._deadlines.items():
            # what was answered is dropped, so that it is not looked at again a second later
            late_until = now - after_s + timeout
            late: list[tuple[float, Caller, bytes]] = []
            while waiting and waiting[0][0] < late_until:
                entry = waiting.popleft()
                if entry[2] in entry[1].calls:
                    late.append(entry)
            waiting.extendleft(reversed(late))
            count += len(late)
        return count

    def beat(self, now: float, share: float = 1.0) -> None:
        """Send the heartbeats that are due; close the connections whose server has missed its own.

        ``share``: only of so many of the connections, in turn. To look at thousands at once takes a while.
        """
        if share == 1 or not self._to_look_at:
            self._to_look_at = list(self.connections)
        for _ in range(min(len(self._to_look_at), ceil(share * len(self.connections)))):
            connection = self._to_look_at.pop()
            if not connection.open:
                continue
            connection.ping(now)
            # as the official clients, of which the older one takes whatever comes for a sign of life
            lived = connection.heard if self.revision == 3 else connection.pinged
            if now - lived > connection.session.patience_s:
                connection.end("ping_timeout")

    def read_ahead(self, count: int) -> bool:
        """Read the counters of so many connections now, so that ``read_wire`` need not; whether any is left.

        To read thousands at once keeps whatever arrives meanwhile waiting.
        """
        if self._unread is None:
            self._unread = list(self.connections)
        read, self._unread = self._unread[:count], self._unread[count:]
        _read(read)
        return bool(self._unread)

    def read_wire(self) -> None:
        """Bring the counters of ``traffic`` up to date, but for those that were read ahead."""
        _read(self.connections if self._unread is None else self._unread)
        self._unread = None


def _read(connections: Iterable[Any]) -> None:
    for connection in connections:
        transport = connection.transport
        if transport is not None and transport.stirred:  # most are quiet
            transport.read_wire()
