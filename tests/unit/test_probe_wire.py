"""What the probe sends of itself, and how it reaches a host of several addresses."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import aiohttp
import pytest

from siotool.client.identity import Identity
from siotool.probe.known import Reached
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.reach import reach
from siotool.probe.reply import Reply
from siotool.probe.wire import Line
from siotool.workload import Target


def shown(reply: Reply, **identity: Any) -> dict[str, str]:
    """Headers of the request after a reply."""

    async def headers() -> dict[str, str]:
        async with aiohttp.ClientSession() as session:
            settings = ProbeSettings(target=Target("http://chat.example.org"), identity=Identity(**identity))
            return dict(Line(session, settings).headers({}, reply.cookies))

    return asyncio.run(headers())


@pytest.mark.parametrize(
    "written",
    ['route="a b, c"', "SERVERID=s1|Zm9v/YmE=", 'q="a\\"b"', "lb={1:2}", "@route=x", "plain=a"],
)
def test_a_cookie_goes_back_as_the_server_wrote_it(written: str) -> None:
    """Balancers compare it byte by byte: one that was quoted anew, or dropped, lost its server."""
    reply = Reply(200, [("Set-Cookie", f"{written}; Path=/; HttpOnly"), ("set-cookie", "io=b; SameSite=Lax")])
    assert shown(reply) == {"Cookie": f"{written}; io=b"}
    own = shown(reply, headers=(("Cookie", "own=1"), ("X-Key", "k")))
    assert own == {"X-Key": "k", "Cookie": f"own=1; {written}; io=b"}


def test_a_cookie_that_has_ended_is_not_sent() -> None:
    assert shown(Reply(200, [("Set-Cookie", "route=a; Max-Age=0")])) == {}


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """A listener whose queue is full: whoever connects hears nothing."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind((host, port))
        door.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((host, port))
        yield


def reached(monkeypatch: pytest.MonkeyPatch, addresses: list[str], port: int) -> Reached:
    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found = addresses if host == "several.example.org" else [host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    target = Target(f"http://several.example.org:{port}")
    return asyncio.run(reach(ProbeSettings(target=target, timeout_s=5.0)))


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["127.0.0.2", "127.0.0.3"], id="the first says nothing"),
        pytest.param(["127.0.0.1", "127.0.0.3"], id="nobody listens at the first"),
        pytest.param(["127.0.0.3", "127.0.0.2"], id="the last says nothing"),
    ],
)
def test_a_host_is_reached_at_the_address_that_answers(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """Each was waited for until all the time was over."""
    with socket.create_server(("127.0.0.3", 0)) as server:
        port = server.getsockname()[1]
        with silent("127.0.0.2", port):
            found = reached(monkeypatch, addresses, port)
    assert (found.failure, found.addresses) == ("", addresses)


def test_where_no_address_answers_a_refusal_says_most(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.3", 0)) as server:
        port = server.getsockname()[1]
    found = reached(monkeypatch, ["127.0.0.1", "127.0.0.3"], port)
    assert found.failure == "refused"
