"""Engine.IO 4 and Socket.IO 5 packets, byte by byte; most rows are the protocol documents' own examples."""

import math
from typing import Any

import pytest

from siotool.protocol import engine_io, json_parser, socket_io
from siotool.protocol.engine_io import Handshake
from siotool.protocol.faults import LocalProtocolError, RemoteProtocolError
from siotool.protocol.socket_io import Packet, PacketType
from tests import frames


@pytest.mark.parametrize(
    ("content", "packet"),
    [
        pytest.param(b"0", Packet(PacketType.CONNECT), id="a CONNECT may be its type alone"),
        pytest.param(
            b'0{"sid":"wZX3oN0bSVIhsaknAAAI"}',
            Packet(PacketType.CONNECT, data=b'{"sid":"wZX3oN0bSVIhsaknAAAI"}'),
            id="a server's CONNECT carries the session id",
        ),
        pytest.param(
            b'0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}',
            Packet(PacketType.CONNECT, "/admin", data=b'{"sid":"oSO0OpakMV_3jnilAAAA"}'),
            id="a namespace ends at its comma",
        ),
        pytest.param(
            b"0/admin?token=1234&uid=abcd,",
            Packet(PacketType.CONNECT, "/admin"),
            id="a query string is no part of the namespace",
        ),
        pytest.param(
            b'0/admin?token=1234,{"token":"123"}',
            Packet(PacketType.CONNECT, "/admin", data=b'{"token":"123"}'),
            id="JSON may follow a query string",
        ),
        pytest.param(
            b"0/?token=1,", Packet(PacketType.CONNECT, "/"), id="the main namespace may have a query string"
        ),
        pytest.param(b"1", Packet(PacketType.DISCONNECT), id="a DISCONNECT is its type alone"),
        pytest.param(b"1/admin,", Packet(PacketType.DISCONNECT, "/admin"), id="DISCONNECT from a namespace"),
        pytest.param(
            b"1/admin", Packet(PacketType.DISCONNECT, "/admin"), id="the comma may be missing at the end"
        ),
        pytest.param(
            b'1{"message":"no"}',
            Packet(PacketType.DISCONNECT, data=b'{"message":"no"}'),
            id="python-socketio with always_connect refuses by a DISCONNECT with a reason",
        ),
        pytest.param(b'2["foo"]', Packet(PacketType.EVENT, data=b'["foo"]'), id="an EVENT"),
        pytest.param(
            b'2/admin,["bar"]',
            Packet(PacketType.EVENT, "/admin", data=b'["bar"]'),
            id="an EVENT of a namespace",
        ),
        pytest.param(
            b'2/,["bar"]',
            Packet(PacketType.EVENT, "/", data=b'["bar"]'),
            id="the main namespace may be spelled out",
        ),
        pytest.param(
            b'212["foo"]',
            Packet(PacketType.EVENT, ack_id=12, data=b'["foo"]'),
            id="digits before the array are the ack id",
        ),
        pytest.param(
            b'2["1"]',
            Packet(PacketType.EVENT, data=b'["1"]'),
            id="digits inside the array are no ack id",
        ),
        pytest.param(
            b'20["a"]', Packet(PacketType.EVENT, ack_id=0, data=b'["a"]'), id="the ack id 0 is an ack id"
        ),
        pytest.param(
            b'2/admin,456["project:delete",123]',
            Packet(PacketType.EVENT, "/admin", 456, b'["project:delete",123]'),
            id="namespace, then ack id, then JSON",
        ),
        pytest.param(
            b'2["a/b,c-d",1]',
            Packet(PacketType.EVENT, data=b'["a/b,c-d",1]'),
            id="slash, comma and dash inside the JSON mean nothing",
        ),
        pytest.param(
            b'2/caf\xc3\xa9,["\xe2\x82\xac"]',
            Packet(PacketType.EVENT, "/café", data=b'["\xe2\x82\xac"]'),
            id="namespace and JSON are UTF-8",
        ),
        pytest.param(b"312[]", Packet(PacketType.ACK, ack_id=12, data=b"[]"), id="an ACK may be empty"),
        pytest.param(
            b'3/admin,13["bar"]',
            Packet(PacketType.ACK, "/admin", 13, b'["bar"]'),
            id="an ACK of a namespace",
        ),
        pytest.param(
            b'4{"message":"Not authorized"}',
            Packet(PacketType.CONNECT_ERROR, data=b'{"message":"Not authorized"}'),
            id="a CONNECT_ERROR carries an object",
        ),
        pytest.param(
            b'4/admin,"Unable to connect"',
            Packet(PacketType.CONNECT_ERROR, "/admin", data=b'"Unable to connect"'),
            id="python-socketio's CONNECT_ERROR carries a string",
        ),
        pytest.param(
            b'51-["baz",{"_placeholder":true,"num":0}]',
            Packet(PacketType.BINARY_EVENT, data=b'["baz",{"_placeholder":true,"num":0}]', attachments=1),
            id="a BINARY_EVENT announces its attachments",
        ),
        pytest.param(
            b'52-/admin,["baz"]',
            Packet(PacketType.BINARY_EVENT, "/admin", None, b'["baz"]', 2),
            id="the attachments come before the namespace",
        ),
        pytest.param(
            b'512-/admin,34["baz"]',
            Packet(PacketType.BINARY_EVENT, "/admin", 34, b'["baz"]', 12),
            id="attachments and ack id may have several digits",
        ),
        pytest.param(
            b'50-["baz"]', Packet(PacketType.BINARY_EVENT, data=b'["baz"]'), id="no attachment at all"
        ),
        pytest.param(
            b'61-15["bar",{"_placeholder":true,"num":0}]',
            Packet(PacketType.BINARY_ACK, "/", 15, b'["bar",{"_placeholder":true,"num":0}]', 1),
            id="a BINARY_ACK has attachments and an id",
        ),
        pytest.param(
            b'461-/admin,1[{"_placeholder":true,"num":0}]'[1:],
            Packet(PacketType.BINARY_ACK, "/admin", 1, b'[{"_placeholder":true,"num":0}]', 1),
            id="the BINARY_ACK of the document's sample session",
        ),
        pytest.param(
            b"2" + b"9" * 100 + b"[]",
            Packet(PacketType.EVENT, ack_id=10**100 - 1, data=b"[]"),
            id="an ack id of 100 digits is the longest",
        ),
    ],
)
def test_a_packet_is_split_into_its_parts(content: bytes, packet: Packet) -> None:
    assert json_parser.parse(content) == packet


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"7", id="the type after the last one"),
        pytest.param(b"999", id="no such type"),
        pytest.param(b"/", id="the character before the digit 0"),
        pytest.param(b":", id="the character after the digit 9"),
        pytest.param(b"\xd9\xa3[]", id="a digit that is not ASCII"),
        pytest.param(b"2", id="an EVENT without payload"),
        pytest.param(b"2/admin,", id="an EVENT of a namespace without payload"),
        pytest.param(b"2/admin", id="an EVENT with nothing but a namespace"),
        pytest.param(b"212", id="an EVENT with an ack id and no payload"),
        pytest.param(b'2{"a":1}', id="an EVENT must not hold an object"),
        pytest.param(b'2{"a":[1]}', id="an array inside an object is no array of arguments"),
        pytest.param(b'2"a"', id="an EVENT must not hold a string"),
        pytest.param(b'2 ["a"]', id="JSON.stringify writes no space, and its parser takes one for an ack id"),
        pytest.param(b'2-1["a"]', id="an ack id is not negative"),
        pytest.param(b'21.5["a"]', id="an ack id is an integer"),
        pytest.param(b'2\xd9\xa3["a"]', id="an ack id is written in ASCII"),
        pytest.param(b"2" + b"9" * 101 + b"[]", id="an ack id of more digits than python-socketio reads"),
        pytest.param(b"2" + b"9" * 5000 + b"[]", id="an ack id of more digits than Python reads"),
        pytest.param(b"31", id="an ACK without payload"),
        pytest.param(b"31{}", id="an ACK must not hold an object"),
        pytest.param(b"5", id="a BINARY_EVENT of a type alone"),
        pytest.param(b"51", id="an attachment count without its dash"),
        pytest.param(b"5-[]", id="a dash without its attachment count"),
        pytest.param(b"5a-[]", id="an attachment count that is no number"),
        pytest.param(b"51.23-[]", id="an attachment count that is no integer"),
        pytest.param(b"5-1-[]", id="a negative attachment count"),
        pytest.param(b"5+1-[]", id="an attachment count with a sign"),
        pytest.param(b'5["a-b"]', id="a dash inside the JSON ends no attachment count"),
        pytest.param(b"5" + b"1" * 11 + b"-[]", id="more attachments than python-socketio takes"),
        pytest.param(b"5" + b"1" * 5000 + b"-[]", id="a count of more digits than Python reads"),
        pytest.param(b"6[]", id="a BINARY_ACK without attachment count"),
        pytest.param(b'2/\xff,["a"]', id="a namespace that is not UTF-8"),
    ],
)
def test_what_is_no_packet_is_the_servers_fault(content: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        json_parser.parse(content)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        pytest.param(b"[]", [], id="an ack may have none"),
        pytest.param(
            b'[1,-2.5,"\\u20ac",null,true]', [1, -2.5, "€", None, True], id="all that JSON has to offer"
        ),
        pytest.param(b'[{"a":[{"b":{}}]}]', [{"a": [{"b": {}}]}], id="nested"),
        pytest.param(b'["\\ud83d\\ude00"]', ["😀"], id="an escaped surrogate pair is one character"),
        pytest.param(b"[18446744073709551616]", [2**64], id="an integer wider than 64 bits"),
        pytest.param(
            b'["\\ud800",-0]', ["\ud800", 0], id="half a surrogate pair, which JavaScript's texts may hold"
        ),
        pytest.param(
            b'{"\\udc00":"\\ud83d\\ude00"}', {"\udc00": "😀"}, id="half a pair as a key, beside a whole one"
        ),
        pytest.param(
            b"[1e999,-1e999]",
            [math.inf, -math.inf],
            id="a number that no float holds, as JavaScript reads it",
        ),
        pytest.param(b"[%b]" % (b"9" * 5000), [math.inf], id="an integer of more digits than Python reads"),
    ],
)
def test_arguments_are_decoded(text: bytes, arguments: list[Any]) -> None:
    assert frames.arguments_of(Packet(PacketType.ACK, ack_id=1, data=text)) == arguments


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="no JSON"),
        pytest.param(b'["some","data"', id="an array that does not end"),
        pytest.param(b"[1]x", id="something after the array"),
        pytest.param(b"[NaN]", id="NaN, which Python writes and JSON does not know"),
        pytest.param(b'["\\ud800",Infinity]', id="Infinity, beside what only Python's parser reads"),
        pytest.param(b'["a\x01"]', id="a control character that is not escaped"),
        pytest.param(b'["\xff"]', id="text that is not UTF-8"),
        pytest.param(b'["\xed\xa0\x80"]', id="half a surrogate pair as UTF-8 cannot write it"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_unreadable_arguments_are_the_servers_fault(text: bytes) -> None:
    packet = Packet(PacketType.EVENT, data=text)
    with pytest.raises(RemoteProtocolError):
        frames.arguments_of(packet)


def test_an_event_is_its_name_and_its_arguments() -> None:
    packet = Packet(PacketType.EVENT, data=b'["chat message",{"text":"hi"},2]')
    assert frames.event_of(packet) == ("chat message", [{"text": "hi"}, 2])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"{}", id="an event is an array, not an object"),
        pytest.param(b'"a"', id="nor a string"),
        pytest.param(b"[]", id="an event's array must not be empty"),
        pytest.param(b"[true]", id="a name is no boolean"),
        pytest.param(b"[null]", id="a name is not null"),
        pytest.param(b'[{"toString":"foo"}]', id="a name is no object"),
    ],
)
def test_an_event_without_a_name_is_the_servers_fault(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="name"):
        frames.event_of(Packet(PacketType.EVENT, data=text))


