"""The stamp survives its way through any JSON, and nothing else is taken for it."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from siotool.protocol import stamp
from siotool.protocol.stamp import Stamp
from tests import frames

RUN = 7
numbers = st.integers(0, 2**32) | st.integers(0, 2**64 - 1)
#: Seconds of a monotonic clock: up to three years.
times = st.floats(0, 1e8)
#: Seconds after its intended start that a message was sent.
lags = st.floats(0, 1e4)
texts = st.text(max_size=40)
WRITERS = [
    pytest.param(msgspec.json.encode, id="msgspec"),
    pytest.param(lambda data: json.dumps(data).encode(), id="json"),
    pytest.param(lambda data: json.dumps(data, ensure_ascii=False).encode(), id="json as UTF-8"),
    pytest.param(lambda data: json.dumps(data, indent=2).encode(), id="json with blanks"),
]


@st.composite
def stamps(draw: st.DrawFn) -> tuple[str, Stamp]:
    """A stamp's text and what it was written from."""
    sent = draw(times)
    intended = max(0.0, sent - draw(lags))
    publisher, seq = draw(numbers), draw(numbers)
    return stamp.write(RUN, publisher, seq, sent, intended), Stamp(publisher, seq, sent, intended)


def assert_same(found: Stamp | None, written: Stamp) -> None:
    assert found is not None
    assert found[:2] == written[:2]
    assert abs(found.sent - written.sent) <= 1e-6
    assert abs(found.intended - written.intended) <= 1e-6
    assert found.intended <= found.sent


@given(stamped=stamps())
def test_what_is_written_is_found(stamped: tuple[str, Stamp]) -> None:
    text, written = stamped
    assert_same(stamp.find(text.encode(), RUN), written)


@given(stamped=stamps())
def test_what_is_found_writes_the_same_stamp(stamped: tuple[str, Stamp]) -> None:
    text, _ = stamped
    found = stamp.find(text.encode(), RUN)
    assert found is not None
    assert stamp.write(RUN, *found) == text


@given(sent=times, early=lags)
def test_a_message_sent_before_its_intended_start_was_sent_in_time(sent: float, early: float) -> None:
    found = stamp.find(stamp.write(RUN, 2, 3, sent, sent + early).encode(), RUN)
    assert found is not None
    assert found.intended == found.sent


@given(stamped=stamps())
def test_a_stamp_is_ascii_that_json_does_not_escape(stamped: tuple[str, Stamp]) -> None:
    text, _ = stamped
    assert text.isascii()
    assert json.dumps(text) == f'"{text}"'
    assert msgspec.json.encode(text) == b'"%s"' % text.encode()


@pytest.mark.parametrize("write", WRITERS)
@given(stamped=stamps(), before=texts, after=texts, key=texts, sibling=texts)
def test_a_stamp_is_found_inside_any_json_text(
    write: Callable[[Any], bytes],
    stamped: tuple[str, Stamp],
    before: str,
    after: str,
    key: str,
    sibling: str,
) -> None:
    assume("~s1." not in before + key)
    text, written = stamped
    message = before + text + after
    assert_same(stamp.find(write(["chat message", message]), RUN), written)
    assert_same(stamp.find(write(["chat message", {key: [{"text": message}, sibling]}]), RUN), written)


@given(stamped=stamps(), before=texts, after=texts, ack_id=st.none() | st.integers(0, 10**9))
def test_a_stamp_is_found_in_our_own_frame(
    stamped: tuple[str, Stamp], before: str, after: str, ack_id: int | None
) -> None:
    text, written = stamped
    assume("~s1." not in before)
    frame = frames.event_frame("chat message", (before + text + after,), "/chat", ack_id)
    assert_same(stamp.find(frame, RUN), written)


@given(stamped=stamps(), foreign=st.text("~s1.0f-", max_size=30).filter(lambda text: "~s1." not in text))
def test_a_stamp_is_found_among_what_resembles_it(stamped: tuple[str, Stamp], foreign: str) -> None:
    text, written = stamped
    # the foreign text may end in the stamp's own beginning, but not make another stamp with it
    assert_same(stamp.find((foreign + text + foreign).encode(), RUN), written)


@given(payload=st.binary(max_size=200).filter(lambda payload: b"~s1." not in payload))
def test_a_stamp_is_never_found_in_foreign_bytes(payload: bytes) -> None:
    assert stamp.find(payload, RUN) is None


@given(stamped=stamps(), run=st.integers(0, 2**64 - 1).filter(lambda run: run != RUN))
def test_a_stamp_of_another_run_is_none(stamped: tuple[str, Stamp], run: int) -> None:
    text, _ = stamped
    assert stamp.find(text.encode(), run) is None


@given(stamped=stamps(), data=st.data())
def test_a_stamp_that_was_changed_is_none(stamped: tuple[str, Stamp], data: st.DataObject) -> None:
    text, _ = stamped
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789abcdef.~s").filter(lambda letter: letter != text[at]))
    assert stamp.find((text[:at] + other + text[at + 1 :]).encode(), RUN) is None


@given(stamped=stamps(), data=st.data())
def test_a_stamp_that_is_cut_short_is_none(stamped: tuple[str, Stamp], data: st.DataObject) -> None:
    text, _ = stamped
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin, len(text)))
    assume(end - begin < len(text))
    assert stamp.find(text[begin:end].encode(), RUN) is None
