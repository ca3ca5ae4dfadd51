"""Our client and servers of a few lines, in the test's own process: upgrades and ends that go wrong."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.integration.lone_client import LoneClient
from tests.integration.probing import serving

pytestmark = pytest.mark.slow

OPEN = {"sid": "a", "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000}
UNKNOWN = {"code": 1, "message": "Session ID unknown"}


class SmallServer:
    """One session by long polling; ``upgrades``: it offers WebSocket, and closes it once it was probed.

    ``ends_poll``: the poll that waits is answered after that.
    ``ends``: what answers the first poll after the namespace was joined.
    """

    def __init__(
        self, *, upgrades: bool = False, ends_poll: bool = False, ends: web.Response | None = None
    ) -> None:
        self.upgrades = upgrades
        self.ends_poll = ends_poll
        self.ends = ends
        self.posted: list[str] = []
        self.joined = False
        #: The client polls, and has read that its namespace is joined.
        self.ready = asyncio.Event()
        self.waiting: asyncio.Queue[str] = asyncio.Queue()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/socket.io/", self.get)
        app.router.add_post("/socket.io/", self.post)
        return app

    async def get(self, request: web.Request) -> web.StreamResponse:
        if "sid" not in request.query:
            offered = {**OPEN, "upgrades": ["websocket"] if self.upgrades else []}
            return web.Response(text="0" + json.dumps(offered))
        if request.query["transport"] == "websocket":
            return await self.websocket(request)
        if self.joined:
            self.ready.set()
        packet = await self.waiting.get()
        self.joined = self.joined or packet.startswith("40")
        if packet == "end" and self.ends is not None:
            return self.ends
        return web.Response(text=packet)

    async def post(self, request: web.Request) -> web.Response:
        for packet in (await request.text()).split("\x1e"):
            self.posted.append(packet)
            if packet == "40":
                self.waiting.put_nowait('40{"sid":"b"}')
                if self.ends is not None:
                    self.waiting.put_nowait("end")
            elif packet == "1":
                self.waiting.put_nowait("6")
            elif packet.startswith("42"):
                self.waiting.put_nowait(packet)
        return web.Response(text="ok")

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert await socket.receive_str() == "2probe"
        await self.ready.wait()
        await socket.send_str("3probe")
        try:
            await socket.close()
        finally:  # the client's end cancels this
            if self.ends_poll:
                self.waiting.put_nowait("6")
        return socket


@pytest.mark.parametrize("ends_poll", [True, False])
def test_a_websocket_that_is_gone_before_the_last_poll_ends_leaves_the_connection_on_polling(
    ends_poll: bool,
) -> None:
    """It carried nothing, and its end was never noticed."""
    server = SmallServer(upgrades=True, ends_poll=ends_poll)

    async def talk() -> list[Any]:
        client = LoneClient(url, transport="upgrade")
        told = client.witness.phase

        def phase(name: str, took: float) -> None:
            told(name, took)
            if name == "probe":  # once polling has stopped: it waits for what carries on
                asyncio.get_running_loop().call_soon(client.emit, "said", "meanwhile")

        client.witness.phase = phase  # type: ignore[method-assign]
        assert await client.connect() is None
        await client.witness.until("upgrade failed")
        await client.witness.until("event", "/", "said", ["meanwhile"])
        client.emit("said", "after it")
        await client.witness.until("event", "/", "said", ["after it"])
        await client.leave()
        return client.witness.heard

    with serving(server.app()) as url:
        heard = asyncio.run(talk())
    [(_, kind, _)] = [one for one in heard if one[0] == "upgrade failed"]
    assert kind == "transport_close"
    assert heard[-1] == ["ended", "client"]
    assert server.posted.count('42["said","meanwhile"]') == 1


@pytest.mark.parametrize(
    ("answer", "reason", "told"),
    [
        pytest.param({"status": 502, "text": "no server"}, "http_502", True, id="a proxy without a server"),
        pytest.param({"status": 200, "text": "9nonsense"}, "protocol_error", True, id="no packet"),
        pytest.param(
            {"status": 400, "text": json.dumps(UNKNOWN)}, "session_unknown", False, id="an unknown session"
        ),
    ],
)
def test_a_session_whose_request_failed_is_closed_at_its_server_if_that_knows_it(
    answer: dict[str, Any], reason: str, told: bool
) -> None:
    """The farewell was cancelled as soon as it was begun: the session lived on until its next ping."""

    async def talk() -> None:
        client = LoneClient(url, transport="polling")
        assert await client.connect() is None
        await client.witness.until("ended", reason)
        await client.closed()

    server = SmallServer(ends=web.Response(**answer))
    with serving(server.app()) as url:
        asyncio.run(talk())
    assert server.posted == (["40", "1"] if told else ["40"])
