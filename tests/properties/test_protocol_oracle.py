"""python-socketio's own packet classes read our frames as we do, and we read theirs as they do."""

from typing import Any

import engineio.packet
import socketio.packet
from hypothesis import given
from hypothesis import strategies as st

from siotool.protocol import json_parser, socket_io
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.session import (
    Acknowledged,
    Ended,
    Joined,
    Opened,
    Ping,
    Received,
    Refused,
    Session,
)
from siotool.protocol.socket_io import Packet, PacketType
from tests import frames

OPEN = b'0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'

texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)
objects = st.dictionaries(texts, values, max_size=4)
arguments = st.lists(values, max_size=4)
namespaces = st.just("/") | st.text(st.characters(codec="utf-8", exclude_characters=",?"), max_size=20).map(
    lambda name: "/" + name
)
ack_ids = st.integers(0, 1000) | st.integers(0, 10**100 - 1)
with_bytes = st.lists(
    values | st.binary(max_size=20) | st.lists(st.binary(max_size=5), max_size=3), max_size=4
)


def as_they_read(frame: bytes) -> tuple[int, str, int | None, Any, int]:
    """Type, namespace, ack id, data and attachments of a frame, as python-socketio's server reads it."""
    engine = engineio.packet.Packet(encoded_packet=frame.decode())
    assert engine.packet_type == engineio.packet.MESSAGE
    packet = socketio.packet.Packet(encoded_packet=engine.data)
    return packet.packet_type, packet.namespace or "/", packet.id, packet.data, packet.attachment_count


def as_they_write(packet: socketio.packet.Packet) -> list[bytes]:
    """The WebSocket frames of a packet, as python-socketio's server sends them."""
    encoded = packet.encode()
    frames = encoded if isinstance(encoded, list) else [encoded]
    engine = [engineio.packet.Packet(engineio.packet.MESSAGE, data=frame).encode() for frame in frames]
    return [frame.encode() if isinstance(frame, str) else frame for frame in engine]


def as_we_read(packet: socketio.packet.Packet) -> Packet:
    """Our reading of a packet of theirs that has no attachments."""
    (frame,) = as_they_write(packet)
    assert frame[:1] == b"4"
    return json_parser.parse(frame[1:])


@given(namespace=namespaces, event=texts, arguments=arguments, ack_id=st.none() | ack_ids)
def test_they_read_our_events(namespace: str, event: str, arguments: list[Any], ack_id: int | None) -> None:
    frame = frames.event_frame(event, tuple(arguments), namespace, ack_id)
    assert as_they_read(frame) == (PacketType.EVENT, namespace, ack_id, [event, *arguments], 0)


@given(namespace=namespaces, ack_id=ack_ids, arguments=arguments)
def test_they_read_our_acks(namespace: str, ack_id: int, arguments: list[Any]) -> None:
    frame = frames.ack_frame(ack_id, tuple(arguments), namespace)
    assert as_they_read(frame) == (PacketType.ACK, namespace, ack_id, arguments, 0)


@given(namespace=namespaces, auth=st.none() | objects)
def test_they_read_our_wish_to_join(namespace: str, auth: dict[str, Any] | None) -> None:
    frame = frames.connect_frame(namespace, auth)
    assert as_they_read(frame) == (PacketType.CONNECT, namespace, None, auth, 0)


@given(namespace=namespaces)
def test_they_read_our_farewell(namespace: str) -> None:
    frame = frames.disconnect_frame(namespace)
    assert as_they_read(frame) == (PacketType.DISCONNECT, namespace, None, None, 0)


@given(namespace=namespaces, event=texts, arguments=with_bytes, ack_id=st.none() | ack_ids)
def test_they_read_our_bytes(namespace: str, event: str, arguments: list[Any], ack_id: int | None) -> None:
    kind = PacketType.EVENT if ack_id is None else PacketType.ACK
    data = (event, *arguments)
    frame, *attachments = frames.frames_of(kind, data, namespace, ack_id)
    packet = socketio.packet.Packet(encoded_packet=frame[1:].decode())
    for attachment in attachments:
        packet.add_attachment(attachment)
    assert (packet.namespace or "/", packet.id, packet.data) == (namespace, ack_id, list(data))


