"""The stamp in a message, and what must not be taken for one."""

import pytest

from siotool.protocol import stamp
from siotool.protocol.stamp import Stamp

RUN = 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param((0, 0, 0.0, 0.0), "0.0.0.0~", id="all zero"),
        pytest.param((16, 1, 1.0, 1.0), "10.1.f4240.0~", id="fields are hexadecimal"),
        pytest.param((2, 3, 2.5, 1.5), "2.3.2625a0.f4240~", id="sent and lag are microseconds"),
        pytest.param((2, 3, 1.0, 9.0), "2.3.f4240.0~", id="nothing is sent before it was intended"),
        pytest.param((0, 0, 0.6e-6, 0.0), "0.0.1.1~", id="half a microsecond and more is one"),
        pytest.param((0, 0, 0.4e-6, 0.0), "0.0.0.0~", id="less is none"),
    ],
)
def test_a_stamp_is_written(fields: tuple[int, int, float, float], text: str) -> None:
    head, check, rest = stamp.write(RUN, *fields).split(".", 2)
    assert (head, rest) == ("~s1", text)
    assert len(check) == 8


def test_the_check_is_of_the_run_and_of_every_field() -> None:
    checks = {
        stamp.write(*fields).split(".")[1]
        for fields in [
            (1, 2, 3, 4.0, 4.0),
            (9, 2, 3, 4.0, 4.0),
            (1, 9, 3, 4.0, 4.0),
            (1, 2, 9, 4.0, 4.0),
            (1, 2, 3, 9.0, 9.0),
            (1, 2, 3, 4.0, 3.0),
        ]
    }
    assert len(checks) == 6


ONE, TWO = stamp.write(RUN, 1, 0, 0.0, 0.0), stamp.write(RUN, 2, 3, 2.5, 1.5)


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        pytest.param(TWO, Stamp(2, 3, 2.5, 1.5), id="nothing around it"),
        pytest.param(
            f'42["chat message",{{"text":"{TWO} hello"}}]', Stamp(2, 3, 2.5, 1.5), id="inside a frame"
        ),
        pytest.param(ONE + TWO, Stamp(1, 0, 0.0, 0.0), id="the first of two"),
        pytest.param("~s1." + TWO, Stamp(2, 3, 2.5, 1.5), id="after one that broke off"),
        pytest.param(f"~{TWO}~", Stamp(2, 3, 2.5, 1.5), id="a tilde before it and behind it is text"),
    ],
)
def test_a_stamp_is_found(payload: str, found: Stamp) -> None:
    assert stamp.find(payload.encode(), RUN) == found


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("", id="nothing"),
        pytest.param('42["chat message","hello"]', id="a message without stamp"),
        pytest.param(TWO.replace(".f4240", ""), id="a field is missing"),
        pytest.param(TWO.replace(".f4240", ".f4240.6"), id="a field too many"),
        pytest.param(TWO.replace("f4240", ""), id="a field is empty"),
        pytest.param(TWO[:-1], id="cut before its end"),
        pytest.param(TWO[1:], id="cut after its beginning"),
        pytest.param(TWO.replace("s1", "s2"), id="of another version"),
        pytest.param(TWO.replace("f4240", "F4240"), id="in capitals, which siotool does not write"),
        pytest.param(TWO.replace(".3.", ".-3."), id="with a sign"),
        pytest.param(TWO.replace("f4240", "f4240 "), id="with a space"),
        pytest.param(TWO.replace(".3.", ".4."), id="with another number than it was written with"),
        pytest.param(TWO.replace(".3.", ".03."), id="with the same number, written otherwise"),
        pytest.param(TWO.replace("f4240", "f" * 300), id="with a number that no float holds"),
        pytest.param(stamp.write(RUN + 1, 2, 3, 2.5, 1.5), id="of another run"),
    ],
)
def test_what_is_no_stamp_of_ours_is_not_found(payload: str) -> None:
    assert stamp.find(payload.encode(), RUN) is None
