"""One Socket.IO connection, in its loop's thread: packets in, calls of its observer, packets out."""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from siotool.client.failures import NOT_SENT, UNANSWERED, ClientFailure
from siotool.client.observer import Observer, Pending
from siotool.client.pool import Pool
from siotool.client.transport import Transport
from siotool.protocol import session
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.socket_io import Packet, check_attachments, name_and_arguments

#: Calls of one connection that wait for their answers, at about 400 bytes each: 4 MB. Past it
#: calls are not sent (``not_sent``).
CALLS_WAITING = 10_000

#: Takes an event's arguments, in the loop's thread.
Handler = Callable[[list[Any]], None]

Observing = TypeVar("Observing", bound=Observer)


class Connection(Generic[Observing]):
    """A connection from the opening of its transport to its end."""

    __slots__ = (
        "_ack_due",
        "_next_ack",
        "_pool",
        "calls",
        "close_reason",
        "handlers",
        "heard",
        "join_started",
        "joined",
        "known",
        "observer",
        "open",
        "paused",
        "phase",
        "session",
        "transport",
    )

    def __init__(self, pool: Pool, observer: Observing, handlers: dict[str, Handler]) -> None:
        """``handlers``: what is to be called by event name (``*``: any); they may change at any time."""
        self._pool = pool
        self.session = session.Session(pool.namespace, pool.auth, pool.parser)
        #: An ack whose attachments are still to come.
        self._ack_due: Packet | None = None
        self._next_ack = 0
        #: Resolved once the namespace has answered, or the connection ended before.
        self.joined: asyncio.Future[None] | None = None
        self.observer = observer
        self.handlers = handlers
        #: Packets that need not be parsed again; a transport may look here first.
        self.known = pool.known
        #: Set by the transport as soon as there is something to cut.
        self.transport: Transport | None = None
        #: By ack id, in digits: what is neither answered nor given up.
        self.calls: dict[bytes, Pending] = {}
        #: When something last came from the server.
        self.heard = 0.0
        self.open = False
        #: What is sent waits here, because the server does not read.
        self.paused = False
        #: What a connect is waiting for: tcp, tls, upgrade, open, namespace.
        self.phase = "tcp"
        self.join_started = 0.0
        self.close_reason = ""
        pool.connections.add(self)

    # ── called by the transport ───────────────────────────────────────────────────────

    def receive_text(self, packet: bytes, now: float) -> None:
        """Take a packet that arrived at ``now``, before anything was decoded."""
        pool = self._pool
        # the short ways for what comes most; all else goes through the session
        ack_prefix = pool.ack_prefix
        if packet.startswith(ack_prefix):
            bracket = packet.find(b"[")
            ack_id = packet[len(ack_prefix) : bracket]
            if bracket > 0 and ack_id in self.calls and self._ack_due is None:
                # once it is known to be an answer; where it raises, the call waits on
                arguments = pool.parser.decode(packet[bracket:])
                self.calls.pop(ack_id).answered(arguments, now)
                return
        known = self.known.get(packet)
        if known is not None and not self.handlers:
            known.deliver(self.observer, now)
            return
        self._take(packet, now)

    def _take(self, packet: bytes, now: float) -> None:
        match self.session.receive_text(packet):
            case session.Received(event):
                self._received(event, packet, now)
            case session.Acknowledged(ack):
                if ack.attachments:
                    self._ack_due = ack
                else:
                    self._acknowledged(ack, now)
            case session.Ping(reply):
                self.send(reply)
            case session.Opened(reply=reply):
                self.join_started = now
                self.phase = "namespace"
                self.send(reply)
            case session.Joined():
                self.open = True
                self.observer.joined(now, now - self.join_started)
                if self.joined is not None and not self.joined.done():
                    self.joined.set_result(None)
            case session.Refused(message):
                self._fail(ClientFailure("connect_error", message))
                self.end("server_disconnect")
            case session.Ended():
                self._fail(ClientFailure("server_disconnect", "the server closed the session"))
                self.end("server_disconnect")

    def receive_binary(self, payload: bytes, now: float) -> None:
        """Take an attachment of the packet before it."""
        self.session.receive_binary(payload)
        if self._ack_due is not None and not self.session.attachments_due:
            packet, self._ack_due = self._ack_due, None
            self._acknowledged(packet, now)

    def failed(self, error: Exception) -> None:
        """End it for what was raised by something that the server sent."""
        if isinstance(error, RemoteProtocolError):
            self.violated("protocol_error", str(error))
        elif isinstance(error, ClientFailure):
            self.violated(error.kind, str(error))
        else:
            self.observer.bug(error)
            self._fail(ClientFailure("internal_error", repr(error)))
            self.end("internal_error")

    def violated(self, kind: str, detail: str) -> None:
        """The server broke the protocol, or a limit of ours: say how, and end it."""
        if not self.close_reason:
            self.observer.remark(kind, f"{kind}: {detail}")
        self._fail(ClientFailure(kind, detail))
        self.end(kind)

    def pause_writing(self) -> None:
        """The server does not read as fast as we write."""
        self._pool.paused += not self.paused
        self.paused = True

    def resume_writing(self) -> None:
        """It has read on."""
        self._pool.paused -= self.paused
        self.paused = False

    def lost(self) -> None:
        """The transport is closed, by either side."""
        self.transport = None
        self.resume_writing()
        self.finish("transport_close")

    # ── events and answers ────────────────────────────────────────────────────────────

    def _received(self, packet: Packet, payload: bytes, now: float) -> None:
        name, arguments = name_and_arguments(self._pool.parser.decode(packet.data))
        self.observer.event(name, arguments, packet, payload, now)
        if self.handlers:
            handler = self.handlers.get(name) or self.handlers.get("*")
            if handler is not None:
                handler(arguments)
        if packet.ack_id is not None:
            self.send(self._pool.ack_prefix + b"%d[]" % packet.ack_id)

    def _acknowledged(self, packet: Packet, now: float) -> None:
        arguments = self._pool.parser.decode(packet.data)
        if packet.attachments:
            check_attachments(arguments, packet.attachments)
        ack_id = b"%d" % (packet.ack_id or 0)
        if ack_id in self.calls:  # or it comes after its timeout, or was never asked for
            self.calls.pop(ack_id).answered(arguments, now)

    # ── sending ───────────────────────────────────────────────────────────────────────

    def send(self, packet: bytes) -> None:
        """Hand a packet to the transport; nothing is sent while too much waits there."""
        transport = self.transport
        if transport is not None and not self.clogged:
            transport.send(packet)

    def emit(self, body: bytes) -> None:
        """Send an event, unless closed; ``body`` is its name and arguments, encoded."""
        if self.open and self.transport is not None:
            self.transport.send(self._pool.event_prefix + body)

    def call(self, body: bytes, timeout: float, now: float, pending: Pending) -> None:
        """Send an event to be acknowledged within ``timeout`` seconds from ``now``."""
        transport = self.transport
        if not self.open or transport is None:
            pending.failed(self.close_reason or "transport_close")
            return
        if len(self.calls) >= CALLS_WAITING or (self.paused and self.clogged):
            pending.failed(NOT_SENT)
            return
        ack_id = b"%d" % self._next_ack
        self._next_ack += 1
        self.calls[ack_id] = pending
        pool = self._pool
        pool.expect(timeout, now, self, ack_id)
        transport.send(pool.event_prefix + ack_id + body)

    def expire(self, ack_id: bytes) -> None:
        """Give a call up, when it is still waiting."""
        pending = self.calls.pop(ack_id, None)
        if pending is not None:
            pending.failed("timeout")

    @property
    def clogged(self) -> bool:
        """True while so much waits to be sent that nothing is to be added."""
        return self.paused and self.unsent >= self._pool.write_limit

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return 0 if self.transport is None else self.transport.unsent

    # ── the end ───────────────────────────────────────────────────────────────────────

    def end(self, reason: str) -> None:
        """Close the connection for a reason; the first reason counts."""
        if not self.close_reason:
            self.close_reason = reason
        last_packet = self.session.close()
        if reason != "client":
            self.cut()
        elif self.transport is not None:
            if last_packet is not None:
                self.send(last_packet)
            self.transport.close()

    def cut(self) -> None:
        """Close the transport at once; what was still to be sent is lost."""
        if self.transport is not None:
            self.transport.cut()

    def abandon(self, reason: str) -> None:
        """Give a connect up: what still comes is not counted."""
        if self.transport is not None:
            self.transport.read_wire(last=True)
        self.end(reason)
        self._pool.connections.discard(self)

    def finish(self, reason: str) -> None:
        """Report the end of the connection, once; ``reason`` counts where there was none before."""
        reason = self.close_reason or reason
        self.close_reason = reason
        self.session.close()
        self._fail(ClientFailure(reason, "closed before the namespace answered"))
        if not self.open:
            return
        self.open = False
        calls, self.calls = self.calls, {}
        for pending in calls.values():
            pending.failed(UNANSWERED if reason == "client" else reason)
        self._pool.connections.discard(self)
        self.observer.ended(reason)

    def _fail(self, failure: ClientFailure) -> None:
        if self.joined is not None and not self.joined.done():
            self.joined.set_exception(failure)
