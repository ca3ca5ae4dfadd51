"""One connection of one user, in the loop thread: frames in, books written, frames out."""

import asyncio
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from siotool.protocol import packets, session
from siotool.protocol.errors import RemoteProtocolError
from siotool.swarm import tcp
from siotool.swarm.books import Samples
from siotool.swarm.failures import Failure
from siotool.swarm.ledger import Receiver
from siotool.swarm.switchboard import Switchboard

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
CLOSE = WSMsgType.CLOSE
#: Why a call failed whose user left: it had time to be answered, and was not.
UNANSWERED = "unanswered"


#: An event that waits for its acknowledgement: where it is booked, when it was to begin and
#: when it did, and who wants the answer, if anybody.
Call = tuple[Samples, float, float, Callable[[Any], None] | None]


class Connection(WSListener):
    """A Socket.IO connection from its WebSocket upgrade to its end."""

    __slots__ = (
        "_board",
        "_fragments",
        "_session",
        "_sock",
        "_transport",
        "_wire_in",
        "_wire_out",
        "_wire_seen",
        "calls",
        "close_reason",
        "handlers",
        "heard",
        "join_started",
        "joined",
        "on_closed",
        "open",
        "receiver",
    )

    def __init__(self, board: Switchboard, receiver: Receiver, namespace: str, auth: Any) -> None:
        self._board = board
        self._session = session.Session(namespace, auth)
        self._fragments: list[Any] | None = None
        self._transport: WSTransport | None = None
        self._sock: socket.socket | None = None
        self._wire_in = 0
        self._wire_out = 0
        self._wire_seen = 0.0
        #: By ack id, in digits: what is neither answered nor given up.
        self.calls: dict[bytes, Call] = {}
        self.receiver = receiver
        self.heard = 0.0
        self.open = False
        self.join_started = 0.0
        self.close_reason = ""
        #: Resolved once the namespace has answered, or the connection ended before.
        self.joined: asyncio.Future[None] | None = None
        #: Called once, with the reason, when an open connection ends.
        self.on_closed: Callable[[str], None] | None = None
        #: Event name → what the scenario wants called; None when it wants nothing.
        self.handlers: dict[str, Callable[[list[Any]], None]] | None = None

    # ── frames ────────────────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade succeeded."""
        self._transport = transport
        self.heard = monotonic()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Book a frame; time is taken before anything is decoded."""
        now = monotonic()
        payload = frame.get_payload_as_bytes()
        board = self._board
        self.heard = now
        books = board.books
        books.payload_in += len(payload)
        if not tcp.KERNEL_COUNTS:
            books.wire_in += tcp.frame_size(len(payload), masked=False)
        # the short ways for what comes most; all else goes through the session
        ack_prefix = board.ack_prefix
        if payload.startswith(ack_prefix) and frame.fin and frame.msg_type is TEXT:
            bracket = payload.find(b"[")
            call = self.calls.pop(payload[len(ack_prefix) : bracket], None)
            if call is not None:
                samples, intended, start, answer = call
                samples.book(now - intended, now - start)
                if answer is not None:
                    board.to_hub(answer, payload[bracket:])
                return
        known = board.known.get(payload)
        if known is not None and self.handlers is None:
            known.deliver(self.receiver, now)
            return
        kind = frame.msg_type
        if not frame.fin or kind == CONTINUATION:
            whole = self._assemble(kind, payload, frame.fin)
            if whole is None:
                return
            kind, payload = whole
        try:
            if kind == TEXT:
                self._text(payload, now)
            elif kind == BINARY:
                self._session.receive_binary(payload)
            elif kind == CLOSE:
                books.payload_in -= len(payload)
                self.end("transport_close")
            elif kind == CONTINUATION:
                raise RemoteProtocolError("a continuation frame that continues nothing")
        except RemoteProtocolError as error:
            self._fail(Failure("protocol_error", str(error)))
            self.end("protocol_error")

    def _assemble(self, kind: WSMsgType, payload: bytes, fin: bool) -> tuple[WSMsgType, bytes] | None:
        """Put a fragmented message together (RFC 6455 §5.4); None until its last frame."""
        if kind != CONTINUATION:
            self._fragments = [kind, payload]
            return None
        if self._fragments is None:
            return kind, payload  # nothing to continue: refused as no packet
        self._fragments.append(payload)
        if not fin:
            return None
        first, *parts = self._fragments
        self._fragments = None
        return first, b"".join(parts)

    def _text(self, payload: bytes, now: float) -> None:
        match self._session.receive_text(payload):
            case session.Acknowledged(ack_id, packet):
                self._acknowledged(ack_id, packet.json, now)
            case session.Received(packet):
                self._received(packet, payload, now)
            case session.Ping(reply):
                self.send(reply)
            case session.Opened(reply=reply):
                self.join_started = now
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
        books = self._board.books
        self.open = True
        books.join(self.receiver, now)
        books.samples("namespace", self._session.namespace).book(
            now - self.join_started, now - self.join_started
        )
        if self.joined is not None and not self.joined.done():
            self.joined.set_result(None)

    def _received(self, packet: packets.Packet, payload: bytes, now: float) -> None:
        known = self._board.recognise(packet, payload)
        if known is not None:
            known.deliver(self.receiver, now)
        if self.handlers is not None:
            name, arguments = packets.parse_event(packet)
            handler = self.handlers.get(name) or self.handlers.get("*")
            if handler is not None:
                self._board.to_hub(handler, arguments)
        if packet.ack_id is not None:
            self.send(packets.ack_frame(packet.ack_id, (), self._session.namespace))

    def _acknowledged(self, ack_id: int, json: bytes, now: float) -> None:
        call = self.calls.pop(b"%d" % ack_id, None)
        if call is None:
            return  # after its timeout, or never asked for
        samples, intended, start, answer = call
        samples.book(now - intended, now - start)
        if answer is not None:
            self._board.to_hub(answer, json)

    # ── sending ───────────────────────────────────────────────────────────────────────

    def send(self, frame: bytes) -> None:
        """Hand a text frame to the socket."""
        if self._transport is not None:
            books = self._board.books
            books.payload_out += len(frame)
            if not tcp.KERNEL_COUNTS:
                books.wire_out += tcp.frame_size(len(frame), masked=True)
            self._transport.send(TEXT, frame)

    def emit(self, body: bytes) -> None:
        """Begin an operation that is only sent; ``body`` is the event's JSON array."""
        self.receiver.tally.sent += 1
        self.send_event(body)

    def send_event(self, body: bytes) -> None:
        """Send an event; nothing is sent once closed."""
        if self.open:
            self.send(self._board.event_prefix + body)

    def call(
        self,
        event: str,
        body: bytes,
        intended: float,
        timeout: float,
        answer: Callable[[Any], None] | None = None,
    ) -> None:
        """Send an event to be acknowledged; ``answer`` gets the answer's JSON, or a Failure."""
        now = monotonic()
        board = self._board
        books = board.books
        self.receiver.tally.sent += 1
        books.begin(now, intended)
        call = (books.samples("ack", event), intended if intended < now else now, now, answer)
        if not self.open:
            self._lost_call(call, self.close_reason or "transport_close")
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
        samples, _, _, answer = call
        samples.errors[kind] += 1
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
        if self._transport is None:
            return
        if reason == "client":
            farewell = self._session.close()
            if farewell is not None:
                self.send(farewell)
            self._transport.send_close()
        self._transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is gone, whoever closed it."""
        self.read_wire(last=True)
        self._sock = None
        self._transport = None
        reason = self.close_reason or "transport_close"
        self.close_reason = reason
        self._session.close()
        self._fail(Failure(reason, "closed before the namespace answered"))
        if not self.open:
            return
        self.open = False
        now = monotonic()
        books = self._board.books
        books.leave(self.receiver, now)
        books.open -= 1
        if reason != "client":
            books.closed[reason] += 1
        for call in self.calls.values():
            self._lost_call(call, UNANSWERED if reason == "client" else reason)
        self.calls.clear()
        self._board.forget(self)
        if self.on_closed is not None:
            self._board.to_hub(self.on_closed, reason)

    def _fail(self, failure: Failure) -> None:
        if self.joined is not None and not self.joined.done():
            self.joined.set_exception(failure)

    # ── bytes ─────────────────────────────────────────────────────────────────────────

    def attach(self, sock: socket.socket) -> None:
        """Name the socket whose bytes are to be read."""
        self._sock = sock

    def read_wire(self, last: bool = False) -> None:
        """Book what TCP carried since the last reading; skips a connection that was silent."""
        if self._sock is None or (self._wire_seen > self.heard and not last):
            return
        self._wire_seen = monotonic()
        counts = tcp.transferred(self._sock)
        if counts is None:
            return
        received, sent = counts
        books = self._board.books
        books.wire_in += received - self._wire_in
        books.wire_out += sent - self._wire_out
        self._wire_in, self._wire_out = received, sent
