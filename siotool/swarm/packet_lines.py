"""A packet as a line of text: when, which way, over what, and what it says, without secrets."""

import json
import re
from collections.abc import Collection
from typing import Any

from siotool.printable import LINE_AT_MOST, printable
from siotool.protocol.engine_io import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, BinaryMessage, Frame
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.json_parser import parse
from siotool.protocol.socket_io import PacketType, Parser

_ENGINE = {
    OPEN: "open",
    CLOSE: "close",
    PING: "ping",
    PONG: "pong",
    MESSAGE: "message",
    UPGRADE: "upgrade",
    NOOP: "noop",
}
#: What stands in place of a secret.
STARS = "***"


def line(
    frame: Frame, parser: Parser, seconds: float, transport: str, secrets: Collection[str], *, outgoing: bool
) -> str:
    """Write a packet; ``seconds`` since the start, ``secrets`` are texts that are not written.

    Control characters of a server, and what else could move a cursor, are replaced.
    """
    kind, said = (
        _binary(frame.data, parser, outgoing) if isinstance(frame, BinaryMessage) else _text(frame, outgoing)
    )
    for secret in sorted(secrets, key=len, reverse=True):
        said = said.replace(secret, STARS).replace(json.dumps(secret)[1:-1], STARS)
    arrow = "→" if outgoing else "←"
    said = printable(said.replace("\n", " "), LINE_AT_MOST)
    return f"{seconds:7.3f} s {arrow} {transport:<9} {kind:<13} {said}".rstrip()


def _text(frame: bytes, outgoing: bool) -> tuple[str, str]:
    """Its kind, and the packet as it is on the wire."""
    said = frame.decode("utf-8", "replace")
    if not frame:
        return "empty", ""
    if frame[0] != MESSAGE:
        return _ENGINE.get(frame[0], "unknown"), said
    try:
        packet = parse(frame[1:])
    except RemoteProtocolError:
        return "message", said
    if outgoing and packet.type == PacketType.CONNECT:
        payload = packet.data.decode("utf-8", "replace")
        # clients of Socket.IO 2 repeat the query in the namespace
        said = re.sub(r"\?[^,]*", f"?{STARS}", said.removesuffix(payload)) + _starred(payload)
    return _name(packet.type), said


def _binary(data: bytes, parser: Parser, outgoing: bool) -> tuple[str, str]:
    """An attachment by its size, a MessagePack packet by what it says."""
    size = _size(data)
    if not parser.BINARY:
        return "binary", size
    try:
        packet = parser.parse(data)
        content = parser.decode(packet.data) if packet.data else None
    except RemoteProtocolError:
        return "binary", size
    if outgoing and packet.type == PacketType.CONNECT:
        content = _without_values(content)
    number = "" if packet.ack_id is None else f" {packet.ack_id}"
    said = "" if content is None else f" {json.dumps(content, ensure_ascii=False, default=_sized)}"
    return _name(packet.type), f"{packet.namespace}{number}{said} ({size} of MessagePack)"


def _name(kind: int) -> str:
    return PacketType(kind).name.lower().replace("_", " ")


def _starred(payload: str) -> str:
    """An auth payload with its keys alone."""
    if not payload:
        return ""
    try:
        return json.dumps(_without_values(json.loads(payload)), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return STARS


def _without_values(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_values(value) for key, value in content.items()}
    return None if content is None else STARS


def _size(data: bytes) -> str:
    return f"{len(data):,} {'byte' if len(data) == 1 else 'bytes'}"


def _sized(value: object) -> str:
    return _size(value) if isinstance(value, bytes) else repr(value)
