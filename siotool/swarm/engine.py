"""The users' side of a worker's connections: greenlets ask here, ``ClientLoop`` answers.

Requests go over the bridge; where an answer is due, only the greenlet that asked waits for it.
"""

from collections.abc import Callable, Hashable
from typing import Any

from gevent.hub import Waiter

from siotool.client.breakable import DropKind
from siotool.client.choices import TransportName
from siotool.client.connection import Handlers, Reply
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.client.tap import Tap
from siotool.errors import ScenarioError
from siotool.protocol.socket_io import RESERVED, Body
from siotool.swarm.audience import CHANGING_S
from siotool.swarm.bridge import Bridge
from siotool.swarm.client_loop import Answer, ClientLoop
from siotool.swarm.pushes import reader
from siotool.swarm.redaction import Redaction
from siotool.swarm.run_clock import RunClock
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user_counts import UserCounts
from siotool.swarm.user_observer import UserConnection, UserObserver


class Engine:
    """What the greenlets of one process do with its connections; for the hub's thread only."""

    def __init__(
        self,
        settings: EngineSettings,
        redaction: Redaction | None = None,
        tap: Tap | None = None,
        clock: RunClock | None = None,
    ) -> None:
        """``redaction`` hides secrets in what is reported; ``tap`` hears every packet of every connection.

        ``clock`` compares this machine's with the parent's; without one they are the same.
        """
        self._ack_timeout_s = settings.ack_timeout_s
        self._client = settings.client
        self._delivered: set[str] = set()
        self._bridge = Bridge()
        #: For what is called in the loop's thread.
        self.loop = ClientLoop(settings, self._bridge, redaction or Redaction(), tap, clock)
        self._encode = self.loop.pool.parser.encode
        self._bridge.to_loop(self.loop.tick)

    def new_user(self, counts: UserCounts, target: int = 0) -> UserObserver:
        """A slot for one user of a target, by its number; free again when the user has left."""
        return self.loop.new_user(counts, target)

    def connect(
        self,
        user: UserObserver,
        intended: float,
        again: bool,
        handlers: Handlers,
        identity: Identity,
        transport: TransportName,
    ) -> UserConnection:
        """Open a connection and wait until its namespaces are joined.

        ``intended`` is when it should have begun (monotonic clock); ``again`` counts it as a
        reconnect; ``handlers`` may come and go while it is open. Raises ClientFailure.
        """
        connection: UserConnection = self._ask(
            self.loop.connect, user, intended, again, handlers, identity, transport
        )
        return connection

    def emit(
        self,
        connection: UserConnection,
        event: str,
        arguments: tuple[Any, ...],
        intended: float,
        namespace: str | None = None,
    ) -> None:
        """Send an event without acknowledgement at ``intended``; raises ScenarioError for a reserved name."""
        body = self._body(event, arguments)
        to = namespace or connection.namespace
        self._bridge.to_loop_at(intended, self.loop.emit, connection, event, body, to)

    def reply(self, reply: Reply, arguments: tuple[Any, ...]) -> None:
        """Answer an event of the server that asked for it."""
        self._bridge.to_loop(self.loop.reply, reply, self._encode(arguments))

    def _body(self, event: str, arguments: tuple[Any, ...]) -> Body:
        if type(event) is not str or event in RESERVED:
            _refuse_event(event)
        return self._encode((event, *arguments))

    def call(
        self,
        connection: UserConnection,
        event: str,
        arguments: tuple[Any, ...],
        intended: float,
        timeout: float | None = None,
        namespace: str | None = None,
    ) -> list[Any]:
        """Send an event at ``intended`` and wait for its ack; returns what the server answered.

        Raises ClientFailure (``timeout``, ``protocol_error``, or why the connection closed).
        """
        waiter = Waiter()
        self.call_ahead(connection, event, arguments, intended, timeout, namespace, waiter.switch)
        answer = waiter.get()
        if isinstance(answer, ClientFailure):
            raise answer
        assert isinstance(answer, list)
        return answer

    def call_ahead(
        self,
        connection: UserConnection,
        event: str,
        arguments: tuple[Any, ...],
        intended: float,
        timeout: float | None = None,
        namespace: str | None = None,
        answer: Answer | None = None,
    ) -> None:
        """Send an event at ``intended`` whose ack, or the lack of one, is counted.

        ``answer`` is called in the hub with what the server answered, or with a ClientFailure.
        """
        body = self._body(event, arguments)
        limit_s = self._ack_timeout_s if timeout is None else timeout
        if not limit_s > 0:
            raise ScenarioError(f"a call with a timeout of {limit_s:g} s", "give one above 0, or none")
        request = (connection, event, body, namespace or connection.namespace, intended, limit_s, answer)
        self._bridge.to_loop_at(intended, self.loop.call, *request)

    def publish(
        self,
        connection: UserConnection,
        publisher: int,
        event: str,
        compose: Callable[[str], tuple[Any, ...]],
        intended: float,
        includes_sender: bool,
        raised: Callable[[BaseException], None],
        namespace: str | None = None,
        *,
        audience: int = 0,
        acknowledged: bool = False,
    ) -> None:
        """Send a stamped message at ``intended``; ``compose`` makes its arguments of the stamp.

        ``raised`` is called in the hub with what ``compose`` raises; then nothing is sent.
        ``audience`` is the number of its audience; 0: all. ``acknowledged``: its ack, or the lack of one, is
        counted.
        """
        if type(event) is not str or event in RESERVED:
            _refuse_event(event)
        limit_s = self._ack_timeout_s if acknowledged else None
        to = namespace or connection.namespace, audience, limit_s
        message = (connection, publisher, event, compose, to, intended, includes_sender, raised)
        self._bridge.to_loop_at(intended, self.loop.publish, *message)

    def join_audience(
        self, connection: UserConnection, audience: int, at: float, *, acknowledged: bool
    ) -> None:
        """A user becomes a member of an audience, at a moment of the monotonic clock."""
        settle_s = 0.0 if acknowledged else CHANGING_S
        self._bridge.to_loop_at(at, self.loop.join_audience, connection, audience, settle_s)

    def leave_audience(self, connection: UserConnection, audience: int, at: float) -> None:
        """A user ceases to be a member of an audience."""
        self._bridge.to_loop_at(at, self.loop.leave_audience, connection, audience)

    def let_answers_wait(self, seconds: float) -> None:
        """An answer may reach some user so many seconds late; the smallest value counts."""
        self._bridge.let_results_wait(seconds)

    def listen(self, event: str, sent_at: str = "") -> None:
        """Count server events by name (``*``: any), timed by an epoch field of their payload."""
        self._bridge.to_loop(self.loop.board.listen, event, sent_at)

    def account_for(
        self,
        user: UserObserver,
        event: str,
        field: str | Callable[..., Any],
        raised: Callable[[BaseException], None],
    ) -> None:
        """Account for a server's event at a user, by the key in a field; ``raised`` gets what that raises."""

        def report(error: BaseException) -> None:
            self.loop.to_hub(raised, error)

        self._bridge.to_loop(self.loop.metrics.pushes.declare, user, event, reader(field), report)

    def expect(self, user: UserObserver, event: str, key: Hashable, since: float) -> None:
        """A user expects a server's event with a key, from a moment of the monotonic clock on."""
        self._bridge.to_loop_at(since, self.loop.expect, user, event, key, since)

    def delivers_as(self, event: str) -> None:
        """The server delivers what is published as this event; empty: as any."""
        if event not in self._delivered:  # each user says it
            self._delivered.add(event)
            self._bridge.to_loop(self.loop.board.delivers_as, event)

    def drop(self, user: UserObserver, how: DropKind, at: float, *, meant: bool) -> None:
        """Lose a user's connection at a moment of the monotonic clock, if it is open then."""
        self._needs_native("drop")
        self._bridge.to_loop_at(at, self.loop.drop, user, how, meant)

    def slow(self, connection: UserConnection, bytes_per_s: float) -> None:
        """Read a connection at no more than so many bytes a second, to its end."""
        self._needs_native("read_slowly")
        self._bridge.to_loop(self.loop.slow, connection, bytes_per_s)

    def _needs_native(self, verb: str) -> None:
        if self._client != "native":
            raise ScenarioError(
                f"{verb} needs --client native", f"the {self._client} client has no such thing"
            )

    def stay_away(self, user: UserObserver) -> None:
        """A user that is away is not waited for."""
        self._bridge.to_loop(self.loop.stay_away, user)

    def leave(self, user: UserObserver) -> None:
        """A user leaves: expect nothing more, close once what is under way has arrived.

        Does not wait. A connect under way may still succeed within the drain time, and is
        closed at once then. The user's place is free for another one afterwards.
        """
        self._bridge.to_loop(self.loop.leave, user)

    def drain(self) -> None:
        """Leave every connection, and wait until all are closed.

        Takes no longer than the drain time: what is open then is cut, and what is not answered
        is counted as ``unanswered``.
        """
        self._ask(self.loop.drain)

    def at(self, when: float, function: Callable[[], None]) -> None:
        """Call ``function`` in the loop's thread at a moment of the monotonic clock."""
        self._bridge.to_loop(self.loop.at, when, function)

    def stop(self) -> None:
        """End the loop and its thread; connections that are still open are cut."""
        self.loop.stop()
        self._bridge.stop()

    def _ask(self, function: Callable[..., None], *arguments: Any) -> Any:
        """Call a function of the loop's side, and wait for its answer. Raises ClientFailure."""
        waiter = Waiter()
        self._bridge.to_loop(function, *arguments, waiter.switch)
        answer = waiter.get()
        if isinstance(answer, ClientFailure):
            raise answer
        return answer


def _refuse_event(event: object) -> None:
    if not isinstance(event, str):
        raise ScenarioError(f"an event's name is a text, not {event!r}", "Socket.IO events are named")
    if event in RESERVED:
        raise ScenarioError(f"{event!r} is a reserved event name", "Socket.IO clients refuse to send it")
