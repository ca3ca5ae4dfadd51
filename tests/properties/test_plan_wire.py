"""The wire model against encoders that others wrote, and its own laws."""

import json
from typing import Any

import engineio.packet
import engineio.payload
import msgpack
import numpy as np
import pytest
import socketio.msgpack_packet
import socketio.packet
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict
from wsproto.frame_protocol import FrameProtocol

from siotool.plan.wire.framing import Direction, Flow, Framing, Travel
from siotool.plan.wire.messages import ack, event, heartbeat_rates
from siotool.plan.wire.network import frame_bytes
from siotool.plan.wire.packet_sizes import Packets, ack_packets, connect_packets, event_packets
from tests.published.clients import PYTHON

names = st.text("abcdefghijklmnopqrstuvwxyz :-_", min_size=1, max_size=40)
namespaces = st.just("/") | st.text("abcdefghij/-", min_size=1, max_size=40).map(lambda name: "/" + name)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=300)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
)
arguments = st.lists(values, max_size=5)
ids = st.none() | st.integers(0, 300) | st.integers(0, 10**12)
attachments = st.tuples(st.integers(0, 9), st.integers(0, 400) | st.integers(65_530, 65_540))
sizes = st.integers(0, 200) | st.integers(0, 100_000)
directions = st.sampled_from(Direction)


def framings(**fixed: Any) -> st.SearchStrategy[Framing]:
    free = {
        "transport": st.sampled_from(("websocket", "polling")),
        "parser": st.sampled_from(("json", "msgpack")),
        "tls": st.sampled_from(("none", "1.2", "1.3")),
        "ip": st.sampled_from((4, 6)),
        "namespace_bytes": st.integers(0, 40),
        "recovery_offset_bytes": st.sampled_from((0, 7, 24)),
        "mtu_bytes": st.sampled_from((576, 1500, 65535)),
        "timestamps": st.booleans(),
    }
    return st.builds(Framing, **(free | {name: st.just(value) for name, value in fixed.items()}))


def as_engine_packets(packet: socketio.packet.Packet) -> list[engineio.packet.Packet]:
    encoded = packet.encode()
    parts = encoded if isinstance(encoded, list) else [encoded]
    return [engineio.packet.Packet(engineio.packet.MESSAGE, data=part) for part in parts]


def lengths(packet: socketio.packet.Packet) -> tuple[list[int], int]:
    """Of each WebSocket frame's payload, and of three such messages in one polling body."""
    frames = [len(one.encode()) for one in as_engine_packets(packet)]
    body = engineio.payload.Payload([one for _ in range(3) for one in as_engine_packets(packet)])
    return frames, len(body.encode())


def same(ours: Packets, theirs: socketio.packet.Packet) -> None:
    frames, body = lengths(theirs)
    assert [ours.first, *[ours.attachment] * ours.attachments] == frames
    assert ours.payload == sum(frames)
    assert 3 * ours.polled + 3 * ours.count - 1 == body


def namespace_bytes(namespace: str) -> int:
    return 0 if namespace == "/" else len(namespace)


@given(names, arguments, namespaces, ids, attachments)
def test_json_events_are_as_long_as_python_socketio_writes_them(
    name: str, args: list[Any], namespace: str, ack_id: int | None, binary: tuple[int, int]
) -> None:
    count, size = binary
    ours = event_packets(
        Framing(namespace_bytes=namespace_bytes(namespace)),
        len(name),
        len(json.dumps(args, separators=(",", ":"))) - 2,
        ack_id=ack_id,
        attachments=count,
        attachment_bytes=size,
    )
    data = [name, *args, *[bytes(size)] * count]
    same(ours, socketio.packet.Packet(socketio.packet.EVENT, data, namespace, ack_id))


