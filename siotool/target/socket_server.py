"""The Socket.IO server of the embedded chat: python-socketio's, as strict as the official one.

A packet out of form, and one for a namespace that the client has not joined, closes the
connection, as the protocol's document (revision 5) asks. A namespace that does not exist is
refused with an object that has a ``message``, which official clients read.
"""

import asyncio
from typing import Any

import socketio
from socketio.packet import BINARY_ACK, BINARY_EVENT, CONNECT_ERROR, EVENT, Packet

from siotool.target.engine_server import EngineServer

#: Events of the library's own, which no client may send.
RESERVED = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)


class StrictPacket(Packet):  # type: ignore[misc]  # socketio has no types
    """A packet that is checked when it is read."""

    def decode(self, encoded_packet: Any) -> int:
        """Read a packet; returns how many attachments follow.

        Raises ValueError for one out of form, TypeError for bytes.
        """
        count = int(super().decode(encoded_packet) or 0)
        if self.packet_type in (BINARY_EVENT, BINARY_ACK) and count == 0:
            raise ValueError("a binary packet without attachments")
        if self.packet_type in (EVENT, BINARY_EVENT) and not _is_event(self.data):
            raise ValueError("an event is a list with its name")
        return count


def _is_event(data: Any) -> bool:
    if not isinstance(data, list) or not data:
        return False
    return isinstance(data[0], int) or (isinstance(data[0], str) and data[0] not in RESERVED)


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # socketio has no types
    """python-socketio's server on an ``EngineServer``."""

    def __init__(self, *, connect_timeout_s: float, **options: Any) -> None:
        """Take the server's options; a client that joins no namespace in time is closed."""
        super().__init__(serializer=StrictPacket, **options)
        self._connect_timeout_s = connect_timeout_s
        self._strangers: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.events_received = 0
        #: Connections that are over, while their namespaces hear of it: also those that they never joined.
        self._over: set[str] = set()

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        loop = asyncio.get_running_loop()
        self._strangers[eio_sid] = loop.call_later(self._connect_timeout_s, self._expire, eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any) -> None:
        self._know(eio_sid)
        self._binary_packet.pop(eio_sid, None)
        self._over.add(eio_sid)
        try:
            await super()._handle_eio_disconnect(eio_sid, reason)
        finally:
            self._over.discard(eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if eio_sid in self._binary_packet and not isinstance(data, bytes):
                raise ValueError("text where an attachment was due")
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, LookupError, TypeError):
            await self._close(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        name = namespace or "/"
        if name not in self.handlers:
            refusal = {"message": "Invalid namespace"}
            await self._send_packet(eio_sid, self.packet_class(CONNECT_ERROR, data=refusal, namespace=name))
            return
        self._know(eio_sid)
        await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: Any = None) -> None:
        if reason == self.reason.CLIENT_DISCONNECT and eio_sid not in self._over:
            self._check_joined(eio_sid, namespace)
        await super()._handle_disconnect(eio_sid, namespace, reason)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        self._check_joined(eio_sid, namespace)
        self.events_received += 1
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_ack(self, eio_sid: str, namespace: str | None, id: int, data: Any) -> None:
        self._check_joined(eio_sid, namespace)
        if not isinstance(data, list):
            raise ValueError("an acknowledgement is a list")
        await super()._handle_ack(eio_sid, namespace, id, data)

    def _check_joined(self, eio_sid: str, namespace: str | None) -> None:
        if not self.manager.sid_from_eio_sid(eio_sid, namespace or "/"):
            raise ValueError("a packet for a namespace that was not joined")

    def _know(self, eio_sid: str) -> None:
        if timer := self._strangers.pop(eio_sid, None):
            timer.cancel()

    def _expire(self, eio_sid: str) -> None:
        task = asyncio.ensure_future(self._close(eio_sid))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, eio_sid: str) -> None:
        if session := self.eio.sockets.get(eio_sid):
            await session.close(reason=self.reason.SERVER_DISCONNECT)
