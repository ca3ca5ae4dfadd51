"""One client's Socket.IO session, without a transport: one or several namespaces over one connection.

Feed it the packets that arrived; it returns what each one means and says what to answer:

    OPENING ──open packet──▶ JOINING ──CONNECT of each namespace──▶ JOINED ──close──▶ CLOSED
                                └────CONNECT_ERROR, DISCONNECT of the last namespace──▶ CLOSED

A close packet ends it in any state. Events may come while joining: servers may emit from
their connect handler, before they answer.

Heartbeats are the server's in Engine.IO 4: it pings, we pong, and silence longer than
ping interval + ping timeout means that it is gone (``patience_s``). In Engine.IO 3 the client pings
(``ping_every_s``).

A server of Socket.IO 2 (Engine.IO 3) joins every client to ``/`` by itself, and gives no session ids
in its namespaces: there it is that of the connection.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from siotool.protocol import json_parser
from siotool.protocol.engine_io import (
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
    UPGRADE,
    Frame,
    Revision,
    parse_handshake,
)
from siotool.protocol.faults import LocalProtocolError, RemoteProtocolError, TooLargeError
from siotool.protocol.socket_io import Body, Packet, PacketType, Parser, refusal, welcome

MAIN = "/"
#: All attachments of one packet, at most: as much as one message.
ATTACHED_BYTES = 10 * 1024 * 1024
ATTACHMENTS = 1_000


class State(Enum):
    """States of a session."""

    OPENING = auto()
    JOINING = auto()
    JOINED = auto()
    CLOSED = auto()


class Opened(NamedTuple):
    """The Engine.IO session is open; ``replies`` ask to join the namespaces."""

    sid: str
    replies: tuple[Frame, ...]


class Joined(NamedTuple):
    """A namespace is joined; ``recovered``: with the session that was lost before."""

    namespace: str
    sid: str
    recovered: bool = False


class Refused(NamedTuple):
    """A namespace refused to be joined."""

    namespace: str
    message: str
    data: Any = None


class Ping(NamedTuple):
    """The server's heartbeat; send ``reply``."""

    reply: bytes


class Received(NamedTuple):
    """An event of the server, with all its attachments."""

    packet: Packet
    attachments: tuple[bytes, ...] = ()


class Acknowledged(NamedTuple):
    """The server answered one of our calls; the packet has an ack id."""

    packet: Packet
    attachments: tuple[bytes, ...] = ()


class Left(NamedTuple):
    """The server closed one namespace of several."""

    namespace: str


class Ended(NamedTuple):
    """The session is over: the server closed its last namespace, or (``engine``) the connection."""

    engine: bool


#: None for a packet that asks for nothing: noop, pong, another namespace's.
Event = Opened | Joined | Refused | Ping | Received | Acknowledged | Left | Ended | None


class Recoverable(NamedTuple):
    """A session that a server may recover: its private id, and the offset of the last event, if one came."""

    pid: str
    offset: str

    @property
    def shown(self) -> dict[str, str]:
        """What the client shows of it."""
        return {"pid": self.pid, "offset": self.offset} if self.offset else {"pid": self.pid}


_CLOSED_BY_ENGINE = Ended(engine=True)
_DISCONNECTED = Ended(engine=False)
_PINGED = Ping(bytes((PONG,)))

# The hot paths compare with these: looking a member up on its enum costs more than the comparison.
_OPENING, _CLOSED = State.OPENING, State.CLOSED
_EVENTS = (int(PacketType.EVENT), int(PacketType.BINARY_EVENT))
_ACKS = (int(PacketType.ACK), int(PacketType.BINARY_ACK))
_CONNECT, _CONNECT_ERROR = int(PacketType.CONNECT), int(PacketType.CONNECT_ERROR)


