"""A connection between a transport that is made up and an observer that writes everything down."""

import msgspec
import pytest

from siotool.client.connection import CALLS_WAITING, Connection
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.client.observer import ByteCounts
from siotool.client.pool import WRITE_BUFFER_BYTES, Pool
from siotool.protocol import json_parser, msgpack_parser, msgpack_parser_2
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.session import Recoverable
from siotool.protocol.socket_io import Body

OPEN = b'0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'


class Wire:
    def __init__(self):
        self.sent = []
        self.unsent = 0
        self.ended = ""
        self.read = []

    def send(self, packet):
        self.sent.append(packet)

    def send_binary(self, data):
        self.sent.append(("bytes", data))

    def close(self):
        self.ended = self.ended or "closed"

    def cut(self):
        self.ended = self.ended or "cut"

    def leave(self):
        self.ended = self.ended or "left"

    stirred = True

    def read_wire(self, last=False):
        self.read.append(last)


class Diary:
    """Writes down what it is told, as an observer, of calls and of arrivals."""

    def __init__(self):
        self.heard = []

    def __getattr__(self, name):
        return lambda *told: self.heard.append((name, *told))


@pytest.fixture
def pool():
    return Pool(ByteCounts())


@pytest.fixture
def connection(pool):
    found = Connection(pool, Diary(), {}, Identity(auth={"token": "t"}))
    found.transport = Wire()
    return found


@pytest.fixture
def joined(connection):
    connection.receive_text(OPEN, 1.0)
    connection.receive_text(b'40{"sid":"b"}', 3.0)
    assert connection.transport.sent == [b'40{"token":"t"}']
    connection.transport.sent.clear()
    return connection


def test_it_joins_with_its_auth_and_says_how_long_it_took(joined, pool):
    assert joined.open
    assert joined.phase == "namespace"
    assert joined.observer.heard == [("namespace", "/", 2.0), ("joined", 3.0, False)]
    assert joined.session.max_payload == 1000
    assert pool.connections == {joined}


def test_a_heartbeat_is_answered(joined):
    joined.receive_text(b"2", 4.0)
    assert joined.transport.sent == [b"3"]


def test_a_call_is_answered_once(joined):
    call = Diary()
    joined.call(json_parser.encode(("echo", 1)), "/", 10.0, 4.0, call)
    assert joined.transport.sent == [b'420["echo",1]']
    joined.receive_text(b"430[1]", 5.0)
    joined.receive_text(b"430[2]", 6.0)  # nobody asked
    assert call.heard == [("answered", [1], 5.0)]
    assert joined.calls == {}


def test_an_answer_that_is_none_leaves_the_call_waiting(joined):
    call = Diary()
    joined.call(Body(b"[]"), "/", 10.0, 4.0, call)
    with pytest.raises(RemoteProtocolError):
        joined.receive_text(b"430[1", 5.0)
    joined.failed(RemoteProtocolError("no JSON"))
    joined.lost()
    assert call.heard == [("failed", "protocol_error")]
    assert joined.observer.heard[2:] == [
        ("remark", "protocol_error", "protocol_error: no JSON"),
        ("ended", "protocol_error"),
    ]


def test_an_ack_waits_for_its_attachments(joined):
    call = Diary()
    joined.call(Body(b"[]"), "/", 10.0, 4.0, call)
    joined.receive_text(b'461-0[{"_placeholder":true,"num":0}]', 5.0)
    with pytest.raises(RemoteProtocolError, match="attachments are due"):
        joined.receive_text(b"430[]", 5.5)
    assert call.heard == []
    joined.receive_binary(b"x", 6.0)
    assert call.heard == [("answered", [b"x"], 6.0)]


@pytest.mark.parametrize("payload", [b"42{}", b"42[]", b"42[1]", b"42[", b"42"])
def test_what_is_no_event_is_refused(joined, payload):
    with pytest.raises(RemoteProtocolError):
        joined.receive_text(payload, 4.0)


