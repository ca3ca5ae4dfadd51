"""Socket.IO 5 packets, independent of their parser.

Source: github.com/socketio/socket.io-protocol (revision 5).
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from siotool.protocol.engine_io import Frame
from siotool.protocol.faults import RemoteProtocolError


class PacketType(IntEnum):
    """Socket.IO packet types."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


#: Event names that client and server use themselves; neither lets them be emitted.
RESERVED = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)


class Packet(NamedTuple):
    """A Socket.IO packet; ``data`` is not decoded yet, and empty when it has none."""

    type: int
    namespace: str = "/"
    ack_id: int | None = None
    data: bytes = b""
    attachments: int = 0


class Body(NamedTuple):
    """Data as it is written, and the bytes that follow it as messages of their own."""

    data: bytes
    attachments: tuple[bytes, ...] = ()


class Parser(Protocol):
    """How packets stand on the wire."""

    #: Whether events are messages of bytes, not of text.
    BINARY: bool

    def frame(
        self,
        kind: PacketType,
        namespace: str,
        ack_id: bytes = b"",
        data: bytes = b"",
        attachments: int = 0,
    ) -> Frame:
        """A packet with encoded ``data``; an ``ack_id`` in digits; so many ``attachments`` follow it."""

    def encode(self, data: Any) -> Body:
        """Write data. Raises TypeError when it cannot be written."""

    def parse(self, content: bytes) -> Packet:
        """Split an Engine.IO message into its parts; an event's or ack's data is an array.

        Raises RemoteProtocolError for what is no packet.
        """

    def decode(self, data: bytes) -> Any:
        """Read data. Raises RemoteProtocolError."""


def name_and_arguments(data: Any) -> tuple[str, list[Any]]:
    """Take an event's data apart. Raises RemoteProtocolError."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise RemoteProtocolError(f"an event must begin with its name, not {str(data)[:20]}")
    return data[0], data[1:]


def insert_attachments(data: list[Any], attachments: Sequence[bytes]) -> list[Any]:
    """Put attachments where their placeholders are, in place. Raises RemoteProtocolError."""
    containers: list[Any] = [data]
    while containers:
        container = containers.pop()
        for key, value in enumerate(container) if isinstance(container, list) else container.items():
            if isinstance(value, dict) and value.get("_placeholder") is True:
                number = value.get("num")
                if type(number) is not int or not 0 <= number < len(attachments):
                    raise RemoteProtocolError(
                        f"a placeholder for attachment {number!r} of {len(attachments)}"
                    )
                container[key] = attachments[number]
            elif isinstance(value, dict | list):
                containers.append(value)
    return data


class Refusal(NamedTuple):
    """Why a namespace refused a client: the server's message, and what it said besides, if anything."""

    message: str
    data: Any = None


def refusal(packet: Packet, parser: Parser) -> Refusal:
    """What a CONNECT_ERROR packet says, in any form."""
    try:
        data = parser.decode(packet.data) if packet.data else None
    except RemoteProtocolError:
        return Refusal(packet.data.decode("utf-8", "replace"))
    if isinstance(data, dict) and isinstance(data.get("message"), str):
        return Refusal(data["message"], data.get("data"))
    if isinstance(data, dict | list):  # Socket.IO 2 sends the data of a refusal alone
        return Refusal("", data)
    return Refusal("" if data is None else str(data))


class Welcome(NamedTuple):
    """Content of a server's CONNECT: the session id, and the private id of a session it can recover."""

    sid: str
    pid: str


def welcome(packet: Packet, parser: Parser) -> Welcome:
    """What a CONNECT packet says; empty where the server said nothing."""
    try:
        data = parser.decode(packet.data) if packet.data else None
    except RemoteProtocolError:
        data = None
    found = data if isinstance(data, dict) else {}
    sid, pid = found.get("sid"), found.get("pid")
    return Welcome(sid if isinstance(sid, str) else "", pid if isinstance(pid, str) else "")
