"""One Engine.IO session of the embedded server, as the protocol's document (revision 4) describes it.

python-engineio is laxer than the official server: it drops a payload of more than 16 packets and
answers ``OK``, lets two polls run at a time, and keeps a session whose client sent no packet at
all. Clients under test must meet here what they meet at the official server.
"""

import asyncio
from typing import Any

from aiohttp import WSMsgType, web
from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError, UnknownPacketError
from engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, Packet

#: A client that opened a WebSocket for the upgrade and does not go on is refused after so many seconds.
UPGRADE_TIMEOUT_S = 10.0


class EngineSession(AsyncSocket):  # type: ignore[misc]  # engineio has no types
    """A session over long polling, over WebSocket, or on its way from one to the other."""

    connected: bool
    polling = False
    posting = False

    async def send(self, pkt: Any) -> None:
        """Put a packet into the queue; does nothing once the session is closed."""
        if self.closed:
            return
        if pkt.packet_type == OPEN:
            # python-engineio cuts fractions of a second off
            pkt.data["pingInterval"] = round(self.server.ping_interval * 1000)
        await super().send(pkt)

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """Close the session, and release its open poll or its WebSocket. Never waits for the client."""
        if self.closed or self.closing:
            return
        # a WebSocket has a close of its own, and needs no close packet
        await super().close(wait=False, abort=abort or self.upgraded, reason=reason)
        self.queue.put_nowait(None if self.upgraded else Packet(NOOP))

    async def receive(self, pkt: Any) -> None:
        """Take a packet from the client. Raises UnknownPacketError for one that no client may send."""
        if pkt.packet_type == MESSAGE:
            # not by a task of its own: what is wrong with the message closes the session
            await self.server.handlers["message"](self.sid, pkt.data)
        elif pkt.packet_type == PONG:
            self.schedule_ping()
        elif pkt.packet_type == CLOSE:
            await self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT)
        elif pkt.packet_type == PING or pkt.packet_type > NOOP:
            raise UnknownPacketError

    async def receive_payload(self, body: str) -> None:
        """Take what a POST carries. Raises ValueError or EngineIOError for what is no payload."""
        for pkt in [Packet(encoded_packet=part) for part in body.split("\x1e")]:
            await self.receive(pkt)

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """Answer a GET: with packets, with a WebSocket's end, or with a refusal."""
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            if self.upgrading:
                return self.server._bad_request()
            return await self._speak(environ["aiohttp.request"])
        if self.polling:
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            return self.server._bad_request()
        if self.upgrading:
            return [Packet(NOOP)]
        self.polling = True
        try:
            return await self.poll()
        except EngineIOError:  # the client is gone, or nothing came for so long that its ping is lost
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            raise
        finally:
            self.polling = False

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        """Serve a WebSocket to its end."""
        # the official server compresses only where it is told to
        socket = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await socket.prepare(request)
        if self.connected and not await self._upgrade(socket):
            await socket.close()
            return socket
        self.connected = self.upgraded = True
        writer = asyncio.create_task(self._write(socket))
        reason = self.server.reason.TRANSPORT_CLOSE
        try:
            async for message in socket:
                if self.closed or message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                await self.receive(Packet(encoded_packet=message.data))
        except (ValueError, EngineIOError):
            reason = self.server.reason.TRANSPORT_ERROR
        finally:
            await self.close(abort=True, reason=reason)
            await writer
        return socket

    async def _upgrade(self, socket: web.WebSocketResponse) -> bool:
        """Move the session from polling to this WebSocket, unless the client gives up."""
        self.upgrading = True
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT_S):
                if await socket.receive_str() != "2probe":
                    return False
                await socket.send_str("3probe")
                if self.polling:
                    self.queue.put_nowait(Packet(NOOP))
                return await socket.receive_str() == "5" and not self.closed
        except (TypeError, TimeoutError, ConnectionError):  # TypeError: it was closed, or sent bytes
            return False
        finally:
            self.upgrading = False

    async def _write(self, socket: web.WebSocketResponse) -> None:
        """Send what is in the queue, each packet in its own frame, until the session is closed."""
        try:
            while (pkt := await self.queue.get()) is not None:
                # python-engineio keeps one encoding of a packet for every transport of a broadcast
                if pkt.binary:
                    await socket.send_bytes(pkt.data)
                else:
                    await socket.send_str(pkt.encode())
        except ConnectionError:
            return  # the reader sees the same
        await socket.close()
