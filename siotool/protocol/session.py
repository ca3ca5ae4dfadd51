"""One client's Socket.IO session over a WebSocket, without the WebSocket.

Feed it the frames that arrived; it returns one event for each and says what to answer:

    OPENING ──open packet──▶ JOINING ──CONNECT──▶ JOINED ──close, DISCONNECT──▶ CLOSED
                                └────CONNECT_ERROR──▶ CLOSED

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
_PING = Ping(packets.PONG)


class Session:
    """State of one conversation; ``namespace`` and ``auth`` are what it will ask for."""

    __slots__ = ("_attachments_due", "_next_ack", "auth", "namespace", "patience_s", "state")

    def __init__(self, namespace: str = "/", auth: Any = None) -> None:
        self.namespace = namespace
        self.auth = auth
        self.state = State.OPENING
        #: Seconds of silence after which the server counts as gone; known once open.
        self.patience_s = float("inf")
        self._next_ack = 0
        self._attachments_due = 0

    def receive_text(self, frame: bytes) -> Event:
        """Take one text frame. Raises RemoteProtocolError when it makes no sense now."""
        if self.state is State.CLOSED:
            return _IGNORED
        if not frame:
            raise RemoteProtocolError("empty frame")
        kind = frame[0] - 48
        if kind == EngineType.MESSAGE:
            return self._message(frame)
        if kind == EngineType.PING:
            return _PING
        if kind == EngineType.OPEN:
            return self._open(frame)
        if kind == EngineType.CLOSE:
            self.state = State.CLOSED
            return _ENDED
        if kind in (EngineType.PONG, EngineType.NOOP, EngineType.UPGRADE):
            return _IGNORED
        raise RemoteProtocolError(f"not an Engine.IO packet: {frame[:40]!r}")

    def receive_binary(self, frame: bytes) -> Event:
        """Take one binary frame: an attachment of the packet before it."""
        if self._attachments_due == 0:
            raise RemoteProtocolError(f"binary frame of {len(frame)} bytes that no packet announced")
        self._attachments_due -= 1
        return _IGNORED

    def _open(self, frame: bytes) -> Event:
        if self.state is not State.OPENING:
            raise RemoteProtocolError("a second Engine.IO open packet")
        handshake = packets.parse_handshake(frame[1:])
        self.patience_s = (handshake.pingInterval + handshake.pingTimeout) / 1000
        self.state = State.JOINING
        return Opened(handshake.sid, packets.connect_frame(self.namespace, self.auth))

    def _message(self, frame: bytes) -> Event:
        if self.state is State.OPENING:
            raise RemoteProtocolError(f"a message before the open packet: {frame[:40]!r}")
        packet = packets.parse_packet(frame[1:])
        self._attachments_due = packet.attachments
        if packet.namespace != self.namespace:
            return _IGNORED
        kind = packet.type
        if kind in (PacketType.EVENT, PacketType.BINARY_EVENT):
            return Received(packet)
        if kind in (PacketType.ACK, PacketType.BINARY_ACK):
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
        self.state = State.JOINED
        return Joined(packets.parse_sid(packet))

    def event(self, event: str, arguments: tuple[Any, ...]) -> bytes:
        """Frame that emits an event. Raises LocalProtocolError unless joined."""
        self._require_joined()
        return packets.event_frame(event, arguments, self.namespace)

    def call(self, event: str, arguments: tuple[Any, ...]) -> tuple[int, bytes]:
        """Ack id and frame of an event to be acknowledged. Raises LocalProtocolError unless joined."""
        self._require_joined()
        ack_id = self._next_ack
        self._next_ack += 1
        return ack_id, packets.event_frame(event, arguments, self.namespace, ack_id)

    def close(self) -> bytes | None:
        """Frame that leaves, or None when there is nothing to leave."""
        was = self.state
        self.state = State.CLOSED
        return packets.disconnect_frame(self.namespace) if was is State.JOINED else None

    def _require_joined(self) -> None:
        if self.state is not State.JOINED:
            raise LocalProtocolError(f"cannot send while {self.state.name.lower()}")
