"""Payloads of long polling: several packets in one HTTP body.

Revision 4: packets between record separators (0x1e), bytes as ``b`` and base64.
Revision 3: ``<length>:<packet>``, where the length counts UTF-16 code units, bytes as ``b4`` and
base64; or, from servers that may send bytes, ``<0 text, 1 bytes><digits of the length as
bytes><255><packet>``, where the length counts bytes.

Source: github.com/socketio/engine.io-protocol (revisions 3 and 4).
"""

import base64
import binascii
from collections.abc import Iterable

from siotool.protocol.engine_io import BinaryMessage, Frame, Revision
from siotool.protocol.faults import RemoteProtocolError, TooLargeError

_SEPARATOR = b"\x1e"
_BASE64 = {3: b"b4", 4: b"b"}
_END_OF_LENGTH = 255
_TEXT, _BYTES = 0, 1
#: Packets of one payload, at most. A body of 10 MB could hold five million, of 250 MB in memory.
PACKETS = 100_000
#: A length of more digits is none.
_LENGTH_DIGITS = 10


def encode(frames: Iterable[Frame], revision: Revision) -> bytes:
    """The body of a POST with so many packets."""
    packets = [_text(frame, revision) for frame in frames]
    if revision == 4:
        return _SEPARATOR.join(packets)
    return b"".join(b"%d:%s" % (_units(packet), packet) for packet in packets)


def decode(body: bytes, revision: Revision) -> list[Frame]:
    """The packets of a body. Raises RemoteProtocolError for what is no payload, TooLargeError."""
    if revision == 4:
        if body.count(_SEPARATOR) >= PACKETS:
            raise _too_many()
        return [_frame(packet, b"b") for packet in body.split(_SEPARATOR)]
    if body[:1] in (b"\0", b"\1"):
        return _decode_bytes(body)
    return _decode_lengths(body)


def _too_many() -> TooLargeError:
    return TooLargeError(f"a payload of more than {PACKETS} packets")


def _text(frame: Frame, revision: Revision) -> bytes:
    if isinstance(frame, BinaryMessage):
        return _BASE64[revision] + base64.b64encode(frame.data)
    return frame


def _frame(packet: bytes, mark: bytes) -> Frame:
    if not packet.startswith(mark):
        return packet
    try:
        return BinaryMessage(base64.b64decode(packet[len(mark) :], validate=True))
    except (binascii.Error, ValueError) as error:
        raise RemoteProtocolError(f"a binary packet that is no base64: {packet[:40]!r}") from error


def _units(packet: bytes) -> int:
    """Length in UTF-16 code units, as JavaScript counts it."""
    return len(packet) if packet.isascii() else len(packet.decode(errors="replace").encode("utf-16-le")) // 2


def _decode_lengths(body: bytes) -> list[Frame]:
    frames: list[Frame] = []
    width = 1 if body.isascii() else 2
    text = body
    if width == 2:
        try:
            text = body.decode().encode("utf-16-le")
        except UnicodeDecodeError as error:
            raise RemoteProtocolError("a payload that is not UTF-8") from error
    colon = ":".encode("utf-16-le")[:width]
    at = 0
    while at < len(text):
        if len(frames) >= PACKETS:
            raise _too_many()
        end = _find(text, colon, at, width)
        digits = text[at:end:width]
        if end < 0 or not digits.isdigit():
            raise RemoteProtocolError(f"a payload without a length: {body[:40]!r}")
        begin = end + width
        at = begin + int(digits) * width
        if at > len(text):
            raise RemoteProtocolError(f"a payload that ends before its packet: {body[:40]!r}")
        packet = text[begin:at] if width == 1 else text[begin:at].decode("utf-16-le", "replace").encode()
        if packet:
            frames.append(_frame(packet, b"b4"))
    return frames


def _find(text: bytes, colon: bytes, at: int, width: int) -> int:
    limit = at + (_LENGTH_DIGITS + 1) * width
    end = text.find(colon, at, limit)
    while width == 2 and end >= 0 and (end - at) % 2:
        end = text.find(colon, end + 1, limit)
    return end


def _decode_bytes(body: bytes) -> list[Frame]:
    frames: list[Frame] = []
    at = 0
    while at < len(body):
        if len(frames) >= PACKETS:
            raise _too_many()
        kind = body[at]
        end = body.find(_END_OF_LENGTH, at + 1, at + _LENGTH_DIGITS + 2)
        digits = body[at + 1 : end]
        if kind not in (_TEXT, _BYTES) or end < 0 or not digits or max(digits) > 9:
            raise RemoteProtocolError(f"a binary payload without a length: {body[at : at + 20]!r}")
        begin = end + 1
        at = begin + int("".join(map(str, digits)))
        packet = body[begin:at]
        if at > len(body) or not packet:
            raise RemoteProtocolError("a binary payload that ends before its packet")
        # the first byte is the packet's type, as a digit in text and as a number in bytes
        frames.append(packet if kind == _TEXT else BinaryMessage(packet[1:]))
    return frames
