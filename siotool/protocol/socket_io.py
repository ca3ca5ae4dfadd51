"""Socket.IO 5 packets, independent of their parser.

Source: github.com/socketio/socket.io-protocol (revision 5).
"""

from enum import IntEnum
from typing import Any, NamedTuple, Protocol

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


class Packet(NamedTuple):
    """A Socket.IO packet; ``data`` is not decoded yet, and empty when it has none."""

    type: int
    namespace: str = "/"
    ack_id: int | None = None
    data: bytes = b""
    attachments: int = 0


class Parser(Protocol):
    """How packets stand on the wire. A frame is prefix, ack id in digits, and encoded data."""

    def prefix(self, kind: PacketType, namespace: str) -> bytes:
        """Start of every frame of a kind and a namespace."""

    def encode(self, data: Any) -> bytes:
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


def check_attachments(data: list[Any], attachments: int) -> None:
    """Check that each placeholder names an attachment. Raises RemoteProtocolError."""
    values: list[Any] = [data]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            number = value.get("num")
            if value.get("_placeholder") is not True:
                values += value.values()
            elif type(number) is not int or not 0 <= number < attachments:
                raise RemoteProtocolError(f"a placeholder for attachment {number!r} of {attachments}")


def error_message(packet: Packet, parser: Parser) -> str:
    """The message of a CONNECT_ERROR packet, in any form."""
    try:
        data = parser.decode(packet.data) if packet.data else None
    except RemoteProtocolError:
        return packet.data.decode("utf-8", "replace")
    if isinstance(data, dict) and isinstance(data.get("message"), str):
        return str(data["message"])
    return "" if data is None else str(data)


def session_id(packet: Packet, parser: Parser) -> str:
    """The session id of a CONNECT packet; empty when the server gave none."""
    try:
        data = parser.decode(packet.data)
    except RemoteProtocolError:
        return ""
    sid = data.get("sid") if isinstance(data, dict) else None
    return sid if isinstance(sid, str) else ""
