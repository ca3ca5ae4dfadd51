"""Whatever a server sends, the protocol answers with an event or a RemoteProtocolError."""

from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from siotool.protocol import engine_io, json_parser, socket_io, stamp
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.session import (
    Acknowledged,
    Event,
    Joined,
    Opened,
    Ping,
    Received,
    Refused,
    Session,
    State,
)
from tests.frames import arguments_of, event_of, text

VALID = [
    b'0{"sid":"engine","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
    b'40{"sid":"socket"}',
    b'40/admin,{"sid":"socket"}',
    b"1",
    b"2",
    b"3probe",
    b"41",
    b"41/admin,",
    b'42["chat message",{"text":"~s1.0e1b2c3d.2.3.2625a0.f4240~ hello","n":[1,-2.5e3,null,true]}]',
    b'42/admin?a=1,12["\xe2\x82\xac\\u20ac\\ud83d\\ude00"]',
    b'4312["ok"]',
    b"43/admin,0[]",
    b'44{"message":"Not authorized"}',
    b'44/admin,"Unable to connect"',
    b'452-["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    b'461-/admin,1[{"_placeholder":true,"num":0}]',
]
FRAGMENTS = [
    b"",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"/",
    b",",
    b"-",
    b"?",
    b"\\",
    b"\xff",
    b"\xed\xa0\x80",
    b"\x00",
]
FRAGMENTS += [b"9" * 5000, b"[" * 5000, b'{"a":' * 5000, b"-1", b"1e999", b"NaN", b"\\ud800", b"\xd9\xa3"]

READERS: list[Callable[[socket_io.Packet], object]] = [
    arguments_of,
    event_of,
    lambda packet: socket_io.refusal(packet, json_parser),
    lambda packet: socket_io.welcome(packet, json_parser),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid frame with some of its bytes deleted, replaced, repeated or added to."""
    frame = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(frame)))
        end = min(len(frame), at + draw(st.integers(0, 8)))
        added = draw(st.binary(max_size=4) | st.sampled_from([*FRAGMENTS, frame[at:end] * 2]))
        frame = frame[:at] + added + frame[end:]
    return frame


frames = mutated() | st.binary(max_size=60)


def attempt(action: Callable[[Any], Any], argument: Any) -> Any:
    """What the action returns, or None for a RemoteProtocolError; anything else is a failure."""
    message = "a sentence"
    try:
        return action(argument)
    except RemoteProtocolError as error:
        message = str(error)
        return None
    finally:
        # the server's text is quoted in part: the message stays one that can be logged
        assert 0 < len(message) < 500


@given(content=frames)
@example(content=b"2" + b"9" * 5000 + b"[]")
@example(content=b"5" + b"9" * 5000 + b"-[]")
@example(content=b"2" + b"[" * 100_000)
@example(content=b'2["\xff"]')
@example(content=b"2" + b"[" * 800 + b"1e999")
@example(content=b'2/\xff,["a"]')
def test_reading_a_packet_ends_well(content: bytes) -> None:
    packet = attempt(json_parser.parse, content)
    if packet is None:
        return
    assert 0 <= packet.type <= 6
    assert packet.namespace.startswith("/")
    assert "?" not in packet.namespace
    assert packet.ack_id is None or packet.ack_id >= 0
    assert packet.attachments >= 0
    assert content.endswith(packet.data)
    for reader in READERS:
        attempt(reader, packet)


@given(content=frames)
@example(content=b'{"sid":"\xff","pingInterval":1,"pingTimeout":1}')
@example(content=b'{"x":' + b"[" * 100_000)
def test_reading_a_handshake_ends_well(content: bytes) -> None:
    handshake = attempt(engine_io.parse_handshake, content.removeprefix(b"0"))
    if handshake is not None:
        assert 0 <= handshake.pingInterval < float("inf")
        assert 0 <= handshake.pingTimeout < float("inf")


#: State → the states that a frame may lead to.
STEPS = {
    State.OPENING: {State.OPENING, State.JOINING, State.CLOSED},
    State.JOINING: {State.JOINING, State.JOINED, State.CLOSED},
    State.JOINED: {State.JOINED, State.CLOSED},
    State.CLOSED: {State.CLOSED},
}
#: The only event that comes with a change of state.
ARRIVALS = {State.JOINING: Opened, State.JOINED: Joined}


@given(
    namespace=st.sampled_from(["/", "/admin", "/admin?a=1"]),
    begin=st.integers(0, 2),
    conversation=st.lists(st.tuples(st.booleans(), frames), max_size=12),
)
def test_a_session_survives_any_conversation(
    namespace: str, begin: int, conversation: list[tuple[bool, bytes]]
) -> None:
    session = Session((namespace,))
    welcome = VALID[1] if namespace == "/" else VALID[2]
    for frame in [VALID[0], welcome][:begin]:
        session.receive_text(frame)
    for is_text, frame in conversation:
        before = session.state
        event: Event | None = attempt(session.receive_text if is_text else session.receive_binary, frame)
        assert session.state in STEPS[before]
        if event is None:
            assert session.state is before
            continue
        if session.state is not before and session.state in ARRIVALS:
            assert type(event) is ARRIVALS[session.state]
        match event:
            case Opened(replies=replies):
                assert [text(reply)[:1] for reply in replies] == [b"4"]
            case Ping(reply):
                assert reply == b"3"
            case Refused(_, message):
                assert session.state is State.CLOSED
                assert isinstance(message, str)
            case Acknowledged(packet):
                assert packet.ack_id is not None
                attempt(arguments_of, packet)
            case Received(packet, attachments):
                assert len(attachments) == packet.attachments
                attempt(event_of, packet)
    was_joined = session.state is State.JOINED
    assert bool(session.close()) == was_joined
    assert session.state is State.CLOSED


@given(payload=frames)
def test_looking_for_a_stamp_ends_well(payload: bytes) -> None:
    found = stamp.find(payload, 1)
    assert found is None or b"~s1." in payload