@given(namespace=namespaces, event=texts, arguments=arguments, ack_id=st.none() | ack_ids)
def test_we_read_their_events(namespace: str, event: str, arguments: list[Any], ack_id: int | None) -> None:
    theirs = socketio.packet.Packet(socketio.packet.EVENT, [event, *arguments], namespace, ack_id)
    packet = as_we_read(theirs)
    assert packet[:3] == (PacketType.EVENT, namespace, ack_id)
    assert frames.event_of(packet) == (event, arguments)


@given(namespace=namespaces, ack_id=ack_ids, arguments=arguments)
def test_we_read_their_acks(namespace: str, ack_id: int, arguments: list[Any]) -> None:
    packet = as_we_read(socketio.packet.Packet(socketio.packet.ACK, arguments, namespace, ack_id))
    assert packet[:3] == (PacketType.ACK, namespace, ack_id)
    assert frames.arguments_of(packet) == arguments


@given(namespace=namespaces, sid=texts)
def test_we_read_their_welcome(namespace: str, sid: str) -> None:
    packet = as_we_read(socketio.packet.Packet(socketio.packet.CONNECT, {"sid": sid}, namespace))
    assert packet[:3] == (PacketType.CONNECT, namespace, None)
    assert socket_io.welcome(packet, json_parser) == (sid, "")


@given(namespace=namespaces, message=texts, data=values, bare=st.booleans())
def test_we_read_their_refusal(namespace: str, message: str, data: Any, bare: bool) -> None:
    why = message if bare else {"message": message, "data": data}
    packet = as_we_read(socketio.packet.Packet(socketio.packet.CONNECT_ERROR, why, namespace))
    assert packet[:3] == (PacketType.CONNECT_ERROR, namespace, None)
    assert socket_io.refusal(packet, json_parser) == (message, None if bare else data)


@given(namespace=namespaces, query=st.text(st.characters(codec="utf-8", exclude_characters=","), max_size=20))
def test_we_leave_out_the_query_string_that_they_leave_out(namespace: str, query: str) -> None:
    frame = frames.connect_frame(f"{namespace}?{query}")
    assert as_they_read(frame)[1] == namespace
    assert json_parser.parse(frame[1:]).namespace == namespace


@given(
    namespace=namespaces,
    event=texts,
    arguments=with_bytes,
    ack_id=st.none() | ack_ids,
    acknowledge=st.booleans(),
)
def test_we_take_as_many_attachments_as_they_send(
    namespace: str, event: str, arguments: list[Any], ack_id: int | None, acknowledge: bool
) -> None:
    if acknowledge:
        ack_id = ack_id or 0
        theirs = socketio.packet.Packet(socketio.packet.ACK, arguments, namespace, ack_id)
    else:
        theirs = socketio.packet.Packet(socketio.packet.EVENT, [event, *arguments], namespace, ack_id)
    frame, *attachments = as_they_write(theirs)
    session = joined(namespace)
    received = session.receive_text(frame)
    for attachment in attachments:
        assert received is None
        received = session.receive_binary(attachment)
    if acknowledge:
        assert isinstance(received, Acknowledged)
        assert received.packet.ack_id == ack_id
    else:
        assert isinstance(received, Received)
    assert received.packet[:3] == (theirs.packet_type, namespace, ack_id)
    assert received.packet.attachments == len(attachments)
    assert received.attachments == tuple(attachments)
    assert frames.arguments_of(received.packet, attachments) == theirs.data
    assert session.attachments_due == 0
    (event_after,) = as_they_write(socketio.packet.Packet(socketio.packet.EVENT, ["a"], namespace))
    assert isinstance(session.receive_text(event_after), Received)