def test_a_refusal_of_socket_io_2_is_its_data_alone() -> None:
    packet = Packet(PacketType.CONNECT_ERROR, data=b'{"code":4}')
    assert socket_io.refusal(packet, json_parser) == ("", {"code": 4})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b'{"message":"Not authorized"}', "Not authorized", id="the message of the object"),
        pytest.param(b'{"message":"no","data":{"code":4}}', "no", id="its data comes beside it"),
        pytest.param(b'"Unable to connect"', "Unable to connect", id="a string is the message"),
        pytest.param(b'{"code":4}', "", id="an object without message is data alone, as of Socket.IO 2"),
        pytest.param(b'{"message":4}', "", id="a message that is no text is data, too"),
        pytest.param(b"", "", id="nothing said"),
        pytest.param(b"null", "", id="null says nothing"),
        pytest.param(b'{"message":', '{"message":', id="broken JSON, as it came"),
        pytest.param(b"no \xff", "no \ufffd", id="broken text, as far as it goes"),
        pytest.param(b"[" * 5000, "[" * 5000, id="nested without end, as it came"),
    ],
)
def test_a_refusal_has_a_message_whatever_its_form(text: bytes, message: str) -> None:
    assert socket_io.refusal(Packet(PacketType.CONNECT_ERROR, data=text), json_parser).message == message


