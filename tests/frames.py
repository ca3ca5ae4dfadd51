"""Frames as a client writes them, and packets as it reads them, for tests of the protocol."""

from collections.abc import Sequence
from typing import Any

from siotool.protocol import json_parser
from siotool.protocol.engine_io import Frame
from siotool.protocol.session import join_request
from siotool.protocol.socket_io import Packet, PacketType, insert_attachments, name_and_arguments


def text(frame: Frame) -> bytes:
    """A frame that is to be text."""
    assert isinstance(frame, bytes)
    return frame


def connect_frame(namespace: str = "/", auth: Any = None) -> bytes:
    return text(join_request(namespace, auth, json_parser))


def disconnect_frame(namespace: str = "/") -> bytes:
    return json_parser.frame(PacketType.DISCONNECT, namespace)


def frames_of(
    kind: PacketType, data: tuple[Any, ...], namespace: str = "/", ack_id: int | None = None
) -> list[bytes]:
    """A packet and its attachments, as the frames of a WebSocket."""
    number = b"" if ack_id is None else b"%d" % ack_id
    body = json_parser.encode(data)
    frame = json_parser.frame(kind, namespace, number, body.data, len(body.attachments))
    return [frame, *body.attachments]


def event_frame(
    event: str, arguments: tuple[Any, ...], namespace: str = "/", ack_id: int | None = None
) -> bytes:
    return frames_of(PacketType.EVENT, (event, *arguments), namespace, ack_id)[0]


def ack_frame(ack_id: int, arguments: tuple[Any, ...] = (), namespace: str = "/") -> bytes:
    return frames_of(PacketType.ACK, arguments, namespace, ack_id)[0]


def arguments_of(packet: Packet, attachments: Sequence[bytes] = ()) -> Any:
    found = json_parser.decode(packet.data)
    return insert_attachments(found, attachments) if packet.attachments else found


def event_of(packet: Packet) -> tuple[str, list[Any]]:
    return name_and_arguments(arguments_of(packet))
