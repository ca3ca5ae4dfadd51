"""Sizes of Engine.IO and Socket.IO packets, to the byte.

Sources: github.com/socketio/socket.io-protocol (revision 5), github.com/socketio/engine.io-protocol
(revision 4), github.com/socketio/socket.io-msgpack-parser and github.com/msgpack/msgpack/blob/master/spec.md.
"""

from typing import Generic

import msgspec

from siotool.plan.numbers import N, N_co, ceil, where
from siotool.plan.wire.framing import Framing

#: A session id: 15 bytes in base 64 (github.com/socketio/socket.io, engine.io/lib/server.ts).
SID_BYTES = 20
#: ``&sid=`` and the id, in the URL of every request but the first.
SID_QUERY_BYTES = 5 + SID_BYTES
#: ``0{"sid":"…","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}``
OPEN_BYTES = 107
#: The open packet names the upgrade it offers: ``"websocket"``.
OFFERED_UPGRADE_BYTES = 11

_PLACEHOLDER_BYTES = 28  # {"_placeholder":true,"num":} without its number
_MAP = _ARRAY = _SMALL = 1  # msgpack: headers of few elements, and integers up to 127
_KEY_TYPE, _KEY_DATA, _KEY_NSP, _KEY_ID, _KEY_SID, _KEY_PID = 5, 5, 4, 3, 4, 4


class Packets(msgspec.Struct, Generic[N_co], frozen=True):
    """One Socket.IO packet in Engine.IO packets: a first one, and equal attachments behind it."""

    #: Bytes of the first Engine.IO packet, its type included where it has one.
    first: N_co
    #: The first one is bytes, which polling carries in base 64.
    binary: bool = False
    attachments: int = 0
    attachment: N_co = 0.0

    @property
    def payload(self: "Packets[N]") -> N:
        """Bytes of all Engine.IO packets over WebSocket."""
        return self.first + self.attachments * self.attachment

    @property
    def count(self) -> int:
        """Return how many Engine.IO packets there are."""
        return 1 + self.attachments

    @property
    def polled_first(self: "Packets[N]") -> N:
        """Bytes of the first one in a polling body."""
        return base64_bytes(self.first) if self.binary else self.first

    @property
    def polled(self: "Packets[N]") -> N:
        """Bytes in a polling body, without the separators between packets."""
        return self.polled_first + self.attachments * base64_bytes(self.attachment)

    @property
    def body(self: "Packets[N]") -> N:
        """Bytes of a polling body; a separator stands between packets."""
        return self.polled + self.count - 1


def event_packets(
    framing: Framing,
    event_name_bytes: N,
    payload_bytes: N,
    *,
    ack_id: N | None = None,
    offset_bytes: N = 0,
    attachments: int = 0,
    attachment_bytes: N = 0,
    options_bytes: N = 0,
) -> Packets[N]:
    """Return the packets of an event.

    ``payload_bytes``: its arguments as the parser writes them, with commas but without brackets
    and without its attachments; 0 for none. ``options_bytes``: msgpack only.
    """
    if framing.parser == "json":
        items = _joined(event_name_bytes + 2, payload_bytes)
        items = items + _placeholders(attachments) + where(offset_bytes > 0, offset_bytes + 3, 0)
        return _json(framing, items, ack_id, attachments, attachment_bytes)
    data = string_bytes(event_name_bytes) + payload_bytes + attachments * blob_bytes(attachment_bytes)
    data = data + where(offset_bytes > 0, string_bytes(offset_bytes), 0)
    return _msgpack(framing, data + options_bytes, ack_id)


def ack_packets(
    framing: Framing,
    payload_bytes: N,
    ack_id: N,
    *,
    attachments: int = 0,
    attachment_bytes: N = 0,
) -> Packets[N]:
    """Return the packets of an acknowledgement; arguments as those of ``event_packets``."""
    if framing.parser == "json":
        # the first placeholder has no comma before it where nothing else precedes it
        spared = where(payload_bytes > 0, 0, 1 if attachments else 0)
        items = payload_bytes + _placeholders(attachments) - spared
        return _json(framing, items, ack_id, attachments, attachment_bytes)
    return _msgpack(framing, payload_bytes + attachments * blob_bytes(attachment_bytes), ack_id)


def connect_packets(framing: Framing) -> Packets[float]:
    """Return the packet that asks to join the namespace, with the client's auth payload."""
    auth = framing.client.auth_bytes
    if framing.parser == "json":
        return Packets(2 + _prefix(framing) + auth)
    return Packets(_envelope(framing) + where(auth > 0, auth, 1), binary=True)


def connected_packets(framing: Framing) -> Packets[float]:
    """Return the packet that grants it: the sid, and with recovery a second, private id."""
    recovers = where(framing.recovery_offset_bytes > 0, 1, 0)
    if framing.parser == "json":
        pid = len(',"pid":""') + SID_BYTES
        return Packets(2 + _prefix(framing) + len('{"sid":""}') + SID_BYTES + recovers * pid)
    one = _KEY_SID + string_bytes(SID_BYTES)
    return Packets(_envelope(framing) + _MAP + one + recovers * one, binary=True)


def digits(number: N) -> N:
    """Return how many decimal digits a whole number ≥ 0 has."""
    more: N = 0.0
    for power in range(1, 16):
        more = more + where(number >= 10**power, 1.0, 0.0)
    return 1 + more


def base64_bytes(size: N) -> N:
    """Return the size of a binary packet in a polling body: ``b`` and base 64 (RFC 4648)."""
    return 1 + 4 * ceil(size / 3)


def string_bytes(size: N) -> N:
    """Return the size of a msgpack string with so many bytes of UTF-8."""
    return size + where(size < 32, 1, where(size < 256, 2, where(size < 65536, 3, 5)))


def blob_bytes(size: N) -> N:
    """Return the size of msgpack binary data."""
    return size + where(size < 256, 2, where(size < 65536, 3, 5))


def whole_number_bytes(number: N) -> N:
    """Return the size of a msgpack integer ≥ 0."""
    return where(
        number < 128, 1, where(number < 256, 2, where(number < 65536, 3, where(number < 2**32, 5, 9)))
    )


def _joined(before: N, size: N) -> N:
    return before + where(size > 0, size + 1, 0)


def _placeholders(attachments: int) -> int:
    """JSON that stands for attachments, each with a comma before it."""
    return sum(1 + _PLACEHOLDER_BYTES + int(digits(number)) for number in range(attachments))


def _prefix(framing: Framing) -> float:
    return where(framing.namespace_bytes > 0, framing.namespace_bytes + 1, 0)


def _json(framing: Framing, items: N, ack_id: N | None, attachments: int, each: N) -> Packets[N]:
    """``4``, the packet's type, ``n-`` for attachments, namespace, id and the array."""
    size = 2 + _prefix(framing) + 2 + items
    if attachments:
        size = size + digits(attachments) + 1
    if ack_id is not None:
        size = size + digits(ack_id)
    return Packets(size, False, attachments, each)


def _envelope(framing: Framing) -> float:
    """Msgpack map with type, namespace and the key of its data. It needs no Engine.IO type."""
    name = where(framing.namespace_bytes > 0, framing.namespace_bytes, 1)
    return _MAP + _KEY_TYPE + _SMALL + _KEY_DATA + _KEY_NSP + string_bytes(name)


def _msgpack(framing: Framing, data: N, ack_id: N | None) -> Packets[N]:
    size = _envelope(framing) + _ARRAY + data
    if ack_id is not None:
        size = size + _KEY_ID + whole_number_bytes(ack_id)
    return Packets(size, binary=True)
