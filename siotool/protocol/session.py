"""One client's Socket.IO session over a WebSocket, without the WebSocket.

Feed it the frames that arrived; it returns one event for each and says what to answer:

    OPENING ──open packet──▶ JOINING ──CONNECT──▶ JOINED ──close, DISCONNECT──▶ CLOSED
                                └────CONNECT_ERROR──▶ CLOSED

A close packet ends it in any state. Events may come while joining: servers may emit from
their connect handler, before they answer.

Heartbeats are the server's in Engine.IO 4: it pings, we pong, and silence longer than
ping interval + ping timeout means that it is gone (``patience_s``).
"""

from enum import Enum, auto
from typing import Any, NamedTuple

from siotool.protocol import packets
from siotool.protocol.errors import LocalProtocolError, RemoteProtocolError
from siotool.protocol.packets import EngineType, Packet, PacketType


class State(Enum):
    """Where the session stands."""

    OPENING = auto()
    JOINING = auto()
    JOINED = auto()
    CLOSED = auto()


class Opened(NamedTuple):
    """The Engine.IO session is open; ``reply`` asks to join the namespace."""

    sid: str
    reply: bytes


class Joined(NamedTuple):
    """The namespace let us in."""

    sid: str


class Refused(NamedTuple):
    """The namespace did not let us in."""

    message: str


class Ping(NamedTuple):
    """The server's heartbeat; send ``reply``."""

    reply: bytes


class Received(NamedTuple):
    """An event of the server."""

    packet: Packet


class Acknowledged(NamedTuple):
    """The server answered one of our calls."""

    ack_id: int
    packet: Packet


class Ended(NamedTuple):
    """The server closed the namespace or the session."""


class Ignored(NamedTuple):
    """A packet that asks for nothing: noop, pong, an attachment, another namespace's."""


Event = Opened | Joined | Refused | Ping | Received | Acknowledged | Ended | Ignored

_IGNORED = Ignored()
_ENDED = Ended()
_PINGED = Ping(packets.PONG)

# The hot paths compare with these: looking a member up on its enum costs more than the comparison.
_OPENING, _CLOSED = State.OPENING, State.CLOSED
_OPEN, _CLOSE, _PING, _PONG, _MESSAGE, _UPGRADE, _NOOP = (ord("0") + int(kind) for kind in EngineType)
_EVENTS = (int(PacketType.EVENT), int(PacketType.BINARY_EVENT))
_ACKS = (int(PacketType.ACK), int(PacketType.BINARY_ACK))


class Session:
    """State of one conversation; ``namespace`` and ``auth`` are what it will ask for."""

    __slots__ = (
        "_attachments_due",
        "_connect_frame",
        "_next_ack",
        "_own",
        "auth",
        "max_payload",
        "namespace",
        "patience_s",
        "state",
    )

    def __init__(self, namespace: str = "/", auth: Any = None) -> None:
        """Raises what ``packets.connect_frame`` does, before anything is opened."""
        self._connect_frame = packets.connect_frame(namespace, auth)
        # servers differ in whether they repeat a query string; parse_packet strips it
        self._own = namespace.partition("?")[0]
        self.namespace = namespace
        self.auth = auth
        self.state = State.OPENING
        #: Seconds of silence after which the server counts as gone; known once open.
        self.patience_s = float("inf")
        #: Bytes of the largest message the server takes, where it says so.
        self.max_payload: float | None = None
        self._next_ack = 0
        self._attachments_due = 0

    def receive_text(self, frame: bytes) -> Event:
        """Take one text frame. Raises RemoteProtocolError when it makes no sense now."""
        if self.state is _CLOSED:
            return _IGNORED
        kind = frame[0] if frame else -1
        if kind == _MESSAGE:
            return self._message(frame)
        if kind == _PING:
            return _PINGED
        if kind == _OPEN:
            return self._open(frame)
        if kind == _CLOSE:
            self.state = State.CLOSED
            return _ENDED
        if kind in (_PONG, _UPGRADE, _NOOP):
            return _IGNORED
        raise RemoteProtocolError(f"not an Engine.IO packet: {frame[:40]!r}")

    @property
    def attachments_due(self) -> int:
        """Attachments that were announced and have not come yet."""
        return self._attachments_due

    def receive_binary(self, frame: bytes) -> Event:
        """Take one binary frame: an attachment of the packet before it.

        Raises RemoteProtocolError when no attachment is due.
        """
        if self.state is _CLOSED:
            return _IGNORED
        if self._attachments_due == 0:
            raise RemoteProtocolError(f"binary frame of {len(frame)} bytes that no packet announced")
        self._attachments_due -= 1
        return _IGNORED

    def _open(self, frame: bytes) -> Event:
        if self.state is not State.OPENING:
            raise RemoteProtocolError("a second Engine.IO open packet")
        handshake = packets.parse_handshake(frame[1:])
        self.patience_s = (handshake.pingInterval + handshake.pingTimeout) / 1000
        self.max_payload = handshake.maxPayload
        self.state = State.JOINING
        return Opened(handshake.sid, self._connect_frame)

    def _message(self, frame: bytes) -> Event:
        if self.state is _OPENING:
            raise RemoteProtocolError(f"a message before the open packet: {frame[:40]!r}")
        if self._attachments_due:
            raise RemoteProtocolError(
                f"{self._attachments_due} attachments are due, but {frame[:40]!r} came between"
            )
        packet = packets.parse_packet(frame[1:])
        self._attachments_due = packet.attachments
        if packet.namespace != self._own:
            return _IGNORED
        kind = packet.type
        if kind in _EVENTS:
            return Received(packet)
        if kind in _ACKS:
            if packet.ack_id is None:
                raise RemoteProtocolError("an ack without an id")
            return Acknowledged(packet.ack_id, packet)
        if kind == PacketType.CONNECT:
            return self._joined(packet)
        self.state = State.CLOSED
        if kind == PacketType.CONNECT_ERROR:
            return Refused(packets.parse_error(packet))
        return _ENDED

    def _joined(self, packet: Packet) -> Event:
        if self.state is not State.JOINING:
            raise RemoteProtocolError("a second CONNECT for the namespace")
        sid = packets.parse_sid(packet)
        if not sid:
            raise RemoteProtocolError("a CONNECT without session id: a server of Socket.IO 2 or older?")
        self.state = State.JOINED
        return Joined(sid)

    def event(self, event: str, arguments: tuple[Any, ...]) -> bytes:
        """Frame that emits an event. Raises LocalProtocolError unless joined."""
        self._require_joined()
        return packets.event_frame(event, arguments, self.namespace)

    def call(self, event: str, arguments: tuple[Any, ...]) -> tuple[int, bytes]:
        """Ack id and frame of an event to be acknowledged. Raises LocalProtocolError unless joined."""
        self._require_joined()
        ack_id = self.take_ack_id()
        return ack_id, packets.event_frame(event, arguments, self.namespace, ack_id)

    def take_ack_id(self) -> int:
        """The id of the next call; each is given once."""
        ack_id = self._next_ack
        self._next_ack += 1
        return ack_id

    def close(self) -> bytes | None:
        """Frame that leaves, or None when there is nothing to leave."""
        was = self.state
        self.state = State.CLOSED
        return packets.disconnect_frame(self.namespace) if was is State.JOINED else None

    def _require_joined(self) -> None:
        if self.state is not State.JOINED:
            raise LocalProtocolError(f"cannot send while {self.state.name.lower()}")
