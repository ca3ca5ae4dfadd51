"""The session as a transition table (every state × every packet), and the sequences that lead through it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from siotool.protocol.faults import LocalProtocolError, RemoteProtocolError, TooLargeError
from siotool.protocol.session import (
    ATTACHED_BYTES,
    Acknowledged,
    Ended,
    Event,
    Joined,
    Left,
    Opened,
    Ping,
    Received,
    Recoverable,
    Refused,
    Session,
    State,
)
from siotool.protocol.socket_io import Packet, PacketType

OPENING, JOINING, JOINED, CLOSED = State.OPENING, State.JOINING, State.JOINED, State.CLOSED

OPEN = b'0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
CONNECT = b'40{"sid":"socket"}'


def session_in(state: State) -> Session:
    """A session of the main namespace that got there by the shortest way."""
    session = Session()
    if state is not OPENING:
        session.receive_text(OPEN)
    if state in (JOINED, CLOSED):
        session.receive_text(CONNECT)
    if state is CLOSED:
        session.receive_text(b"1")
    assert session.state is state
    return session


def exactly(event: Event) -> tuple[type[Event], Event]:
    """An event with its type, for events are tuples: Joined("a") == Refused("a")."""
    return type(event), event


@dataclass(frozen=True)
class Fails:
    """The outcome of a frame that makes no sense: a RemoteProtocolError that says so."""

    match: str


@dataclass(frozen=True)
class Moves:
    """The outcome of a frame that leads to another state."""

    event: Event
    state: State


IGNORED = None
TOO_EARLY = Fails("before the open packet")
NO_ENGINE = Fails("not an Engine.IO packet")
NO_SOCKET = Fails("unknown Socket.IO packet")
LEFT = Ended(engine=False)
EVENT = Received(Packet(PacketType.EVENT, data=b'["a"]'))
ASKING = Received(Packet(PacketType.EVENT, ack_id=5, data=b'["a"]'))
ACK = Acknowledged(Packet(PacketType.ACK, ack_id=12, data=b"[1]"))

#: A sentence, the frame, and what comes of it while opening, joining and joined: the event and
#: the next state, where it is another. A closed session ignores everything.
TABLE: list[tuple[str, bytes, list[Event | Fails | Moves]]] = [
    (
        "the open packet opens, once",
        OPEN,
        [
            Moves(Opened("engine", (b"40",)), JOINING),
            Fails("second Engine.IO open"),
            Fails("second Engine.IO open"),
        ],
    ),
    ("an open packet must be readable", b"0{}", [Fails("unreadable"), Fails("second"), Fails("second")]),
    ("a close packet ends the session", b"1", [Moves(Ended(engine=True), CLOSED)] * 3),
    ("a ping asks for a pong", b"2", [Ping(b"3")] * 3),
    ("a ping's content changes nothing", b"2probe", [Ping(b"3")] * 3),
    ("a pong asks for nothing", b"3", [IGNORED] * 3),
    ("nor does a probe's pong", b"3probe", [IGNORED] * 3),
    ("nor does an upgrade", b"5", [IGNORED] * 3),
    ("nor does a noop", b"6", [IGNORED] * 3),
    ("there is no type 7", b"7", [NO_ENGINE] * 3),
    ("base64 belongs to polling", b"bAQIDBA==", [NO_ENGINE] * 3),
    ("an empty frame is no packet", b"", [NO_ENGINE] * 3),
    ("HTML is no packet", b"<html>", [NO_ENGINE] * 3),
    ("an empty message is no packet", b"4", [TOO_EARLY, NO_SOCKET, NO_SOCKET]),
    ("there is no message type 7", b"47", [TOO_EARLY, NO_SOCKET, NO_SOCKET]),
    (
        "CONNECT with a session id joins, once",
        CONNECT,
        [TOO_EARLY, Moves(Joined("/", "socket"), JOINED), Fails("second CONNECT")],
    ),
    (
        "a server of Socket.IO 2 connects by itself and gives no session id",
        b"40",
        [TOO_EARLY, Fails("without session id"), Fails("second CONNECT")],
    ),
    ("DISCONNECT ends the session", b"41", [TOO_EARLY, Moves(LEFT, CLOSED), Moves(LEFT, CLOSED)]),
    (
        "DISCONNECT may say why",
        b'41{"message":"no"}',
        [TOO_EARLY, Moves(LEFT, CLOSED), Moves(LEFT, CLOSED)],
    ),
    ("events may come before the answer to CONNECT", b'42["a"]', [TOO_EARLY, EVENT, EVENT]),
    ("an event may ask for an ack", b'425["a"]', [TOO_EARLY, ASKING, ASKING]),
    ("an event must hold an array", b'42{"a":1}', [TOO_EARLY, Fails("JSON array"), Fails("JSON array")]),
    ("an ack answers a call", b"4312[1]", [TOO_EARLY, ACK, ACK]),
    ("an ack needs an id", b"43[1]", [TOO_EARLY, Fails("without an id"), Fails("without an id")]),
    (
        "CONNECT_ERROR ends the session and says why",
        b'44{"message":"Not authorized"}',
        [
            TOO_EARLY,
            Moves(Refused("/", "Not authorized"), CLOSED),
            Moves(Refused("/", "Not authorized"), CLOSED),
        ],
    ),
    (
        "CONNECT_ERROR may be silent",
        b"44",
        [TOO_EARLY, Moves(Refused("/", ""), CLOSED), Moves(Refused("/", ""), CLOSED)],
    ),
    (
        "a binary event announces its attachments",
        b'451-["a",{"_placeholder":true,"num":0}]',
        [TOO_EARLY, IGNORED, IGNORED],
    ),
    (
        "so does a binary ack",
        b'461-12[{"_placeholder":true,"num":0}]',
        [TOO_EARLY, IGNORED, IGNORED],
    ),
    ("another namespace's CONNECT is not ours", b'40/b,{"sid":"x"}', [TOO_EARLY, IGNORED, IGNORED]),
    ("another namespace's DISCONNECT is not ours", b"41/b,", [TOO_EARLY, IGNORED, IGNORED]),
    ("another namespace's event is not ours", b'42/b,["a"]', [TOO_EARLY, IGNORED, IGNORED]),
    ("another namespace's ack is not ours", b"43/b,0[]", [TOO_EARLY, IGNORED, IGNORED]),
    ("another namespace's CONNECT_ERROR is not ours", b"44/b,", [TOO_EARLY, IGNORED, IGNORED]),
    (
        "another namespace's nonsense is nonsense",
        b"42/b,",
        [TOO_EARLY, Fails("JSON array"), Fails("JSON array")],
    ),
]


@pytest.mark.parametrize(
    ("state", "frame", "outcome"),
    [
        pytest.param(state, frame, outcome, id=f"{state.name.lower()}: {sentence}")
        for sentence, frame, outcomes in TABLE
        for state, outcome in zip((OPENING, JOINING, JOINED, CLOSED), [*outcomes, IGNORED], strict=True)
    ],
)
def test_transitions(state: State, frame: bytes, outcome: Event | Fails | Moves) -> None:
    session = session_in(state)
    if isinstance(outcome, Fails):
        with pytest.raises(RemoteProtocolError, match=outcome.match):
            session.receive_text(frame)
        assert session.state is state
        return
    event, state_after = (outcome.event, outcome.state) if isinstance(outcome, Moves) else (outcome, state)
    assert exactly(session.receive_text(frame)) == exactly(event)
    assert session.state is state_after


@pytest.mark.parametrize(
    ("state", "frame"),
    [
        pytest.param(OPENING, (), id="while opening there is nothing to leave"),
        pytest.param(JOINING, (), id="while joining there is nothing to leave yet"),
        pytest.param(JOINED, (b"41",), id="joined, the namespace is left"),
        pytest.param(CLOSED, (), id="closed, everything is left"),
    ],
)
def test_close(state: State, frame: tuple[bytes, ...]) -> None:
    session = session_in(state)
    assert session.close() == frame
    assert session.state is CLOSED
    assert session.close() == ()


def test_a_conversation_in_a_namespace() -> None:
    session = Session(("/admin",), {"token": "123"})
    assert exactly(session.receive_text(OPEN)) == exactly(Opened("engine", (b'40/admin,{"token":"123"}',)))
    assert exactly(session.receive_text(b'40{"sid":"main"}')) == exactly(IGNORED)
    assert exactly(session.receive_text(b'42/admin,["early"]')) == exactly(
        Received(Packet(PacketType.EVENT, "/admin", data=b'["early"]'))
    )
    assert exactly(session.receive_text(b'40/admin,{"sid":"socket"}')) == exactly(Joined("/admin", "socket"))
    assert exactly(session.receive_text(b"2")) == exactly(Ping(b"3"))
    assert session.receive_text(b"43/admin,0[]") == Acknowledged(Packet(PacketType.ACK, "/admin", 0, b"[]"))
    assert exactly(session.receive_text(b"41")) == exactly(IGNORED)
    assert session.close() == (b"41/admin,",)


@pytest.mark.parametrize(
    ("namespace", "answer"),
    [
        pytest.param("/admin?uid=1", b'40/admin,{"sid":"s"}', id="python-socketio leaves it out"),
        pytest.param("/admin?uid=1", b'40/admin?uid=1,{"sid":"s"}', id="Node.js repeats it"),
        pytest.param("/?uid=1", b'40{"sid":"s"}', id="of the main namespace, left out"),
        pytest.param("/?uid=1", b'40/?uid=1,{"sid":"s"}', id="of the main namespace, repeated"),
    ],
)
def test_the_answer_is_recognised_whatever_the_server_does_with_the_query_string(
    namespace: str, answer: bytes
) -> None:
    name = namespace.partition("?")[0]
    session = Session((namespace,))
    opened = session.receive_text(OPEN)
    assert isinstance(opened, Opened)
    assert opened.replies == (b"40" + namespace.encode() + b",",)
    assert exactly(session.receive_text(answer)) == exactly(Joined(name, "s"))
    assert session.close() == (b"41" if name == "/" else b"41" + name.encode() + b",",)


@pytest.mark.parametrize(
    ("namespace", "auth", "error"),
    [
        pytest.param("admin", None, LocalProtocolError, id="a namespace without slash"),
        pytest.param("/", "token", TypeError, id="auth that is no object"),
        pytest.param("/", {"a": object()}, TypeError, id="auth that JSON cannot say"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_opened(
    namespace: str, auth: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Session((namespace,), auth)


def test_patience_is_interval_and_timeout() -> None:
    session = Session()
    assert session.patience_s == float("inf")
    session.receive_text(b'0{"sid":"a","pingInterval":300,"pingTimeout":200.5}')
    assert session.patience_s == pytest.approx(0.5005)


def test_attachments_are_taken_in_number_and_not_beyond() -> None:
    session = session_in(JOINED)
    data = b'["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    session.receive_text(b"452-" + data)
    assert exactly(session.receive_binary(b"\x01\x02")) == exactly(IGNORED)
    whole = Packet(PacketType.BINARY_EVENT, data=data, attachments=2)
    assert exactly(session.receive_binary(b"")) == exactly(Received(whole, (b"\x01\x02", b"")))
    with pytest.raises(RemoteProtocolError, match="3 bytes that no packet announced"):
        session.receive_binary(b"\x01\x02\x03")
    assert exactly(session.receive_text(b'42["a"]')) == exactly(EVENT)


@pytest.mark.parametrize("state", [OPENING, JOINING, JOINED], ids=lambda state: state.name.lower())
def test_an_attachment_that_no_packet_announced_is_an_error(state: State) -> None:
    with pytest.raises(RemoteProtocolError, match="no packet announced"):
        session_in(state).receive_binary(b"\x01")


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b'461-0[{"_placeholder":true,"num":0}]', id="of an ack"),
        pytest.param(b'451-/b,["a",{"_placeholder":true,"num":0}]', id="of another namespace's event"),
    ],
)
def test_attachments_are_taken(frame: bytes) -> None:
    session = session_in(JOINED)
    assert exactly(session.receive_text(frame)) == exactly(IGNORED)
    assert (session.receive_binary(b"\x01") is None) == (b"/b," in frame)
    assert exactly(session.receive_text(b'42["a"]')) == exactly(EVENT)


def test_a_heartbeat_may_come_between_attachments() -> None:
    session = session_in(JOINED)
    session.receive_text(b'451-["a",{"_placeholder":true,"num":0}]')
    assert exactly(session.receive_text(b"2")) == exactly(Ping(b"3"))
    assert type(session.receive_binary(b"\x01")) is Received


def test_a_message_may_not_come_between_attachments() -> None:
    session = session_in(JOINED)
    session.receive_text(b'451-["a",{"_placeholder":true,"num":0}]')
    with pytest.raises(RemoteProtocolError, match="1 attachments are due"):
        session.receive_text(b'42["a"]')


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Session.close, id="by us"),
        pytest.param(lambda session: session.receive_text(b"1"), id="by the server"),
    ],
)
def test_attachments_still_on_their_way_are_no_error_after_the_end(end: Callable[[Session], object]) -> None:
    session = session_in(JOINED)
    end(session)
    assert exactly(session.receive_text(b'451-["a",{"_placeholder":true,"num":0}]')) == exactly(IGNORED)
    assert exactly(session.receive_binary(b"\x01")) == exactly(IGNORED)
    assert session.state is CLOSED


# ── several namespaces ────────────────────────────────────────────────────────────────


def test_several_namespaces_are_joined_over_one_connection_and_left_one_by_one() -> None:
    session = Session(("/a", "/b"), {"token": "t"})
    opened = session.receive_text(OPEN)
    assert opened == Opened("engine", (b'40/a,{"token":"t"}', b'40/b,{"token":"t"}'))
    assert session.receive_text(b'40/b,{"sid":"2"}') == Joined("/b", "2")
    assert session.state is JOINING
    assert session.receive_text(b'40/a,{"sid":"1"}') == Joined("/a", "1")
    assert session.state is JOINED
    assert set(session.close()) == {b"41/a,", b"41/b,"}


def test_the_session_ends_with_its_last_namespace() -> None:
    session = Session(("/a", "/b"))
    session.receive_text(OPEN)
    session.receive_text(b'40/a,{"sid":"1"}')
    session.receive_text(b'40/b,{"sid":"2"}')
    assert exactly(session.receive_text(b"41/a,")) == exactly(Left("/a"))
    assert session.receive_text(b'42/a,["late"]') is None
    assert exactly(session.receive_text(b"41/b,")) == exactly(LEFT)
    assert session.state is CLOSED


def test_one_refusal_ends_it() -> None:
    session = Session(("/a", "/b"))
    session.receive_text(OPEN)
    session.receive_text(b'40/a,{"sid":"1"}')
    refused = session.receive_text(b'44/b,{"message":"no","data":{"code":7}}')
    assert exactly(refused) == exactly(Refused("/b", "no", {"code": 7}))


# ── Engine.IO 3, Socket.IO 2 ──────────────────────────────────────────────────────────


def test_socket_io_2_joins_the_main_namespace_by_itself_and_gives_no_session_ids() -> None:
    session = Session(("/", "/chat?a=b"), revision=3)
    opened = session.receive_text(OPEN)
    assert opened == Opened("engine", (b"40/chat?a=b,",))
    assert session.receive_text(b"40") == Joined("/", "engine")
    assert session.receive_text(b"40/chat") == Joined("/chat", "engine")
    assert session.state is JOINED


def test_in_engine_io_3_the_client_pings() -> None:
    old, new = Session(revision=3), Session()
    old.receive_text(OPEN)
    new.receive_text(OPEN)
    assert (old.ping_every_s, new.ping_every_s) == (25.0, float("inf"))
    assert old.patience_s == 45.0


def test_socket_io_2_lets_nobody_in_who_was_refused_in_the_main_namespace() -> None:
    session = Session(("/chat",), revision=3)
    session.receive_text(OPEN)
    assert exactly(session.receive_text(b'44"no"')) == exactly(Refused("/", "no"))


# ── recovery ──────────────────────────────────────────────────────────────────────────


def test_a_lost_session_is_asked_for_and_recognised() -> None:
    session = Session(auth={"token": "t"}, recover={"/": Recoverable("p", "7")})
    opened = session.receive_text(OPEN)
    assert opened == Opened("engine", (b'40{"pid":"p","offset":"7","token":"t"}',))
    assert session.receive_text(b'40{"sid":"s","pid":"p"}') == Joined("/", "s", recovered=True)
    assert session.pid == {"/": "p"}


def test_a_session_that_heard_nothing_has_no_offset_to_show() -> None:
    session = Session(recover={"/": Recoverable("p", "")})
    assert session.receive_text(OPEN) == Opened("engine", (b'40{"pid":"p"}',))


@pytest.mark.parametrize(
    ("lost", "answer"),
    [
        pytest.param("p", b'40{"sid":"s","pid":"q"}', id="a server that has forgotten it makes a new one"),
        pytest.param("p", b'40{"sid":"s"}', id="or none"),
        pytest.param("", b'40{"sid":"s","pid":"p"}', id="none was lost"),
    ],
)
def test_a_new_session_is_none_that_was_recovered(lost: str, answer: bytes) -> None:
    session = Session(recover={"/": Recoverable(lost, "")} if lost else None)
    session.receive_text(OPEN)
    assert session.receive_text(answer) == Joined("/", "s", recovered=False)


# ── limits ────────────────────────────────────────────────────────────────────────────


def test_a_packet_may_not_announce_attachments_without_end() -> None:
    session = session_in(JOINED)
    with pytest.raises(TooLargeError, match="1001 attachments"):
        session.receive_text(b'451001-["a"]')


def test_attachments_are_bounded_in_bytes() -> None:
    session = session_in(JOINED)
    session.receive_text(b'453-["a"]')
    session.receive_binary(b"x" * ATTACHED_BYTES)
    with pytest.raises(TooLargeError, match="larger than"):
        session.receive_binary(b"x")


def test_a_packet_that_middleware_of_socket_io_2_refuses_ends_nobody() -> None:
    """It came as a refusal of the connection: one event too many took each user away for good."""
    session = Session(revision=3)
    session.receive_text(OPEN)
    session.receive_text(b"40")
    assert session.state is JOINED
    assert session.receive_text(b'44"rate limit"') is None
    assert session.state is JOINED
    assert isinstance(session.receive_text(b'42["x"]'), Received)


def test_a_login_that_socket_io_2_refuses_ends_it() -> None:
    session = Session(revision=3)
    session.receive_text(OPEN)
    assert isinstance(session.receive_text(b'44"no such user"'), Refused)
    assert session.state is CLOSED
