"""The engine of one worker: users ask here, connections live in the loop thread.

Methods without a leading underscore are for users' greenlets; they hand their request
over the bridge and, where an answer is due, wait for it without holding up anyone else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from gevent.hub import Waiter

from siotool.client.failures import UNANSWERED, UNHEARD, Failure, classify
from siotool.protocol import packets
from siotool.swarm.attempt import Attempt
from siotool.swarm.bridge import Bridge
from siotool.swarm.bugs import Bugs
from siotool.swarm.connection import Connection
from siotool.swarm.delivery_tracker import DeliveryTracker, Receiver
from siotool.swarm.door import Door
from siotool.swarm.farewells import Farewells
from siotool.swarm.metrics import Metrics
from siotool.swarm.settings import EngineSettings
from siotool.swarm.switchboard import OVERDUE_S, Switchboard
from siotool.swarm.tally import Tally

#: How often deadlines, heartbeats and farewells are looked after.
_TICK_S = 0.05


class Engine:
    """Connections of one process, and their metrics."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.tracker = DeliveryTracker(settings.run)
        self.metrics = Metrics(self.tracker)
        self._bugs = Bugs(self.metrics)
        self._bridge = Bridge()
        self._board = Switchboard(
            self.metrics,
            self.tracker,
            self._bridge.to_hub,
            self._bugs.tell,
            self._forget,
            settings.target.namespace,
        )
        self._bridge.loop.set_exception_handler(self._bugs.of_loop)
        self._door = Door(settings.target, settings.address, settings.headers)
        self._farewells = Farewells(self.metrics, settings.drain_timeout_s)
        self._opening: dict[Receiver, Attempt] = {}
        #: The connection of each receiver that has one, from its connect to its end.
        self._current: dict[Receiver, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
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

        ``intended`` is when it should have begun (monotonic clock); ``again`` metrics it as a
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
        self._bridge.to_loop_at(intended, connection.emit, event, packets.event_body(event, arguments))

    def call(
        self,
        connection: Connection,
        event: str,
        arguments: tuple[Any, ...],
        intended: float,
        timeout: float | None = None,
    ) -> list[Any]:
        """Send an event at ``intended`` and wait for its ack; returns what the server answered.

        Raises Failure (``timeout``, ``protocol_error``, or why the connection closed).
        """
        waiter = Waiter()
        body = packets.event_body(event, arguments)
        patience = self.settings.ack_timeout_s if timeout is None else timeout
        self._bridge.to_loop_at(intended, connection.call, event, body, intended, patience, waiter.switch)
        answer = waiter.get()
        if isinstance(answer, Failure):
            raise answer
        assert isinstance(answer, list)
        return answer

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

    def leave(self, receiver: Receiver) -> None:
        """A user goes: expect nothing more, close once what is under way has arrived.

        Does not wait. A connect under way may still succeed within the drain time, and is
        closed at once then. The receiver's place is free for another user afterwards.
        """
        self._bridge.to_loop(self._leave_for_good, receiver)

    def drain(self) -> None:
        """Leave every connection, and wait until all are closed.

        Takes no longer than the drain time: what is open then is cut, and what is not answered
        is booked as ``unanswered``.
        """
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

    def overdue(self, now: float) -> dict[str, int]:
        """Operations under way for more than ``OVERDUE_S``, by op."""
        late: Counter[str] = Counter()
        for attempt in self._opening.values():
            if now - attempt.start > OVERDUE_S:
                late["reconnect" if attempt.again else "connect"] += 1
        if calls := self._board.overdue(now):
            late["ack"] = calls
        return dict(late)

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
        if receiver.retired or self._farewells.until < inf:
            self.to_hub(answer, Failure("client", "given up because the run ended"))
            return
        attempt = self._opening.get(receiver)
        if attempt is not None:  # another greenlet of the same user had the same wish
            attempt.answers.append(answer)
            return
        before = self._current.get(receiver)
        if before is not None:
            if before.open and not before.close_reason:
                self.to_hub(answer, before)
                return
            # its end is not through yet; it must not touch what the next one books
            before.cut()
            before.settle("transport_close")
        attempt = self._opening[receiver] = Attempt(again, answer)
        task = self._bridge.loop.create_task(self._open(receiver, attempt, intended, handlers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(
        self, receiver: Receiver, attempt: Attempt, intended: float, handlers: dict[str, Any] | None
    ) -> None:
        start = attempt.start
        metrics = self.metrics
        metrics.attempted += 1
        receiver.tally.attempted += 1
        if receiver.used_before:
            self.tracker.forget_receiver(receiver.slot)
            receiver.used_before = False
        samples = metrics.samples("reconnect" if attempt.again else "connect", self.settings.target.namespace)
        connection = Connection(self._board, receiver, self.settings.target.namespace, self.settings.auth)
        if handlers is not None:
            connection.handlers = handlers  # the user's own: handlers may come and go
        joined = connection.joined = self._bridge.loop.create_future()
        self._board.connections.add(connection)
        self._current[receiver] = connection
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s) as attempt.limit:
                attempt.hurry(attempt.hurried_to)
                await self._door.upgrade(connection)
                await joined
        except (Exception, asyncio.CancelledError) as error:
            # it may have succeeded in the very moment it was given up
            failure = None if connection.open else self._failure(attempt, error)
        else:
            failure = None
        connection.joined = None
        if failure is not None:
            unheard = failure.kind in UNHEARD
            samples.fail(failure.kind, monotonic() - intended if unheard else None)
            metrics.failed[failure.kind] += 1
            if unheard:
                metrics.hung[connection.phase] += 1
            connection.abandon(failure.kind)
        else:
            now = monotonic()
            metrics.established += 1
            receiver.tally.established += 1
            samples.book(now - intended, now - start)
            if attempt.leaving:
                self._farewells.begin(connection)
        del self._opening[receiver]
        if receiver.retired and receiver not in self._current:
            self._free_slots.append(receiver.slot)
        for answer in attempt.answers:
            self.to_hub(answer, connection if failure is None else failure)

    def _failure(self, attempt: Attempt, error: BaseException) -> Failure:
        """Name what ended a connect."""
        if isinstance(error, asyncio.CancelledError) or attempt.unanswered():
            return Failure(UNANSWERED, "the run ended before there was an answer")
        failure = classify(error)
        if failure.kind == "internal_error" and isinstance(error, Exception):
            self._bugs.tell(error)
        if failure.kind == "protocol_error":
            self.metrics.remark("protocol_error", f"protocol_error: {failure}")
        return failure

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
        self.metrics.begin(now, intended)
        if connection.clogged:
            connection.not_sent("deliver", event)
            return
        stamp = self.tracker.publish(
            publisher, event, now, min(intended, now), self.metrics.present, int(not includes_sender)
        )
        try:
            body = packets.event_body(event, compose(stamp))
        except Exception as error:  # the scenario's own code
            self.tracker.withdraw()
            connection.receiver.tally.failed += 1
            self.to_hub(raised, error)
            return
        connection.send_event(body)

    def _watch(self, connection: Connection, answer: Callable[[str], None]) -> None:
        if connection.open:
            connection.on_closed = answer
        else:
            self.to_hub(answer, connection.close_reason or "transport_close")

    def _leave_for_good(self, receiver: Receiver) -> None:
        if receiver.retired:
            return
        receiver.retired = True
        attempt = self._opening.get(receiver)
        connection = self._current.get(receiver)
        if attempt is not None:
            attempt.leaving = True
            attempt.hurry(self._bridge.loop.time() + self.settings.drain_timeout_s)
        elif connection is not None:
            self._farewells.begin(connection)
        else:
            self._free_slots.append(receiver.slot)

    def _forget(self, connection: Connection) -> None:
        self._farewells.forget(connection)
        receiver = connection.receiver
        if self._current.get(receiver) is connection:
            del self._current[receiver]
            if receiver.retired and receiver not in self._opening:
                self._free_slots.append(receiver.slot)

    def _drain(self, answer: Callable[[None], None]) -> None:
        patience = self.settings.drain_timeout_s
        self._farewells.until = monotonic() + patience
        for attempt in self._opening.values():
            attempt.leaving = True
            attempt.hurry(self._bridge.loop.time() + patience)
        for connection in list(self._board.connections):
            self._farewells.begin(connection)
        self._answer_when_empty(answer)

    def _answer_when_empty(self, answer: Callable[[None], None]) -> None:
        if monotonic() > self._farewells.until + _TICK_S and not self._opening:
            for connection in list(self._board.connections):
                connection.end("client")
                connection.cut()
                connection.settle("client")
        if self._board.connections or self._opening:
            self._bridge.loop.call_later(_TICK_S / 5, self._answer_when_empty, answer)
        else:
            self.to_hub(answer, None)

    def _tick(self) -> None:
        if self._stopped:
            return
        now = monotonic()
        due = now + _TICK_S
        self._board.expire(now)
        if self._farewells:
            self._farewells.close(now)
        self._bridge.loop.call_later(_TICK_S, self._tick_late, due)

    def _tick_late(self, due: float) -> None:
        self.metrics.loop_lag = max(self.metrics.loop_lag, monotonic() - due)
        self._tick()

    def end_silent(self) -> None:
        """Close the connections whose server has missed its heartbeat."""
        for connection in [c for c in self._board.connections if c.open and c.silent]:
            connection.end("ping_timeout")
