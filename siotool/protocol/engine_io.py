"""Engine.IO packets: a digit for the type, then the content; or a message of bytes.

Source: github.com/socketio/engine.io-protocol (revisions 3 and 4). In revision 3 the client sends
the pings, and a binary WebSocket frame begins with the byte 4.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec

from siotool.protocol.faults import RemoteProtocolError

#: Packet types: the first byte of a text packet.
OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = b"0123456"

#: Revisions of the protocol. Socket.IO 2 and older speak 3, newer versions 4.
Revision = Literal[3, 4]

#: What a transport sends and hears before it is used for an upgrade.
PROBE, PROBED, UPGRADED = b"2probe", b"3probe", b"5"
#: How revision 3 marks a binary WebSocket frame: as a message.
BINARY_MARK = b"\x04"

#: The id goes back to the server in each request.
_Id = Annotated[str, msgspec.Meta(max_length=1000)]
_Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class BinaryMessage(NamedTuple):
    """A message of bytes."""

    data: bytes


#: A text packet with its type, or a message of bytes.
Frame = bytes | BinaryMessage


class Handshake(msgspec.Struct, frozen=True):
    """Content of the open packet; intervals in milliseconds, as on the wire."""

    sid: _Id
    pingInterval: _Milliseconds
    pingTimeout: _Milliseconds
    upgrades: Annotated[list[_Id], msgspec.Meta(max_length=100)] = []
    maxPayload: float | None = None


_decode_handshake = msgspec.json.Decoder(Handshake).decode


def parse_handshake(content: bytes) -> Handshake:
    """Read an open packet's content. Raises RemoteProtocolError."""
    try:
        return _decode_handshake(content)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"unreadable Engine.IO open packet: {str(error)[:200]}") from error