def test_a_known_packet_is_delivered_without_a_look_at_it(joined, pool):
    pool.known[b"42[1]"] = known = Diary()  # which is no event
    joined.receive_text(b"42[1]", 4.0)
    assert known.heard == [("deliver", joined.observer, 4.0)]


def test_a_known_packet_is_looked_at_where_a_handler_wants_its_arguments(joined, pool):
    taken = []
    pool.known[b'42["tick",7]'] = known = Diary()
    joined.handlers["/", "tick"] = lambda arguments, _reply: taken.append(arguments)
    joined.receive_text(b'42["tick",7]', 4.0)
    assert known.heard == []  # it is the observer's to book it
    assert taken == [[7]]
    name, event, arguments, packet, payload, now = joined.observer.heard[-1]
    assert (name, event, arguments, now) == ("event", "tick", [7], 4.0)
    assert json_parser.parse(payload[1:]) == packet


def test_an_event_that_asks_for_an_answer_gets_one(joined):
    joined.receive_text(b'427["tick"]', 4.0)
    assert joined.transport.sent == [b"437[]"]


@pytest.mark.parametrize(("reason", "kind"), [("client", "unanswered"), ("ping_timeout", "ping_timeout")])
def test_the_end_is_told_once_after_its_calls(joined, pool, reason, kind):
    call = Diary()
    joined.call(Body(b"[]"), "/", 10.0, 4.0, call)
    joined.transport.sent.clear()
    wire = joined.transport
    joined.end(reason)
    joined.lost()
    joined.finish("transport_close")
    assert (wire.sent, wire.ended) == (([b"41"], "closed") if reason == "client" else ([], "left"))
    assert call.heard == [("failed", kind)]
    assert joined.observer.heard[2:] == [("ended", reason)]
    assert pool.connections == set()
    joined.call(Body(b"[]"), "/", 10.0, 5.0, call)
    assert call.heard[1:] == [("failed", reason)]
    joined.emit(Body(b"[]"), "/")
    assert wire.sent == ([b"41"] if reason == "client" else [])


def test_nothing_is_sent_while_too_much_waits(joined, pool):
    call = Diary()
    joined.transport.unsent = WRITE_BUFFER_BYTES
    joined.pause_writing()
    joined.pause_writing()
    assert (pool.paused, joined.clogged) == (1, True)
    joined.call(Body(b"[]"), "/", 10.0, 4.0, call)
    joined.receive_text(b"2", 4.0)
    assert (joined.transport.sent, call.heard) == ([], [("failed", "not_sent")])
    joined.resume_writing()
    assert (pool.paused, joined.clogged) == (0, False)
    joined.receive_text(b"2", 4.0)
    assert joined.transport.sent == [b"3"]


def test_calls_have_answers_of_their_own(joined):
    first, second = Diary(), Diary()
    joined.call(Body(b'["a"]'), "/", 10.0, 4.0, first)
    joined.call(Body(b'["b"]'), "/", 10.0, 4.0, second)
    assert joined.transport.sent == [b'420["a"]', b'421["b"]']
    joined.receive_text(b"431[2]", 5.0)
    joined.receive_text(b"430[1]", 6.0)
    assert (first.heard, second.heard) == ([("answered", [1], 6.0)], [("answered", [2], 5.0)])


def test_so_many_calls_may_wait_and_no_more(joined):
    joined.calls |= {b"c%d" % number: Diary() for number in range(CALLS_WAITING - 1)}
    last, over = Diary(), Diary()
    joined.call(Body(b"[]"), "/", 10.0, 4.0, last)
    joined.call(Body(b"[]"), "/", 10.0, 4.0, over)
    assert (last.heard, over.heard) == ([], [("failed", "not_sent")])
    assert len(joined.transport.sent) == 1