def joined(namespace: str) -> Session:
    """A session that python-socketio's packets have let into a namespace."""
    session = Session((namespace,))
    session.receive_text(OPEN)
    (welcome,) = as_they_write(socketio.packet.Packet(socketio.packet.CONNECT, {"sid": "s"}, namespace))
    assert isinstance(session.receive_text(welcome), Joined)
    return session


@given(namespace=namespaces, auth=st.none() | objects, interval=st.integers(1, 10**6), answer=arguments)
def test_a_conversation_in_their_packets(
    namespace: str, auth: dict[str, Any] | None, interval: int, answer: list[Any]
) -> None:
    def engine(kind: int, data: Any = None) -> bytes:
        return str(engineio.packet.Packet(kind, data).encode()).encode()

    handshake = {
        "sid": "e",
        "upgrades": [],
        "pingTimeout": 5,
        "pingInterval": interval,
        "maxPayload": 1000000,
    }
    session = Session((namespace,), auth)
    opened = session.receive_text(engine(engineio.packet.OPEN, handshake))
    assert isinstance(opened, Opened)
    assert opened.sid == "e"
    assert session.patience_s == (interval + 5) / 1000
    assert as_they_read(frames.text(*opened.replies)) == (PacketType.CONNECT, namespace, None, auth, 0)
    (welcome,) = as_they_write(socketio.packet.Packet(socketio.packet.CONNECT, {"sid": "s"}, namespace))
    assert isinstance(session.receive_text(welcome), Joined)
    ping = session.receive_text(engine(engineio.packet.PING))
    assert isinstance(ping, Ping)
    assert engineio.packet.Packet(encoded_packet=ping.reply.decode()).packet_type == engineio.packet.PONG
    for expected in range(3):
        theirs = as_they_read(frames.event_frame("echo", tuple(answer), namespace, expected))
        assert theirs == (PacketType.EVENT, namespace, expected, ["echo", *answer], 0)
        reply = socketio.packet.Packet(socketio.packet.ACK, theirs[3][1:], theirs[1], theirs[2])
        (frame,) = as_they_write(reply)
        acknowledged = session.receive_text(frame)
        assert isinstance(acknowledged, Acknowledged)
        assert acknowledged.packet.ack_id == expected
        assert frames.arguments_of(acknowledged.packet) == answer
    (farewell,) = as_they_write(socketio.packet.Packet(socketio.packet.DISCONNECT, namespace=namespace))
    assert isinstance(session.receive_text(farewell), Ended)


@given(namespace=namespaces, message=texts)
def test_their_refusal_ends_the_session(namespace: str, message: str) -> None:
    session = Session((namespace,))
    session.receive_text(OPEN)
    refusal = socketio.packet.Packet(socketio.packet.CONNECT_ERROR, {"message": message}, namespace)
    (frame,) = as_they_write(refusal)
    refused = session.receive_text(frame)
    assert isinstance(refused, Refused)
    assert refused.message == message


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message of python-socketio's with a few characters deleted, changed or added."""
    kind = draw(st.sampled_from([socketio.packet.EVENT, socketio.packet.ACK]))
    data = draw(st.one_of(arguments, with_bytes))
    packet = socketio.packet.Packet(kind, ["name", *data], draw(namespaces), draw(st.none() | ack_ids))
    text = as_they_write(packet)[0][1:].decode()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        added = draw(st.text('0123456789[]{}/,-?" ', max_size=2))
        text = text[:at] + added + text[at + draw(st.integers(0, 2)) :]
    return text.encode()


@given(content=damaged())
def test_what_we_accept_of_damaged_packets_they_read_the_same(content: bytes) -> None:
    try:
        packet = json_parser.parse(content)
        if packet.type in (PacketType.CONNECT, PacketType.DISCONNECT, PacketType.CONNECT_ERROR):
            return
        decoded = frames.arguments_of(packet)
    except RemoteProtocolError:
        return
    theirs = as_they_read(b"4" + content)
    assert (packet.type, packet.namespace, packet.ack_id, decoded, packet.attachments) == theirs
