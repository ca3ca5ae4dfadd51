"""One client's Socket.IO session, without a transport.

Feed it the packets that arrived; it returns what each one means and says what to answer:

    OPENING ──open packet──▶ JOINING ──CONNECT──▶ JOINED ──close, DISCONNECT──▶ CLOSED
                                └────CONNECT_ERROR──▶ CLOSED

A close packet ends it in any state. Events may come while joining: servers may emit from
their connect handler, before they answer.

Heartbeats are the server's in Engine.IO 4: it pings, we pong, and silence longer than
ping interval + ping timeout means that it is gone (``patience_s``).
"""

from enum import Enum, auto
from typing import Any, NamedTuple

from siotool.protocol import json_parser
from siotool.protocol.engine_io import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, parse_handshake
from siotool.protocol.faults import LocalProtocolError, RemoteProtocolError
from siotool.protocol.socket_io import Packet, PacketType, Parser, error_message, session_id


class State(Enum):
    """States of a session."""

    OPENING = auto()
    JOINING = auto()
    JOINED = auto()
    CLOSED = auto()


class Opened(NamedTuple):
    """The Engine.IO session is open; ``reply`` asks to join the namespace."""

    sid: str
    reply: bytes


class Joined(NamedTuple):
    """The namespace is joined."""

    sid: str


class Refused(NamedTuple):
    """The namespace refused to be joined."""

    message: str


class Ping(NamedTuple):
    """The server's heartbeat; send ``reply``."""

    reply: bytes


class Received(NamedTuple):
    """An event of the server."""

    packet: Packet


class Acknowledged(NamedTuple):
    """The server answered one of our calls; the packet has an ack id."""

    packet: Packet


class Ended(NamedTuple):
    """The server closed the namespace or the session."""


#: None for a packet that asks for nothing: noop, pong, another namespace's.
Event = Opened | Joined | Refused | Ping | Received | Acknowledged | Ended | None

_ENDED = Ended()
_PINGED = Ping(bytes((PONG,)))

# The hot paths compare with these: looking a member up on its enum costs more than the comparison.
_OPENING, _CLOSED = State.OPENING, State.CLOSED
_EVENTS = (int(PacketType.EVENT), int(PacketType.BINARY_EVENT))
_ACKS = (int(PacketType.ACK), int(PacketType.BINARY_ACK))


class Session:
    """State of one conversation; ``namespace`` and ``auth`` are what it will ask for."""

    __slots__ = (
        "_namespace",
        "_own",
        "_parser",
        "_request",
        "attachments_due",
        "max_payload",
        "patience_s",
        "state",
    )

    def __init__(self, namespace: str = "/", auth: Any = None, parser: Parser = json_parser) -> None:
        """Raises, before anything is opened, what ``join_request`` does."""
        self._request = join_request(namespace, auth, parser)
        self._namespace = namespace
        self._parser = parser
        # servers differ in whether they repeat a query string; the parser strips it
        self._own = namespace.partition("?")[0]
        self.state = State.OPENING
        #: Seconds of silence after which the server counts as gone; known once open.
        self.patience_s = float("inf")
        #: Bytes of the largest message the server takes, where it says so.
        self.max_payload: float | None = None
        #: Attachments that were announced and have not come yet.
        self.attachments_due = 0

    def receive_text(self, frame: bytes) -> Event:
        """Take one text frame. Raises RemoteProtocolError when it makes no sense now."""
        if self.state is _CLOSED:
            return None
        kind = frame[0] if frame else -1
        if kind == MESSAGE:
            return self._message(frame)
        if kind == PING:
            return _PINGED
        if kind == OPEN:
            return self._open(frame)
        if kind == CLOSE:
            self.state = State.CLOSED
            return _ENDED
        if kind in (PONG, UPGRADE, NOOP):
            return None
        raise RemoteProtocolError(f"not an Engine.IO packet: {frame[:40]!r}")

    def receive_binary(self, frame: bytes) -> None:
        """Take one binary frame: an attachment of the packet before it.

        Raises RemoteProtocolError when no attachment is due.
        """
        if self.state is not _CLOSED:
            if self.attachments_due == 0:
                raise RemoteProtocolError(f"binary frame of {len(frame)} bytes that no packet announced")
            self.attachments_due -= 1

    def _open(self, frame: bytes) -> Event:
        if self.state is not State.OPENING:
            raise RemoteProtocolError("a second Engine.IO open packet")
        handshake = parse_handshake(frame[1:])
        self.patience_s = (handshake.pingInterval + handshake.pingTimeout) / 1000
        self.max_payload = handshake.maxPayload
        self.state = State.JOINING
        return Opened(handshake.sid, self._request)

    def _message(self, frame: bytes) -> Event:
        if self.state is _OPENING:
            raise RemoteProtocolError(f"a message before the open packet: {frame[:40]!r}")
        if self.attachments_due:
            raise RemoteProtocolError(
                f"{self.attachments_due} attachments are due, but {frame[:40]!r} came between"
            )
        packet = self._parser.parse(frame[1:])
        self.attachments_due = packet.attachments
        if packet.namespace != self._own:
            return None
        kind = packet.type
        if kind in _EVENTS:
            return Received(packet)
        if kind in _ACKS:
            if packet.ack_id is None:
                raise RemoteProtocolError("an ack without an id")
            return Acknowledged(packet)
        if kind == PacketType.CONNECT:
            return self._joined(packet)
        self.state = State.CLOSED
        if kind == PacketType.CONNECT_ERROR:
            return Refused(error_message(packet, self._parser))
        return _ENDED

    def _joined(self, packet: Packet) -> Event:
        if self.state is not State.JOINING:
            raise RemoteProtocolError("a second CONNECT for the namespace")
        sid = session_id(packet, self._parser)
        if not sid:
            raise RemoteProtocolError("a CONNECT without session id: a server of Socket.IO 2 or older?")
        self.state = State.JOINED
        return Joined(sid)

    def close(self) -> bytes | None:
        """Frame that leaves the namespace; None when it is not joined."""
        was = self.state
        self.state = State.CLOSED
        return self._parser.prefix(PacketType.DISCONNECT, self._namespace) if was is State.JOINED else None


def join_request(namespace: str, auth: Any, parser: Parser) -> bytes:
    """Frame that asks to join a namespace, with its auth payload when there is one.

    Raises LocalProtocolError for a namespace that cannot be sent, TypeError for an auth payload
    that is no object (Node.js servers close the connection on any other).
    """
    if not namespace.startswith("/") or "," in namespace:
        raise LocalProtocolError(f"a namespace begins with / and holds no comma, not {namespace!r}")
    data = b"" if auth is None else parser.encode(auth)
    if data[:1] not in (b"", b"{"):
        raise TypeError(f"an auth payload must be a JSON object, not {type(auth).__name__}")
    return parser.prefix(PacketType.CONNECT, namespace) + data
