"""``SocketIOUser``: what a scenario is written with.

    from siotool.swarm.user import SocketIOUser, knob, task

    class Echo(SocketIOUser):
        rate: float = knob(1.0, "calls per second of each user")

        @task
        def echo(self) -> None:
            self.call("echo", "hello")

A file with such classes runs under ``siotool loadtest --scenario FILE.py`` and under plain
``locust -f FILE.py``.
"""

import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from locust import task

from siotool.client.breakable import DropKind
from siotool.client.connection import Reply
from siotool.client.failures import ClientFailure
from siotool.errors import ScenarioError
from siotool.protocol.stamp import audience_number
from siotool.swarm.connected_user import ConnectedUser
from siotool.swarm.knobs import knob
from siotool.swarm.scenario_code import ENDINGS
from siotool.swarm.scenario_results import line_of_caller
from siotool.swarm.unrun_code import refuse_unrun

__all__ = ["SocketIOUser", "knob", "task"]


class SocketIOUser(ConnectedUser):
    """One simulated client with one connection at a time.

    It connects before its first task and runs its tasks ``rate`` times a second on a schedule of its
    own. It comes back when the official client does, with the same waits: after a loss and after a
    failed connect, not after the server disconnected or refused it. With a ``wait_time`` of its own it
    waits between its tasks instead, as under Locust: then nothing is scheduled, and an operation is due
    when the task begins it.
    Override ``on_connected`` for what must happen after each (re)connect, ``on_disconnected`` for what
    after a loss; ``reconnect`` connects by hand.

    What a task sends while the connection is lost waits until it is back: the official client buffers
    it and sends all of it then; here what was due meanwhile is withheld, but for the last of it.

    Users are woken in rounds, up to a tenth of a second before their turn: what a task sends
    waits for its moment, but its code runs earlier.
    """

    abstract = True
    #: Whether the server sends a broadcast back to its publisher too.
    includes_sender: bool = True
    #: The event as which the server delivers what is published; empty: any. Texts that come as another
    #: event are not counted.
    delivered_event: str = ""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._engine.delivers_as(self.delivered_event)
        #: Where the keys of events are that it expects.
        self._fields: dict[str, str | Callable[..., Any]] = {}

    # ── what scenarios use ────────────────────────────────────────────────────────────

    def call(
        self,
        event: str,
        *arguments: Any,
        timeout: float | None = None,
        wait: bool = True,
        namespace: str | None = None,
    ) -> list[Any] | None:
        """Emit and wait for the acknowledgement; returns what the server answered with it.

        Timed from the intended start and counted as ``ack``. None when it failed, which is
        counted by class: ``timeout`` (seconds), or why the connection closed. ``namespace``: another one
        than the first that was joined.

        With ``wait=False`` it returns None at once. The acknowledgement is still timed and counted,
        without waking this user. So a slow answer does not delay the next call: calls keep their rate.
        """
        connection = self._connected()
        if not wait:
            self._acknowledged = False
            self._engine.call_ahead(connection, event, arguments, self._due(), timeout, namespace)
            return None
        due = self._due()
        if not self._calls:
            self._kept_since = max(due, monotonic())
        self._calls += 1
        try:
            answer = self._engine.call(connection, event, arguments, due, timeout, namespace)
        except ClientFailure:
            return None
        finally:
            self._calls -= 1
            if not self._calls:
                self._kept_s += monotonic() - self._kept_since
        self._acknowledged = True
        return answer

    def emit(self, event: str, *arguments: Any, namespace: str | None = None) -> None:
        """Emit without acknowledgement: it has no latency, only bytes."""
        connection = self._connected()
        self._acknowledged = False
        self._engine.emit(connection, event, arguments, self._due(), namespace)

    def publish(
        self,
        event: str,
        size: int = 64,
        compose: Callable[[str], Any] | None = None,
        audience: str | None = None,
        *,
        namespace: str | None = None,
        acknowledged: bool = False,
    ) -> None:
        """Emit a message that the server is to send to others; every delivery of it is tracked.

        It is expected by all users that are connected when it is sent, or by the members of an
        ``audience`` (``join_audience``): over all workers, this user included unless
        ``includes_sender`` is false. The text is padded to ``size`` bytes (never less than its stamp).
        ``compose`` makes the event's arguments from the text: a tuple, or one that is none; without it the
        text is the only one.
        ``acknowledged``: the server answers it, as once it has kept it; the answer is timed and counted as
        that of a ``call`` with ``wait=False``.
        """
        connection = self._connected()
        self._engine.publish(
            connection,
            self._number,
            event,
            lambda stamp: _as_arguments(
                compose(stamp.ljust(size, ".")) if compose else stamp.ljust(size, ".")
            ),
            self._due(),
            self.includes_sender,
            self._report_error,
            namespace,
            audience=0 if audience is None else audience_number(audience),
            acknowledged=acknowledged,
        )

    def join_audience(self, name: str) -> None:
        """From now on this user expects what is published to an audience, such as a room.

        Declare it once the server has the user in the room: after a ``call`` that asked to join was
        answered, or in ``on_connected`` where the server does it by itself. A lost connection ends it,
        as it ends the server's rooms; so does ``leave_audience``.

        After an ``emit`` that nothing was acknowledged since, the server may need a while: only what is
        sent 2 s later and after is expected. What is sent before and comes is counted as received. So
        is what comes up to 2 s before this call. A message of an audience that comes to a user who is
        no member, and does not become one within 2 s, is misdelivered.
        """
        connection = self._lasting.usable
        if connection is not None:
            moment = self._present_moment()
            number = audience_number(name)
            self._engine.join_audience(connection, number, moment, acknowledged=self._acknowledged)

    def leave_audience(self, name: str) -> None:
        """From now on this user expects nothing more of an audience; declare it before the server is asked.

        What was sent in the 2 s before and has not come is not lost, and what is sent in the 2 s after
        and comes is not misdelivered. Call it too when a ``call`` that asked to join was not answered:
        nobody knows then whether the user has joined.
        """
        connection = self._lasting.usable
        if connection is not None:
            self._engine.leave_audience(connection, audience_number(name), self._present_moment())

    def expect(
        self, event: str, key: str | float | None = None, field: str | Callable[..., Any] = "id"
    ) -> None:
        """Expect the server to send this user an ``event`` once, whose key is ``key``.

        For what a server pushes by itself, without a text of ours in it. The key is in the ``field`` of
        the event's payload (dotted path; ``.`` for the payload itself), or what a function makes of its
        arguments; the function is called in the connections' thread and must not block. The arrival is
        counted as ``deliver``, and timed from the moment this task's operation was due: call it before
        what triggers the push, or right after its acknowledgement where that brings the key. What has
        not come 30 s later, or when the user leaves, is lost. What comes again is a duplicate. What comes
        to this user and was not expected, nor is within 2 s, is misdelivered.

        Without ``key`` nothing is expected yet, but the event is accounted for from now on: call it so
        in ``on_connected`` where the push may come before its first ``expect``.
        """
        if self._fields.get(event) != field:
            if event in self._fields:
                raise ScenarioError(f"two fields for the key of {event!r}", "give the same one each time")
            self._fields[event] = field
            self._engine.account_for(self._user, event, field, self._report_error)
        if key is not None:
            self._class_counts.judged += 1
            self._engine.expect(self._user, event, key, self._due())

    def listen(self, event: str, sent_at: str = "") -> None:
        """Count every ``event`` of the server (``*``: any), without waking this user.

        ``sent_at`` names the field of its payload that holds the send time in epoch seconds
        or milliseconds (dotted path; ``.`` for the payload itself): its one-way time.
        """
        self._class_counts.judged += 1
        self._engine.listen(event, sent_at)

    def on(self, event: str, handler: Callable[..., Any], namespace: str | None = None) -> None:
        """Call ``handler`` with an event's arguments (``*``: of any event), in a greenlet of its own.

        From now on, also while not connected. What it raises is counted. What it returns answers a
        server that asked for it: a tuple holds several arguments, None is an empty answer. Raises
        ScenarioError for an ``async def`` or a generator.
        """
        refuse_unrun("the handler", handler)

        def run(arguments: list[Any], reply: Reply | None) -> None:
            try:
                answer = handler(*arguments)
                if reply is not None:
                    self._engine.reply(reply, _as_arguments(answer))
            except ENDINGS:
                raise
            except BaseException as error:
                if not (self._stopping and isinstance(error, self._ending)):  # its user has left meanwhile
                    self._report_error(error)

        def heard(arguments: list[Any], reply: Reply | None) -> None:
            self._class_counts.judged += 1
            gevent.spawn(run, arguments, reply)

        key = (namespace or self._main_namespace, event)
        self._handlers[key] = lambda arguments, reply: self._engine.loop.to_hub(heard, arguments, reply)

    def hear(self, event: str, function: Callable[..., object]) -> None:
        """Call ``function`` with an event's arguments at once, in the connections' thread: it must not wait.

        For what is to be known of each of many events, such as an offset; ``on`` costs a greenlet for each.
        From now on, also while not connected. What it raises is counted. An event that waits for an
        acknowledgement gets an empty one. Raises ScenarioError for an ``async def`` or a generator.
        """
        refuse_unrun("the handler", function)

        def heard(arguments: list[Any], reply: Reply | None) -> None:
            try:
                function(*arguments)
            except ENDINGS:
                raise
            except BaseException as error:  # the scenario's own code
                self._engine.loop.to_hub(self._report_error, error)
            if reply is not None:
                reply(self._engine.loop.pool.parser.encode(()))

        self._handlers[self._main_namespace, event] = heard

    def check(self, condition: object, expected: str) -> bool:
        """Judge an answer: counted as the operation ``custom`` with ``expected`` for a name.

        Returns whether ``condition`` held; nothing is raised, the task goes on.
        """
        right = bool(condition)
        self._class_counts.judged += 1
        self._class_counts.judged_wrong += not right
        where = "" if right else line_of_caller(sys._getframe(1))
        self._generator.results.check(expected, where, right=right)
        return right

    def fail(self, why: str) -> None:
        """Say that this turn failed, and why: counted as the operation ``custom`` of this user class.

        Of each turn once; the turns without are its successes. Nothing is raised, the task goes on.
        """
        self._generator.results.fail(why, line_of_caller(sys._getframe(1)))
        if not self._failed:
            self._class_counts.turns += self._failed is False  # one that is over has been counted
            self._failed = True
            self._class_counts.turns_failed += 1
            self._class_counts.judged += 1
            self._class_counts.judged_wrong += 1

    def drop(self, how: DropKind = "close", at: float = 0.0, *, meant: bool = False) -> None:
        """Lose the connection as a network does that fails; the user comes back as after any loss.

        ``close`` closes the TCP connection without a word, ``reset`` resets it, ``silence`` says and reads
        nothing any more: server and client find out by their ping timeouts. ``at``: a second of the run
        (``run_s``); all workers of a machine have the same. Does not wait; nothing while not connected.
        ``meant``: the user goes offline, and nobody failed. What was sent to its audiences in the 2 s before,
        and has not come, is not lost.
        """
        moment = self._generator.clock.begin_at + at if at else 0.0
        self._engine.drop(self._user, how, moment, meant=meant)

    def read_slowly(self, bytes_per_s: float) -> None:
        """Read the present connection at no more than so many bytes a second: call it in ``on_connected``."""
        connection = self._lasting.usable
        if connection is not None:
            self._engine.slow(connection, bytes_per_s)

    @property
    def run_s(self) -> float:
        """Seconds of the run by now."""
        return monotonic() - self._generator.clock.begin_at

    def reconnect(self) -> None:
        """Connect again by hand, at once; nothing while connected. Does not wait.

        When the connect fails, it is tried again by the same rules as any other.
        """
        self._lasting.reopen()

    def hold(self) -> None:
        """Stay connected, doing nothing, until the connection ends; then come back."""
        self._class_counts.judged += 1
        self._hold_on()
        self._connected()
        self._lasting.wait_lost()
        self._connected()


def _as_arguments(answer: Any) -> tuple[Any, ...]:
    if answer is None:
        return ()
    return answer if isinstance(answer, tuple) else (answer,)
