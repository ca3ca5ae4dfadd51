"""A client of bare Engine.IO packets: what a test sends is what goes over the wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

PATIENCE_S = 20
SEPARATOR = "\x1e"


class Wire:
    """A client of one server: HTTP requests as asked for, and WebSockets."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.address = url + "/socket.io/"
        self._session = session

    async def request(self, method: str = "GET", body: str | None = None, **query: str) -> tuple[int, str]:
        """Send a request with exactly this query; returns the status and the body."""
        async with self._session.request(method, self.address, params=query, data=body) as response:
            return response.status, await response.text()

    @asynccontextmanager
    async def begun(self, method: str, body: bytes = b"", size: int = 0, **query: str) -> AsyncIterator[Any]:
        """Send a request, or its beginning; gives the reader of its answer as soon as the kernel has it.

        The connection is one that the server has accepted: what is sent over others after it comes after it.
        """
        where = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            target = f"{where.path}?{urlencode(query)} HTTP/1.1\r\nHost: {where.netloc}\r\n"
            writer.write(f"OPTIONS {target}\r\n".encode())
            await _read_answer(reader)
            length = f"Content-Length: {size}\r\n" if size else ""
            writer.write(f"{method} {target}{length}\r\n".encode() + body)
            await writer.drain()
            yield reader
        finally:
            writer.close()
            await writer.wait_closed()

    @property
    def cookies(self) -> set[str]:
        """Names of the cookies that were set."""
        return {cookie.key for cookie in self._session.cookie_jar}

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
        status, body = await self.wire.request(**self.query)
        assert status == 200, body
        return body.split(SEPARATOR)

    async def post(self, *packets: str) -> None:
        """Send packets in one payload."""
        assert await self.wire.request("POST", SEPARATOR.join(packets), **self.query) == (200, "ok")

    async def receive(self, count: int = 1) -> list[str]:
        """Poll until so many packets came, pings and noops aside."""
        found: list[str] = []
        while len(found) < count:
            found += [packet for packet in await self.get() if packet not in ("2", "6")]
        return found

    @asynccontextmanager
    async def open_poll(self) -> AsyncIterator[Callable[[], Awaitable[list[str]]]]:
        """Poll: the request is with the server while the block begins; gives what waits for its packets."""
        async with self.wire.begun("GET", **self.query) as reader:

            async def packets() -> list[str]:
                status, body = await asyncio.wait_for(_read_answer(reader), PATIENCE_S)
                assert status == 200, body
                return body.split(SEPARATOR)

            yield packets

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
    cookies = aiohttp.CookieJar(unsafe=True)  # those of an IP address as well
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, cookie_jar=cookies) as session:
        yield Wire(url, session)


async def joined(wire: Wire, namespace: str = "/") -> WebSocket:
    """A WebSocket that has joined a namespace."""
    socket = await wire.open_websocket()
    await join(socket, namespace)
    return socket


async def polling(wire: Wire) -> Polling:
    """A session over long polling that has joined the main namespace."""
    session = await wire.open_polling()
    await session.post("40")
    assert (await session.receive())[0].startswith('40{"sid":"')
    return session


async def join(socket: WebSocket, namespace: str = "/") -> str:
    """Join a namespace; returns the sid there."""
    prefix = "40" if namespace == "/" else f"40{namespace},"
    await socket.send(prefix)
    answer = await socket.receive()
    assert answer.startswith(prefix), answer
    data = json.loads(answer.removeprefix(prefix))
    assert list(data) == ["sid"]
    return str(data["sid"])


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = head.partition("content-length:")[2].partition("\r\n")[0]
    return int(head.split()[1]), (await reader.readexactly(int(length or 0))).decode()


def run(talk: Any, url: str) -> Any:
    """Run a coroutine function of a Wire to its end."""

    async def go() -> Any:
        async with wire_to(url) as wire:
            return await asyncio.wait_for(talk(wire), 3 * PATIENCE_S)

    return asyncio.run(go())
