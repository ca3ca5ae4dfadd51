"""python-socketio's client, told to report what it does."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import aiohttp
import engineio
import socketio
from engineio.payload import Payload
from socketio.msgpack_packet import MsgPackPacket

from siotool.client.fragments import MESSAGE_BYTES
from siotool.client.observer import ByteCounts
from siotool.protocol.socket_io import Parser

#: Why an Engine.IO connection ended, or a namespace was left.
SERVER_CLOSED = str(engineio.AsyncClient.reason.SERVER_DISCONNECT)
#: Requests are given up after this; connects have a limit of their own.
_REQUEST_S = 20.0
_TIMES_SIZE = 8


class Reported(Protocol):
    """What the client reports to."""

    traffic: ByteCounts

    def arrived(self, size: int) -> None:
        """An Engine.IO packet of so many bytes has come."""

    def broken(self, error: Exception) -> None:
        """A message could not be read."""

    def ended(self, reason: str) -> None:
        """The Engine.IO connection has ended."""

    def buffered(self) -> None:
        """More waits to be sent, or less."""


class ReferenceClient(socketio.AsyncClient):  # type: ignore[misc]  # it has no types
    """One client; it never reconnects by itself."""

    def __init__(self, reported: Reported, http_session: Any, parser: Parser) -> None:
        self._reported = reported
        #: Whether the event that is being handled asks for an answer.
        self.asked = False
        # by default more than 16 packets in one answer are an error
        Payload.max_decode_packets = MESSAGE_BYTES
        silent = logging.Logger("python-socketio")
        silent.disabled = True
        super().__init__(
            reconnection=False,
            handle_sigint=False,
            logger=silent,
            engineio_logger=silent,
            serializer=MsgPackPacket.configure(ext_hook=_extension) if parser.BINARY else "default",
            http_session=http_session,
            request_timeout=_REQUEST_S,
            websocket_extra_options={"max_msg_size": MESSAGE_BYTES},
        )

    def _engineio_client_class(self) -> Callable[..., Any]:
        return partial(_CountedEngine, self._reported)

    async def _handle_event(self, namespace: str | None, id: int | None, data: Any) -> None:
        self.asked = id is not None
        await super()._handle_event(namespace, id, data)

    async def _handle_eio_message(self, data: Any) -> None:
        try:
            await super()._handle_eio_message(data)
        except Exception as error:
            self._reported.broken(error)

    async def _handle_eio_disconnect(self, reason: str) -> None:
        await super()._handle_eio_disconnect(reason)
        self._reported.ended(reason)


class _CountedEngine(engineio.AsyncClient):  # type: ignore[misc]
    """python-engineio's client, whose packets are counted."""

    def __init__(self, reported: Reported, **options: Any) -> None:
        self._reported = reported
        super().__init__(**options)

    def create_queue(self, *_arguments: Any, **_options: Any) -> "SizedQueue":
        """A queue of packets to be written; overrides python-engineio's."""
        return SizedQueue(self._reported.buffered)

    async def _receive_packet(self, pkt: Any) -> None:
        self._reported.arrived(_size(pkt))
        await super()._receive_packet(pkt)

    async def _send_packet(self, pkt: Any) -> None:
        if self.state == "connected":
            self._reported.traffic.payload_out += _size(pkt)
        await super()._send_packet(pkt)

    async def _read_loop_polling(self) -> None:
        try:
            await super()._read_loop_polling()
        except aiohttp.ClientError:  # a body that ends before its end
            self._reported.ended(str(self.reason.TRANSPORT_ERROR))


class SizedQueue(asyncio.Queue[Any]):
    """Engine.IO packets that wait to be written, and their bytes."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self.size = 0
        self._changed = changed

    def _put(self, item: Any) -> None:
        self.size += _size(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self.size -= _size(item)
        self._changed()
        return item


def _size(packet: Any) -> int:
    """Bytes of an Engine.IO packet; None ends a queue of them."""
    if packet is None:
        return 0
    return len(packet.data) if packet.binary else len(packet.encode().encode("utf-8", "replace"))


def _extension(code: int, data: bytes) -> Any:
    """JavaScript's undefined is None, a Date its milliseconds."""
    if code == 0 and len(data) == _TIMES_SIZE:
        return int.from_bytes(data, "big", signed=True)
    return None
