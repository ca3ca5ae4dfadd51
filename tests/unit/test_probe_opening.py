"""How a session opens: framing of both revisions, and what is no open packet."""

import pytest

from siotool.probe import opening

PACKET = b'0{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'


@pytest.mark.parametrize(
    ("body", "revision"),
    [
        pytest.param(PACKET, 4, id="one packet of revision 4"),
        pytest.param(PACKET + b"\x1e40", 4, id="two of them"),
        pytest.param(b"%d:%s2:40" % (len(PACKET), PACKET), 3, id="lengths in text, of Socket.IO 2"),
        pytest.param(b"\x00\x07\x08\xff" + PACKET, 3, id="lengths in bytes, of old python-engineio"),
    ],
)
def test_the_framing_tells_the_revision(body: bytes, revision: int) -> None:
    found = opening.by_polling(body)
    assert found is not None
    assert (found.revision, found.handshake.sid, found.handshake.pingInterval) == (revision, "a", 25000)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"ok", id="a word"),
        pytest.param(b"40", id="another packet"),
        pytest.param(b'0{"sid":1}', id="an open packet of another form"),
        pytest.param(b"99:0{}", id="a payload that ends too early"),
        pytest.param(b"\x00\xff0{}", id="no length"),
        pytest.param(b'{"code":0,"message":"Transport unknown"}', id="a refusal"),
    ],
)
def test_anything_else_opens_nothing(body: bytes) -> None:
    assert opening.by_polling(body) is None
    assert opening.by_script(body) is None


def test_a_script_opens_a_session_too() -> None:
    text = (b"%d:%s" % (len(PACKET), PACKET)).decode().replace('"', '\\"')
    found = opening.by_script(f'___eio[0]("{text}");'.encode())
    assert found is not None
    assert found.revision == 3
