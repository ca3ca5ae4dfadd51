"""Engine.IO 4 and Socket.IO 5 packets as they stand in WebSocket text frames.

A frame is one Engine.IO packet: a digit for its type, then its content. An Engine.IO
message carries one Socket.IO packet:

    <type>[<attachments>-][<namespace>,][<ack id>][JSON]

Sources: github.com/socketio/engine.io-protocol (revision 4) and
github.com/socketio/socket.io-protocol (revision 5).
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated, Any, NamedTuple

import msgspec

from siotool.protocol.errors import LocalProtocolError, RemoteProtocolError


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

# plain integers: looking a member up on its enum costs more than the comparison it is for
_ZERO = ord("0")
_BINARY_EVENT = int(PacketType.BINARY_EVENT)
_BINARY_ACK = int(PacketType.BINARY_ACK)
_WITH_ARGUMENTS = (int(PacketType.EVENT), int(PacketType.ACK), _BINARY_EVENT, _BINARY_ACK)

# as python-socketio has them; Python refuses to read an integer of 4300 digits anyway
_MAX_ATTACHMENT_DIGITS = 10
_MAX_ACK_DIGITS = 100

_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode
# ValueError covers JSON that is none and text that is no UTF-8, RecursionError endless nesting
_UNREADABLE = (ValueError, RecursionError)

_SCALARS = frozenset((str, int, float, bool, type(None)))
_Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class Handshake(msgspec.Struct, frozen=True):
    """Content of the Engine.IO open packet; intervals in milliseconds, as on the wire."""

    sid: str
    pingInterval: _Milliseconds
    pingTimeout: _Milliseconds
    upgrades: list[str] = []
    maxPayload: float | None = None


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
    except _UNREADABLE as error:
        raise RemoteProtocolError(f"unreadable Engine.IO open packet: {str(error)[:200]}") from error


def parse_packet(content: bytes) -> Packet:
    """Split a Socket.IO packet (without the Engine.IO type) into its parts.

    The JSON stays undecoded; of an event's or ack's only the opening bracket is seen to.
    Raises RemoteProtocolError for what is no packet.
    """
    kind = content[0] - _ZERO if content else -1
    if not 0 <= kind <= _BINARY_ACK:
        raise RemoteProtocolError(f"unknown Socket.IO packet {content[:20]!r}")
    at = 1
    attachments = 0
    if kind >= _BINARY_EVENT:
        attachments, at = _read_attachments(content)
    namespace = "/"
    if content.startswith(b"/", at):
        namespace, at = _read_namespace(content, at)
    if kind in _WITH_ARGUMENTS:
        array = content.find(b"[", at)
        if array < 0:
            raise RemoteProtocolError(f"an event or ack must hold a JSON array, not {content[:20]!r}")
        if array > at:
            return Packet(kind, namespace, _read_ack_id(content[at:array]), content[array:], attachments)
    return Packet(kind, namespace, None, content[at:], attachments)


def _read_attachments(content: bytes) -> tuple[int, int]:
    """Number of attachments, and where the rest begins."""
    dash = content.find(b"-", 1, _MAX_ATTACHMENT_DIGITS + 2)
    if dash < 0 or not content[1:dash].isdigit():
        raise RemoteProtocolError(f"binary packet without attachment count {content[:20]!r}")
    return int(content[1:dash]), dash + 1


def _read_namespace(content: bytes, at: int) -> tuple[str, int]:
    """Namespace without its query string, and where the rest begins."""
    comma = content.find(b",", at)
    end = comma if comma >= 0 else len(content)
    try:
        return content[at:end].decode().partition("?")[0], end + 1
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(f"a namespace that is not UTF-8: {content[at:end][:40]!r}") from error


def _read_ack_id(digits: bytes) -> int:
    if len(digits) > _MAX_ACK_DIGITS or not digits.isdigit():
        raise RemoteProtocolError(f"neither an ack id nor a JSON array: {digits[:20]!r}")
    return int(digits)


def decode_arguments(json: bytes) -> list[Any]:
    """Decode the JSON array of an event or ack. Raises RemoteProtocolError."""
    try:
        arguments = _decode_json(json)
    except _UNREADABLE as error:
        raise RemoteProtocolError(f"unreadable JSON in a packet: {str(error)[:200]}") from error
    if not isinstance(arguments, list):
        raise RemoteProtocolError(f"an event or ack must hold a JSON array, not {json[:20]!r}")
    return arguments


def parse_arguments(packet: Packet) -> list[Any]:
    """Decode the JSON array of an event or ack. Raises RemoteProtocolError."""
    return decode_arguments(packet.json)


def parse_event(packet: Packet) -> tuple[str, list[Any]]:
    """Return an event's name and arguments. Raises RemoteProtocolError."""
    arguments = parse_arguments(packet)
    if not arguments or not isinstance(arguments[0], str):
        raise RemoteProtocolError(f"an event must begin with its name, not {packet.json[:20]!r}")
    return arguments[0], arguments[1:]