@given(arguments, namespaces, ids, attachments)
def test_json_acknowledgements_are_as_long_as_python_socketio_writes_them(
    args: list[Any], namespace: str, ack_id: int | None, binary: tuple[int, int]
) -> None:
    count, size = binary
    ours = ack_packets(
        Framing(namespace_bytes=namespace_bytes(namespace)),
        len(json.dumps(args, separators=(",", ":"))) - 2,
        ack_id or 0,
        attachments=count,
        attachment_bytes=size,
    )
    data = [*args, *[bytes(size)] * count]
    same(ours, socketio.packet.Packet(socketio.packet.ACK, data, namespace, ack_id or 0))


@given(names, arguments, namespaces, ids, attachments)
def test_msgpack_packets_are_as_long_as_python_socketio_writes_them(
    name: str, args: list[Any], namespace: str, ack_id: int | None, binary: tuple[int, int]
) -> None:
    count, size = binary
    framing = Framing(parser="msgpack", namespace_bytes=namespace_bytes(namespace))
    payload = sum(len(msgpack.dumps(value)) for value in args)
    their = socketio.msgpack_packet.MsgPackPacket
    data = [*args, *[bytes(size)] * count]
    ours = event_packets(framing, len(name), payload, ack_id=ack_id, attachments=count, attachment_bytes=size)
    same(ours, their(socketio.packet.EVENT, [name, *data], namespace, ack_id))
    ours = ack_packets(framing, payload, ack_id or 0, attachments=count, attachment_bytes=size)
    same(ours, their(socketio.packet.ACK, data, namespace, ack_id or 0))


@given(namespaces)
def test_the_wish_to_join_is_as_long_as_python_socketio_writes_it(namespace: str) -> None:
    framing = Framing(client=PYTHON, namespace_bytes=namespace_bytes(namespace))
    same(connect_packets(framing), socketio.packet.Packet(socketio.packet.CONNECT, {}, namespace))


@given(sizes, directions)
def test_frames_are_as_long_as_wsproto_writes_them(size: int, direction: Direction) -> None:
    them = FrameProtocol(client=direction == Direction.TO_SERVER, extensions=[])
    assert frame_bytes(size, direction) == len(them.send_data(bytes(size), fin=True))


def flows(travel: Travel) -> list[Flow]:
    return [travel.to_client, travel.to_server]


@given(
    framings(), directions, st.lists(sizes, min_size=1, max_size=9), st.integers(0, 3), sizes, st.booleans()
)
def test_draws_travel_as_each_would_alone(
    framing: Framing, direction: Direction, payloads: list[int], count: int, each: int, answered: bool
) -> None:
    options = {"attachments": count, "attachment_bytes": each, "answered": answered}
    together = event(framing, direction, 5, np.array(payloads, float), **options)
    back = ack(framing, direction, np.array(payloads, float), **options)
    for index, payload in enumerate(payloads):
        pairs = (
            (together, event(framing, direction, 5, payload, **options)),
            (back, ack(framing, direction, payload, **options)),
        )
        for drawn, alone in pairs:
            for many, one in zip(flows(drawn), flows(alone), strict=True):
                for name, value in asdict(one).items():
                    found = np.broadcast_to(getattr(many, name), len(payloads))[index]
                    assert found == pytest.approx(value, rel=1e-12)


@given(framings(), directions, sizes, st.integers(0, 5000), st.booleans())
def test_more_to_say_never_weighs_less(
    framing: Framing, direction: Direction, payload: int, more: int, answered: bool
) -> None:
    less, full = (event(framing, direction, 5, size, answered=answered) for size in (payload, payload + more))
    for small, large in zip(flows(less), flows(full), strict=True):
        for name, value in asdict(small).items():
            assert getattr(large, name) >= value
    for flow in flows(full):
        assert flow.payload <= flow.tcp <= flow.link
        assert flow.link == pytest.approx(flow.tcp + flow.packets * framing.header_bytes)


@given(framings(), st.floats(0.1, 300))
def test_heartbeats_twice_as_rare_weigh_half(framing: Framing, interval_s: float) -> None:
    often, rare = heartbeat_rates(framing, interval_s), heartbeat_rates(framing, 2 * interval_s)
    for one, other in zip(flows(often), flows(rare), strict=True):
        assert asdict(one) == pytest.approx(asdict(other * 2))
