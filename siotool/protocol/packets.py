"""Engine.IO 4 and Socket.IO 5 packets as they stand in WebSocket text frames.

A frame is one Engine.IO packet: a digit for its type, then its content. An Engine.IO
message carries one Socket.IO packet:

    <type>[<attachments>-][<namespace>,][<ack id>][JSON]

Sources: github.com/socketio/engine.io-protocol (revision 4) and
github.com/socketio/socket.io-protocol (revision 5).
"""

from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from siotool.protocol.errors import RemoteProtocolError


class EngineType(IntEnum):
    """Engine.IO packet types."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6


class PacketType(IntEnum):
    """Socket.IO packet types."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


PONG = b"3"
CLOSE = b"1"

_ZERO = ord("0")
_NINE = ord("9")
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


class Handshake(msgspec.Struct, frozen=True):
    """Content of the Engine.IO open packet; intervals in milliseconds, as on the wire."""

    sid: str
    pingInterval: int
    pingTimeout: int
    upgrades: list[str] = []
    maxPayload: int | None = None


_decode_handshake = msgspec.json.Decoder(Handshake).decode


class Packet(NamedTuple):
    """A Socket.IO packet; ``json`` is its undecoded JSON text, empty when it has none."""

    type: int
    namespace: str = "/"
    ack_id: int | None = None
    json: bytes = b""
    attachments: int = 0


def parse_handshake(content: bytes) -> Handshake:
    """Read an Engine.IO open packet's content. Raises RemoteProtocolError."""
    try:
        return _decode_handshake(content)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise RemoteProtocolError(f"unreadable Engine.IO open packet: {error}") from error


def parse_packet(content: bytes) -> Packet:
    """Split a Socket.IO packet (without the Engine.IO type) into its parts.

    The JSON stays undecoded. Raises RemoteProtocolError for what is no packet.
    """
    if not content or not _ZERO <= content[0] <= _ZERO + PacketType.BINARY_ACK:
        raise RemoteProtocolError(f"unknown Socket.IO packet {content[:20]!r}")
    kind = content[0] - _ZERO
    at = 1
    attachments = 0
    if kind >= PacketType.BINARY_EVENT:
        dash = content.find(b"-", at)
        if dash < 0 or not content[at:dash].isdigit():
            raise RemoteProtocolError(f"binary packet without attachment count {content[:20]!r}")
        attachments = int(content[at:dash])
        at = dash + 1
    namespace = "/"
    if content[at : at + 1] == b"/":
        comma = content.find(b",", at)
        end = comma if comma >= 0 else len(content)
        namespace = content[at:end].decode("utf-8", "replace").partition("?")[0]
        at = end + 1
    begin = at
    size = len(content)
    while at < size and _ZERO <= content[at] <= _NINE:
        at += 1
    ack_id = int(content[begin:at]) if at > begin else None
    return Packet(kind, namespace, ack_id, content[at:], attachments)


def parse_arguments(packet: Packet) -> list[Any]:
    """Decode the JSON array of an event or ack. Raises RemoteProtocolError."""
    try:
        arguments = _decode_json(packet.json)
    except msgspec.DecodeError as error:
        raise RemoteProtocolError(f"unreadable JSON in a packet: {error}") from error
    if not isinstance(arguments, list):
        raise RemoteProtocolError(f"an event or ack must hold a JSON array, not {packet.json[:20]!r}")
    return arguments


def parse_event(packet: Packet) -> tuple[str, list[Any]]:
    """Return an event's name and arguments. Raises RemoteProtocolError."""
    arguments = parse_arguments(packet)
    if not arguments or not isinstance(arguments[0], str):
        raise RemoteProtocolError(f"an event must begin with its name, not {packet.json[:20]!r}")
    return arguments[0], arguments[1:]


def parse_error(packet: Packet) -> str:
    """Return the message of a CONNECT_ERROR packet, whatever form the server gave it."""
    try:
        data = _decode_json(packet.json) if packet.json else ""
    except msgspec.DecodeError:
        return packet.json.decode("utf-8", "replace")
    if isinstance(data, dict) and isinstance(data.get("message"), str):
        return str(data["message"])
    return str(data)


def parse_sid(packet: Packet) -> str:
    """Return the session id of a CONNECT packet; empty when the server gave none."""
    try:
        data = _decode_json(packet.json)
    except msgspec.DecodeError:
        return ""
    return str(data.get("sid", "")) if isinstance(data, dict) else ""


def _prefix(kind: PacketType, namespace: str) -> bytes:
    head = b"4" + bytes((_ZERO + kind,))
    return head if namespace == "/" else head + namespace.encode() + b","


def connect_frame(namespace: str = "/", auth: Any = None) -> bytes:
    """Frame that asks to join a namespace, with its auth payload when there is one."""
    return _prefix(PacketType.CONNECT, namespace) + (b"" if auth is None else _encode_json(auth))


def disconnect_frame(namespace: str = "/") -> bytes:
    """Frame that leaves a namespace."""
    return _prefix(PacketType.DISCONNECT, namespace)


def event_prefix(namespace: str = "/") -> bytes:
    """Start of every event frame of a namespace."""
    return _prefix(PacketType.EVENT, namespace)


def event_frame(
    event: str, arguments: tuple[Any, ...], namespace: str = "/", ack_id: int | None = None
) -> bytes:
    """Frame that emits an event; with ``ack_id`` the server is asked to acknowledge it.

    Raises TypeError when an argument cannot be written as JSON.
    """
    head = event_prefix(namespace)
    if ack_id is not None:
        head += b"%d" % ack_id
    return head + _encode_json((event, *arguments))


def ack_frame(ack_id: int, arguments: tuple[Any, ...] = (), namespace: str = "/") -> bytes:
    """Frame that acknowledges an event of the server."""
    return _prefix(PacketType.ACK, namespace) + b"%d" % ack_id + _encode_json(arguments)
