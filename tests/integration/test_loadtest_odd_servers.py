"""Servers that do what no client asked for: what they did is counted as it was, and named."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.integration.probing import serving

pytestmark = pytest.mark.slow


class OddServer:
    """Speaks WebSocket; the path says what is odd, ``seen`` what it did there."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._present: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{odd}/", self.talk)
        return app

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        odd = request.match_info["odd"]
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        often = {"pingInterval": 400, "pingTimeout": 400}
        rarely = {"pingInterval": 25_000, "pingTimeout": 20_000}
        hello = {"sid": "a", "upgrades": [], **(often if odd == "no-pings" else rarely)}
        await socket.send_str("0" + json.dumps(hello))
        try:
            async for message in socket:
                await self._answer(odd, socket, str(message.data))
        finally:
            self._present.discard(socket)
        return socket

    async def _answer(self, odd: str, socket: web.WebSocketResponse, packet: str) -> None:
        if packet.startswith("40"):
            await socket.send_str('40{"sid":"b"}')
            if odd == "joins-twice":
                await socket.send_str('40{"sid":"c"}')
            self._present.add(socket)
        elif packet.startswith("42["):
            for one in list(self._present):
                await self._relay(one, *json.loads(packet[2:]))
        elif packet.startswith("42"):
            self.seen[f"{odd} calls"] += 1
            if odd == "closes":
                await socket.close()
            else:
                await socket.send_str(f"43{packet[2 : packet.index('[')]}[]")

    async def _relay(self, to: web.WebSocketResponse, event: str, text: str) -> None:
        """Every second time the text is in the packet, else in what is attached to it."""
        self.seen["relayed"] += 1
        place = {"_placeholder": True, "num": 0}
        inside = self.seen["relayed"] % 2
        await to.send_str("451-" + json.dumps([event, text, place] if inside else [event, place]))
        await to.send_bytes(b"\0\1" if inside else text.encode())


@pytest.fixture(scope="module")
def server() -> OddServer:
    return OddServer()


@pytest.fixture(scope="module")
def url(server: OddServer) -> Iterator[str]:
    with serving(server.app()) as url:
        yield url


def at(url: str, odd: str, scenario: str, *more: str) -> tuple[str, ...]:
    load = ("--users", "3", "--run-time", "3s", "--transport", "websocket", "--set", "rate=5", *more)
    return (url, "--path", f"/{odd}/", "--scenario", scenario, *load)


def test_what_comes_back_in_an_event_with_bytes_is_delivered(
    server: OddServer, url: str, loadtest: Callable[..., Any]
) -> None:
    """All of it was lost: only what is attached was searched for stamps, and as text."""
    done = loadtest(*at(url, "bytes", "chat"))
    delivery = done.report["delivery"]
    assert delivery["lost"] == delivery["misdelivered"] == delivery["duplicate"] == 0
    assert delivery["received"] == delivery["expected"] > 20
    (row,) = (row for row in done.report["operations"] if row["op"] == "deliver")
    assert row["count"] == delivery["received"] <= server.seen["relayed"]


def test_what_was_due_while_the_target_kept_users_out_until_the_end_is_the_targets_doing(
    server: OddServer, url: str, loadtest: Callable[..., Any]
) -> None:
    """The generator was doubted (exit 5) for operations that users without a connection could not send."""
    done = loadtest(*at(url, "closes", "echo", "--set", "rate=20"))
    assert done.code == 4, done.stderr
    assert not [doubt for doubt in done.report["doubts"] if "were issued" in doubt]
    row = done.operation("ack", "echo")
    assert row["count"] == 0
    assert row["errors"] == {"transport_close": done.counted("Echo").issued}
    assert done.counted("Echo").withheld > 0


def test_a_server_that_answers_and_never_pings_is_left_as_the_official_client_leaves_it(
    url: str, loadtest: Callable[..., Any]
) -> None:
    """Whatever came was taken for a sign of life, and users stayed that official clients would not be."""
    done = loadtest(*at(url, "no-pings", "echo"))
    assert done.classes("closed")["ping_timeout"] >= 3
    assert done.operation("ack", "echo")["count"] > 0


def test_that_nobody_began_is_said_with_what_closed_the_connections(
    url: str, loadtest: Callable[..., Any]
) -> None:
    done = loadtest(*at(url, "joins-twice", "echo"))
    assert done.code == 5
    closed = done.classes("closed")["protocol_error"]
    said = f"it proved nothing; connections were lost: {closed} protocol_error"
    assert any(said in doubt for doubt in done.report["doubts"])
