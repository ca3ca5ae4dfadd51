"""The connections of one worker's users, in the thread of the asyncio loop.

Everything here is called in that thread, but for ``new_user`` and ``__init__``.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from math import inf
from time import monotonic
from typing import Any

from gevent import monkey

from siotool.client.attempt import Attempt
from siotool.client.breakable import DropKind
from siotool.client.choices import TransportName
from siotool.client.connection import CALLS_WAITING, Connection, Handlers, Reply
from siotool.client.endpoint import Endpoint
from siotool.client.failures import UNHEARD, ClientFailure
from siotool.client.identity import Identity
from siotool.client.opener import opener_of
from siotool.client.parsers import parser_of
from siotool.client.pool import Pool
from siotool.client.source_addresses import SourceSockets
from siotool.client.tap import Tap, TappedOpener
from siotool.protocol.faults import LocalProtocolError
from siotool.protocol.socket_io import Body
from siotool.swarm.bridge import Bridge
from siotool.swarm.bugs import Bugs
from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.leaving_users import LeavingUsers
from siotool.swarm.metrics import Metrics
from siotool.swarm.nodes import Nodes
from siotool.swarm.publish_call import PublishCall, stamped
from siotool.swarm.redaction import Redaction
from siotool.swarm.run_clock import RunClock
from siotool.swarm.scenario_code import ENDINGS
from siotool.swarm.settings import EngineSettings
from siotool.swarm.switchboard import Switchboard
from siotool.swarm.user_counts import UserCounts
from siotool.swarm.user_observer import Call, UserConnection, UserObserver

#: How often deadlines and leaving users are checked.
_TICK_S = 0.05
#: How often each connection is looked at for its heartbeats.
_BEAT_S = 1.0
#: An operation that takes longer than this is overdue.
OVERDUE_S = 1.0

#: Takes, in the hub, the result of something: a value, or a ClientFailure.
Answer = Callable[[Any], None]


class _Connect(Attempt):
    """A user's connect under way."""

    def __init__(self, again: bool, answer: Answer) -> None:
        super().__init__()
        self.again = again
        self.answers = [answer]
        #: Its user has left: when it succeeds, it is closed at once.
        self.leaving = False


