"""What was found by fuzzing and by hostile servers: each input once broke something that reads bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.client.cookies import COOKIES, CookieJar
from siotool.client.deflate import Deflate
from siotool.client.failures import ClientFailure
from siotool.protocol import payload
from siotool.protocol.faults import RemoteProtocolError, TooLargeError
from tests.fuzz import harness
from tests.fuzz.seeds import SEEDS, finished

LESSONS = [
    pytest.param(b'\x06___eio[0]("\x80");', id="a script that is not UTF-8"),
    pytest.param(b"\x0ba=1; Max-Age=\xb2", id="an age that is a digit of no number"),
    pytest.param(b"\x0ba=1; Max-Age=" + b"9" * 5000, id="an age that Python does not read"),
    pytest.param(b"\x0ba=1; Expires=Mon, 01 Jan 99999 00:00:00 GMT", id="a year that no clock has"),
    pytest.param(b"\x0ba=1; Expires=Sat, 01 Jan 0001 00:00:00 +2359", id="a date before all dates"),
]


@pytest.mark.parametrize("data", LESSONS)
def test_an_input_that_once_broke_a_reader_does_not(data: bytes) -> None:
    harness.read(data)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_what_real_servers_send_is_read(seed: int) -> None:
    harness.read(SEEDS[seed])


@given(reader=st.integers(0, len(harness.TARGETS) - 1), data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(reader: int, data: bytes) -> None:
    harness.read(bytes((reader,)) + data)


@given(
    seed=st.sampled_from(SEEDS),
    at=st.integers(0, 400),
    bytes_=st.binary(max_size=6),
    length=st.integers(0, 6),
)
def test_what_real_servers_send_is_read_or_refused_when_it_is_changed(
    seed: bytes, at: int, bytes_: bytes, length: int
) -> None:
    at = 1 + at % max(1, len(seed) - 1)
    harness.read(seed[:at] + bytes_ + seed[at + length :])


def test_a_final_block_ends_a_stream_and_the_next_message_begins_another() -> None:
    """Its bytes were kept unread, and each message after it was an empty one."""
    deflate = Deflate("permessage-deflate")
    assert deflate.inflate(finished(b"first"), 100) == b"first"
    assert deflate.inflate(finished(b"second"), 100) == b"second"


@pytest.mark.parametrize(("revision", "one"), [(4, b"2\x1e"), (3, b"1:2")])
def test_a_payload_has_a_limited_number_of_packets(revision: int, one: bytes) -> None:
    """Ten megabytes of pings were 250 MB of packets."""
    with pytest.raises(TooLargeError):
        payload.decode(one * (payload.PACKETS + 1), revision)  # type: ignore[arg-type]


def test_a_server_cannot_fill_a_client_with_cookies() -> None:
    jar = CookieJar()
    jar.take(f"name{number}={number}" for number in range(1000))
    jar.take(["large=" + "x" * 5000])
    names = [part.partition("=")[0] for part in jar.header().split("; ")]
    assert names == [f"name{number}" for number in range(1000 - COOKIES, 1000)]


@pytest.mark.parametrize("levels", range(900, 1000))
def test_data_nested_to_the_edge_is_read_or_refused(levels: int) -> None:
    """What could just be decoded could not be quoted."""
    deep = b"[" * levels + b"]" * levels
    for packet in (b't44{"message":"no","data":' + deep + b"}", b"t44" + deep, b"t42[" + deep + b"]"):
        try:
            harness.read(b"\x00" + packet)
        except RecursionError:
            continue  # the connection says that it is nested too deeply


def test_a_refusal_with_data_that_json_has_not_is_quoted_all_the_same() -> None:
    assert "no JSON" in ClientFailure("connect_error", "no", {b"bytes": 1}).quoted


def test_an_error_of_a_reader_is_one_of_the_protocol() -> None:
    with pytest.raises(RemoteProtocolError):
        harness.TARGETS[6](b"alert(1)")


def test_a_window_of_digits_that_are_none_is_a_protocol_error() -> None:
    """Python's ``isdigit`` is true of a superscript, which ``int`` does not read."""
    with pytest.raises(RemoteProtocolError, match="a parameter"):
        Deflate("permessage-deflate; server_max_window_bits=0\u00b3")
