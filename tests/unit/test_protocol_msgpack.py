"""Packets of socket.io-msgpack-parser: what is written, and what is read or refused."""

import msgspec
import pytest

from siotool.protocol import msgpack_parser, msgpack_parser_2
from siotool.protocol.engine_io import BinaryMessage
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import Packet, PacketType

pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode
#: JavaScript's ``undefined``, as notepack.io writes it; a Date of one second after 1970.
UNDEFINED = b"\xd4\x00\x00"
DATE = b"\xd7\x00" + (1000).to_bytes(8, "big")


def written(kind, ack_id=b"", data=b""):
    return unpack(msgpack_parser.frame(kind, "/chat", ack_id, data).data, ext_hook=lambda *_: "undefined")


def test_packets_are_maps_with_the_keys_of_the_official_client():
    event = {"type": 2, "data": ["a"], "options": {"compress": True}, "id": 7, "nsp": "/chat"}
    assert written(PacketType.EVENT, b"7", pack(["a"])) == event
    assert list(written(PacketType.EVENT, b"7", pack(["a"]))) == list(event)
    assert list(written(PacketType.ACK, b"7", pack([]))) == ["type", "id", "data", "nsp"]
    assert written(PacketType.CONNECT) == {"type": 0, "data": "undefined", "nsp": "/chat"}
    assert written(PacketType.DISCONNECT) == {"type": 1, "nsp": "/chat"}


@pytest.mark.parametrize(
    ("content", "packet"),
    [
        pytest.param(
            pack({"type": 2, "data": ["a", b"x"], "id": 3, "nsp": "/chat?b=c"}),
            Packet(PacketType.EVENT, "/chat", 3, pack(["a", b"x"])),
            id="an event with bytes, and a query in its namespace",
        ),
        pytest.param(
            b"\x83" + pack("type") + b"\x00" + pack("data") + UNDEFINED + pack("nsp") + pack("/"),
            Packet(PacketType.CONNECT),
            id="undefined is no data",
        ),
        pytest.param(pack({"type": 1, "nsp": "/"}), Packet(PacketType.DISCONNECT), id="nor is none"),
        pytest.param(
            pack({"type": 5, "data": ["a"], "nsp": "/"}),
            Packet(PacketType.EVENT, data=pack(["a"])),
            id="a binary event of Socket.IO 2 is an event",
        ),
        pytest.param(
            pack({"type": 6, "data": list(range(20)), "id": 1, "nsp": "/"}),
            Packet(PacketType.ACK, ack_id=1, data=pack(list(range(20)))),
            id="and so is an ack, of many arguments",
        ),
    ],
)
def test_packets_are_read(content, packet):
    assert msgpack_parser.parse(content) == packet
    assert msgpack_parser_2.parse(content) == packet


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "not a MessagePack packet", id="nothing"),
        pytest.param(pack(["a"]), "not a MessagePack packet", id="no map"),
        pytest.param(pack({"type": 7, "nsp": "/"}), "not a MessagePack packet", id="an unknown type"),
        pytest.param(pack({"type": 2, "data": {}, "nsp": "/"}), "must hold an array", id="no arguments"),
        pytest.param(pack({"type": 3, "nsp": "/"}), "must hold an array", id="an ack without any"),
        pytest.param(
            pack({"type": 3, "data": [], "id": -1, "nsp": "/"}), "ack id -1", id="a negative ack id"
        ),
    ],
)
def test_what_is_no_packet_is_refused(content, said):
    with pytest.raises(RemoteProtocolError, match=said):
        msgpack_parser.parse(content)


def test_values_of_javascript_are_read():
    assert msgpack_parser.decode(b"\x92" + UNDEFINED + DATE) == [None, 1000]
    with pytest.raises(RemoteProtocolError, match="unreadable"):
        msgpack_parser.decode(b"\xc1")


@pytest.mark.parametrize("value", [object(), 2**64, "\ud800"])
def test_what_messagepack_cannot_say_is_a_type_error(value):
    with pytest.raises(TypeError):
        msgpack_parser.encode(("a", value))


# ── Socket.IO 2 ───────────────────────────────────────────────────────────────────────


def test_there_only_events_and_acks_are_messagepack():
    assert msgpack_parser_2.frame(PacketType.CONNECT, "/chat?a=b") == (
        b'4{"type":0,"query":"a=b","nsp":"/chat"}'
    )
    assert msgpack_parser_2.frame(PacketType.DISCONNECT, "/") == b'4{"type":1,"nsp":"/"}'
    event = msgpack_parser_2.frame(PacketType.EVENT, "/", b"", pack(["a"]))
    assert isinstance(event, BinaryMessage)
    refused = msgpack_parser_2.parse(b'{"type":4,"nsp":"/","data":"no"}')
    assert (refused.type, msgpack_parser_2.decode(refused.data)) == (PacketType.CONNECT_ERROR, "no")
    assert msgpack_parser_2.parse(b'{"type":0,"nsp":"/"}') == Packet(PacketType.CONNECT)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"type":9,"nsp":"/"}', "not a packet"),
        (b'{"nsp":"/"}', "not a packet"),
        (b"{", "not a packet"),
        (b'{"type":2,"nsp":"/"}', "of type 2 as text"),
    ],
)
def test_text_that_is_no_packet_is_refused(content, said):
    with pytest.raises(RemoteProtocolError, match=said):
        msgpack_parser_2.parse(content)
