"""A conversation in packets with one session of the target, by WebSocket or by long polling."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import aiohttp

from siotool.probe.known import Known
from siotool.probe.opening import by_polling, opened
from siotool.probe.reply import Reply
from siotool.probe.wire import Line, Wire
from siotool.protocol import payload
from siotool.protocol.engine_io import BINARY_MARK, CLOSE, PING, PONG, BinaryMessage, Frame, Revision
from siotool.protocol.faults import RemoteProtocolError


class SessionEnded(Exception):
    """The session is over; the text says how, in the server's words where there are any."""


class Talk(Protocol):
    """One session, open."""

    async def say(self, frame: Frame) -> None:
        """Send a packet. Raises SessionEnded."""

    async def receive(self) -> Frame:
        """Wait for a packet of any kind. Raises SessionEnded."""


async def hear(talk: Talk) -> Frame:
    """Wait for a packet; heartbeats are answered and not returned. Raises SessionEnded."""
    while True:
        frame = await talk.receive()
        if frame == bytes((PING,)):
            await talk.say(bytes((PONG,)))
        elif frame == bytes((CLOSE,)):
            raise SessionEnded("the server closed the session")
        else:
            return frame


class WebSocketTalk:
    """A session by WebSocket; ``revision`` decides who pings, and how bytes are marked."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, revision: Revision) -> None:
        self.socket = socket
        self._revision = revision

    async def say(self, frame: Frame) -> None:
        """Send a packet. Raises SessionEnded."""
        try:
            if isinstance(frame, BinaryMessage):
                await self.socket.send_bytes(BINARY_MARK * (self._revision == 3) + frame.data)
            else:
                await self.socket.send_str(frame.decode())
        except (ConnectionError, aiohttp.ClientError) as error:
            raise SessionEnded(self._why()) from error

    async def receive(self) -> Frame:
        """Wait for a packet of any kind. Raises SessionEnded."""
        message = await self.socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data).encode()
        if message.type is aiohttp.WSMsgType.BINARY:
            return BinaryMessage(bytes(message.data).removeprefix(BINARY_MARK * (self._revision == 3)))
        raise SessionEnded(self._why())

    def _why(self) -> str:
        code = self.socket.close_code
        return "the connection was cut" if code in (None, 1006) else f"close code {code}"


class PollingTalk:
    """A session by long polling, all over one connection; a poll may take ``poll_s`` seconds."""

    def __init__(
        self,
        line: Line,
        url: str,
        cookies: dict[str, str],
        revision: Revision,
        poll_s: float,
        frames: list[Frame],
    ) -> None:
        self._line = line
        self._url = url
        self._cookies = cookies
        self._revision = revision
        self._poll_s = poll_s
        self._frames = deque(frames)
        self._sending = asyncio.Lock()

    async def say(self, frame: Frame) -> None:
        """Send a packet. Raises SessionEnded."""
        body = payload.encode([frame], self._revision)
        async with self._sending:
            self._check(await self.post(body))

    async def post(self, body: bytes) -> Reply:
        """Send a payload."""
        plain = {"Content-Type": "text/plain;charset=UTF-8"}
        return await self._line.ask(self._url, method="POST", headers=plain, cookies=self._cookies, body=body)

    async def receive(self) -> Frame:
        """Wait for a packet of any kind. Raises SessionEnded."""
        while not self._frames:
            reply = await self._line.ask(self._url, cookies=self._cookies, timeout_s=self._poll_s)
            self._check(reply)
            try:
                self._frames += payload.decode(reply.body, self._revision)
            except RemoteProtocolError as error:
                raise SessionEnded(str(error)) from error
        return self._frames.popleft()

    def _check(self, reply: Reply) -> None:
        if reply.failure or reply.status != 200:
            raise SessionEnded(reply.said)


@asynccontextmanager
async def talking(wire: Wire, known: Known, poll_s: float) -> AsyncIterator[Talk]:
    """A session of its own, by WebSocket where the target opens one; closed at the end.

    A long poll may take ``poll_s`` seconds. Raises SessionEnded where no session opens this time.
    """
    revision = known.revision
    async with wire.line() as line:
        if known.websocket:
            socket = await line.upgrade(wire.settings.url("ws", revision, "websocket"))
            if isinstance(socket, Reply):
                raise SessionEnded(socket.said)
            async with socket:
                talk = WebSocketTalk(socket, revision)
                await _expect_open(talk, revision, wire.settings.timeout_s)
                yield talk
            return
        url = wire.settings.url("http", revision, "polling")
        reply = await line.ask(url)
        opening = by_polling(reply.body)
        if opening is None:
            raise SessionEnded(reply.said)
        frames = payload.decode(reply.body, opening.revision)[1:]  # more may have come with it
        polling = PollingTalk(
            line, f"{url}&sid={opening.handshake.sid}", reply.cookies, revision, poll_s, frames
        )
        try:
            yield polling
        finally:
            await polling.post(payload.encode([bytes((CLOSE,))], revision))


async def _expect_open(talk: WebSocketTalk, revision: Revision, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            frame = await talk.receive()
    except TimeoutError as error:
        raise SessionEnded("no open packet came") from error
    if opened(revision, frame) is None:
        raise SessionEnded("the first packet was no open packet")
