"""The stamp in a message, and what must not be taken for one."""

import pytest

from siotool.protocol import stamp
from siotool.protocol.stamp import Stamp


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param((0, 0, 0, 0.0, 0.0), "~s1.0.0.0.0.0~", id="all zero"),
        pytest.param((255, 16, 1, 1.0, 1.0), "~s1.ff.10.1.f4240.0~", id="fields are hexadecimal"),
        pytest.param((1, 2, 3, 2.5, 1.5), "~s1.1.2.3.2625a0.f4240~", id="sent and lag are microseconds"),
        pytest.param((1, 2, 3, 1.0, 9.0), "~s1.1.2.3.f4240.0~", id="nothing is sent before it was intended"),
        pytest.param((0, 0, 0, 0.6e-6, 0.0), "~s1.0.0.0.1.1~", id="half a microsecond and more is one"),
        pytest.param((0, 0, 0, 0.4e-6, 0.0), "~s1.0.0.0.0.0~", id="less is none"),
    ],
)
def test_a_stamp_is_written(fields: tuple[int, int, int, float, float], text: str) -> None:
    assert stamp.write(*fields) == text


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        pytest.param(b"~s1.1.2.3.2625a0.f4240~", Stamp(1, 2, 3, 2.5, 1.5), id="nothing around it"),
        pytest.param(
            b'42["chat message",{"text":"~s1.1.2.3.2625a0.f4240~ hello"}]',
            Stamp(1, 2, 3, 2.5, 1.5),
            id="inside a frame",
        ),
        pytest.param(b"~s1.1.0.0.0.0~~s1.2.0.0.0.0~", Stamp(1, 0, 0, 0.0, 0.0), id="the first of two"),
        pytest.param(b"~s1.~s1.2.0.0.0.0~", Stamp(2, 0, 0, 0.0, 0.0), id="after one that broke off"),
        pytest.param(
            b"~~s1.2.0.0.0.0~~", Stamp(2, 0, 0, 0.0, 0.0), id="a tilde before it and behind it is text"
        ),
    ],
)
def test_a_stamp_is_found(payload: bytes, found: Stamp) -> None:
    assert stamp.find(payload) == found


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'42["chat message","hello"]', id="a message without stamp"),
        pytest.param(b"~s1.1.2.3.4~", id="a field is missing"),
        pytest.param(b"~s1.1.2.3.4.5.6~", id="a field too many"),
        pytest.param(b"~s1.1.2.3.4.~", id="a field is empty"),
        pytest.param(b"~s1.1.2.3.4.5", id="cut before its end"),
        pytest.param(b"s1.1.2.3.4.5~", id="cut after its beginning"),
        pytest.param(b"~s2.1.2.3.4.5~", id="of another version"),
        pytest.param(b"~s1.1.2.3.4.G~", id="not hexadecimal"),
        pytest.param(b"~s1.1.2.3.A.5~", id="in capitals, which siotool does not write"),
        pytest.param(b"~s1.1.2.-3.4.5~", id="with a sign"),
        pytest.param(b"~S1.1.2.3.4.5~", id="changed to capitals by the server"),
        pytest.param(b"~s1.1.2.3.4 .5~", id="with a space"),
        pytest.param(b"~s1.0.0.0." + b"f" * 300 + b".0~", id="with a number that no float holds"),
    ],
)
def test_what_is_no_stamp_is_not_found(payload: bytes) -> None:
    assert stamp.find(payload) is None