@pytest.mark.parametrize(
    ("text", "sid"),
    [
        pytest.param(b'{"sid":"wZX3oN0bSVIhsaknAAAI"}', "wZX3oN0bSVIhsaknAAAI", id="the session id"),
        pytest.param(b'{"sid":"a","pid":"b"}', "a", id="a server with state recovery adds a pid"),
        pytest.param(b"", "", id="Socket.IO 2 gives none"),
        pytest.param(b"{}", "", id="an object without it"),
        pytest.param(b'{"sid":null}', "", id="null is none"),
        pytest.param(b'["sid"]', "", id="an array has none"),
        pytest.param(b'{"sid":', "", id="broken JSON has none"),
        pytest.param(b'{"sid":"\xff"}', "", id="broken text has none"),
        pytest.param(b"[" * 100_000, "", id="endless nesting has none"),
    ],
)
def test_the_session_id_of_a_connect(text: bytes, sid: str) -> None:
    assert socket_io.welcome(Packet(PacketType.CONNECT, data=text), json_parser).sid == sid


@pytest.mark.parametrize(
    ("content", "handshake"),
    [
        pytest.param(
            b'{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,'
            b'"pingTimeout":20000,"maxPayload":1000000}',
            Handshake("lv_VI97HAXpY6yYWAAAC", 25000, 20000, ["websocket"], 1000000),
            id="the document's own example",
        ),
        pytest.param(
            b'{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}',
            Handshake("a", 25000, 5000),
            id="servers before Socket.IO 4.3 say no maxPayload",
        ),
        pytest.param(
            b'{"sid":"a","pingInterval":25000.0,"pingTimeout":0.5}',
            Handshake("a", 25000, 0.5),
            id="the intervals are numbers, not necessarily integers",
        ),
        pytest.param(
            b'{"sid":"a","pingInterval":0,"pingTimeout":20000}',
            Handshake("a", 0, 20000),
            id="python-engineio announces an interval below one second as zero",
        ),
        pytest.param(
            b'{"sid":"a","pingInterval":1,"pingTimeout":1,"since":[{}]}',
            Handshake("a", 1, 1),
            id="unknown keys are left for later revisions",
        ),
    ],
)
def test_a_handshake_is_read(content: bytes, handshake: Handshake) -> None:
    assert engine_io.parse_handshake(content) == handshake


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"{}", id="an object without keys"),
        pytest.param(b'{"sid":"a","pingInterval":1}', id="a key is missing"),
        pytest.param(b'{"sid":1,"pingInterval":1,"pingTimeout":1}', id="a session id that is no text"),
        pytest.param(b'{"sid":"a","pingInterval":"1","pingTimeout":1}', id="an interval that is text"),
        pytest.param(b'{"sid":"a","pingInterval":-1,"pingTimeout":1}', id="a negative interval"),
        pytest.param(b'{"sid":"a","pingInterval":1e999,"pingTimeout":1}', id="an interval without end"),
        pytest.param(b'{"sid":"\xff","pingInterval":1,"pingTimeout":1}', id="text that is not UTF-8"),
        pytest.param(b'{"x":' + b"[" * 100_000, id="nested without end"),
        pytest.param(b'"probe"', id="a probe's content"),
    ],
)
def test_an_unreadable_handshake_is_the_servers_fault(content: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="open packet"):
        engine_io.parse_handshake(content)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(frames.connect_frame(), b"40", id="joining the main namespace"),
        pytest.param(frames.connect_frame("/admin"), b"40/admin,", id="joining a namespace"),
        pytest.param(
            frames.connect_frame("/admin", {"token": "123"}),
            b'40/admin,{"token":"123"}',
            id="joining with auth",
        ),
        pytest.param(frames.connect_frame("/", {}), b"40{}", id="empty auth is auth"),
        pytest.param(
            frames.connect_frame("/admin?uid=1"), b"40/admin?uid=1,", id="joining with a query string"
        ),
        pytest.param(frames.disconnect_frame(), b"41", id="leaving the main namespace"),
        pytest.param(frames.disconnect_frame("/admin"), b"41/admin,", id="leaving a namespace"),
        pytest.param(frames.event_frame("foo", ()), b'42["foo"]', id="an event without arguments"),
        pytest.param(
            frames.event_frame("bar", ("x", 1), "/admin"), b'42/admin,["bar","x",1]', id="with arguments"
        ),
        pytest.param(frames.event_frame("foo", (), ack_id=12), b'4212["foo"]', id="a call"),
        pytest.param(frames.event_frame("foo", (), ack_id=0), b'420["foo"]', id="the first call"),
        pytest.param(
            frames.event_frame("tellme", (), "/admin", 1), b'42/admin,1["tellme"]', id="in a namespace"
        ),
        pytest.param(
            frames.event_frame("é", ("€",)), '42["é","€"]'.encode(), id="text goes as UTF-8, not escaped"
        ),
        pytest.param(
            frames.event_frame("a", ((1, [2]), {"b": None})),
            b'42["a",[1,[2]],{"b":null}]',
            id="tuples are arrays",
        ),
        pytest.param(frames.event_frame("a", (math.nan,)), b'42["a",null]', id="NaN is null, as in Node.js"),
        pytest.param(frames.ack_frame(12), b"4312[]", id="an empty ack"),
        pytest.param(
            frames.ack_frame(13, ("bar",), "/admin"), b'43/admin,13["bar"]', id="an ack with an argument"
        ),
        pytest.param(
            frames.event_frame("a", (1,), "/admin", 7),
            b'42/admin,7["a",1]',
            id="prefix, ack id and data make a frame",
        ),
        pytest.param(json_parser.frame(PacketType.ACK, "/"), b"43", id="the start of an ack"),
        pytest.param(
            json_parser.frame(PacketType.ACK, "/admin"), b"43/admin,", id="the start of a namespace's ack"
        ),
    ],
)
def test_frames_are_written(frame: bytes, expected: bytes) -> None:
    assert frame == expected