def test_calls_are_sent_while_little_waits(joined):
    """A server that reads slowly is still asked: what counts is how much it has not read."""
    call = Diary()
    joined.transport.unsent = WRITE_BUFFER_BYTES - 1
    joined.pause_writing()
    joined.call(Body(b"[]"), "/", 10.0, 4.0, call)
    assert (joined.transport.sent, call.heard) == ([b"420[]"], [])


def test_a_handler_of_any_event_takes_those_that_have_none_of_their_own(joined):
    tick, other = [], []
    joined.handlers["/", "tick"] = lambda arguments, _reply: tick.append(arguments)
    joined.handlers["/", "*"] = lambda arguments, _reply: other.append(arguments)
    joined.receive_text(b'42["tick",1]', 4.0)
    joined.receive_text(b'42["tock",2]', 4.0)
    assert (tick, other) == ([[1]], [[2]])


def test_a_place_in_an_answer_must_be_that_of_an_attachment(joined):
    call = Diary()
    joined.call(Body(b"[]"), "/", 10.0, 4.0, call)
    joined.receive_text(b'461-0[{"_placeholder":true,"num":1}]', 5.0)
    with pytest.raises(RemoteProtocolError, match="attachment 1 of 1"):
        joined.receive_binary(b"x", 6.0)
    assert call.heard == []


def test_a_mistake_of_our_own_ends_it_and_is_told_as_one(joined):
    mistake = LookupError("ours")
    joined.failed(mistake)
    assert joined.observer.heard[2:] == [("bug", mistake)]
    assert (joined.close_reason, joined.transport.ended) == ("internal_error", "left")


def test_a_limit_of_ours_has_its_own_class(joined):
    joined.failed(ClientFailure("too_large", "a message"))
    assert joined.observer.heard[2:] == [("remark", "too_large", "too_large: a message")]
    assert joined.close_reason == "too_large"


@pytest.mark.parametrize(
    ("packet", "reason"),
    [(b"41", "server_disconnect"), (b"1", "transport_close"), (b"44{}", "server_disconnect")],
)
def test_the_server_may_end_it(joined, packet, reason):
    joined.receive_text(packet, 4.0)
    ended = "cut" if reason == "transport_close" else "left"  # the server has closed it already
    assert (joined.close_reason, joined.transport.ended) == (reason, ended)


def test_an_abandoned_connect_is_of_no_account(connection, pool):
    connection.receive_text(OPEN, 1.0)
    wire = connection.transport
    connection.abandon("timeout")
    connection.receive_text(b'40{"sid":"b"}', 3.0)
    connection.lost()
    assert (connection.open, connection.observer.heard, pool.connections) == (False, [], set())
    assert connection.close_reason == "timeout"
    assert wire.read == [True], "its bytes have crossed the wire all the same"


def test_the_payload_of_an_event_is_its_bytes(joined):
    payload = b"42" + msgspec.json.encode(["tick", {"n": 1}])
    joined.receive_text(payload, 4.0)
    assert joined.observer.heard[-1][4] == payload


# ── bytes, answers, namespaces ────────────────────────────────────────────────────────


def test_bytes_follow_their_event_and_come_with_their_answer(joined):
    call = Diary()
    joined.call(json_parser.encode(("up", b"abc")), "/", 10.0, 4.0, call)
    assert joined.transport.sent == [
        b'451-0["up",{"_placeholder":true,"num":0}]',
        ("bytes", b"abc"),
    ]
    joined.receive_text(b'461-0[{"_placeholder":true,"num":0}]', 5.0)
    joined.receive_binary(b"xyz", 6.0)
    assert call.heard == [("answered", [b"xyz"], 6.0)]


def test_what_a_handler_answers_is_sent_once_it_is_known(joined):
    replies = []
    joined.handlers["/", "whoami"] = lambda _arguments, reply: replies.append(reply)
    joined.receive_text(b'427["whoami"]', 4.0)
    assert joined.transport.sent == []
    replies[0](json_parser.encode(({"id": 7}, b"x")))
    assert joined.transport.sent == [
        b'461-7[{"id":7},{"_placeholder":true,"num":0}]',
        ("bytes", b"x"),
    ]


