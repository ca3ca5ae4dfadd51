"""Packets as lines of a dry run: kinds, directions, sizes, and no secrets."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.protocol import json_parser, msgpack_parser
from siotool.protocol.engine_io import BinaryMessage
from siotool.swarm.packet_lines import line

SENT, GOT = True, False


def shown(frame, outgoing=GOT, parser=json_parser, secrets=()):
    """The line without its time and transport."""
    text = line(frame, parser, 1.5, "polling", secrets, outgoing=outgoing)
    head = f"  1.500 s {'→' if outgoing else '←'} polling   "
    assert text.startswith(head)
    kind, said = text[len(head) :][:13].rstrip(), text[len(head) :][14:]
    return kind, said


@pytest.mark.parametrize(
    ("frame", "outgoing", "kind", "said"),
    [
        pytest.param(b'0{"sid":"x"}', GOT, "open", '0{"sid":"x"}', id="the session's opening"),
        pytest.param(b"2", GOT, "ping", "2", id="a heartbeat"),
        pytest.param(b"2probe", SENT, "ping", "2probe", id="a probe"),
        pytest.param(b"3probe", GOT, "pong", "3probe", id="its answer"),
        pytest.param(b"5", SENT, "upgrade", "5", id="an upgrade"),
        pytest.param(b"6", GOT, "noop", "6", id="the end of a poll"),
        pytest.param(b"1", SENT, "close", "1", id="the end"),
        pytest.param(b'42["a",1]', SENT, "event", '42["a",1]', id="an event"),
        pytest.param(b'43/chat,7["ok"]', GOT, "ack", '43/chat,7["ok"]', id="an acknowledgement"),
        pytest.param(b'44{"message":"no"}', GOT, "connect error", '44{"message":"no"}', id="a refusal"),
        pytest.param(b"41", GOT, "disconnect", "41", id="a farewell"),
        pytest.param(b"9what", GOT, "unknown", "9what", id="a type that there is not"),
        pytest.param(b"49", GOT, "message", "49", id="a message that is no packet"),
        pytest.param(b"4", GOT, "message", "4", id="an empty message"),
        pytest.param(b"", GOT, "empty", "", id="nothing"),
        pytest.param(BinaryMessage(b"\0" * 1500), GOT, "binary", "1,500 bytes", id="an attachment"),
        pytest.param(
            b'40{"sid":"x"}', GOT, "connect", '40{"sid":"x"}', id="the server's answer has no secret"
        ),
    ],
)
def test_a_packet_is_named_and_shown_as_it_is(frame, outgoing, kind, said):
    assert shown(frame, outgoing) == (kind, said)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        pytest.param(b'40{"token":"sesame","n":5}', '40{"token":"***","n":"***"}', id="values"),
        pytest.param(b'40{"a":{"b":["sesame"]},"c":null}', '40{"a":{"b":"***"},"c":null}', id="nested ones"),
        pytest.param(b'40/chat,{"token":"sesame"}', '40/chat,{"token":"***"}', id="of a namespace"),
        pytest.param(b"40{broken sesame", "40***", id="what is no JSON"),
        pytest.param(b"40/chat?token=sesame,", "40/chat?***,", id="a query, as old clients send it"),
        pytest.param(b"40", "40", id="none"),
    ],
)
def test_an_auth_payload_is_shown_by_its_keys(frame, said):
    assert shown(frame, SENT) == ("connect", said)


def test_secrets_are_starred_wherever_they_come_back():
    secrets = ["sesame", 'with "quotes"', "sesame street"]
    said = shown(
        b'42["you are","sesame street",{"cookie":"sesame","k":"with \\"quotes\\""}]', GOT, secrets=secrets
    )
    assert said == ("event", '42["you are","***",{"cookie":"***","k":"***"}]')


@pytest.mark.parametrize("text", ["\x1b[2J", "\r\n", "\x00", "\u202e", "\x9b31m"])
def test_what_could_move_a_cursor_is_replaced(text):
    _, said = shown(f'42["{text}"]'.encode(), GOT)
    assert said.isprintable()


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_any_bytes_make_one_printable_line(data, binary, packed):
    parser = msgpack_parser if packed else json_parser
    text = line(BinaryMessage(data) if binary else data, parser, 0.0, "websocket", (), outgoing=True)
    assert text.isprintable()


def test_a_long_packet_is_cut():
    _, said = shown(b'42["' + b"x" * 5000 + b'"]', GOT)
    assert len(said) == 1000
    assert said.endswith("…")


def packed(**fields):
    return BinaryMessage(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(
    ("frame", "outgoing", "kind", "said"),
    [
        pytest.param(
            packed(type=2, nsp="/", data=["say", b"\0" * 9], id=3),
            GOT,
            "event",
            '/ 3 ["say", "9 bytes"] (38 bytes of MessagePack)',
            id="an event with bytes in it",
        ),
        pytest.param(
            packed(type=0, nsp="/chat", data={"token": "sesame"}),
            SENT,
            "connect",
            '/chat {"token": "***"} (36 bytes of MessagePack)',
            id="a login",
        ),
        pytest.param(BinaryMessage(b"\xc1"), GOT, "binary", "1 byte", id="what is none"),
    ],
)
def test_messagepack_is_shown_decoded(frame, outgoing, kind, said):
    assert shown(frame, outgoing, msgpack_parser) == (kind, said)