_LOOP: list[Any] = []
_LOOP.append(_LOOP)


@pytest.mark.parametrize(
    "argument",
    [
        pytest.param(object(), id="an object that JSON does not know"),
        pytest.param({(1, 2): 3}, id="a key that JSON does not know"),
        pytest.param(10**5000, id="an integer of more digits than Python writes"),
        pytest.param(_LOOP, id="a list that holds itself"),
    ],
)
def test_what_json_cannot_say_is_a_type_error(argument: object) -> None:
    with pytest.raises(TypeError):
        json_parser.encode(("a", argument))
    with pytest.raises(TypeError):
        frames.connect_frame("/", {"a": argument})


def test_half_a_surrogate_pair_is_escaped_as_javascript_does_and_nothing_else_is() -> None:
    argument = {"é😀\ud800": (1.5, math.inf, [None, "\u2028\udfff\n"])}
    assert json_parser.encode(("a", argument)).data == (
        '["a",{"é😀\\ud800":[1.5,null,[null,"\u2028\\udfff\\n"]]}]'.encode()
    )
    assert json_parser.encode(("a", b"x", "\ud800")).attachments == (b"x",)


@pytest.mark.parametrize(
    "argument",
    [
        pytest.param(b"x", id="bytes"),
        pytest.param(bytearray(b"x"), id="a bytearray"),
        pytest.param(memoryview(b"x"), id="a memoryview"),
    ],
)
def test_bytes_travel_as_attachments(argument: object) -> None:
    body = json_parser.encode(("a", argument, {"b": [(argument,)]}))
    first, second = b'{"_placeholder":true,"num":0}', b'{"_placeholder":true,"num":1}'
    assert body == (b'["a",%b,{"b":[[%b]]}]' % (first, second), (b"x", b"x"))
    with pytest.raises(TypeError, match="cannot hold bytes"):
        frames.connect_frame("/", {"a": argument})


