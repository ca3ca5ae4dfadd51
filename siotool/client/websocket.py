"""WebSocket transport: picows frames on one side, Engine.IO packets on the other."""

import asyncio
import socket
from time import monotonic
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from siotool.client import tcp
from siotool.client.deflate import EXTENSIONS, Deflate
from siotool.client.failures import close_frame, violation_of
from siotool.client.fragments import MESSAGE_BYTES, Fragments
from siotool.client.observer import ByteCounts
from siotool.client.read_rate import PacedProtocol, ReadRate
from siotool.client.throttle import Throttle
from siotool.client.transport import Receiving
from siotool.protocol.engine_io import BINARY_MARK, Revision
from siotool.protocol.faults import RemoteProtocolError

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
CLOSE = WSMsgType.CLOSE
PING = WSMsgType.PING

#: A server that floods one connection keeps no other waiting for longer than so many frames take.
FRAMES_OF_A_TURN = 200
#: So many frames within less than this are a flood.
_FLOOD_S = 0.05
#: No pong is sent while so many bytes wait: a server may ping and not read.
PONGS_BYTES = 64 * 1024


class WebSocket(WSListener):
    """Carries the packets of one connection: a frame is a packet, a binary frame a message of bytes."""

    __slots__ = (
        "_connection",
        "_deflate",
        "_fragments",
        "_frames",
        "_frozen",
        "_meter",
        "_rate",
        "_revision",
        "_since",
        "_socket",
        "_traffic",
        "_turn",
        "opened",
        "stirred",
    )

    def __init__(self, connection: Receiving, traffic: ByteCounts, revision: Revision) -> None:
        self._connection = connection
        self._traffic = traffic
        self._revision = revision
        self._deflate: Deflate | None = None
        self._fragments: Fragments | None = None
        #: Frames since others last had their turn.
        self._frames = 0
        self._turn = 0.0
        self._socket: WSTransport | None = None
        self._meter: tcp.Meter | None = None
        #: Something has come, or may have left, since the bytes were last read.
        self.stirred = True
        #: Nothing is read nor sent any more.
        self._frozen = False
        self._rate: ReadRate | None = None
        #: Resolved once it is open; without one it is the connection that is told why it cannot be opened.
        self.opened: asyncio.Future[None] | None = None
        #: Since when the present phase of its opening lasts.
        self._since = monotonic()

    def attach(self, sock: socket.socket) -> None:
        """Name the socket whose bytes are to be read."""
        self._meter = tcp.Meter(sock)
        self._told("tcp")
        self._connection.phase = "tls"

    def asking(self, *, secured: bool) -> None:
        """The upgrade is about to be asked for; ``secured``: TLS was agreed on before."""
        if secured:
            self._told("tls")
        self._connection.phase = "upgrade"

    def not_opened(self, error: Exception) -> None:
        """The socket has ended before it was open; ``failures.classify`` names the error."""
        self.read_wire(last=True)
        opened, self.opened = self.opened, None
        if opened is None:
            self._connection.unopened(error)
        elif not opened.done():
            opened.set_exception(error)

    def _told(self, phase: str) -> None:
        """A phase of the opening has ended, well."""
        now = monotonic()
        self._connection.observer.phase(phase, now - self._since)
        self._since = now

    def carry(self, connection: Receiving) -> None:
        """From now on carry the packets of this connection."""
        self._connection = connection

    # ── called by picows ──────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade succeeded."""
        connection = self._connection
        self._socket = transport
        self._told("websocket")
        connection.heard = self._since
        connection.phase = "open"
        try:
            if agreed := transport.response.headers.get(EXTENSIONS):
                self._deflate = Deflate(agreed)
        except RemoteProtocolError as error:
            connection.failed(error)
        if not connection.session.sid:  # else it is an upgrade of a session that is open
            headers = transport.response.headers
            connection.observer.opening_answer(lambda name: headers.getall(name, []))
        for head in (transport.request, transport.response):  # picows keeps both as long as the connection
            head.headers.clear()
        opened, self.opened = self.opened, None
        if opened is not None and not opened.done():
            opened.set_result(None)
        if connection.close_reason:  # it was given up meanwhile
            self.cut()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame. The time is taken before anything is decoded."""
        now = monotonic()
        connection = self._connection
        self._frames += 1
        if self._frames >= FRAMES_OF_A_TURN:
            self._let_others(transport.underlying_transport, now)
        try:
            payload = frame.get_payload_as_bytes()
            connection.heard = now
            self.stirred = True
            traffic = self._traffic
            if not tcp.KERNEL_COUNTS:
                traffic.wire_in += tcp.frame_size(len(payload), masked=False)
            if frame.rsv1 or frame.rsv2 or frame.rsv3 or self._fragments is not None or not frame.fin:
                self._receive(frame, payload, now)
                return
            traffic.payload_in += len(payload)
            known = connection.known.get(payload)
            if known is not None and not connection.handlers and not connection.recovers:
                known.deliver(connection.observer, now)  # before the kind, which costs more than that
            elif frame.msg_type is TEXT:
                connection.receive_text(payload, now)
            else:
                self._take(frame.msg_type, payload, now)
        except Exception as error:
            connection.failed(error)

    def _let_others(self, socket: Any, now: float) -> None:
        """Read on after the loop has looked at all other connections."""
        self._frames = 0
        if socket.is_closing():
            return
        before, self._turn = self._turn, now
        if now - before < _FLOOD_S and not isinstance(protocol := socket.get_protocol(), Throttle):
            socket.set_protocol(Throttle(protocol))
        socket.pause_reading()
        asyncio.get_running_loop().call_soon(self._read_on, socket)

    def _read_on(self, socket: Any) -> None:
        protocol = socket.get_protocol()
        waits = isinstance(protocol, PacedProtocol) and protocol.rate.waiting
        if not (self._frozen or waits or socket.is_closing()):
            socket.resume_reading()

    def _receive(self, frame: WSFrame, payload: bytes, now: float) -> None:
        """Take a frame that is a part of a message, or compressed."""
        deflate, kind = self._deflate, frame.msg_type
        # only the first frame of a message says that it is compressed (RFC 7692 §6.1)
        if frame.rsv2 or frame.rsv3 or (frame.rsv1 and (deflate is None or kind not in (TEXT, BINARY))):
            raise RemoteProtocolError("a frame with reserved bits, which no extension asked for")
        fragments = self._fragments or Fragments()
        fragments.compressed = fragments.compressed or bool(frame.rsv1)
        whole = fragments.add(kind, payload, bool(frame.fin))
        self._fragments = fragments if fragments.pending else None
        if whole is None:
            return
        kind, payload = whole
        if deflate is not None and fragments.compressed and kind in (TEXT, BINARY):
            payload = deflate.inflate(payload, MESSAGE_BYTES)
        self._traffic.payload_in += len(payload)
        self._take(kind, payload, now)

    def _take(self, kind: WSMsgType, payload: bytes, now: float) -> None:
        connection = self._connection
        if kind == TEXT:
            connection.receive_text(payload, now)
        elif kind == BINARY:
            if self._revision == 3:
                if not payload.startswith(BINARY_MARK):
                    raise RemoteProtocolError(f"a binary frame that is no message: {payload[:20]!r}")
                payload = payload[1:]
            connection.receive_binary(payload, now)
        elif kind == CLOSE:
            self._traffic.payload_in -= len(payload)
            reason, remark = close_frame(payload, connection.session.max_payload)
            if remark and not connection.close_reason:
                connection.observer.remark("closed", remark)
            connection.end(reason)
        elif kind == PING:
            self._traffic.payload_in -= len(payload)
            if self._socket is not None and self.unsent < PONGS_BYTES:
                self._socket.send_pong(payload)
                self.stirred = True
        elif kind == CONTINUATION:
            raise RemoteProtocolError("a continuation frame that continues nothing")

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
            if not connection.close_reason and self._meter is not None:
                connection.idle_s = self._meter.idle_s(monotonic() - connection.heard)
            self.read_wire(last=True)
            self._socket = self._fragments = self._deflate = None
            connection.lost()
        except Exception as error:
            connection.observer.bug(error)
        finally:
            self._meter = None

    # ── what the connection asks for ──────────────────────────────────────────────────

    def send(self, packet: bytes) -> None:
        """Send a text packet; only while open."""
        self._send(TEXT, packet)

    def send_binary(self, data: bytes) -> None:
        """Send a message of bytes; only while open."""
        self._send(BINARY, BINARY_MARK + data if self._revision == 3 else data)

    def _send(self, kind: WSMsgType, packet: bytes) -> None:
        if self._socket is None or self._frozen:
            return
        self.stirred = True
        traffic = self._traffic
        traffic.payload_out += len(packet)
        packed = self._deflate is not None and self._deflate.compresses(packet)
        if packed and self._deflate is not None:
            packet = self._deflate.deflate(packet)
        if not tcp.KERNEL_COUNTS:
            traffic.wire_out += tcp.frame_size(len(packet), masked=True)
        self._socket.send(kind, packet, True, packed)

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return 0 if self._socket is None else int(self._socket.underlying_transport.get_write_buffer_size())

    def close(self) -> None:
        """Send a close frame and close; at once when that would wait until the server reads."""
        if self._socket is not None:
            # without a code, as browsers do: send_close() sends 0, which is none
            self._socket.send(CLOSE, b"")
            if not self.unsent:
                self._socket.disconnect()
                return
        self.cut()

    def cut(self) -> None:
        """Close the socket at once; what was still to be sent is lost.

        Where nothing reaches the server any more, its end does not either, until the server has noticed.
        """
        if self._socket is not None and self._frozen:
            patience_s = self._connection.session.patience_s
            asyncio.get_running_loop().call_later(patience_s, self._socket.disconnect, False)
            self._connection.lost()
        elif self._socket is not None:
            self._socket.disconnect(graceful=False)
        elif self._meter is not None:
            self._meter.shut()  # still upgrading: picows has called nothing yet, but sees its socket end

    def leave(self) -> None:
        """Close the socket at once: its end tells the server."""
        self.cut()

    def reset(self) -> None:
        """Close the socket at once with a TCP reset."""
        if self._meter is not None:
            self._meter.reset_at_end()
        self.cut()

    def freeze(self) -> None:
        """Read and send nothing from now on, without closing."""
        self._frozen = True
        if self._rate is not None:
            self._rate.frozen = True
        if self._socket is not None:
            self._socket.underlying_transport.pause_reading()

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second."""
        if self._socket is not None and self._meter is not None:
            transport: Any = self._socket.underlying_transport
            self._rate = ReadRate(transport, self._meter.sock, bytes_per_s)
            transport.set_protocol(PacedProtocol(transport.get_protocol(), self._rate))

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP carried; a connection where nothing moved is left out."""
        meter, connection = self._meter, self._connection
        if meter is None or not (self.stirred or last):
            return
        received, sent, waiting = meter.read()
        self._traffic.wire_in += received
        self._traffic.wire_out += sent
        # until it is open, traffic is not noticed here
        self.stirred = waiting > 0 or not connection.open or self.unsent > 0
