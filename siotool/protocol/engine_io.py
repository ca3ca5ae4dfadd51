"""Engine.IO 4 packets: a digit for the type, then the content; a binary frame is a message of bytes.

Source: github.com/socketio/engine.io-protocol (revision 4). In revision 3 the client sends
the pings, and a binary message begins with the byte 4 (``b4`` and base64 in text).
"""

from typing import Annotated

import msgspec

from siotool.protocol.faults import RemoteProtocolError

#: Packet types: the first byte of a text frame.
OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = b"0123456"

_Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class Handshake(msgspec.Struct, frozen=True):
    """Content of the open packet; intervals in milliseconds, as on the wire."""

    sid: str
    pingInterval: _Milliseconds
    pingTimeout: _Milliseconds
    upgrades: list[str] = []
    maxPayload: float | None = None


_decode_handshake = msgspec.json.Decoder(Handshake).decode


def parse_handshake(content: bytes) -> Handshake:
    """Read an open packet's content. Raises RemoteProtocolError."""
    try:
        return _decode_handshake(content)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"unreadable Engine.IO open packet: {str(error)[:200]}") from error
