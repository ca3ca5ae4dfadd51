"""A connection between a transport that is made up and an observer that writes everything down."""

import msgspec
import pytest

from siotool.client.connection import CALLS_WAITING, Connection
from siotool.client.failures import ClientFailure
from siotool.client.observer import ByteCounts
from siotool.client.pool import WRITE_BUFFER_BYTES, Pool
from siotool.protocol import json_parser
from siotool.protocol.faults import RemoteProtocolError

OPEN = b'0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'


class Wire:
    def __init__(self):
        self.sent = []
        self.unsent = 0
        self.ended = ""
        self.read = []

    def send(self, packet):
        self.sent.append(packet)

    def close(self):
        self.ended = self.ended or "closed"

    def cut(self):
        self.ended = self.ended or "cut"

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
    return Pool("/", {"token": "t"}, ByteCounts())


@pytest.fixture
def connection(pool):
    found = Connection(pool, Diary(), {})
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
    assert joined.observer.heard == [("joined", 3.0, 2.0)]
    assert joined.session.max_payload == 1000
    assert pool.connections == {joined}


def test_a_heartbeat_is_answered(joined):
    joined.receive_text(b"2", 4.0)
    assert joined.transport.sent == [b"3"]


def test_a_call_is_answered_once(joined):
    call = Diary()
    joined.call(json_parser.encode(("echo", 1)), 10.0, 4.0, call)
    assert joined.transport.sent == [b'420["echo",1]']
    joined.receive_text(b"430[1]", 5.0)
    joined.receive_text(b"430[2]", 6.0)  # nobody asked
    assert call.heard == [("answered", [1], 5.0)]
    assert joined.calls == {}


def test_an_answer_that_is_none_leaves_the_call_waiting(joined):
    call = Diary()
    joined.call(b"[]", 10.0, 4.0, call)
    with pytest.raises(RemoteProtocolError):
        joined.receive_text(b"430[1", 5.0)
    joined.failed(RemoteProtocolError("no JSON"))
    joined.lost()
    assert call.heard == [("failed", "protocol_error")]
    assert joined.observer.heard[1:] == [
        ("remark", "protocol_error", "protocol_error: no JSON"),
        ("ended", "protocol_error"),
    ]


def test_an_ack_waits_for_its_attachments(joined):
    call = Diary()
    joined.call(b"[]", 10.0, 4.0, call)
    joined.receive_text(b'461-0[{"_placeholder":true,"num":0}]', 5.0)
    with pytest.raises(RemoteProtocolError, match="attachments are due"):
        joined.receive_text(b"430[]", 5.5)
    assert call.heard == []
    joined.receive_binary(b"x", 6.0)
    assert call.heard == [("answered", [{"_placeholder": True, "num": 0}], 6.0)]


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
    joined.handlers["tick"] = taken.append
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
    joined.call(b"[]", 10.0, 4.0, call)
    joined.transport.sent.clear()
    wire = joined.transport
    joined.end(reason)
    joined.lost()
    joined.finish("transport_close")
    assert (wire.sent, wire.ended) == (([b"41"], "closed") if reason == "client" else ([], "cut"))
    assert call.heard == [("failed", kind)]
    assert joined.observer.heard[1:] == [("ended", reason)]
    assert pool.connections == set()
    joined.call(b"[]", 10.0, 5.0, call)
    assert call.heard[1:] == [("failed", reason)]
    joined.emit(b"[]")
    assert wire.sent == ([b"41"] if reason == "client" else [])


def test_nothing_is_sent_while_too_much_waits(joined, pool):
    call = Diary()
    joined.transport.unsent = WRITE_BUFFER_BYTES
    joined.pause_writing()
    joined.pause_writing()
    assert (pool.paused, joined.clogged) == (1, True)
    joined.call(b"[]", 10.0, 4.0, call)
    joined.receive_text(b"2", 4.0)
    assert (joined.transport.sent, call.heard) == ([], [("failed", "not_sent")])
    joined.resume_writing()
    assert (pool.paused, joined.clogged) == (0, False)
    joined.receive_text(b"2", 4.0)
    assert joined.transport.sent == [b"3"]


def test_calls_have_answers_of_their_own(joined):
    first, second = Diary(), Diary()
    joined.call(b'["a"]', 10.0, 4.0, first)
    joined.call(b'["b"]', 10.0, 4.0, second)
    assert joined.transport.sent == [b'420["a"]', b'421["b"]']
    joined.receive_text(b"431[2]", 5.0)
    joined.receive_text(b"430[1]", 6.0)
    assert (first.heard, second.heard) == ([("answered", [1], 6.0)], [("answered", [2], 5.0)])


def test_so_many_calls_may_wait_and_no_more(joined):
    joined.calls |= {b"c%d" % number: Diary() for number in range(CALLS_WAITING - 1)}
    last, over = Diary(), Diary()
    joined.call(b"[]", 10.0, 4.0, last)
    joined.call(b"[]", 10.0, 4.0, over)
    assert (last.heard, over.heard) == ([], [("failed", "not_sent")])
    assert len(joined.transport.sent) == 1


def test_calls_are_sent_while_little_waits(joined):
    """A server that reads slowly is still asked: what counts is how much it has not read."""
    call = Diary()
    joined.transport.unsent = WRITE_BUFFER_BYTES - 1
    joined.pause_writing()
    joined.call(b"[]", 10.0, 4.0, call)
    assert (joined.transport.sent, call.heard) == ([b"420[]"], [])


def test_a_handler_of_any_event_takes_those_that_have_none_of_their_own(joined):
    tick, other = [], []
    joined.handlers.update({"tick": tick.append, "*": other.append})
    joined.receive_text(b'42["tick",1]', 4.0)
    joined.receive_text(b'42["tock",2]', 4.0)
    assert (tick, other) == ([[1]], [[2]])


def test_a_place_in_an_answer_must_be_that_of_an_attachment(joined):
    call = Diary()
    joined.call(b"[]", 10.0, 4.0, call)
    joined.receive_text(b'461-0[{"_placeholder":true,"num":1}]', 5.0)
    with pytest.raises(RemoteProtocolError, match="attachment 1 of 1"):
        joined.receive_binary(b"x", 6.0)
    assert call.heard == []


def test_a_mistake_of_our_own_ends_it_and_is_told_as_one(joined):
    mistake = LookupError("ours")
    joined.failed(mistake)
    assert joined.observer.heard[1:] == [("bug", mistake)]
    assert (joined.close_reason, joined.transport.ended) == ("internal_error", "cut")


def test_a_limit_of_ours_has_its_own_class(joined):
    joined.failed(ClientFailure("too_large", "a message"))
    assert joined.observer.heard[1:] == [("remark", "too_large", "too_large: a message")]
    assert joined.close_reason == "too_large"


@pytest.mark.parametrize("packet", [b"41", b"1", b"44{}"])
def test_the_server_may_end_it(joined, packet):
    joined.receive_text(packet, 4.0)
    assert (joined.close_reason, joined.transport.ended) == ("server_disconnect", "cut")


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