def check_attachments(packet: Packet) -> None:
    """See that each placeholder names an attachment. Raises RemoteProtocolError."""
    values: list[Any] = [parse_arguments(packet)]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            number = value.get("num")
            if value.get("_placeholder") is not True:
                values += value.values()
            elif type(number) is not int or not 0 <= number < packet.attachments:
                raise RemoteProtocolError(f"a placeholder for attachment {number!r} of {packet.attachments}")


def parse_error(packet: Packet) -> str:
    """Return the message of a CONNECT_ERROR packet, whatever form the server gave it."""
    try:
        data = _decode_json(packet.json or b"null")
    except _UNREADABLE:
        return packet.json.decode("utf-8", "replace")
    if isinstance(data, dict) and isinstance(data.get("message"), str):
        return str(data["message"])
    return "" if data is None else str(data)


def parse_sid(packet: Packet) -> str:
    """Return the session id of a CONNECT packet; empty when the server gave none."""
    try:
        data = _decode_json(packet.json)
    except _UNREADABLE:
        return ""
    sid = data.get("sid") if isinstance(data, dict) else None
    return sid if isinstance(sid, str) else ""


def _write_json(data: Any) -> bytes:
    try:
        # the common case, a few plain values, is told by their types alone
        plain = type(data) is tuple and _SCALARS.issuperset(map(type, data))
        if not plain and _holds_bytes((data,)):
            raise TypeError("bytes need binary attachments, which are not supported: send text instead")
        return _encode_json(data)
    except (ValueError, RecursionError) as error:
        raise TypeError(f"cannot be written as JSON: {error}") from error


def _holds_bytes(values: Iterable[Any]) -> bool:
    """Whether there are bytes at any depth, which msgspec would write as base64 text."""
    for value in values:
        if type(value) in _SCALARS:
            continue
        if isinstance(value, (bytes, bytearray, memoryview)):
            return True
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, (dict, list, tuple, set, frozenset)) and _holds_bytes(inner):
            return True
    return False


def _prefix(kind: PacketType, namespace: str) -> bytes:
    head = b"4" + bytes((_ZERO + kind,))
    return head if namespace == "/" else head + namespace.encode() + b","


def connect_frame(namespace: str = "/", auth: Any = None) -> bytes:
    """Frame that asks to join a namespace, with its auth payload when there is one.

    Raises LocalProtocolError for a namespace that would not survive the way, TypeError for an
    auth payload that is no JSON object (Node.js servers hang up on any other).
    """
    if not namespace.startswith("/") or "," in namespace:
        raise LocalProtocolError(f"a namespace begins with / and holds no comma, not {namespace!r}")
    data = b"" if auth is None else _write_json(auth)
    if data[:1] not in (b"", b"{"):
        raise TypeError(f"an auth payload must be a JSON object, not {type(auth).__name__}")
    return _prefix(PacketType.CONNECT, namespace) + data


def disconnect_frame(namespace: str = "/") -> bytes:
    """Frame that leaves a namespace."""
    return _prefix(PacketType.DISCONNECT, namespace)


def event_prefix(namespace: str = "/") -> bytes:
    """Start of every event frame of a namespace."""
    return _prefix(PacketType.EVENT, namespace)


def ack_prefix(namespace: str = "/") -> bytes:
    """Start of every ack frame of a namespace; the id follows."""
    return _prefix(PacketType.ACK, namespace)


def event_frame(
    event: str, arguments: tuple[Any, ...], namespace: str = "/", ack_id: int | None = None
) -> bytes:
    """Frame that emits an event; with ``ack_id`` the server is asked to acknowledge it.

    Raises TypeError when an argument cannot be written as JSON.
    """
    head = event_prefix(namespace)
    if ack_id is not None:
        head += b"%d" % ack_id
    return head + event_body(event, arguments)


def event_body(event: str, arguments: tuple[Any, ...]) -> bytes:
    """JSON array of an event, the part that follows prefix and ack id.

    Raises TypeError when an argument cannot be written as JSON.
    """
    return _write_json((event, *arguments))


def ack_frame(ack_id: int, arguments: tuple[Any, ...] = (), namespace: str = "/") -> bytes:
    """Frame that acknowledges an event of the server.

    Raises TypeError when an argument cannot be written as JSON.
    """
    return ack_prefix(namespace) + b"%d" % ack_id + _write_json(arguments)