class Session:
    """State of one conversation; the arguments are what it will ask for."""

    __slots__ = (
        "_header",
        "_lost",
        "_parser",
        "_parts",
        "_requests",
        "_revision",
        "_unjoined",
        "joined",
        "max_payload",
        "patience_s",
        "pid",
        "ping_every_s",
        "sid",
        "state",
        "upgrades",
    )

    def __init__(
        self,
        namespaces: Sequence[str] = (MAIN,),
        auth: Any = None,
        parser: Parser = json_parser,
        revision: Revision = 4,
        recover: Mapping[str, Recoverable] | None = None,
    ) -> None:
        """``recover``: by namespace, sessions of a lost connection.

        Raises, before anything is opened, what ``join_request`` does.
        """
        requests: list[Frame] = []
        for namespace in namespaces:
            lost = (recover or {}).get(namespace)
            shown = auth if lost is None else {**lost.shown, **(auth or {})}
            request = join_request(namespace, shown, parser)
            if revision == 4 or namespace != MAIN:
                requests.append(request)
        self._requests = tuple(requests)
        self._lost = recover or None
        self._parser = parser
        self._revision = revision
        # servers differ in whether they repeat a query string; the parser strips it
        self._unjoined = tuple(namespace.partition("?")[0] for namespace in namespaces)
        #: The namespaces that are joined.
        self.joined: tuple[str, ...] = ()
        self._header: Packet | None = None
        self._parts: list[bytes] | None = None
        self.state = State.OPENING
        #: Id of the Engine.IO session, and the transports that the server offers besides; known once open.
        self.sid = ""
        self.upgrades: tuple[str, ...] = ()
        #: Private ids of the sessions that the server may recover, by namespace.
        self.pid: dict[str, str] | None = None
        #: Seconds of silence after which the server counts as gone; known once open.
        self.patience_s = float("inf")
        #: Seconds between the client's own pings; infinite where the server pings.
        self.ping_every_s = float("inf")
        #: Bytes of the largest message the server takes, where it says so.
        self.max_payload: float | None = None

    @property
    def attachments_due(self) -> int:
        """Attachments that were announced and have not come yet."""
        if self._header is None or self._parts is None:
            return 0
        return self._header.attachments - len(self._parts)

    def receive_text(self, frame: bytes) -> Event:
        """Take one text packet. Raises RemoteProtocolError when it makes no sense now."""
        if self.state is _CLOSED:
            return None
        kind = frame[0] if frame else -1
        if kind == MESSAGE:
            return self._message(frame, frame[1:])
        if kind == PING:
            return _PINGED
        if kind == OPEN:
            return self._open(frame)
        if kind == CLOSE:
            self.state = State.CLOSED
            return _CLOSED_BY_ENGINE
        if kind in (PONG, UPGRADE, NOOP):
            return None
        raise RemoteProtocolError(f"not an Engine.IO packet: {frame[:40]!r}")

    def receive_binary(self, data: bytes) -> Event:
        """Take one message of bytes: an attachment of the packet before it, or a packet of the parser's.

        Raises RemoteProtocolError when no attachment is due.
        """
        if self.state is _CLOSED:
            return None
        if self._parser.BINARY:
            return self._message(data, data)
        header, parts = self._header, self._parts
        if header is None or parts is None:
            raise RemoteProtocolError(f"binary frame of {len(data)} bytes that no packet announced")
        if sum(map(len, parts)) + len(data) > ATTACHED_BYTES:
            raise TooLargeError(f"the attachments of a packet are larger than {ATTACHED_BYTES} bytes")
        parts.append(data)
        if len(parts) < header.attachments:
            return None
        self._header = self._parts = None
        return self._whole(header, tuple(parts))

    def _open(self, frame: bytes) -> Event:
        if self.state is not State.OPENING:
            raise RemoteProtocolError("a second Engine.IO open packet")
        handshake = parse_handshake(frame[1:])
        self.patience_s = (handshake.pingInterval + handshake.pingTimeout) / 1000
        if self._revision == 3:
            self.ping_every_s = handshake.pingInterval / 1000
        self.max_payload = handshake.maxPayload
        self.sid = handshake.sid
        self.upgrades = tuple(handshake.upgrades)
        self.state = State.JOINING
        replies, self._requests = self._requests, ()
        return Opened(handshake.sid, replies)

    def _message(self, frame: bytes, content: bytes) -> Event:
        if self.state is _OPENING:
            raise RemoteProtocolError(f"a message before the open packet: {frame[:40]!r}")
        if self._header is not None:
            raise RemoteProtocolError(
                f"{self.attachments_due} attachments are due, but {frame[:40]!r} came between"
            )
        packet = self._parser.parse(content)
        if packet.attachments:
            if packet.attachments > ATTACHMENTS:
                raise TooLargeError(f"a packet with {packet.attachments} attachments")
            self._header, self._parts = packet, []
            return None
        return self._whole(packet, ())

    def _whole(self, packet: Packet, attachments: tuple[bytes, ...]) -> Event:
        namespace = packet.namespace
        kind = packet.type
        known = namespace in self.joined or namespace in self._unjoined
        if self._revision == 3 and kind == _CONNECT_ERROR:
            # Socket.IO 2 lets nobody in who was refused at /; to one who is in it says so of a single packet
            # that its middleware refused, and he stays
            known = namespace not in self.joined and (known or namespace == MAIN)
        if not known:
            return None
        if kind in _EVENTS:
            return Received(packet, attachments)
        if kind in _ACKS:
            if packet.ack_id is None:
                raise RemoteProtocolError("an ack without an id")
            return Acknowledged(packet, attachments)
        if kind == _CONNECT:
            return self._join(packet)
        if kind == _CONNECT_ERROR:
            self.state = State.CLOSED
            return Refused(namespace, *refusal(packet, self._parser))
        return self._leave(namespace)

    def _join(self, packet: Packet) -> Event:
        namespace = packet.namespace
        if namespace in self.joined:
            raise RemoteProtocolError("a second CONNECT for the namespace")
        sid, pid = welcome(packet, self._parser)
        if not sid and self._revision == 4:
            raise RemoteProtocolError("a CONNECT without session id: a server of Socket.IO 2 or older?")
        self._unjoined = tuple(name for name in self._unjoined if name != namespace)
        self.joined += (namespace,)
        if not self._unjoined:
            self.state = State.JOINED
        if pid:
            self.pid = {**(self.pid or {}), namespace: pid}
        lost = self._lost.get(namespace) if self._lost else None
        return Joined(namespace, sid or self.sid, recovered=lost is not None and lost.pid == pid)

    def _leave(self, namespace: str) -> Event:
        self.joined = tuple(name for name in self.joined if name != namespace)
        self._unjoined = tuple(name for name in self._unjoined if name != namespace)
        if self.joined or self._unjoined:
            return Left(namespace)
        self.state = State.CLOSED
        return _DISCONNECTED

    def close(self) -> tuple[Frame, ...]:
        """The packets that leave the namespaces that are joined."""
        joined = self.joined if self.state is not State.CLOSED else ()
        self.state = State.CLOSED
        return tuple(self._parser.frame(PacketType.DISCONNECT, namespace) for namespace in joined)


def join_request(namespace: str, auth: Any, parser: Parser) -> Frame:
    """Packet that asks to join a namespace, with its auth payload when there is one.

    Raises LocalProtocolError for a namespace that cannot be sent, TypeError for an auth payload
    that is no object (Node.js servers close the connection on any other).
    """
    if not namespace.startswith("/") or "," in namespace:
        raise LocalProtocolError(f"a namespace begins with / and holds no comma, not {namespace!r}")
    if auth is not None and not isinstance(auth, Mapping):
        raise TypeError(f"an auth payload must be a JSON object, not {type(auth).__name__}")
    data, attachments = parser.encode(auth) if auth is not None else Body(b"")
    if attachments:
        raise TypeError("an auth payload cannot hold bytes")
    return parser.frame(PacketType.CONNECT, namespace, data=data)
