"""Payloads of long polling, in both revisions; expected bytes as engine.io-parser 2 and 5 write them."""

import pytest
from engineio.payload import Payload
from hypothesis import given
from hypothesis import strategies as st

from siotool.protocol import jsonp, payload
from siotool.protocol.engine_io import BinaryMessage
from siotool.protocol.faults import RemoteProtocolError

FRAMES = [b"4hello", BinaryMessage(b"\x01\x02"), "4é😀".encode()]


@pytest.mark.parametrize(
    ("revision", "frames", "body"),
    [
        pytest.param(4, FRAMES, "4hello\x1ebAQI=\x1e4é😀".encode(), id="4: separators, b and base64"),
        pytest.param(4, [b"2"], b"2", id="4: one packet is a payload"),
        pytest.param(3, FRAMES, "6:4hello6:b4AQI=4:4é😀".encode(), id="3: lengths count UTF-16 units"),
        pytest.param(3, [b"2"], b"1:2", id="3: one packet has a length, too"),
    ],
)
def test_payloads_are_written_and_read(revision, frames, body):
    assert payload.encode(frames, revision) == body
    assert payload.decode(body, revision) == frames


def test_servers_of_revision_3_may_send_bytes_as_they_are():
    body = b"\x00\x06\xff4hello\x01\x03\xff\x04\x01\x02"
    assert payload.decode(body, 3) == FRAMES[:2]
    long = b"4" + b"x" * 11
    assert payload.decode(b"\x00\x01\x02\xff" + long, 3) == [long]


@pytest.mark.parametrize(
    ("revision", "body", "said"),
    [
        pytest.param(4, b"b%%%", "no base64", id="4: base64 that is none"),
        pytest.param(3, b"hello", "without a length", id="3: no length"),
        pytest.param(3, b"x:2", "without a length", id="3: a length that is no number"),
        pytest.param(3, b"99999999999:2", "without a length", id="3: a length without end"),
        pytest.param(3, b"5:2", "ends before its packet", id="3: a packet cut short"),
        pytest.param(3, b"1:2\xff", "not UTF-8", id="3: no text"),
        pytest.param(3, b"\x00\x05", "without a length", id="3: bytes whose length does not end"),
        pytest.param(3, b"\x00\xff", "without a length", id="3: bytes without a length"),
        pytest.param(3, b"\x00\x0b\xff4", "without a length", id="3: a digit above nine"),
        pytest.param(3, b"\x01\x05\xff\x04", "ends before its packet", id="3: bytes cut short"),
        pytest.param(3, b"\x00\x01\xff4\x02\x01\xff4", "without a length", id="3: neither text nor bytes"),
    ],
)
def test_what_is_no_payload_is_refused(revision, body, said):
    with pytest.raises(RemoteProtocolError, match=said):
        payload.decode(body, revision)


def test_a_colon_within_a_unit_of_revision_3_is_none():
    """U+3A00 has the byte of a colon."""
    text = "4㨀:㨀".encode()
    assert payload.decode(b"4:" + text, 3) == [text]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x1e"), max_size=20).map(
    lambda text: b"4" + text.encode()
)


@given(frames=st.lists(texts | st.binary(max_size=20).map(BinaryMessage), min_size=1, max_size=10))
def test_payloads_come_back_and_python_engineio_reads_them(frames):
    for revision in (3, 4):
        assert payload.decode(payload.encode(frames, revision), revision) == frames
    theirs = Payload(encoded_payload=payload.encode(frames, 4).decode()).packets
    assert [packet.binary for packet in theirs] == [isinstance(frame, BinaryMessage) for frame in frames]


def test_scripts_and_forms_carry_payloads():
    assert jsonp.unwrap(b'___eio[0]("96:0{\\"sid\\":\\"a\\"}");') == b'96:0{"sid":"a"}'
    assert jsonp.wrap(b'4["a\\n"]\n') == b"d=4%5B%22a%5C%5Cn%22%5D%5Cn"
    with pytest.raises(RemoteProtocolError, match="not a JSONP answer"):
        jsonp.unwrap(b"alert(1)")
