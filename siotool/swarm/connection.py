"""One connection of one user, in the loop thread: frames in, metrics kept, frames out."""

import asyncio
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from siotool.client import tcp
from siotool.client.failures import NOT_SENT, UNANSWERED, UNHEARD, Failure, close_frame, violation_of
from siotool.client.fragments import Fragments
from siotool.protocol import packets, session
from siotool.protocol.errors import RemoteProtocolError
from siotool.runfile import OpKind
from siotool.swarm.delivery_tracker import Receiver
from siotool.swarm.memory_limits import CALLS_WAITING
from siotool.swarm.metrics import Samples
from siotool.swarm.switchboard import Switchboard

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
CLOSE = WSMsgType.CLOSE

#: An event that waits for its acknowledgement: where it is booked, when it was to begin and
#: when it did, and who wants the answer, if anybody.
Call = tuple[Samples, float, float, Callable[[Any], None] | None]


class Connection(WSListener):
    """A Socket.IO connection from its WebSocket upgrade to its end."""

    __slots__ = (
        "_ack_due",
        "_board",
        "_fragments",
        "_meter",
        "_paused",
        "_session",
        "_stirred",
        "_transport",
        "_wire_seen",
        "calls",
        "close_reason",
        "handlers",
        "heard",
        "join_started",
        "joined",
        "on_closed",
        "open",
        "phase",
        "receiver",
    )

    def __init__(self, board: Switchboard, receiver: Receiver, namespace: str, auth: Any) -> None:
        self._board = board
        self._session = session.Session(namespace, auth)
        self._fragments: Fragments | None = None
        #: An ack whose attachments are still to come.
        self._ack_due: packets.Packet | None = None
        #: What is sent waits here, because the server does not read.
        self._paused = False
        #: Something may have left, or may still leave, since the bytes were last read.
        self._stirred = True
        self._transport: WSTransport | None = None
        self._meter: tcp.Meter | None = None
        self._wire_seen = 0.0
        #: By ack id, in digits: what is neither answered nor given up.
        self.calls: dict[bytes, Call] = {}
        self.receiver = receiver
        self.heard = 0.0
        self.open = False
        #: What a connect is waiting for: tcp, tls, upgrade, open, namespace.
        self.phase = "tcp"
        self.join_started = 0.0
        self.close_reason = ""
        #: Resolved once the namespace has answered, or the connection ended before.
        self.joined: asyncio.Future[None] | None = None
        #: Called once, with the reason, when an open connection ends.
        self.on_closed: Callable[[str], None] | None = None
        #: Event name → what the scenario wants called; it may change at any time.
        self.handlers: dict[str, Callable[[list[Any]], None]] = {}

    # ── frames ────────────────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade succeeded."""
        self._transport = transport
        self.heard = monotonic()
        self.phase = "open"
        if self.close_reason:  # it was given up meanwhile
            self.cut()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Book a frame, whatever it holds."""
        try:
            self._frame(frame)
        except RemoteProtocolError as error:
            self._violated("protocol_error", str(error))
        except Failure as error:
            self._violated(error.kind, str(error))
        except Exception as error:
            self._board.bug(error)
            self._fail(Failure("internal_error", repr(error)))
            self.end("internal_error")

    def _frame(self, frame: WSFrame) -> None:
        """Time is taken before anything is decoded."""
        now = monotonic()
        payload = frame.get_payload_as_bytes()
        board = self._board
        self.heard = now
        metrics = board.metrics
        metrics.payload_in += len(payload)
        if not tcp.KERNEL_COUNTS:
            metrics.wire_in += tcp.frame_size(len(payload), masked=False)
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise RemoteProtocolError("a frame with reserved bits, which no extension asked for")
        # the short ways for what comes most; all else goes through the session
        ack_prefix = board.ack_prefix
        if payload.startswith(ack_prefix) and frame.fin and frame.msg_type is TEXT:
            bracket = payload.find(b"[")
            ack_id = payload[len(ack_prefix) : bracket]
            if bracket > 0 and ack_id in self.calls and self._ack_due is None:
                self._answered(ack_id, payload[bracket:], now)
                return
        known = board.known.get(payload)
        if known is not None and not self.handlers:
            known.deliver(self.receiver, now)
            return
        kind = frame.msg_type
        if not frame.fin or kind == CONTINUATION or self._fragments is not None:
            fragments = self._fragments or Fragments()
            whole = fragments.add(kind, payload, bool(frame.fin))
            self._fragments = fragments if fragments.pending else None
            if whole is None:
                return
            kind, payload = whole
        if kind == TEXT:
            self._text(payload, now)
        elif kind == BINARY:
            self._session.receive_binary(payload)
            if self._ack_due is not None and not self._session.attachments_due:
                packet, self._ack_due = self._ack_due, None
                self._acknowledged(packet, now)
        elif kind == CLOSE:
            metrics.payload_in -= len(payload)
            reason, remark = close_frame(payload, self._session.max_payload)
            if remark and not self.close_reason:
                metrics.remark("closed", remark)
            self.end(reason)

    def _violated(self, kind: str, detail: str) -> None:
        """The server broke the protocol, or a limit of ours: say how, and end it."""
        if not self.close_reason:
            self._board.metrics.remark(kind, f"{kind}: {detail}")
        self._fail(Failure(kind, detail))
        self.end(kind)

    def _text(self, payload: bytes, now: float) -> None:
        match self._session.receive_text(payload):
            case session.Acknowledged(_, packet):
                if packet.attachments:
                    self._ack_due = packet
                else:
                    self._acknowledged(packet, now)
            case session.Received(packet):
                self._received(packet, payload, now)
            case session.Ping(reply):
                self.send(reply)
            case session.Opened(reply=reply):
                self.join_started = now
                self.phase = "namespace"
                self.send(reply)
            case session.Joined():
                self._joined(now)
            case session.Refused(message):
                self._fail(Failure("connect_error", message))
                self.end("server_disconnect")
            case session.Ended():
                self._fail(Failure("server_disconnect", "the server closed the session"))
                self.end("server_disconnect")

    def _joined(self, now: float) -> None:
        metrics = self._board.metrics
        self.open = True
        metrics.join(self.receiver, now)
        took = now - self.join_started
        metrics.samples("namespace", self._session.namespace).book(took, took)
        if self.joined is not None and not self.joined.done():
            self.joined.set_result(None)

    def _received(self, packet: packets.Packet, payload: bytes, now: float) -> None:
        known = self._board.recognise(packet, payload)
        if known is not None:
            known.deliver(self.receiver, now)
        if self.handlers:
            name, arguments = packets.parse_event(packet)
            handler = self.handlers.get(name) or self.handlers.get("*")
            if handler is not None:
                self._board.to_hub(handler, arguments)
        if packet.ack_id is not None:
            self.send(packets.ack_frame(packet.ack_id, (), self._session.namespace))

    def _acknowledged(self, packet: packets.Packet, now: float) -> None:
        ack_id = b"%d" % (packet.ack_id or 0)
        if ack_id not in self.calls:
            packets.parse_arguments(packet)  # after its timeout, or never asked for
            return
        if packet.attachments:
            packets.check_attachments(packet)
        self._answered(ack_id, packet.json, now)

    def _answered(self, ack_id: bytes, json: bytes, now: float) -> None:
        """Book an answer once it is known to be one. Raises RemoteProtocolError; the call waits on."""
        arguments = packets.decode_arguments(json)
        samples, intended, start, answer = self.calls.pop(ack_id)
        samples.book(now - intended, now - start)
        if answer is not None:
            self._board.to_hub(answer, arguments)

    # ── sending ───────────────────────────────────────────────────────────────────────

    def send(self, frame: bytes) -> None:
        """Hand a text frame to the socket; nothing is sent while too much waits there."""
        if self._transport is not None:
            if self._paused and self.clogged:
                return
            self._stirred = True
            metrics = self._board.metrics
            metrics.payload_out += len(frame)
            if not tcp.KERNEL_COUNTS:
                metrics.wire_out += tcp.frame_size(len(frame), masked=True)
            self._transport.send(TEXT, frame)

    def emit(self, event: str, body: bytes) -> None:
        """Begin an operation that is only sent; ``body`` is the event's JSON array."""
        self.receiver.tally.sent += 1
        if self._paused and self.clogged:
            self.not_sent("custom", event)
        else:
            self.send_event(body)

    def send_event(self, body: bytes) -> None:
        """Send an event; nothing is sent once closed."""
        if self.open:
            self.send(self._board.event_prefix + body)

    @property
    def clogged(self) -> bool:
        """True while so much waits to be sent that nothing is to be added."""
        return self._paused and self.unsent >= self._board.write_limit

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        transport = self._transport
        return 0 if transport is None else int(transport.underlying_transport.get_write_buffer_size())

    def not_sent(self, op: OpKind, event: str) -> None:
        """Book an operation that could not be sent."""
        self.receiver.tally.failed += 1
        self._board.metrics.samples(op, event).errors[NOT_SENT] += 1

    def pause_writing(self) -> None:
        """The server does not read as fast as we write."""
        self._board.paused += not self._paused
        self._paused = True

    def resume_writing(self) -> None:
        """It has read on."""
        self._board.paused -= self._paused
        self._paused = False

    def call(
        self,
        event: str,
        body: bytes,
        intended: float,
        timeout: float,
        answer: Callable[[Any], None] | None = None,
    ) -> None:
        """Send an event to be acknowledged; ``answer`` gets what was answered, or a Failure."""
        now = monotonic()
        board = self._board
        metrics = board.metrics
        self.receiver.tally.sent += 1
        metrics.begin(now, intended)
        call = (metrics.samples("ack", event), intended if intended < now else now, now, answer)
        if not self.open:
            self._lost_call(call, self.close_reason or "transport_close")
            return
        if len(self.calls) >= CALLS_WAITING or (self._paused and self.clogged):
            self._lost_call(call, NOT_SENT)
            return
        ack_id = b"%d" % self._session.take_ack_id()
        self.calls[ack_id] = call
        board.expect(timeout, now, self, ack_id)
        self.send(board.event_prefix + ack_id + body)

    def expire(self, ack_id: bytes) -> None:
        """Give a call up, when it is still waiting."""
        call = self.calls.pop(ack_id, None)
        if call is not None:
            self._lost_call(call, "timeout")

    def _lost_call(self, call: Call, kind: str) -> None:
        samples, intended, _, answer = call
        samples.fail(kind, monotonic() - intended if kind in UNHEARD else None)
        self.receiver.tally.failed += 1
        if answer is not None:
            self._board.to_hub(answer, Failure(kind))

    # ── the end ───────────────────────────────────────────────────────────────────────

    @property
    def silent(self) -> bool:
        """True when the server has missed its heartbeat."""
        return monotonic() - self.heard > self._session.patience_s

    def end(self, reason: str) -> None:
        """Close the connection for a reason; the first reason counts."""
        if not self.close_reason:
            self.close_reason = reason
        transport = self._transport
        farewell = self._session.close()
        if transport is None or reason != "client":
            self.cut()
            return
        if farewell is not None:
            self.send(farewell)
        transport.send_close()
        if self.unsent:
            self.cut()  # or it would stay open until the server reads
        else:
            transport.disconnect()

    def cut(self) -> None:
        """Close the socket at once, whatever was still to be sent."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)
        elif self._meter is not None:
            self._meter.shut()  # still upgrading: its transport is not known, but sees its socket end

    def abandon(self, reason: str) -> None:
        """Give a connect up: nothing that still comes is of any account."""
        self.read_wire(last=True)
        self.joined = None
        self.end(reason)
        self._board.forget(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is gone, whoever closed it."""
        try:
            if not self.close_reason and (violation := violation_of(transport)) is not None:
                self._violated(violation.kind, str(violation))
            self.read_wire(last=True)
            self._transport = None
            self.resume_writing()
            self.settle("transport_close")
        except Exception as error:
            self._board.bug(error)
        finally:
            self._meter = None

    def settle(self, reason: str) -> None:
        """Book the end of the connection, once; the reason counts where there was none before."""
        reason = self.close_reason or reason
        self.close_reason = reason
        self._session.close()
        self._fail(Failure(reason, "closed before the namespace answered"))
        if not self.open:
            return
        self.open = False
        now = monotonic()
        metrics = self._board.metrics
        metrics.leave(self.receiver, now)
        metrics.open -= 1
        if reason == "client":
            metrics.left += 1
        else:
            metrics.closed[reason] += 1
        for call in self.calls.values():
            self._lost_call(call, UNANSWERED if reason == "client" else reason)
        self.calls.clear()
        self._fragments = None
        self._board.forget(self)
        if self.on_closed is not None:
            self._board.to_hub(self.on_closed, reason)

    def _fail(self, failure: Failure) -> None:
        if self.joined is not None and not self.joined.done():
            self.joined.set_exception(failure)

    # ── bytes ─────────────────────────────────────────────────────────────────────────

    def attach(self, sock: socket.socket) -> None:
        """Name the socket whose bytes are to be read."""
        self._meter = tcp.Meter(sock)
        self.phase = "tls"

    def read_wire(self, last: bool = False) -> None:
        """Book what TCP carried; skips a connection where nothing moved."""
        meter = self._meter
        if meter is None or (self._wire_seen > self.heard and not self._stirred and not last):
            return
        self._wire_seen = monotonic()
        received, sent, waiting = meter.read()
        metrics = self._board.metrics
        metrics.wire_in += received
        metrics.wire_out += sent
        # until it is open, what is sent and heard passes by without being noticed here
        self._stirred = waiting > 0 or not self.open or self.unsent > 0
