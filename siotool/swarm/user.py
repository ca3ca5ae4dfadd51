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

from collections.abc import Callable
from random import Random
from time import monotonic
from typing import Any

import gevent
from locust import User, events, task
from locust.exception import StopUser

from siotool.protocol import backoff
from siotool.swarm.connection import Connection
from siotool.swarm.failures import Failure
from siotool.swarm.generator import Generator
from siotool.swarm.knobs import knob
from siotool.swarm.pacing import Schedule, spread_s
from siotool.swarm.tasks import Tasks

__all__ = ["SocketIOUser", "knob", "task"]


class SocketIOUser(User):
    """One simulated client with one connection at a time.

    It connects before its first task, comes back with the official client's backoff when
    the connection fails or breaks, and runs its tasks ``rate`` times a second on a schedule
    of its own. Override ``on_connected`` for what must happen after each (re)connect.

    Users are woken in rounds, up to a tenth of a second before their turn: what a task sends
    waits for its moment, but its code runs earlier.
    """

    abstract = True
    #: Tasks per second; declare it as a knob to let it be set.
    rate: float = 1.0
    #: Whether the server sends a broadcast back to its publisher too.
    includes_sender: bool = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._generator = Generator.of(environment)
        self._engine = self._generator.engine
        self._number = self._generator.next_user()
        self._random = Random(f"{self._generator.seed}/{self._number}")
        self._tally = self._generator.tally(type(self).__name__)
        self._receiver = self._engine.receiver(self._tally)
        self._connection: Connection | None = None
        self._schedule: Schedule | None = None
        #: Whether this task has begun the operation that was due.
        self._begun = False
        self._moment = 0.0
        self._handlers: dict[str, Callable[..., None]] | None = None

    # ── what scenarios use ────────────────────────────────────────────────────────────

    def on_connected(self) -> None:
        """Called after each connect and reconnect; override it."""

    def call(
        self, event: str, *arguments: Any, timeout: float | None = None, wait: bool = True
    ) -> list[Any] | None:
        """Emit and wait for the acknowledgement; returns what the server answered with it.

        Timed from the intended start and booked as ``ack``. None when it failed, which is
        booked by class: ``timeout`` (seconds), or why the connection closed.

        With ``wait=False`` it returns None at once. The acknowledgement is timed and booked
        all the same, without waking this user, so that a slow answer does not put off the
        next call: calls come at their rate, however the server does.
        """
        connection = self._connection
        if connection is None or not connection.open:
            connection = self._connected()
        if not wait:
            self._engine.call_ahead(connection, event, arguments, self._due(), timeout)
            return None
        try:
            return self._engine.call(connection, event, arguments, self._due(), timeout)
        except Failure:
            return None

    def emit(self, event: str, *arguments: Any) -> None:
        """Emit without acknowledgement: it has no latency, only bytes."""
        self._engine.emit(self._connected(), event, arguments, self._due())

    def publish(
        self, event: str, size: int = 64, compose: Callable[[str], tuple[Any, ...]] | None = None
    ) -> None:
        """Emit a message that the server is to broadcast; every delivery of it is accounted for.

        The text is padded to ``size`` bytes (never less than its stamp). ``compose`` makes
        the event's arguments from the text; without it the text is the only one.
        """
        connection = self._connected()
        self._engine.publish(
            connection,
            self._number,
            event,
            lambda stamp: compose(stamp.ljust(size, ".")) if compose else (stamp.ljust(size, "."),),
            self._due(),
            self.includes_sender,
        )

    def listen(self, event: str, sent_at: str = "") -> None:
        """Book every ``event`` of the server (``*``: any), without waking this user.

        ``sent_at`` names the field of its payload that holds the send time in epoch seconds
        or milliseconds (dotted path; ``.`` for the payload itself): its one-way time.
        """
        self._tally.judged += 1
        self._engine.listen(event, sent_at)

    def on(self, event: str, handler: Callable[..., None]) -> None:
        """Call ``handler`` with an event's arguments, in a greenlet of its own."""
        self._handlers = (self._handlers or {}) | {event: lambda arguments: _spawn(handler, arguments)}

    def hold(self) -> None:
        """Stay connected, doing nothing, until the connection ends; then come back."""
        self._tally.judged += 1
        if self._schedule is not None:
            self._schedule = None
            self._generator.drop_schedule(self._number)
        self._engine.wait_closed(self._connected())
        self._connected()

    # ── Locust's side ─────────────────────────────────────────────────────────────────

    def on_start(self) -> None:
        """Connect in this user's turn, then wait for the first task's turn on the schedule."""
        gevent.sleep(spread_s(self._number))
        self._tally.users += 1
        self._tally.started += 1
        self._connect(again=False)
        period = 1 / self.rate
        self._schedule = Schedule(self.rate, monotonic() + self._random.random() * period)
        self._generator.add_schedule(self._number, self._tally, self._schedule)
        if type(self).wait_time is SocketIOUser.wait_time:
            self._taskset_instance = Tasks(self, self._pause)
        self._generator.alarm.wait(self._schedule.wake_at())

    def wait_time(self) -> float:
        """Seconds until the schedule's next moment; nested task sets ask after each task."""
        wake_at = self._end_task()
        return max(0.0, wake_at - monotonic())

    def on_stop(self) -> None:
        """Leave; what is under way may still arrive."""
        self._tally.users -= 1
        if self._schedule is not None:
            self._generator.retire_schedule(self._number, monotonic())
        self._engine.leave(self._receiver)

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _end_task(self) -> float:
        """A task is done; returns when the next one is to be prepared."""
        schedule = self._schedule
        if schedule is None:
            return 0.0  # it holds
        if not self._begun:
            schedule.begin()  # a task that sent nothing
        self._begun = False
        return schedule.wake_at()

    def _pause(self) -> None:
        self._generator.alarm.wait(self._end_task())

    def _due(self) -> float:
        """When the next operation is to start: the schedule's moment, once per task.

        It may lie a little ahead; what follows it in the same task is not sent before it.
        """
        if self._begun or self._schedule is None:
            return max(self._moment, monotonic())
        self._begun = True
        self._moment = self._schedule.begin()
        return self._moment

    def _connected(self) -> Connection:
        """The open connection; comes back first when it was lost."""
        connection = self._connection
        if connection is not None and connection.open:
            return connection
        connection = self._connect(again=True)
        if self._schedule is not None:
            # what was due meanwhile is not sent; it counts as offered, not as achieved
            self._schedule.skip_to(monotonic())
        return connection

    def _connect(self, again: bool) -> Connection:
        attempt = 0
        if again:
            gevent.sleep(backoff.delay_s(attempt, self._random.random()))
            attempt += 1
        while True:
            try:
                self._connection = self._engine.connect(self._receiver, monotonic(), again, self._handlers)
            except Failure as failure:
                if failure.kind == "client":
                    raise StopUser from failure
                gevent.sleep(backoff.delay_s(attempt, self._random.random()))
                attempt += 1
                continue
            self.on_connected()
            return self._connection


def _spawn(handler: Callable[..., None], arguments: list[Any]) -> None:
    gevent.spawn(handler, *arguments)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _add_set_option(parser: Any, **_: Any) -> None:
    """``locust -f echo.py --set rate=5`` under plain Locust."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="setting of a siotool scenario",
        env_var="SIOTOOL_SET",
    )
