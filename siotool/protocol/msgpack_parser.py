"""The parser of the package socket.io-msgpack-parser: each packet is one MessagePack map, a message of bytes.

    {type, data, options, id, nsp}

Bytes stand in the data as they are, without attachments. Source: socketio/socket.io-msgpack-parser,
version 3, and the order of keys in socket.io-client's packets. This module is a ``socket_io.Parser``.
"""

from typing import Any

import msgspec

from siotool.protocol.engine_io import BinaryMessage
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import Body, Packet, PacketType

#: Events are messages of bytes.
BINARY = True

#: JavaScript's ``undefined``: an extension of type 0 with one byte.
_UNDEFINED = b"\xd4\x00\x00"
_TIMES_SIZE = 8
_encode = msgspec.msgpack.Encoder().encode


class _Wire(msgspec.Struct):
    type: int
    nsp: str
    data: msgspec.Raw = msgspec.Raw(_UNDEFINED)
    id: int | None = None


def _extension(code: int, data: memoryview) -> Any:
    if code == 0 and len(data) == _TIMES_SIZE:  # a Date, in milliseconds
        return int.from_bytes(data, "big", signed=True)
    return None


_decode_packet = msgspec.msgpack.Decoder(_Wire, ext_hook=_extension).decode
_decode = msgspec.msgpack.Decoder(ext_hook=_extension).decode

#: Servers of Socket.IO 2 say of what holds bytes that it does, though they stand in the data.
_WITHOUT_BYTES = {PacketType.BINARY_EVENT: PacketType.EVENT, PacketType.BINARY_ACK: PacketType.ACK}

_KEY = {name: _encode(name) for name in ("type", "data", "options", "id", "nsp")}
_OPTIONS = _encode({"compress": True})


def frame(
    kind: PacketType, namespace: str, ack_id: bytes = b"", data: bytes = b"", attachments: int = 0
) -> BinaryMessage:
    """A packet with encoded data, where it has any; ``ack_id`` in digits."""
    with_options = kind == PacketType.EVENT
    with_data = kind != PacketType.DISCONNECT
    number = _KEY["id"] + _encode(int(ack_id)) if ack_id else b""
    fields = 2 + with_data + with_options + bool(ack_id)
    parts = [bytes((0x80 + fields,)), _KEY["type"], _encode(int(kind))]
    if kind == PacketType.ACK:
        parts.append(number)
    if with_data:
        parts += [_KEY["data"], data or _UNDEFINED]
    if with_options:
        parts += [_KEY["options"], _OPTIONS]
    if kind != PacketType.ACK:
        parts.append(number)
    return BinaryMessage(b"".join((*parts, _KEY["nsp"], _encode(namespace))))


def encode(data: Any) -> Body:
    """Write data as MessagePack. Raises TypeError when it cannot be."""
    try:
        return Body(_encode(data))
    except (ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"cannot be written as MessagePack: {error}") from error


def parse(content: bytes) -> Packet:
    """Split a packet into its parts; the data stays undecoded. Raises RemoteProtocolError."""
    try:
        wire = _decode_packet(content)
        kind = PacketType(wire.type)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"not a MessagePack packet: {str(error)[:100]}") from error
    data = bytes(wire.data)
    if wire.id is not None and wire.id < 0:
        raise RemoteProtocolError(f"a MessagePack packet with the ack id {wire.id}")
    kind = _WITHOUT_BYTES.get(kind, kind)
    with_arguments = kind in (PacketType.EVENT, PacketType.ACK)
    if with_arguments and not (data[:1] and (0x90 <= data[0] <= 0x9F or data[0] in (0xDC, 0xDD))):
        raise RemoteProtocolError("an event or ack must hold an array")
    namespace = wire.nsp.partition("?")[0]
    return Packet(int(kind), namespace, wire.id, b"" if data == _UNDEFINED else data)


def decode(data: bytes) -> Any:
    """Read MessagePack. Raises RemoteProtocolError."""
    try:
        return _decode(data)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"unreadable MessagePack in a packet: {str(error)[:200]}") from error
