"""How an Engine.IO session opens, as a server's bytes show it."""

import re

import msgspec

from siotool.protocol import jsonp, payload
from siotool.protocol.engine_io import OPEN, Frame, Handshake, Revision, parse_handshake
from siotool.protocol.faults import RemoteProtocolError

#: A length before the packet, in text or in bytes, is framing of revision 3.
_LENGTH = re.compile(rb"\d{1,9}:|[\x00\x01][\x00-\x09]{1,9}\xff")


class Opening(msgspec.Struct, frozen=True):
    """A session that a server opened: the revision it speaks, and what its open packet said."""

    revision: Revision
    handshake: Handshake


def by_polling(body: bytes) -> Opening | None:
    """The session that a long poll's answer opens; None where it opens none."""
    revision: Revision = 3 if _LENGTH.match(body) else 4
    try:
        frames = payload.decode(body, revision)
    except RemoteProtocolError:
        return None
    return opened(revision, frames[0]) if frames else None


def by_script(body: bytes) -> Opening | None:
    """The same of an answer to JSONP polling."""
    try:
        return by_polling(jsonp.unwrap(body))
    except RemoteProtocolError:
        return None


def opened(revision: Revision, frame: Frame) -> Opening | None:
    """The session that a packet opens; None where it is no open packet."""
    if not isinstance(frame, bytes) or frame[:1] != bytes((OPEN,)):
        return None
    try:
        return Opening(revision, parse_handshake(frame[1:]))
    except RemoteProtocolError:
        return None
