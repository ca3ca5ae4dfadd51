"""The parser of socket.io-msgpack-parser for Socket.IO 2: events as MessagePack, all else as JSON text.

Source: socketio/socket.io-msgpack-parser, version 2. This module is a ``socket_io.Parser``.
"""

import msgspec

from siotool.protocol import msgpack_parser
from siotool.protocol.engine_io import MESSAGE, BinaryMessage, Frame
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import Packet, PacketType

#: Events are messages of bytes.
BINARY = True

encode = msgpack_parser.encode
decode = msgpack_parser.decode

_BRACE = b"{"


class _Control(msgspec.Struct):
    type: int
    nsp: str
    data: str = ""


_decode_control = msgspec.json.Decoder(_Control).decode


def frame(
    kind: PacketType, namespace: str, ack_id: bytes = b"", data: bytes = b"", attachments: int = 0
) -> Frame:
    """A packet with encoded data; ``ack_id`` in digits."""
    if kind in (PacketType.EVENT, PacketType.ACK):
        return BinaryMessage(msgpack_parser.frame(kind, namespace, ack_id, data).data)
    name, _, query = namespace.partition("?")
    packet = {"type": int(kind), **({"query": query} if query else {}), "nsp": name}
    return bytes((MESSAGE,)) + msgspec.json.encode(packet)


def parse(content: bytes) -> Packet:
    """Split a packet into its parts; the data stays undecoded. Raises RemoteProtocolError."""
    if not content.startswith(_BRACE):
        return msgpack_parser.parse(content)
    try:
        found = _decode_control(content)
        kind = PacketType(found.type)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"not a packet: {str(error)[:100]}") from error
    if kind not in (PacketType.CONNECT, PacketType.DISCONNECT, PacketType.CONNECT_ERROR):
        raise RemoteProtocolError(f"a packet of type {found.type} as text")
    data = encode(found.data).data if found.data else b""
    return Packet(int(kind), found.nsp.partition("?")[0], None, data)