def test_a_handler_of_an_event_that_wants_no_answer_gets_nothing_to_answer_with(joined):
    replies = []
    joined.handlers["/", "tick"] = lambda _arguments, reply: replies.append(reply)
    joined.receive_text(b'42["tick"]', 4.0)
    assert replies == [None]


def test_events_go_to_the_namespace_that_is_named(pool):
    found = Connection(pool, Diary(), {}, Identity(namespaces=("/", "/chat")))
    found.transport = Wire()
    found.receive_text(OPEN, 1.0)
    found.receive_text(b'40{"sid":"a"}', 2.0)
    assert not found.open
    found.receive_text(b'40/chat,{"sid":"b"}', 3.0)
    found.transport.sent.clear()
    found.emit(json_parser.encode(("say",)), "/chat")
    call = Diary()
    found.call(json_parser.encode(("say",)), "/chat", 10.0, 4.0, call)
    assert found.transport.sent == [b'42/chat,["say"]', b'42/chat,0["say"]']
    found.receive_text(b"43/chat,0[1]", 5.0)
    assert call.heard == [("answered", [1], 5.0)]
    found.receive_text(b"41/chat,", 6.0)
    assert ("left", "/chat") in found.observer.heard
    late = Diary()
    found.call(json_parser.encode(("say",)), "/chat", 10.0, 7.0, late)
    assert (found.open, late.heard) == (True, [("failed", "server_disconnect")])


def test_a_refusal_is_told_with_the_servers_words_and_data(connection):
    connection.receive_text(OPEN, 1.0)
    connection.receive_text(b'44{"message":"room is full","data":{"code":7}}', 2.0)
    assert connection.observer.heard == [
        ("remark", "connect_error", 'connect_error: / answered room is full {"code":7}')
    ]


# ── other encodings ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("parser", "revision"), [pytest.param(msgpack_parser, 4), pytest.param(msgpack_parser_2, 3)]
)
def test_messagepack_packets_are_messages_of_bytes(parser, revision):
    pool = Pool(ByteCounts(), parser, revision)
    found = Connection(pool, Diary(), {}, Identity())
    wire = found.transport = Wire()
    found.receive_text(OPEN, 1.0)
    if revision == 4:
        assert wire.sent == [("bytes", b"\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/")]
        found.receive_binary(msgspec.msgpack.encode({"type": 0, "data": {"sid": "s"}, "nsp": "/"}), 2.0)
    else:
        assert wire.sent == []
        found.receive_text(b'4{"type":0,"nsp":"/"}', 2.0)
    assert found.open
    wire.sent.clear()
    call = Diary()
    found.call(parser.encode(("up", b"abc")), "/", 10.0, 3.0, call)
    [(_, sent)] = wire.sent
    assert msgspec.msgpack.decode(sent) == {
        "type": 2,
        "data": ["up", b"abc"],
        "options": {"compress": True},
        "id": 0,
        "nsp": "/",
    }
    found.receive_binary(msgspec.msgpack.encode({"type": 3, "data": [b"x"], "id": 0, "nsp": "/"}), 4.0)
    assert call.heard == [("answered", [b"x"], 4.0)]


# ── Engine.IO 3 ───────────────────────────────────────────────────────────────────────


def test_in_engine_io_3_the_client_pings_when_it_is_time():
    found = Connection(Pool(ByteCounts(), revision=3), Diary(), {}, Identity())
    wire = found.transport = Wire()
    found.receive_text(OPEN, 1.0)
    found.receive_text(b"40", 1.0)
    for now in (25.9, 26.0, 26.5, 51.0):
        found.ping(now)
    assert wire.sent == [b"2", b"2"]


