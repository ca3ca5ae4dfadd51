"""WebSocket transport: picows frames on one side, Engine.IO packets on the other."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from siotool.client import tcp
from siotool.client.address import Address, websocket_url
from siotool.client.connection import Connection
from siotool.client.failures import ClientFailure, close_frame, violation_of
from siotool.client.fragments import MESSAGE_BYTES, Fragments
from siotool.client.observer import ByteCounts
from siotool.protocol.faults import RemoteProtocolError
from siotool.workload import Target

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
CLOSE = WSMsgType.CLOSE

#: Receive buffer of a connection; picows doubles it when a frame does not fit.
_READ_BUFFER = 1024
#: How long the other side of a TLS connection may take to close it.
_TLS_CLOSE_S = 1.0


class WebSocket(WSListener):
    """Carries the packets of one connection: a frame is a packet, a binary frame an attachment."""

    __slots__ = ("_connection", "_fragments", "_meter", "_socket", "_stirred", "_traffic", "_wire_seen")

    def __init__(self, connection: Connection[Any], traffic: ByteCounts) -> None:
        self._connection = connection
        self._traffic = traffic
        self._fragments: Fragments | None = None
        self._socket: WSTransport | None = None
        self._meter: tcp.Meter | None = None
        #: Something may have left, or may still leave, since the bytes were last read.
        self._stirred = True
        self._wire_seen = 0.0

    def attach(self, sock: socket.socket) -> None:
        """Name the socket whose bytes are to be read."""
        self._meter = tcp.Meter(sock)
        self._connection.phase = "tls"

    # ── called by picows ──────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade succeeded."""
        connection = self._connection
        self._socket = transport
        connection.heard = monotonic()
        connection.phase = "open"
        if connection.close_reason:  # it was given up meanwhile
            self.cut()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame. The time is taken before anything is decoded."""
        now = monotonic()
        connection = self._connection
        try:
            payload = frame.get_payload_as_bytes()
            connection.heard = now
            traffic = self._traffic
            traffic.payload_in += len(payload)
            if not tcp.KERNEL_COUNTS:
                traffic.wire_in += tcp.frame_size(len(payload), masked=False)
            if frame.rsv1 or frame.rsv2 or frame.rsv3:
                raise RemoteProtocolError("a frame with reserved bits, which no extension asked for")
            known = connection.known.get(payload)
            if known is not None and not connection.handlers:
                known.deliver(connection.observer, now)  # before the kind, which costs more than that
            elif frame.fin and frame.msg_type is TEXT and self._fragments is None:
                connection.receive_text(payload, now)
            else:
                self._receive(frame, payload, now)
        except Exception as error:
            connection.failed(error)

    def _receive(self, frame: WSFrame, payload: bytes, now: float) -> None:
        kind = frame.msg_type
        if not frame.fin or kind == CONTINUATION or self._fragments is not None:
            fragments = self._fragments or Fragments()
            whole = fragments.add(kind, payload, bool(frame.fin))
            self._fragments = fragments if fragments.pending else None
            if whole is None:
                return
            kind, payload = whole
        connection = self._connection
        if kind == TEXT:
            connection.receive_text(payload, now)
        elif kind == BINARY:
            connection.receive_binary(payload, now)
        elif kind == CLOSE:
            self._traffic.payload_in -= len(payload)
            reason, remark = close_frame(payload, connection.session.max_payload)
            if remark and not connection.close_reason:
                connection.observer.remark("closed", remark)
            connection.end(reason)

    def pause_writing(self) -> None:
        """The server does not read as fast as we write."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """It has read on."""
        self._connection.resume_writing()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is closed, by either side."""
        connection = self._connection
        try:
            if not connection.close_reason and (violation := violation_of(transport)) is not None:
                connection.violated(violation.kind, str(violation))
            self.read_wire(last=True)
            self._socket = self._fragments = None
            connection.lost()
        except Exception as error:
            connection.observer.bug(error)
        finally:
            self._meter = None

    # ── what the connection asks for ──────────────────────────────────────────────────

    def send(self, packet: bytes) -> None:
        """Send a text packet; only while open."""
        if self._socket is not None:
            self._stirred = True
            traffic = self._traffic
            traffic.payload_out += len(packet)
            if not tcp.KERNEL_COUNTS:
                traffic.wire_out += tcp.frame_size(len(packet), masked=True)
            self._socket.send(TEXT, packet)

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return 0 if self._socket is None else int(self._socket.underlying_transport.get_write_buffer_size())

    def close(self) -> None:
        """Send a close frame and close; at once when that would wait until the server reads."""
        if self._socket is not None:
            self._socket.send_close()
            if not self.unsent:
                self._socket.disconnect()
                return
        self.cut()

    def cut(self) -> None:
        """Close the socket at once; what was still to be sent is lost."""
        if self._socket is not None:
            self._socket.disconnect(graceful=False)
        elif self._meter is not None:
            self._meter.shut()  # still upgrading: picows has called nothing yet, but sees its socket end

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP carried; a connection where nothing moved is left out."""
        meter, connection = self._meter, self._connection
        if meter is None or (self._wire_seen > connection.heard and not self._stirred and not last):
            return
        self._wire_seen = monotonic()
        received, sent, waiting = meter.read()
        self._traffic.wire_in += received
        self._traffic.wire_out += sent
        # until it is open, traffic is not noticed here
        self._stirred = waiting > 0 or not connection.open or self.unsent > 0


class WebSockets:
    """Opens WebSockets to one target, with the same headers for each.

    ``make_socket`` is ``socket.socket``, unless that is patched.
    """

    def __init__(
        self,
        target: Target,
        address: Address,
        headers: list[tuple[str, str]],
        traffic: ByteCounts,
        make_socket: Callable[[int, int], socket.socket] = socket.socket,
    ) -> None:
        self._address = address
        self._headers = headers
        self._traffic = traffic
        self._make_socket = make_socket
        self._url = websocket_url(target)
        self._tls = ssl.create_default_context() if self._url.startswith("wss:") else None
        # silent, and one for all connections: picows by itself makes one for each
        silent = logging.Logger("picows")
        silent.disabled = True
        self._logger = logging.LoggerAdapter(silent, {})

    async def open(self, connection: Connection[Any]) -> None:
        """Open a WebSocket for a connection. Raises what ``failures.classify`` can name."""
        options: dict[str, Any] = {} if self._tls is None else {"ssl_shutdown_timeout": _TLS_CLOSE_S}
        listener = connection.transport = WebSocket(connection, self._traffic)
        transport, _ = await picows.ws_connect(
            lambda: listener,
            self._url,
            ssl_context=self._tls,
            websocket_handshake_timeout=None,
            logger_name=self._logger,
            max_frame_size=MESSAGE_BYTES,
            extra_headers=self._asked_for(connection),
            max_redirects=0,
            read_buffer_init_size=_READ_BUFFER,
            socket_factory=lambda _url: self._connected(listener),
            use_aiofastnet=False,
            **options,
        )
        if transport.response is None:  # picows returns without an error
            raise ClientFailure("transport_close", "closed without an answer")

    def _asked_for(self, connection: Connection[Any]) -> Iterator[tuple[str, str]]:
        """The request's headers; picows asks for them when it is about to send it."""
        connection.phase = "upgrade"
        yield from self._headers

    async def _connected(self, listener: WebSocket) -> socket.socket:
        address = self._address
        sock = self._make_socket(address.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        except BaseException:
            sock.close()
            raise
        listener.attach(sock)
        return sock
