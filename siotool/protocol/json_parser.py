"""Socket.IO's own parser: packets as text, their data as JSON.

    <type>[<attachments>-][<namespace>,][<ack id>][JSON]

Source: github.com/socketio/socket.io-protocol (revision 5). This module is a ``socket_io.Parser``.
"""

from typing import Any

import msgspec

from siotool.protocol import engine_io, javascript_json
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import Body, Packet, PacketType

#: Events are text.
BINARY = False

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

_SCALARS = frozenset((str, int, float, bool, type(None)))


def frame(
    kind: PacketType, namespace: str, ack_id: bytes = b"", data: bytes = b"", attachments: int = 0
) -> bytes:
    """A packet with encoded data; ``ack_id`` in digits. Without both it is the start of each of its kind."""
    if attachments:
        binary = _BINARY_EVENT if kind == PacketType.EVENT else _BINARY_ACK
        head = b"%c%c%d-" % (engine_io.MESSAGE, _ZERO + binary, attachments)
    else:
        head = bytes((engine_io.MESSAGE, _ZERO + kind))
    if namespace != "/":
        head += namespace.encode() + b","
    return head + ack_id + data


def encode(data: Any) -> Body:
    """Write data as JSON, and the bytes in it as attachments. Raises TypeError when it cannot be."""
    try:
        # the common case, a few plain values, shows by their types alone
        if not (type(data) is tuple and _SCALARS.issuperset(map(type, data))):
            attachments: list[bytes] = []
            data = _without_bytes(data, attachments)
            if attachments:
                return Body(_written(data), tuple(attachments))
        return Body(_written(data))
    except RecursionError as error:
        raise TypeError("cannot be written as JSON: it is nested too deeply") from error
    except ValueError as error:
        raise TypeError(f"cannot be written as JSON: {error}") from error


def _written(data: Any) -> bytes:
    try:
        return _encode_json(data)
    except UnicodeEncodeError:
        return javascript_json.write(data)


def _without_bytes(value: Any, attachments: list[bytes]) -> Any:
    """The value with a placeholder for each of its bytes, which are added to the attachments."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, dict):
        return {key: _without_bytes(inner, attachments) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_bytes(inner, attachments) for inner in value]
    return value


def parse(content: bytes) -> Packet:
    """Split a Socket.IO packet (without the Engine.IO type) into its parts.

    The JSON stays undecoded; of an event's or ack's only the opening bracket is checked.
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


def decode(data: bytes) -> Any:
    """Read JSON. Raises RemoteProtocolError."""
    try:
        return _decode_json(data)
    except RecursionError as error:
        raise RemoteProtocolError("unreadable JSON in a packet: it is nested too deeply") from error
    except ValueError as error:
        try:
            return javascript_json.read(data)
        except (ValueError, RecursionError):  # no JSON, no UTF-8; endless nesting
            raise RemoteProtocolError(f"unreadable JSON in a packet: {str(error)[:200]}") from error