class ClientLoop:
    """Opens, uses and closes connections, and counts how they end."""

    def __init__(
        self,
        settings: EngineSettings,
        bridge: Bridge,
        redaction: Redaction,
        tap: Tap | None = None,
        clock: RunClock | None = None,
    ) -> None:
        """``redaction`` hides secrets in what is reported; ``tap`` hears every packet of every connection.

        ``clock`` compares this machine's with the parent's.
        """
        self.tracker = DeliveryTracker(settings.run, clock, by_node=settings.by_node)
        self.metrics = Metrics(self.tracker, len(settings.targets), redaction)
        urls = [found.target.url for found in settings.targets]
        nodes = Nodes(settings.server_header, urls, self.metrics.remark)
        parser = parser_of(settings.parser, settings.revision)
        self.pool = Pool(
            self.metrics.targets[0].traffic, parser, settings.revision, settings.identity.namespaces[0]
        )
        self._settings = settings
        self._loop = bridge.loop
        self.to_hub = bridge.to_hub
        bugs = Bugs(self.metrics)
        self._loop.set_exception_handler(bugs.of_loop)
        self.board = Switchboard(
            self.metrics, self.pool.known, bridge.to_hub, bugs.report, self._ended, nodes
        )
        make_socket: Any = monkey.get_original("socket", "socket")  # gevent's own would wait for the hub
        if settings.sources:
            make_socket = SourceSockets(make_socket, settings.sources, settings.worker)
        endpoints = [
            Endpoint(
                *(found.target, found.addresses, settings.tls, settings.revision, make_socket),
                slash=found.slash,
            )
            for found in settings.targets
        ]
        self._openers = [
            opener_of(settings.client, endpoint, at.traffic, parser)
            if tap is None
            else TappedOpener(endpoint, at.traffic, tap)
            for endpoint, at in zip(endpoints, self.metrics.targets, strict=True)
        ]
        self._leaving = LeavingUsers(self.metrics, settings.drain_timeout_s)
        self._opening: dict[UserObserver, _Connect] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._free_slots: list[int] = []
        self._next_slot = 0
        self._stopped = False

    def new_user(self, counts: UserCounts, target: int) -> UserObserver:
        """A slot for one user of a target, free again when it has left; for the hub's thread."""
        at = self.metrics.targets[target]
        if self._free_slots:
            return UserObserver(self._free_slots.pop(), counts, self.board, at, used_before=True)
        self._next_slot += 1
        return UserObserver(self._next_slot - 1, counts, self.board, at, used_before=False)

    # ── connecting ────────────────────────────────────────────────────────────────────

    def connect(
        self,
        user: UserObserver,
        intended: float,
        again: bool,
        handlers: Handlers,
        identity: Identity,
        transport: TransportName,
        answer: Answer,
    ) -> None:
        """Answer with an open connection of the user's, or with a ClientFailure."""
        if user.retired or self._leaving.until < inf:
            self.to_hub(answer, ClientFailure("client", "given up because the run ended"))
            return
        attempt = self._opening.get(user)
        if attempt is not None:  # another greenlet of the same user is connecting already
            attempt.answers.append(answer)
            return
        before = user.connection
        if before is not None:
            if before.open and not before.close_reason:
                self.to_hub(answer, before)
                return
            # it has not ended yet; it must not change what the next one counts
            before.cut()
            before.finish("transport_close")
        attempt = self._opening[user] = _Connect(again, answer)
        task = self._loop.create_task(self._open(user, attempt, intended, handlers, identity, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(
        self,
        user: UserObserver,
        attempt: _Connect,
        intended: float,
        handlers: Handlers,
        identity: Identity,
        transport: TransportName,
    ) -> None:
        target = user.target
        target.attempted += 1
        user.counts.attempted += 1
        if user.used_before:
            self.tracker.forget_receiver(user.slot)
            user.used_before = False
        samples = user.samples("reconnect" if attempt.again else "connect", identity.namespaces[0])
        connection: Connection[UserObserver] | None = None
        failure: ClientFailure | None
        try:
            connection = Connection(self.pool, user, handlers, identity, user.recoverable)
        except (LocalProtocolError, TypeError) as error:
            failure = ClientFailure("client", f"an identity that cannot be sent: {error}")
        else:
            user.connection = connection
            user.opening_node, user.opening_at = self.board.nodes.of_target(target.number), attempt.start
            opening = self._openers[target.number].by(transport)
            failure = await attempt.run(connection, opening, self._settings.connect_timeout_s)
        now = monotonic()
        if failure is None:
            samples.record(now - intended, now - attempt.start)
            if attempt.leaving:
                self._leaving.begin(user)
        else:
            unheard = failure.kind in UNHEARD
            samples.fail(failure.kind, now - intended if unheard else None)
            target.failed[failure.kind] += 1
            if unheard and connection is not None:
                target.hung[connection.phase] += 1
            user.connection = None
        del self._opening[user]
        self._free(user)
        for answer in attempt.answers:
            self.to_hub(answer, failure or connection)

    def _ended(self, user: UserObserver) -> None:
        """The connection of a user has closed."""
        self._leaving.forget(user)
        self._free(user)

    def _free(self, user: UserObserver) -> None:
        if user.retired and user.connection is None and user not in self._opening:
            now = monotonic()
            self.tracker.audiences.forget_receiver(user, now)
            self.metrics.pushes.forget_receiver(user, now)
            self._free_slots.append(user.slot)

    # ── operations ────────────────────────────────────────────────────────────────────

    def emit(self, connection: UserConnection, event: str, body: Body, namespace: str) -> None:
        """Send an event without acknowledgement; ``body`` is its name and arguments, encoded."""
        user = connection.observer
        open_to = connection.open and namespace in connection.session.joined
        if user.gone and not open_to:
            return  # handed over before it left
        user.counts.sent += 1
        if not open_to or (connection.paused and connection.clogged):
            user.not_sent("custom", event)
        else:
            connection.emit(body, namespace)

    def reply(self, reply: Reply, body: Body) -> None:
        """Answer an event of the server with encoded arguments."""
        reply(body)

    def call(
        self,
        connection: UserConnection,
        event: str,
        body: Body,
        namespace: str,
        intended: float,
        timeout: float,
        answer: Answer | None = None,
    ) -> None:
        """Send an event to be acknowledged; ``answer`` gets what was answered, or a ClientFailure."""
        now = monotonic()
        user = connection.observer
        user.counts.sent += 1
        metrics = self.metrics
        metrics.schedule_lag = max(metrics.schedule_lag, now - intended)
        due = intended if intended < now else now
        if user.gone:  # handed over before it left; it may ask to join
            user.unsettled_until = inf
        pending = Call(user, user.samples("ack", event), due, now, answer)
        connection.call(body, namespace, timeout, now, pending)

    def publish(
        self,
        connection: UserConnection,
        publisher: int,
        event: str,
        compose: Callable[[str], tuple[Any, ...]],
        to: tuple[str, int, float | None],
        intended: float,
        includes_sender: bool,
        raised: Callable[[BaseException], None],
    ) -> None:
        """Send a stamped message ``to`` an audience (0: all) over a namespace.

        It is to be acknowledged within so many seconds, which is timed as a call is; None: not at all.
        ``raised`` gets, in the hub, what ``compose`` raised.
        """
        namespace, audience, ack_timeout_s = to
        user, metrics = connection.observer, self.metrics
        open_to = connection.open and namespace in connection.session.joined
        if user.gone and not open_to:
            return  # handed over before it left
        now = monotonic()
        user.counts.sent += 1
        metrics.schedule_lag = max(metrics.schedule_lag, now - intended)
        # before it counts as published: what is never sent is not lost
        refused = ack_timeout_s is not None and len(connection.calls) >= CALLS_WAITING
        if not open_to or refused or (connection.paused and connection.clogged):
            user.not_sent("deliver", event)
            return
        due = min(intended, now)
        if audience:
            stamp = self.tracker.publish_to(
                user, publisher, audience, event, now, due, includes_sender=includes_sender
            )
        else:
            discount = int(not includes_sender)
            stamp = self.tracker.publish(publisher, event, now, due, metrics.present, discount, user.node)
        try:
            body = self.pool.parser.encode((event, *compose(stamp)))
        except ENDINGS:
            raise
        except BaseException as error:  # the scenario's own code
            self.tracker.withdraw(user if audience else None)
            user.counts.failed += 1
            self.to_hub(raised, error)
            return
        if not stamped(body, stamp):
            metrics.remark(
                "unstamped", f"compose leaves the text out of {event}: it cannot be found in what comes"
            )
        if ack_timeout_s is None:
            connection.emit(body, namespace)
        else:
            pending = PublishCall(user, user.samples("ack", event), due, now, None, self.tracker, stamp)
            connection.call(body, namespace, ack_timeout_s, now, pending)

    def join_audience(self, connection: UserConnection, audience: int, settle_s: float) -> None:
        """A user with an open connection is a member of an audience from ``settle_s`` on."""
        if connection.open:
            tracker = self.tracker
            tracker.audiences.join(connection.observer, audience, monotonic(), settle_s + tracker.unsure_s)

    def leave_audience(self, connection: UserConnection, audience: int) -> None:
        """A user with an open connection is not, or not any more, a member of an audience."""
        if connection.open:
            self.tracker.audiences.leave(connection.observer, audience, monotonic())

    def drop(self, user: UserObserver, how: DropKind, meant: bool) -> None:
        """Lose a user's open connection; ``meant`` as a user does that goes offline."""
        if user.connection is not None and not user.retired:
            user.meant = meant
            user.connection.drop(how)

    def slow(self, connection: UserConnection, bytes_per_s: float) -> None:
        """Read a connection slowly."""
        connection.slow(bytes_per_s)

    def stay_away(self, user: UserObserver) -> None:
        """A user that is away will not come back by itself."""
        self.metrics.away.forget(user, monotonic())

    def expect(self, user: UserObserver, event: str, key: Hashable, since: float) -> None:
        """A user expects an event with a key from a moment on."""
        if user.gone:
            user.unsettled_until = inf  # what comes is no fault, nor is it waited for any more
        else:
            self.metrics.pushes.expect(user, event, key, since)

    # ── leaving ───────────────────────────────────────────────────────────────────────

    def leave(self, user: UserObserver) -> None:
        """A user leaves, for good."""
        if user.retired:
            return
        user.retired = True
        self.metrics.away.forget(user, monotonic())
        attempt = self._opening.get(user)
        if attempt is not None:
            attempt.leaving = True
            attempt.hurry(self._loop.time() + self._settings.drain_timeout_s)
        elif user.connection is not None:
            self._leaving.begin(user)
        else:
            self._free(user)

    def drain(self, answer: Answer) -> None:
        """Let all users leave; answers once every connection is closed."""
        limit_s = self._settings.drain_timeout_s
        self._leaving.until = monotonic() + limit_s
        for attempt in self._opening.values():
            attempt.leaving = True
            attempt.hurry(self._loop.time() + limit_s)
        for connection in list(self.pool.connections):
            self._leaving.begin(connection.observer)
        self._answer_when_empty(answer)

    def _answer_when_empty(self, answer: Answer) -> None:
        if monotonic() > self._leaving.until + _TICK_S and not self._opening:
            for connection in list(self.pool.connections):
                connection.end("client")
                connection.cut()
                connection.finish("client")
        if self.pool.connections or self._opening:
            self._loop.call_later(_TICK_S / 5, self._answer_when_empty, answer)
        else:
            self.to_hub(answer, None)

    # ── checks ────────────────────────────────────────────────────────────────────────

    def overdue(self, now: float) -> dict[str, int]:
        """Operations under way for more than ``OVERDUE_S``, by op."""
        late: Counter[str] = Counter()
        for attempt in self._opening.values():
            if now - attempt.start > OVERDUE_S:
                late["reconnect" if attempt.again else "connect"] += 1
        if calls := self.pool.overdue(now, OVERDUE_S):
            late["ack"] = calls
        return dict(late)

    def at(self, when: float, function: Callable[[], None]) -> None:
        """Call ``function`` at a moment of the monotonic clock."""
        self._loop.call_later(max(0.0, when - monotonic()), function)

    def stop(self) -> None:
        """End ``tick``; for the hub's thread."""
        self._stopped = True

    def tick(self) -> None:
        """Check deadlines and leaving users, again and again."""
        if self._stopped:
            return
        now = monotonic()
        due = now + _TICK_S
        self.pool.expire(now)
        self.pool.beat(now, _TICK_S / _BEAT_S)
        if self._leaving:
            self._leaving.close(now)
        self._loop.call_later(_TICK_S, self._tick_late, due)

    def _tick_late(self, due: float) -> None:
        self.metrics.loop_was_late(max(0.0, monotonic() - due), _TICK_S)
        self.tick()
