"""Placeholders of binary data: each names an attachment that was announced, wherever it stands."""

import pytest

from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import insert_attachments


def placeholder(number):
    return {"_placeholder": True, "num": number}


@pytest.mark.parametrize(
    ("data", "attachments"),
    [
        pytest.param(["photo", placeholder(0), placeholder(1)], 2, id="each names one"),
        pytest.param(["photo", {"deep": [{"er": placeholder(1)}]}], 2, id="within lists and objects"),
        pytest.param(["photo", {"_placeholder": False, "num": 9}], 0, id="one that says it is none"),
        pytest.param(["photo", {"num": 9}], 0, id="an object of the application's own"),
        pytest.param([], 0, id="nothing at all"),
    ],
)
def test_attachments_that_were_announced_are_fine(data, attachments):
    insert_attachments(data, [b"%d" % number for number in range(attachments)])


@pytest.mark.parametrize(
    ("data", "attachments"),
    [
        pytest.param(["photo", placeholder(0)], 0, id="none was announced"),
        pytest.param(["photo", placeholder(2)], 2, id="the one after the last"),
        pytest.param(["photo", placeholder(-1)], 2, id="one before the first"),
        pytest.param(["photo", placeholder(True)], 2, id="a truth is no number"),
        pytest.param(["photo", placeholder("0")], 2, id="nor is a text"),
        pytest.param(["photo", {"_placeholder": True}], 2, id="no number at all"),
        pytest.param(["photo", {"deep": [placeholder(5)]}], 2, id="deep within"),
    ],
)
def test_one_that_was_not_is_a_protocol_error(data, attachments):
    with pytest.raises(RemoteProtocolError, match="a placeholder for attachment"):
        insert_attachments(data, [b"x"] * attachments)


def test_attachments_come_where_their_placeholders_stood():
    data = ["photo", {"a": [placeholder(1), {"b": placeholder(0)}]}, placeholder(0)]
    assert insert_attachments(data, [b"zero", b"one"]) == [
        "photo",
        {"a": [b"one", {"b": b"zero"}]},
        b"zero",
    ]
