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
from itertools import count
from random import Random
from time import monotonic
from typing import Any

import gevent
from locust import TaskSet, User, events, task
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING

from siotool.client.connection import Handler
from siotool.client.failures import ClientFailure
from siotool.protocol import backoff
from siotool.swarm.generator import Generator
from siotool.swarm.knobs import knob
from siotool.swarm.pacing import Schedule, spread_s
from siotool.swarm.scenario_results import line_of_caller
from siotool.swarm.tasks import Tasks
from siotool.swarm.user_observer import UserConnection

_LOOP = gevent.get_hub().loop

__all__ = ["SocketIOUser", "knob", "task"]


class SocketIOUser(User):
    """One simulated client with one connection at a time.

    It connects before its first task, comes back with the official client's backoff when
    the connection fails or breaks, and runs its tasks ``rate`` times a second on a schedule
    of its own. With a ``wait_time`` of its own it waits between its tasks instead, as under
    Locust: then nothing is scheduled, and an operation is due when the task begins it.
    Override ``on_connected`` for what must happen after each (re)connect.

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
        self._class_counts = self._generator.counts(type(self).__name__)
        self._user = self._engine.new_user(self._class_counts)
        self._connection: UserConnection | None = None
        self._schedule: Schedule | None = None
        #: Whether this task has begun the operation that was due.
        self._begun = False
        self._moment = 0.0
        self._handlers: dict[str, Handler] = {}
        self._scheduled = follows_schedule(type(self))
        #: Iteration of the hub's loop in which this turn began: in another one, it has waited.
        self._turn = -1
        self._failed = False
        #: Since when this user waits for the target; how long it has waited since it was last in time.
        self._kept_since: float | None = None
        self._kept_s = 0.0
        self._stopped_by_locust = False
        #: The exception that Locust has reported.
        self.reported_error: BaseException | None = None

    # ── what scenarios use ────────────────────────────────────────────────────────────

    def on_connected(self) -> None:
        """Called after each connect and reconnect; override it."""

    def call(
        self, event: str, *arguments: Any, timeout: float | None = None, wait: bool = True
    ) -> list[Any] | None:
        """Emit and wait for the acknowledgement; returns what the server answered with it.

        Timed from the intended start and counted as ``ack``. None when it failed, which is
        counted by class: ``timeout`` (seconds), or why the connection closed.

        With ``wait=False`` it returns None at once. The acknowledgement is still timed and counted,
        without waking this user. So a slow answer does not delay the next call: calls keep their rate.
        """
        connection = self._connection
        if connection is None or not connection.open:
            connection = self._connected()
        if not wait:
            self._engine.call_ahead(connection, event, arguments, self._due(), timeout)
            return None
        due = self._due()
        self._kept_since = max(due, monotonic())
        try:
            return self._engine.call(connection, event, arguments, due, timeout)
        except ClientFailure:
            return None
        finally:
            self._kept_s += monotonic() - self._kept_since
            self._kept_since = None

    def emit(self, event: str, *arguments: Any) -> None:
        """Emit without acknowledgement: it has no latency, only bytes."""
        self._engine.emit(self._connected(), event, arguments, self._due())

    def publish(
        self, event: str, size: int = 64, compose: Callable[[str], tuple[Any, ...]] | None = None
    ) -> None:
        """Emit a message that the server is to broadcast; every delivery of it is tracked.

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
            self._report_error,
        )

    def listen(self, event: str, sent_at: str = "") -> None:
        """Count every ``event`` of the server (``*``: any), without waking this user.

        ``sent_at`` names the field of its payload that holds the send time in epoch seconds
        or milliseconds (dotted path; ``.`` for the payload itself): its one-way time.
        """
        self._class_counts.judged += 1
        self._engine.listen(event, sent_at)

    def on(self, event: str, handler: Callable[..., None]) -> None:
        """Call ``handler`` with an event's arguments (``*``: of any event), in a greenlet of its own.

        From now on, also while not connected. What it raises is counted.
        """

        def run(arguments: list[Any]) -> None:
            try:
                handler(*arguments)
            except Exception as error:
                self._report_error(error)

        def heard(arguments: list[Any]) -> None:
            self._class_counts.judged += 1
            gevent.spawn(run, arguments)

        self._handlers[event] = lambda arguments: self._engine.loop.to_hub(heard, arguments)

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
            self._failed = True
            self._class_counts.turns_failed += 1
            self._class_counts.judged += 1
            self._class_counts.judged_wrong += 1

    def hold(self) -> None:
        """Stay connected, doing nothing, until the connection ends; then come back."""
        self._class_counts.judged += 1
        if self._schedule is not None:
            self._schedule = None
            self._generator.drop_schedule(self._number)
        self._engine.wait_closed(self._connected())
        self._connected()

    # ── Locust's side ─────────────────────────────────────────────────────────────────

    def run(self) -> None:  # type: ignore[misc]  # final, for want of this need
        """Run this user, from its turn to start until it ends or is stopped.

        Locust leaves out ``on_stop`` after an exception in ``on_start``; here a user always leaves.
        """
        try:
            gevent.sleep(spread_s(self._number) * self._generator.spread_s)
        except gevent.GreenletExit:
            self._engine.leave(self._user)
            return
        self._class_counts.users += 1
        self._class_counts.started += 1
        try:
            super().run()  # type: ignore[no-untyped-call]
        except Exception as error:
            if error is not self.reported_error:  # raised while it stopped, which Locust does not report
                self._report_error(error)
        finally:
            self._leave()

    def stop(self, force: bool = False) -> bool:
        """Locust stops this user: it has not ended by itself."""
        self._stopped_by_locust = True
        stopped: bool = super().stop(force)
        return stopped

    @property
    def _state(self) -> Any:  # Locust's name
        return self._locust_state

    @_state.setter
    def _state(self, state: Any) -> None:
        """Locust sets it before each task: a turn begins.

        Every kind of task set does, also the nested ones, whose loops are Locust's own.
        """
        self._locust_state = state
        if state == LOCUST_STATE_RUNNING:
            self._turn = _LOOP.iteration
            self._failed = False
            self._class_counts.turns += 1

    def on_start(self) -> None:
        """Connect, then wait for the first task's turn on the schedule."""
        self._connect(again=False)
        if not self._scheduled:
            return
        period = 1 / self.rate
        self._schedule = Schedule(self.rate, monotonic() + self._random.random() * period)
        self._generator.add_schedule(self._number, self._class_counts, self._schedule)
        self._taskset_instance = Tasks(self, self._pause)
        self._generator.timer_wheel.wait(self._schedule.wake_at())

    def wait_time(self) -> float:
        """Seconds until the schedule's next moment; nested task sets ask after each task."""
        wake_at = self._end_task()
        return max(0.0, wake_at - monotonic())

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _leave(self) -> None:
        """Leave; what is under way may still arrive."""
        self._class_counts.users -= 1
        self._class_counts.ended += not self._stopped_by_locust
        if self._schedule is not None:
            now = monotonic()
            waiting = now - self._kept_since if self._kept_since is not None else 0.0
            self._generator.retire_schedule(self._number, now, self._kept_s + waiting)
        self._engine.leave(self._user)

    def _end_task(self) -> float:
        """A task is done; returns when the next one is to be prepared."""
        schedule = self._schedule
        if schedule is None:
            return 0.0 if self._scheduled else monotonic() + 1 / self.rate  # it holds, or it waits in places
        if not self._begun:
            schedule.begin()  # a task that sent nothing
        self._begun = False
        wake_at = schedule.wake_at()
        if self._kept_s and wake_at > monotonic():
            self._kept_s = 0.0
        return wake_at

    def _pause(self) -> None:
        self._generator.timer_wheel.wait(self._end_task())

    def _due(self) -> float:
        """When the next operation is to start: the schedule's moment, once per task.

        It may lie a little ahead; what follows it in the same task is not sent before it. When a
        task waits first (think time), its operation is due when the wait is over.
        """
        if self._begun or self._schedule is None:
            return max(self._moment, monotonic())
        self._begun = True
        self._moment = self._schedule.begin()
        if _LOOP.iteration != self._turn:
            self._moment = max(self._moment, monotonic())
        return self._moment

    def _connected(self) -> UserConnection:
        """The open connection; comes back first when it was lost."""
        connection = self._connection
        if connection is not None and connection.open:
            return connection
        connection = self._connect(again=True)
        if self._schedule is not None:
            # what was due meanwhile is not sent; it counts as offered, not as issued
            self._schedule.skip_to(monotonic())
        return connection

    def _connect(self, again: bool) -> UserConnection:
        for failures in count(0 if again else -1):
            if failures >= 0:
                gevent.sleep(backoff.delay_s(failures, self._random.random(), backoff.OFFICIAL))
            try:
                self._connection = self._engine.connect(self._user, monotonic(), again, self._handlers)
                break
            except ClientFailure as failure:
                if failure.kind == "client":
                    raise StopUser from failure
        self.on_connected()
        assert self._connection is not None
        return self._connection

    def _report_error(self, error: BaseException) -> None:
        """Report an exception as Locust does for tasks."""
        hooks: Any = self.environment.events
        hooks.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)


def follows_schedule(user_class: type) -> bool:
    """Whether the users of a class are scheduled: neither it nor a task set of it sets ``wait_time``."""
    if user_class.wait_time is not SocketIOUser.wait_time:  # type: ignore[attr-defined]
        return False
    waiting, seen = list(getattr(user_class, "tasks", [])), set()
    while waiting:
        task_set = waiting.pop()
        if not isinstance(task_set, type) or task_set in seen or not issubclass(task_set, TaskSet):
            continue
        seen.add(task_set)
        if task_set.wait_time is not TaskSet.wait_time:
            return False
        waiting += task_set.tasks
    return True


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
