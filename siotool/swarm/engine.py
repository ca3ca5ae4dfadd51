"""The engine of one worker: users ask here, connections live in the loop thread.

Methods without a leading underscore are for users' greenlets; they hand their request
over the bridge and, where an answer is due, wait for it without holding up anyone else.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec
import picows
from gevent import monkey
from gevent.hub import Waiter

from siotool.protocol import packets
from siotool.swarm.books import Books
from siotool.swarm.bridge import Bridge
from siotool.swarm.connection import Connection
from siotool.swarm.failures import Failure, classify
from siotool.swarm.ledger import Ledger, Receiver
from siotool.swarm.switchboard import Switchboard
from siotool.swarm.tally import Tally
from siotool.workload import Target

_socket = monkey.get_original("socket", "socket")

#: Receive buffer of a connection; picows doubles it when a frame does not fit.
_READ_BUFFER = 1024
#: How often deadlines, heartbeats and farewells are looked after.
_TICK_S = 0.05
#: A connection that leaves may still be owed answers, and messages of other workers, for so long.
_QUIET_S = 0.3


class Address(msgspec.Struct, frozen=True):
    """A resolved target: ``family`` and numeric ``host`` of the socket to open."""

    family: int
    host: str
    port: int


class EngineSettings(msgspec.Struct, frozen=True):
    """How an engine connects.

    ``run`` marks this run's messages; ``worker`` is the process's number; durations in
    seconds. ``drain_timeout_s`` bounds the wait for what is still under way when a user
    leaves.
    """

    target: Target
    address: Address
    run: int
    worker: int = 0
    auth: Any = None
    headers: list[tuple[str, str]] = []
    connect_timeout_s: float = 10.0
    ack_timeout_s: float = 10.0
    drain_timeout_s: float = 5.0


class Engine:
    """Connections of one process, and the books they write."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.run)
        self.books = Books(self.ledger)
        self._bridge = Bridge()
        self._board = Switchboard(
            self.books, self.ledger, self._bridge.to_hub, self._forget, settings.target.namespace
        )
        self._url = websocket_url(settings.target)
        self._tls = ssl.create_default_context() if self._url.startswith("wss:") else None
        self._leaving: dict[Connection, float] = {}
        self._opening: dict[Receiver, asyncio.Task[None]] = {}
        self._free_slots: list[int] = []
        self._next_slot = 0
        self._stopped = False
        self._bridge.to_loop(self._tick)

    # ── from greenlets ────────────────────────────────────────────────────────────────

    def receiver(self, tally: Tally) -> Receiver:
        """A place in the accounts for one user, given back when it leaves."""
        if self._free_slots:
            return Receiver(self._free_slots.pop(), tally, used_before=True)
        self._next_slot += 1
        return Receiver(self._next_slot - 1, tally)

    def connect(
        self, receiver: Receiver, intended: float, again: bool, handlers: dict[str, Any] | None = None
    ) -> Connection:
        """Open a connection and wait until its namespace has let us in.

        ``intended`` is when it should have begun (monotonic clock); ``again`` books it as a
        reconnect. Raises Failure.
        """
        waiter = Waiter()
        self._bridge.to_loop(self._connect, receiver, intended, again, handlers, waiter.switch)
        answer = waiter.get()
        if isinstance(answer, Failure):
            raise answer
        assert isinstance(answer, Connection)
        return answer

    def emit(self, connection: Connection, event: str, arguments: tuple[Any, ...], intended: float) -> None:
        """Send an event that nobody acknowledges, at ``intended``."""
        self._bridge.to_loop_at(intended, connection.emit, packets.event_body(event, arguments))

    def call(
        self,
        connection: Connection,
        event: str,
        arguments: tuple[Any, ...],
        intended: float,
        timeout: float | None = None,
    ) -> list[Any]:
        """Send an event at ``intended`` and wait for its ack; returns what the server answered.

        Raises Failure (``timeout``, or why the connection closed).
        """
        waiter = Waiter()
        body = packets.event_body(event, arguments)
        patience = self.settings.ack_timeout_s if timeout is None else timeout
        self._bridge.to_loop_at(intended, connection.call, event, body, intended, patience, waiter.switch)
        answer = waiter.get()
        if isinstance(answer, Failure):
            raise answer
        return packets.decode_arguments(answer)

    def call_ahead(
        self,
        connection: Connection,
        event: str,
        arguments: tuple[Any, ...],
        intended: float,
        timeout: float | None = None,
    ) -> None:
        """Send an event at ``intended`` whose ack, or the lack of one, is only booked."""
        body = packets.event_body(event, arguments)
        patience = self.settings.ack_timeout_s if timeout is None else timeout
        self._bridge.to_loop_at(intended, connection.call, event, body, intended, patience)

    def publish(
        self,
        connection: Connection,
        publisher: int,
        event: str,
        compose: Callable[[str], tuple[Any, ...]],
        intended: float,
        includes_sender: bool,
        raised: Callable[[BaseException], None],
    ) -> None:
        """Send a stamped broadcast at ``intended``; ``compose`` makes its arguments of the stamp.

        ``raised`` is called in the hub with what ``compose`` raises; then nothing is sent.
        """
        self._bridge.to_loop_at(
            intended,
            self._publish,
            connection,
            publisher,
            event,
            compose,
            intended,
            includes_sender,
            raised,
        )

    def let_answers_wait(self, seconds: float) -> None:
        """Some user can bear to hear of an answer so much later; the least of all counts."""
        self._bridge.let_results_wait(seconds)

    def listen(self, event: str, sent_at: str = "") -> None:
        """Book server events by name (``*``: any), timed by an epoch field of their payload."""
        self._bridge.to_loop(self._board.listen, event, sent_at)

    def wait_closed(self, connection: Connection) -> str:
        """Wait until a connection ends; returns the reason."""
        waiter = Waiter()
        self._bridge.to_loop(self._watch, connection, waiter.switch)
        return str(waiter.get())

    def leave(self, connection: Connection | None, receiver: Receiver) -> None:
        """A user goes: expect nothing more, close once what is under way has arrived.

        Does not wait. The receiver's place is free for another user afterwards.
        """
        self._bridge.to_loop(self._leave_for_good, connection, receiver)

    def drain(self) -> None:
        """Leave every connection, and wait until all are closed."""
        waiter = Waiter()
        self._bridge.to_loop(self._drain, waiter.switch)
        waiter.get()

    def at(self, when: float, function: Callable[[], None]) -> None:
        """Call ``function`` in the loop thread at a moment of the monotonic clock."""
        self._bridge.to_loop(self.at_loop, when, function)

    def to_hub(self, function: Callable[..., None], *args: Any) -> None:
        """From the loop thread: call ``function`` in the hub."""
        self._bridge.to_hub(function, *args)

    def stop(self) -> None:
        """End the loop thread; connections that are still open are cut."""
        self._stopped = True
        self._bridge.stop()

    # ── in the loop thread ────────────────────────────────────────────────────────────

    def read_wire(self) -> None:
        """Bring the byte counters of all open connections up to date."""
        for connection in self._board.connections:
            connection.read_wire()

    def take_undated(self) -> int:
        """Deliveries since the last call whose announced send time could not be read."""
        undated, self._board.undated = self._board.undated, 0
        return undated

    def at_loop(self, when: float, function: Callable[[], None]) -> None:
        """Call ``function`` at a moment of the monotonic clock."""
        self._bridge.loop.call_later(max(0.0, when - monotonic()), function)

    def _connect(
        self,
        receiver: Receiver,
        intended: float,
        again: bool,
        handlers: dict[str, Any] | None,
        answer: Callable[[Any], None],
    ) -> None:
        task = self._bridge.loop.create_task(self._open(receiver, intended, again, handlers, answer))
        self._opening[receiver] = task
        task.add_done_callback(lambda _: self._opening.pop(receiver))

    async def _open(
        self,
        receiver: Receiver,
        intended: float,
        again: bool,
        handlers: dict[str, Any] | None,
        answer: Callable[[Any], None],
    ) -> None:
        start = monotonic()
        books = self.books
        books.attempted += 1
        receiver.tally.attempted += 1
        if receiver.used_before:
            self.ledger.forget_receiver(receiver.slot)
            receiver.used_before = False
        samples = books.samples("reconnect" if again else "connect", self.settings.target.namespace)
        connection = Connection(self._board, receiver, self.settings.target.namespace, self.settings.auth)
        connection.handlers = handlers
        connection.joined = self._bridge.loop.create_future()
        self._board.connections.add(connection)
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                transport, _ = await picows.ws_connect(
                    lambda: connection,
                    self._url,
                    ssl_context=self._tls,
                    websocket_handshake_timeout=None,
                    extra_headers=self.settings.headers or None,
                    max_redirects=0,
                    read_buffer_init_size=_READ_BUFFER,
                    socket_factory=lambda _url: self._socket(connection),
                    use_aiofastnet=False,
                )
                if transport.response is None:  # picows returns as if nothing had happened
                    raise Failure("transport_close", "closed without an answer")
                await connection.joined
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError):
                failure = Failure("client", "given up because the run ended")
                books.attempted -= 1
            else:
                failure = classify(error)
                samples.errors[failure.kind] += 1
                books.failed[failure.kind] += 1
            connection.read_wire(last=True)
            connection.joined = None
            connection.end(failure.kind)
            self._board.forget(connection)
            self.to_hub(answer, failure)
        else:
            now = monotonic()
            connection.joined = None
            books.established += 1
            receiver.tally.established += 1
            samples.book(now - intended, now - start)
            self.to_hub(answer, connection)

    async def _socket(self, connection: Connection) -> socket.socket:
        address = self.settings.address
        sock: socket.socket = _socket(address.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await self._bridge.loop.sock_connect(sock, (address.host, address.port))
        except BaseException:
            sock.close()
            raise
        connection.attach(sock)
        return sock

    def _publish(
        self,
        connection: Connection,
        publisher: int,
        event: str,
        compose: Callable[[str], tuple[Any, ...]],
        intended: float,
        includes_sender: bool,
        raised: Callable[[BaseException], None],
    ) -> None:
        if not connection.open:
            return
        now = monotonic()
        connection.receiver.tally.sent += 1
        self.books.begin(now, intended)
        stamp = self.ledger.publish(
            publisher, event, now, min(intended, now), self.books.present, int(not includes_sender)
        )
        try:
            body = packets.event_body(event, compose(stamp))
        except Exception as error:  # the scenario's own code
            self.ledger.take_back()
            connection.receiver.tally.failed += 1
            self.to_hub(raised, error)
            return
        connection.send_event(body)

    def _watch(self, connection: Connection, answer: Callable[[str], None]) -> None:
        if connection.open:
            connection.on_closed = answer
        else:
            self.to_hub(answer, connection.close_reason or "transport_close")

    def _leave_for_good(self, connection: Connection | None, receiver: Receiver) -> None:
        if receiver in self._opening:
            receiver.retired = True
            self._opening[receiver].cancel()
        elif connection is not None and connection.open:
            receiver.retired = True
            self._leave(connection)
        else:
            self._free_slots.append(receiver.slot)

    def _leave(self, connection: Connection) -> None:
        if connection.open and connection not in self._leaving:
            now = monotonic()
            self.books.leave(connection.receiver, now)
            self._leaving[connection] = now

    def _forget(self, connection: Connection) -> None:
        self._leaving.pop(connection, None)
        if connection.receiver.retired:
            self._free_slots.append(connection.receiver.slot)

    def _drain(self, answer: Callable[[None], None]) -> None:
        for task in self._opening.values():
            task.cancel()
        for connection in list(self._board.connections):
            self._leave(connection)
        self._answer_when_empty(answer)

    def _answer_when_empty(self, answer: Callable[[None], None]) -> None:
        if self._board.connections:
            self._bridge.loop.call_later(_TICK_S / 5, self._answer_when_empty, answer)
        else:
            self.to_hub(answer, None)

    def _tick(self) -> None:
        if self._stopped:
            return
        now = monotonic()
        due = now + _TICK_S
        self._board.expire(now)
        if self._leaving:
            self._close_leaving(now)
        self._bridge.loop.call_later(_TICK_S, self._tick_late, due)

    def _tick_late(self, due: float) -> None:
        self.books.loop_lag = max(self.books.loop_lag, monotonic() - due)
        self._tick()

    def end_silent(self) -> None:
        """Close the connections whose server has missed its heartbeat."""
        for connection in [c for c in self._board.connections if c.open and c.silent]:
            connection.end("ping_timeout")

    def _close_leaving(self, now: float) -> None:
        last_left = max(self._leaving.values())
        caught_up = self.ledger.caught_up(last_left)
        unused = self.ledger.unused
        for connection, left in list(self._leaving.items()):
            # what still comes may be sent after it left, as in a room that talks on
            quiet = unused or connection.receiver.overtaken or now - min(connection.heard, now) >= _QUIET_S
            settled = caught_up and quiet and now - left >= _QUIET_S and not connection.calls
            if settled or now - left >= self.settings.drain_timeout_s:
                del self._leaving[connection]
                connection.end("client")


def websocket_url(target: Target) -> str:
    """The URL of a target's WebSocket transport."""
    scheme, _, rest = target.url.partition("://")
    base = rest.split("?")[0].rstrip("/")
    path = "/" + target.path.strip("/") + "/"
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{base}{path}?EIO=4&transport=websocket"