def test_in_engine_io_4_it_does_not(joined):
    joined.ping(1e9)
    assert joined.transport.sent == []


# ── recovery ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def recovering(pool):
    found = Connection(pool, Diary(), {}, Identity())
    found.transport = Wire()
    found.receive_text(OPEN, 1.0)
    found.receive_text(b'40{"sid":"s","pid":"p"}', 2.0)
    return found


def test_what_must_be_shown_to_be_given_a_session_back_is_remembered(recovering, pool):
    assert recovering.recoverable == {"/": Recoverable("p", "")}
    recovering.receive_text(b'42["tick",1,"offset-1"]', 3.0)
    assert recovering.recoverable == {"/": Recoverable("p", "offset-1")}
    pool.known[b'42["tick",2,"offset-2"]'] = Diary()
    recovering.receive_text(b'42["tick",2,"offset-2"]', 4.0)
    recovering.receive_text(b'42["tick",3]', 5.0)
    assert recovering.recoverable == {"/": Recoverable("p", "offset-2")}


@pytest.mark.parametrize(
    ("packet", "offset"),
    [
        pytest.param(b'42["tick",1,"offset-2"]', "offset-2", id="its last argument"),
        pytest.param(b'42["tick"]', "tick", id="its name, where nothing follows it"),
        pytest.param(b'42["tick",2]', "offset-1", id="a number is none"),
        pytest.param(b'427["tick","a question"]', "offset-1", id="not that of an event to be answered"),
        pytest.param(b'427["tick"]', "offset-1", id="nor its name"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_the_offset_is_the_text_that_ends_an_event_as_the_official_client_reads_it(
    recovering, pool, packet, offset, known
):
    """socket.io-client, lib/socket.ts: an event's name comes first of its arguments, what answers it last."""
    recovering.receive_text(b'42["tick",1,"offset-1"]', 3.0)
    if known:
        pool.known[packet] = Diary()
    recovering.receive_text(packet, 4.0)
    assert recovering.recoverable == {"/": Recoverable("p", offset)}


def test_a_recovered_session_is_told_and_keeps_its_offset(recovering, pool):
    recovering.receive_text(b'42["tick",1,"offset-1"]', 3.0)
    after = Connection(pool, Diary(), {}, Identity(), recovering.recoverable)
    after.transport = Wire()
    after.receive_text(OPEN, 4.0)
    assert after.transport.sent == [b'40{"pid":"p","offset":"offset-1"}']
    after.receive_text(b'40{"sid":"t","pid":"p"}', 5.0)
    assert ("joined", 5.0, True) in after.observer.heard
    assert after.recoverable == {"/": Recoverable("p", "offset-1")}


def test_a_server_without_recovery_is_shown_nothing(joined):
    joined.receive_text(b'42["tick","a text"]', 3.0)
    assert joined.recoverable == {}


def test_nothing_is_sent_to_a_namespace_that_the_server_has_closed(pool):
    """It would close the whole connection for an event to a namespace that nobody is in."""
    connection = Connection(pool, Diary(), {}, Identity(namespaces=("/", "/admin")))
    connection.transport = Wire()
    connection.receive_text(OPEN, 1.0)
    connection.receive_text(b'40{"sid":"b"}', 2.0)
    connection.receive_text(b'40/admin,{"sid":"c"}', 2.0)
    connection.receive_text(b'42/admin,7["who"]', 3.0)
    connection.transport.sent.clear()
    reply = []
    connection.handlers = {("/admin", "who"): lambda _arguments, answer: reply.append(answer)}
    connection.receive_text(b'42/admin,8["who"]', 3.0)
    connection.receive_text(b"41/admin,", 4.0)
    body = pool.parser.encode(("x",))
    connection.emit(body, "/admin")
    reply[0](pool.parser.encode(()))
    assert connection.transport.sent == []
    connection.emit(body, "/")
    assert connection.transport.sent == [b'42["x"]']