def test_a_refusals_data_is_kept() -> None:
    packet = Packet(PacketType.CONNECT_ERROR, data=b'{"message":"no","data":{"code":4}}')
    assert socket_io.refusal(packet, json_parser).data == {"code": 4}


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param("token", id="a string"),
        pytest.param(["token"], id="an array"),
        pytest.param(5, id="a number, which would read as an ack id"),
    ],
)
def test_auth_must_be_an_object(auth: object) -> None:
    with pytest.raises(TypeError, match="JSON object"):
        frames.connect_frame("/", auth)


@pytest.mark.parametrize(
    "namespace",
    [
        pytest.param("", id="empty"),
        pytest.param("admin", id="without slash"),
        pytest.param("/a,b", id="with the comma that would end it"),
        pytest.param("/a?ids=1,2", id="with a comma in its query string"),
    ],
)
def test_a_namespace_that_would_not_survive_the_way_is_refused(namespace: str) -> None:
    with pytest.raises(LocalProtocolError, match="namespace"):
        frames.connect_frame(namespace)


def test_the_types_have_the_documents_numbers() -> None:
    engine = ["OPEN", "CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP"]
    assert [getattr(engine_io, name) for name in engine] == [ord(str(i)) for i in range(7)]
    names = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"]
    assert [(kind.name, kind.value) for kind in PacketType] == [(n, i) for i, n in enumerate(names)]
