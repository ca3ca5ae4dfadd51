"""One Socket.IO connection, in its loop's thread: packets in, calls of its observer, packets out."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from siotool.client.breakable import DROPPED, Breakable, DropKind
from siotool.client.failures import NOT_SENT, UNANSWERED, ClientFailure
from siotool.client.identity import Identity, asked_for
from siotool.client.last_events import LastEvents
from siotool.client.observer import Observer, Pending
from siotool.client.pool import Pool
from siotool.client.transport import Transport
from siotool.protocol import session
from siotool.protocol.engine_io import PING, BinaryMessage, Frame
from siotool.protocol.faults import RemoteProtocolError, TooLargeError
from siotool.protocol.session import Recoverable
from siotool.protocol.socket_io import Body, Packet, PacketType, insert_attachments, name_and_arguments

#: Calls of one connection that wait for their answers, at about 400 bytes each: 4 MB. Past it
#: calls are not sent (``not_sent``).
CALLS_WAITING = 10_000
#: A handler for each event of a namespace.
ANY = "*"
_EVENT = PacketType.EVENT

#: Answers an event that asks for it with encoded arguments; once, in the loop's thread.
Reply = Callable[[Body], None]
#: Takes an event's arguments, and what answers it where it is to be answered; in the loop's thread.
Handler = Callable[[list[Any], Reply | None], None]
#: By namespace and event name (``*``: any).
Handlers = dict[tuple[str, str], Handler]

Observing = TypeVar("Observing", bound=Observer)


class Connection(Generic[Observing]):
    """A connection from the opening of its transport to its end."""

    __slots__ = (
        "_last_events",
        "_next_ack",
        "_pool",
        "calls",
        "close_reason",
        "deadlines",
        "handlers",
        "heard",
        "identity",
        "idle_s",
        "join_started",
        "joined",
        "known",
        "namespace",
        "observer",
        "open",
        "paused",
        "phase",
        "ping_due",
        "pinged",
        "recovers",
        "session",
        "transport",
    )

    def __init__(
        self,
        pool: Pool,
        observer: Observing,
        handlers: Handlers,
        identity: Identity,
        recover: Mapping[str, Recoverable] | None = None,
    ) -> None:
        """``handlers`` may change at any time; ``recover`` are the sessions that a server may give back.

        Raises LocalProtocolError or TypeError for an identity that cannot be sent.
        """
        self._pool = pool
        names = asked_for(identity, pool.revision)
        self.session = session.Session(names, identity.auth, pool.parser, pool.revision, recover)
        self.identity = identity
        #: Where events go when nothing else is said.
        self.namespace = identity.namespaces[0]
        self._next_ack = 0
        #: Resolved once all namespaces have answered, or the connection ended before.
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
        self.heard = self.pinged = 0.0  # pinged: when the server's own heartbeat came last
        #: When the client is to ping, where that is its duty.
        self.ping_due = float("inf")
        self.open = False
        #: What is sent waits here, because the server does not read.
        self.paused = False
        #: What a connect is waiting for: tcp, tls, upgrade, open, namespace.
        self.phase = "tcp"
        self.join_started = 0.0
        self.close_reason = ""
        #: For how many seconds nothing had passed when the other side closed it; None where unknown.
        self.idle_s: float | None = None
        #: The server may give this session back after a loss: the last event must be known then.
        self.recovers = bool(recover)  # what was missed comes before the answer to CONNECT
        self._last_events = LastEvents(pool.parser, recover) if recover else None
        self.deadlines = pool.deadlines
        pool.connections.add(self)

    # ── called by the transport ───────────────────────────────────────────────────────

    def receive_text(self, packet: bytes, now: float) -> None:
        """Take a text packet that arrived at ``now``, before anything was decoded."""
        pool = self._pool
        # the short ways for what comes most; all else goes through the session
        ack_prefix = pool.ack_prefix
        if packet.startswith(ack_prefix):
            bracket = packet.find(b"[")
            ack_id = packet[len(ack_prefix) : bracket]
            if bracket > 0 and ack_id in self.calls and not self.session.attachments_due:
                # once it is known to be an answer; where it raises, the call waits on
                arguments = pool.parser.decode(packet[bracket:])
                self.calls.pop(ack_id).answered(arguments, now)
                return
        known = self.known.get(packet)
        if known is not None and not self.handlers:
            if self._last_events is not None:
                self._last_events.seen(packet)
            known.deliver(self.observer, now)
            return
        self._take(self.session.receive_text(packet), packet, now)

    def receive_binary(self, data: bytes, now: float) -> None:
        """Take a message of bytes that arrived at ``now``."""
        self._take(self.session.receive_binary(data), data, now)

    def _take(self, event: session.Event, packet: bytes, now: float) -> None:
        match event:
            case session.Received(header, attachments):
                self._received(header, attachments, packet, now)
            case session.Acknowledged(header, attachments):
                self._acknowledged(header, attachments, now)
            case session.Ping(reply):
                self.pinged = now
                self.send(reply)
            case session.Opened(replies=replies):
                self.join_started = self.pinged = now
                self.ping_due = now + self.session.ping_every_s
                self.phase = "namespace"
                for request in replies:
                    self.send(request)
            case session.Joined(namespace, _, recovered):
                self._join(namespace, recovered, now)
            case session.Refused(namespace, message, data):
                self._refused(namespace, message, data)
            case session.Left(namespace):
                self.observer.left(namespace)
            case session.Ended(engine):
                reason = "transport_close" if engine else "server_disconnect"
                self.unopened(ClientFailure(reason, "the server closed the session"))
                self.end(reason)

    def _join(self, namespace: str, recovered: bool, now: float) -> None:
        self.observer.namespace(namespace, now - self.join_started)
        pids = self.session.pid
        if pids is not None and namespace in pids:
            if self._last_events is None:
                self._last_events = LastEvents(self._pool.parser, {})
            self.recovers = True
        if self.session.state is session.State.JOINED:
            self.open = True
            self.observer.joined(now, recovered)
            if self.joined is not None and not self.joined.done():
                self.joined.set_result(None)

    def _refused(self, namespace: str, message: str, data: Any) -> None:
        failure = ClientFailure("connect_error", message, data)
        self.observer.remark("connect_error", f"connect_error: {namespace} answered {failure.quoted}")
        self.unopened(failure)
        self.end("server_disconnect")

    def failed(self, error: Exception) -> None:
        """End it for what was raised by something that the server sent."""
        if isinstance(error, TooLargeError):
            self.violated("too_large", str(error))
        elif isinstance(error, RemoteProtocolError):
            self.violated("protocol_error", str(error))
        elif isinstance(error, ClientFailure):
            self.violated(error.kind, str(error))
        elif isinstance(error, RecursionError):
            self.violated("protocol_error", "data that is nested too deeply")
        else:
            self.observer.bug(error)
            self.unopened(ClientFailure("internal_error", repr(error)))
            self.end("internal_error")

    def unopened(self, error: Exception) -> None:
        """It cannot be opened, or joined; ``failures.classify`` names the error."""
        if self.joined is not None and not self.joined.done():
            self.joined.set_exception(error)

    def violated(self, kind: str, detail: str) -> None:
        """The server broke the protocol, or a limit of ours: say how, and end it."""
        if not self.close_reason:
            self.observer.remark(kind, f"{kind}: {detail}")
        self.unopened(ClientFailure(kind, detail))
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

    def _received(self, packet: Packet, attachments: tuple[bytes, ...], payload: bytes, now: float) -> None:
        data = self._pool.parser.decode(packet.data)
        if attachments:
            data = insert_attachments(data, attachments)
            payload = b"\n".join((packet.data, *attachments))  # what came last was one of them
        name, arguments = name_and_arguments(data)
        if self._last_events is not None and packet.ack_id is None:
            self._last_events.heard(packet.namespace, [name, *arguments])
        self.observer.event(name, arguments, packet, payload, now)
        reply = self._reply_to(packet)
        if self.handlers:
            namespace = packet.namespace
            handler = self.handlers.get((namespace, name)) or self.handlers.get((namespace, ANY))
            if handler is not None:
                handler(arguments, reply)
                return
        if reply is not None:
            reply(self._pool.parser.encode(()))

    def _reply_to(self, packet: Packet) -> Reply | None:
        if packet.ack_id is None:
            return None
        ack_id = b"%d" % packet.ack_id

        def reply(body: Body) -> None:
            # one that comes late: for a namespace that is left the server would close everything
            if packet.namespace in self.session.joined:
                self._post(PacketType.ACK, packet.namespace, ack_id, body)

        return reply

    def _acknowledged(self, packet: Packet, attachments: tuple[bytes, ...], now: float) -> None:
        arguments = self._pool.parser.decode(packet.data)
        if attachments:
            arguments = insert_attachments(arguments, attachments)
        ack_id = b"%d" % (packet.ack_id or 0)
        if ack_id in self.calls:  # or it comes after its timeout, or was never asked for
            self.calls.pop(ack_id).answered(arguments, now)

    # ── sending ───────────────────────────────────────────────────────────────────────

    def send(self, packet: Frame) -> None:
        """Hand a packet to the transport; nothing is sent while too much waits there."""
        transport = self.transport
        if transport is not None and not self.clogged:
            if isinstance(packet, BinaryMessage):
                transport.send_binary(packet.data)
            else:
                transport.send(packet)

    def ping(self, now: float) -> None:
        """Send the client's heartbeat, where that is its duty and the time has come."""
        if now >= self.ping_due:
            self.ping_due = now + self.session.ping_every_s
            self.send(bytes((PING,)))

    def _post(self, kind: PacketType, namespace: str, ack_id: bytes, body: Body) -> None:
        """Send an event or an answer, with what follows it; unless closed."""
        transport = self.transport
        if transport is None:
            return
        data, attachments = body
        frame = self._pool.parser.frame(kind, namespace, ack_id, data, len(attachments))
        if isinstance(frame, BinaryMessage):
            transport.send_binary(frame.data)
        else:
            transport.send(frame)
        for attachment in attachments:
            transport.send_binary(attachment)

    def emit(self, body: Body, namespace: str) -> None:
        """Send an event, unless closed; ``body`` is its name and arguments, encoded.

        For a namespace that the server has closed alone it would close everything.
        """
        if self.open and namespace in self.session.joined:
            self._send_event(body, namespace, b"")

    def _send_event(self, body: Body, namespace: str, ack_id: bytes) -> None:
        pool, transport = self._pool, self.transport
        data, attachments = body
        if transport is not None and not attachments and namespace == pool.main_namespace:
            transport.send(pool.event_prefix + ack_id + data)
        else:
            self._post(_EVENT, namespace, ack_id, body)

    def call(self, body: Body, namespace: str, timeout: float, now: float, pending: Pending) -> None:
        """Send an event to be acknowledged within ``timeout`` seconds from ``now``."""
        if not self.open or self.transport is None or namespace not in self.session.joined:
            pending.failed(self.close_reason or ("server_disconnect" if self.open else "transport_close"))
            return
        if len(self.calls) >= CALLS_WAITING or (self.paused and self.clogged):
            pending.failed(NOT_SENT)
            return
        ack_id = b"%d" % self._next_ack
        self._next_ack += 1
        self.calls[ack_id] = pending
        self._pool.expect(timeout, now, self, ack_id)
        self._send_event(body, namespace, ack_id)

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
        last_packets = self.session.close()
        if self.transport is None:
            return
        if reason == "transport_close":
            self.transport.cut()
        elif reason != "client":
            self.transport.leave()
        else:
            for packet in last_packets:
                self.send(packet)
            self.transport.close()

    def drop(self, how: DropKind) -> None:
        """Lose an open connection, as a network or a device that fails does.

        Silence ends as ``ping_timeout`` once the server was not heard for long enough; the others as
        ``dropped``, at once.
        """
        transport = self.transport
        if not self.open or not isinstance(transport, Breakable):
            return
        if how == "silence":
            transport.freeze()
            return
        self.close_reason = self.close_reason or DROPPED
        self.session.close()
        if how == "reset":
            transport.reset()
        else:
            self.cut()

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second of an open connection."""
        if self.open and isinstance(self.transport, Breakable):
            self.transport.slow(bytes_per_s)

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
        self.unopened(ClientFailure(reason, "closed before the namespace answered"))
        if not self.open:
            return
        self.open = False
        calls, self.calls = self.calls, {}
        for pending in calls.values():
            pending.failed(UNANSWERED if reason == "client" else reason)
        self._pool.connections.discard(self)
        self.observer.ended(reason)

    @property
    def recoverable(self) -> dict[str, Recoverable]:
        """By namespace, the sessions that the server may give back to the next connection."""
        events = self._last_events
        return {} if events is None else events.recoverable(self.session.pid or {})
