"""Frames as a client writes them, and packets as it reads them, for tests of the protocol."""

from typing import Any

from siotool.protocol import json_parser
from siotool.protocol.session import join_request
from siotool.protocol.socket_io import Packet, PacketType, name_and_arguments


def connect_frame(namespace: str = "/", auth: Any = None) -> bytes:
    return join_request(namespace, auth, json_parser)


def disconnect_frame(namespace: str = "/") -> bytes:
    return json_parser.prefix(PacketType.DISCONNECT, namespace)


def event_frame(
    event: str, arguments: tuple[Any, ...], namespace: str = "/", ack_id: int | None = None
) -> bytes:
    head = json_parser.prefix(PacketType.EVENT, namespace)
    return head + (b"" if ack_id is None else b"%d" % ack_id) + json_parser.encode((event, *arguments))


def ack_frame(ack_id: int, arguments: tuple[Any, ...] = (), namespace: str = "/") -> bytes:
    return json_parser.prefix(PacketType.ACK, namespace) + b"%d" % ack_id + json_parser.encode(arguments)


def arguments_of(packet: Packet) -> Any:
    return json_parser.decode(packet.data)


def event_of(packet: Packet) -> tuple[str, list[Any]]:
    return name_and_arguments(arguments_of(packet))
