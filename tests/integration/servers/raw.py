"""A client of bare Engine.IO packets: what a test sends is what goes over the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

PATIENCE_S = 20
SEPARATOR = "\x1e"


class Wire:
    """A client of one server: HTTP requests as asked for, and WebSockets."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.address = url + "/socket.io/"
        self._session = session

    async def request(
        self, method: str = "GET", body: str | None = None, *, sent: asyncio.Event | None = None, **query: str
    ) -> tuple[int, str]:
        """Send a request with exactly this query; returns the status and the body."""
        async with self._session.request(
            method, self.address, params=query, data=body, trace_request_ctx=sent
        ) as response:
            return response.status, await response.text()

    async def open_polling(self) -> "Polling":
        """Shake hands by long polling."""
        status, body = await self.request(EIO="4", transport="polling")
        assert status == 200, body
        assert body[0] == "0", body
        return Polling(self, json.loads(body[1:]))

    async def open_websocket(self) -> "WebSocket":
        """Shake hands by WebSocket."""
        socket = await self.websocket(EIO="4", transport="websocket")
        first = await socket.receive()
        assert first[0] == "0", first
        socket.handshake = json.loads(first[1:])
        return socket

    async def websocket(self, **query: str) -> "WebSocket":
        """Open a WebSocket with exactly this query. Raises aiohttp.WSServerHandshakeError if refused."""
        return WebSocket(
            await self._session.ws_connect(self.address, params=query, max_msg_size=0, compress=15)
        )


class Polling:
    """A session over long polling."""

    def __init__(self, wire: Wire, handshake: dict[str, Any]) -> None:
        self.wire = wire
        self.handshake = handshake
        self.query = {"EIO": "4", "transport": "polling", "sid": handshake["sid"]}

    async def get(self) -> list[str]:
        """Poll once; returns the packets."""
        return await (await self.begin_get())

    async def post(self, *packets: str) -> None:
        """Send packets in one payload."""
        assert await self.wire.request("POST", SEPARATOR.join(packets), **self.query) == (200, "ok")

    async def receive(self, count: int = 1) -> list[str]:
        """Poll until so many packets came, pings and noops aside."""
        found: list[str] = []
        while len(found) < count:
            found += [packet for packet in await self.get() if packet not in ("2", "6")]
        return found

    async def begin_get(self) -> "asyncio.Task[list[str]]":
        """Poll, and return as soon as the request is on its way."""
        sent = asyncio.Event()
        poll = asyncio.create_task(self._get(sent))
        await sent.wait()
        return poll

    async def _get(self, sent: asyncio.Event) -> list[str]:
        status, body = await self.wire.request(sent=sent, **self.query)
        assert status == 200, body
        return body.split(SEPARATOR)

    async def ended(self) -> bool:
        """Ask whether the session has ended: at most a close packet is left to be polled."""
        status, body = await self.wire.request(**self.query)
        if status == 200:
            assert set(body.split(SEPARATOR)) <= {"1", "6"}, body
            status, body = await self.wire.request(**self.query)
        assert status == 400, body
        status, body = await self.wire.request("POST", "3", **self.query)
        assert status == 400, body
        return True

    async def probe(self) -> "WebSocket":
        """Open a WebSocket for this session."""
        return await self.wire.websocket(EIO="4", transport="websocket", sid=self.handshake["sid"])


class WebSocket:
    """A session over WebSocket, or one that a session over polling may move to."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.handshake: dict[str, Any] = {}

    @property
    def compressed(self) -> bool:
        """Whether the server agreed to compress."""
        return bool(self._socket.compress)

    async def send(self, *packets: str | bytes) -> None:
        """Send packets, each in a frame."""
        for packet in packets:
            if isinstance(packet, bytes):
                await self._socket.send_bytes(packet)
            else:
                await self._socket.send_str(packet)

    async def receive(self, *, pong: bool = True) -> Any:
        """Return the next packet that is no ping; None when the connection was closed."""
        while (message := await self._socket.receive(PATIENCE_S)).type in (
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.BINARY,
        ):
            if message.data != "2":
                return message.data
            if pong:
                await self._socket.send_str("3")
        return None

    async def receive_ping(self) -> None:
        """Wait for a ping; nothing else may come before it."""
        assert await self._socket.receive_str(timeout=PATIENCE_S) == "2"

    async def closed(self, *, pong: bool = True) -> bool:
        """Wait until the server closes the connection; packets that come before do not matter."""
        while await self.receive(pong=pong) is not None:
            pass
        return True

    async def close(self) -> None:
        """Leave."""
        await self._socket.close()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """Talk to a server; every WebSocket ends with the block."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    connector = aiohttp.TCPConnector(limit=0)
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_say_sent)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, trace_configs=[trace]) as session:
        yield Wire(url, session)


async def _say_sent(_session: Any, context: Any, _params: Any) -> None:
    if context.trace_request_ctx:
        context.trace_request_ctx.set()


def run(talk: Any, url: str) -> Any:
    """Run a coroutine function of a Wire to its end."""

    async def go() -> Any:
        async with wire_to(url) as wire:
            return await asyncio.wait_for(talk(wire), 3 * PATIENCE_S)

    return asyncio.run(go())
