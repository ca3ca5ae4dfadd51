"""What a refusal means, by status and words of real servers; and the words, safe to show."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.probe import refusal
from siotool.probe.reply import Reply


def engine_io(code: int, message: str, status: int = 400) -> Reply:
    return Reply(status, body=json.dumps({"code": code, "message": message}).encode())


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        pytest.param(engine_io(0, "Transport unknown"), "transport", id="Node.js, transport"),
        pytest.param(engine_io(1, "Session ID unknown"), "session", id="Node.js, session"),
        pytest.param(engine_io(1, "gone"), "session", id="Node.js, session, in other words"),
        pytest.param(engine_io(3, "Bad request"), "upgrade-lost", id="Node.js, no Upgrade header"),
        pytest.param(engine_io(4, "Forbidden", 403), "forbidden", id="Node.js, allowRequest"),
        pytest.param(engine_io(4, "origin not allowed", 403), "origin", id="Node.js, allowRequest says why"),
        pytest.param(engine_io(5, "Unsupported protocol version"), "version", id="Node.js, revision"),
        pytest.param(Reply(400, body=b'"Invalid transport"'), "transport", id="python-engineio, transport"),
        pytest.param(Reply(400, body=b'"Invalid session x1"'), "session", id="python-engineio, session"),
        pytest.param(
            Reply(400, body=b'"Invalid websocket upgrade"'), "upgrade-lost", id="python-engineio, upgrade"
        ),
        pytest.param(
            Reply(400, body=b'"https://a.b is not an accepted origin."'),
            "origin",
            id="python-engineio, origin",
        ),
        pytest.param(
            Reply(400, body=b'"The client is using an unsupported version of the Socket.IO protocols"'),
            "version",
            id="python-engineio, revision",
        ),
        pytest.param(Reply(404, body=b"Not Found"), "path", id="Starlette, wrong path"),
        pytest.param(Reply(403), "forbidden", id="Starlette, upgrade on a wrong path: the status alone"),
        pytest.param(Reply(200, body=b"<html>hello"), "path", id="a page"),
        pytest.param(Reply(401), "credentials", id="a password is asked for"),
        pytest.param(Reply(302, [("Location", "/login")]), "redirect", id="a redirect"),
        pytest.param(Reply(502, body=b"<h1>502 Bad Gateway</h1>"), "down", id="nginx without a server"),
        pytest.param(
            Reply(503, body=b"<h1>503</h1>\nNo server is available"), "down", id="HAProxy without a server"
        ),
        pytest.param(Reply(429), "throttled", id="a limit"),
        pytest.param(Reply(failure="timeout"), "silent", id="no answer"),
        pytest.param(Reply(500, body=b"oops"), "failing", id="a server that fails"),
        pytest.param(Reply(418, body=b"oops"), "other", id="something else"),
        pytest.param(engine_io(9, "Session ID unknown"), "session", id="words without a known code"),
    ],
)
def test_a_refusal_has_one_cause(reply: Reply, cause: str) -> None:
    assert refusal.cause(reply) == cause


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'{"code":0,"message":"Transport unknown"}', "Transport unknown", id="a message"),
        pytest.param(b'{"detail":"Not Found"}', "Not Found", id="FastAPI"),
        pytest.param(b'"Bad request"', "Bad request", id="JSON text"),
        pytest.param(b"<html><head><title>502 Bad Gateway</title>", "502 Bad Gateway", id="a title"),
        pytest.param(b"<p>you &amp; me</p>", "you & me", id="a page without a title"),
        pytest.param(b"first\nsecond", "first", id="the first line"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"[1, 2]", "[1, 2]", id="other JSON"),
        pytest.param(b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2, id="no text"),
        pytest.param(
            b"a\x1b]0;x\x07b", "a\N{REPLACEMENT CHARACTER}]0;x\N{REPLACEMENT CHARACTER}b", id="escapes"
        ),
    ],
)
def test_words_are_what_a_person_would_quote(body: bytes, words: str) -> None:
    assert Reply(400, body=body).words == words


@given(
    st.integers(0, 999),
    st.binary(max_size=300),
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40))),
)
def test_whatever_a_server_answers_has_a_cause_and_words_on_one_line(status, body, headers) -> None:
    reply = Reply(status, headers, body)
    assert refusal.cause(reply)
    assert isinstance(refusal.of_engine_io(reply), bool)
    assert reply.said.isprintable()
    assert len(reply.said) < 200
    assert isinstance(reply.cookies, dict)


def test_cookies_are_read_where_they_can_be() -> None:
    reply = Reply(
        200,
        [
            ("Set-Cookie", "SERVERID=s1; path=/"),
            ("set-cookie", "bad cookie[]=;;;"),
            ("Set-Cookie", "none; path=/"),
            ("Set-Cookie", "io=x"),
        ],
    )
    assert reply.cookies == {"SERVERID": "s1", "bad cookie[]": "", "io": "x"}, "as browsers take them"
