"""What happens to one user's connections and calls, as it is counted; in the loop thread."""

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

import msgspec

from siotool.client.connection import Connection
from siotool.client.failures import NOT_SENT, UNHEARD, ClientFailure
from siotool.printable import one_line
from siotool.protocol.session import Recoverable
from siotool.protocol.socket_io import Packet
from siotool.runfile import OpKind
from siotool.swarm.operation_samples import OperationSamples
from siotool.swarm.receiver import Receiver
from siotool.swarm.switchboard import Switchboard
from siotool.swarm.target_counts import TargetCounts
from siotool.swarm.user_counts import UserCounts

#: What an upgrade leads to.
_UPGRADE = "websocket"
#: Characters of a server's words within a remark.
_WORDS_SHOWN = 150


class UserObserver(Receiver):
    """A user in the loop thread: observes its connections, one after the other."""

    __slots__ = (
        "answered_at",
        "board",
        "connection",
        "counts",
        "on_lost",
        "opening_at",
        "opening_node",
        "recoverable",
        "retired",
        "samples",
        "target",
        "used_before",
    )

    def __init__(
        self,
        slot: int,
        counts: UserCounts,
        board: Switchboard,
        target: TargetCounts,
        used_before: bool,
    ) -> None:
        super().__init__(slot)
        self.board = board
        #: Counts of the target it connects to.
        self.target = target
        #: Counts of its user class, and where its class's operations at its target are counted.
        self.counts = counts
        self.samples = target.table(counts.name).samples
        #: Its slot was another user's, and must be cleared.
        self.used_before = used_before
        #: Its user has left; the slot is free once the connection has closed.
        self.retired = False
        #: When a call of it was last answered; the user may not know yet.
        self.answered_at = -inf
        #: From its connect to its end.
        self.connection: UserConnection | None = None
        #: Called in the hub with a connection that the user did not end itself, and the reason.
        self.on_lost: Callable[[UserConnection, str], None] | None = None
        #: By namespace, the sessions that a server may give back to its next connection.
        self.recoverable: dict[str, Recoverable] = {}
        #: The node that the connection is on which is being opened.
        self.opening_node = ""
        #: When the connect began that is under way, or that opened the connection.
        self.opening_at = -inf

    def phase(self, name: str, took: float) -> None:
        """A phase of connecting has succeeded, ``took`` seconds after it began."""
        self.samples("phase", name).record(took, took)

    def opening_answer(self, header: Callable[[str], list[str]]) -> None:
        """The answer has come that opens the session; see what its header says of the node."""
        nodes = self.board.nodes
        if nodes.header:
            self.opening_node = nodes.named(header(nodes.header))

    def upgraded(self, took: float) -> None:
        """The connection has moved to WebSocket, ``took`` seconds after it was tried."""
        self.samples("upgrade", _UPGRADE).record(took, took)

    def upgrade_failed(self, kind: str, detail: str) -> None:
        """It could not move to WebSocket, and stays on long polling."""
        self.samples("upgrade", _UPGRADE).fail(kind)
        metrics = self.board.metrics
        words = one_line(metrics.redaction.apply(detail), _WORDS_SHOWN)
        metrics.remark(
            "upgrade", f"an upgrade to WebSocket failed: {kind} ({words}); it stays on long polling"
        )

    def namespace(self, name: str, took: float) -> None:
        """A namespace is joined, ``took`` seconds after it was asked."""
        self.samples("namespace", name).record(took, took)

    def cookies(self, values: list[str]) -> None:
        """The server has set cookies: they are not to be shown."""
        self.board.to_hub(self.board.metrics.redaction.add_for_a_while, values)

    def joined(self, now: float, recovered: bool) -> None:
        """All namespaces are joined: the connection is established, and open from the same moment on."""
        self.target.established += 1
        self.counts.established += 1
        self.target.open += 1
        self.board.metrics.join(
            self, now, recovered=recovered, node=self.opening_node, connecting_at=self.opening_at
        )

    def left(self, namespace: str) -> None:
        """The server has closed one namespace of several."""
        self.board.metrics.remark("left", f"the server disconnected clients from namespace {namespace}")

    def event(self, name: str, arguments: list[Any], packet: Packet, payload: bytes, now: float) -> None:
        """An event has come: count it when it is a broadcast of ours, or is listened to."""
        found = self.board.recognise(name, arguments, packet, payload)
        if found is not None:
            found.deliver(self, now)

    def ended(self, reason: str) -> None:
        """The open connection has ended."""
        connection, self.connection = self.connection, None
        target = self.target
        target.open -= 1
        if reason == "client":
            self.board.metrics.leave(self, monotonic())
            target.left += 1
        else:
            self.board.metrics.lose(self, monotonic(), None if connection is None else connection.idle_s)
            target.closed[reason] += 1
        if connection is not None:
            self.recoverable = connection.recoverable
            if self.on_lost is not None and reason != "client":
                self.board.to_hub(self.on_lost, connection, reason)
        self.board.on_ended(self)

    def catch_up(self, sent: float, now: float) -> None:
        """A message has come that was sent before the user was back."""
        self.board.metrics.away.catch_up(self, sent, now)

    def remark(self, kind: str, text: str) -> None:
        """Something that the report should say."""
        self.board.metrics.remark(kind, text)

    def bug(self, error: Exception) -> None:
        """An exception that no server can cause."""
        self.board.bug(error)

    def not_sent(self, op: OpKind, event: str) -> None:
        """Count an operation that could not be sent."""
        self.counts.failed += 1
        samples = self.board.metrics.samples if op == "deliver" else self.samples
        samples(op, event).errors[NOT_SENT] += 1


#: A connection whose observer counts it for a user.
UserConnection = Connection[UserObserver]


class Call(msgspec.Struct, gc=False):
    """A call under way: where it is counted, when it was to begin and when it did, what takes the answer."""

    user: UserObserver
    samples: OperationSamples
    intended: float
    start: float
    answer: Callable[[Any], None] | None

    def answered(self, arguments: list[Any], now: float) -> None:
        """Record an answer that came at ``now``."""
        samples = self.samples
        self.user.answered_at = now
        samples.response.append(now - self.intended)
        samples.service.append(now - self.start)
        if self.answer is not None:
            self.user.board.to_hub(self.answer, arguments)

    def failed(self, kind: str) -> None:
        """Record that there will be no answer."""
        self.samples.fail(kind, monotonic() - self.intended if kind in UNHEARD else None)
        self.user.counts.failed += 1
        if self.answer is not None:
            self.user.board.to_hub(self.answer, ClientFailure(kind))
