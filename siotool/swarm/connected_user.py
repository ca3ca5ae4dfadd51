"""``ConnectedUser``: a Locust user's life, and its one connection."""

from functools import cached_property
from random import Random
from time import monotonic
from typing import Any

import gevent
from locust import TaskSet
from locust.exception import StopUser

from siotool.client.choices import TransportName, transport_of
from siotool.client.connection import Handlers
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.errors import ScenarioError
from siotool.swarm.knobs import of_class
from siotool.swarm.lasting_connection import LastingConnection, LostAgain
from siotool.swarm.own_identity import Namespaces, Pairings, identity_of, main_namespace
from siotool.swarm.pacing import start_at
from siotool.swarm.reconnection_rules import rule_of
from siotool.swarm.redaction import UserSecrets
from siotool.swarm.scenario_code import ENDINGS, is_ctrl_c
from siotool.swarm.scheduled_user import ScheduledUser
from siotool.swarm.tasks import Tasks
from siotool.swarm.user_observer import UserConnection


class ConnectedUser(ScheduledUser):
    """Connects before its first task, comes back when its connection was lost, does tasks when due.

    The attributes from ``reconnection`` on are the official client's options, for this class alone; None
    leaves them to the run's. Delays are in seconds.
    """

    # beside Locust's attributes these are too many for the short form that Python has of an object's dict
    __slots__ = (
        "_acknowledged",
        "_away",
        "_engine",
        "_handlers",
        "_identity",
        "_lasting",
        "_lost_at",
        "_scheduled",
        "_secrets",
        "_started_at",
        "_stopped_by_locust",
        "_stopping",
        "_transport",
        "_user",
    )
    abstract = True
    _ending: type[Exception] = StopUser
    reconnection: bool | None = None
    reconnection_attempts: int | None = None
    reconnection_delay: float | None = None
    reconnection_delay_max: float | None = None
    randomization_factor: float | None = None
    #: The auth payload, as {"token": "…"}: instead of that of --auth. This and the three below are
    #: attributes, of the class or of one user, or methods. They are asked before each connect and reconnect;
    #: see ``own_identity``.
    auth: Pairings = None
    #: HTTP headers, beside those of --header.
    headers: Pairings = None
    #: Query parameters, beside those of --query.
    query: Pairings = None
    #: Namespaces to join, instead of those of --namespace; events go to the first.
    namespaces: Namespaces = None
    #: The transport of this user's next connects, instead of that of --transport.
    transport: TransportName | None = None

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._engine = self._generator.engine
        target = self._generator.settings.target_of(self._generator.number_in_run(self._number))
        self._user = self._engine.new_user(self._class_counts, target)
        self._user.on_lost = self._lost
        settings = self._generator.settings
        #: This user's row of the users file, by column; empty without a file.
        self.row: dict[str, Any] = self._generator.rows.take() if self._generator.rows else {}
        self._secrets = UserSecrets(self._generator.redaction, self.row)
        self._take_own_settings()
        #: What the options say of this user; and what was shown at its last connect.
        self.options_identity = self._generator.own_values.identity_of(self.row, self.number)
        self._identity: Identity | None = None
        self._transport = transport_of(settings.transports, self.number)
        self._handlers: Handlers = {}
        self._lasting = LastingConnection(self, rule_of(type(self), settings.reconnection))
        #: Since when the connection is lost.
        self._lost_at = 0.0
        self._away = False
        self._scheduled = follows_schedule(type(self))
        #: Nothing was sent to the open connection without an answer since the last one.
        self._acknowledged = True
        #: It has been told to stop, by anybody; by others than its own code.
        self._stopping = self._stopped_by_locust = False
        self._started_at = 0.0
        #: The exception that Locust has reported.
        self.reported_error: BaseException | None = None

    def on_connected(self) -> None:
        """Called after each connect and reconnect; override it."""

    def on_disconnected(self, reason: str) -> None:
        """Called when the connection was lost, or a namespace refused it; override it.

        ``reason`` is a class of ``siotool.client.failures``, such as ``transport_close``, ``ping_timeout``,
        ``server_disconnect`` or ``connect_error``; ``gave_up`` when the tries are used up,
        ``no_reconnection`` where none is allowed. After the last four the user stays away, as the official
        client does, unless ``reconnect()`` is called here or later. It may raise StopUser.
        """

    @property
    def number(self) -> int:
        """This user's number, from 1 on; no other user of the run has it, on any worker.

        Users are numbered without gaps while all workers have started equally many.
        """
        return self._generator.number_in_run(self._number)

    @cached_property
    def random(self) -> Random:
        """Random numbers of this user's own: the run's seed and its ``number`` decide them."""
        return Random(f"{self._generator.seed}/{self.number}/scenario")

    def ask_identity(self) -> Identity:
        """What it shows at its next connect. Raises ScenarioError, and what the scenario's code does."""
        return identity_of(self, self.options_identity)

    @property
    def population(self) -> int:
        """How many users the run has started by now, over all workers, as far as this one can tell."""
        return self._generator.population

    # ── Locust's side ─────────────────────────────────────────────────────────────────

    def run(self) -> None:  # type: ignore[misc]  # final, for want of this need
        """Run this user, from its turn to start until it ends or is stopped.

        Locust leaves out ``on_stop`` after an exception in ``on_start``; here a user always leaves.
        """
        try:
            moment = start_at(self._number, monotonic(), self._generator.spread_s)
            while self._generator.timer_wheel.wait(moment):
                pass  # stirred by a change of the rate, which is not for it yet
        except gevent.GreenletExit:
            self._lasting.end()
            self._let_go()
            return
        self._class_counts.users += 1
        self._class_counts.started += 1
        self._started_at = monotonic()
        try:
            super().run()  # type: ignore[no-untyped-call]
            if self._in_turn and not self._stopped_by_locust:
                self._end_turn()  # which it has ended itself, by StopUser
        except StopUser:
            pass  # out of on_stop, which wanted to send something while not connected
        except Exception as error:
            if error is not self.reported_error:  # raised while it stopped, which Locust does not report
                self._report_error(error)
        except gevent.GreenletExit:
            raise
        except BaseException as error:  # as gevent.Timeout, of which Locust lets its user die
            if is_ctrl_c(error):  # which Python raises in any greenlet
                raise
            self._report_error(error)
        finally:
            self._leave()

    def stop(self, force: bool = False) -> bool:
        """Stop this user. Where its own code does not do it, it has not ended by itself."""
        self._stopping = True
        self._stopped_by_locust = self._stopped_by_locust or gevent.getcurrent() is not self._greenlet
        stopped: bool = super().stop(force)
        return stopped

    def on_start(self) -> None:
        """Connect, then wait for the first task's turn on the schedule."""
        self._in_turn = False
        self._connect()
        if not self._scheduled:
            self._in_turn = True
            return
        self._take_up_schedule()
        self._taskset_instance = Tasks(self, self._pause)
        self._sleep_until_due()
        self._in_turn = True

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _leave(self) -> None:
        """Leave; what is under way may still arrive."""
        self._class_counts.users -= 1
        self._lasting.end()
        if not self._stopped_by_locust:
            self._class_counts.ended += 1
            self._generator.visits.lengths.append(monotonic() - self._started_at)
        if self._schedule is not None:
            now = monotonic()
            waiting = now - self._kept_since if self._calls else 0.0
            if self._lasting.current is None:  # it was to come back, and waits for the target since
                waiting = max(waiting, now - self._lost_at)
            self._generator.retire_schedule(self._number, now, self._kept_s + waiting)
        self._let_go()

    def _let_go(self) -> None:
        """Leave the target, and hold nothing that holds this user: Python looks rarely for such circles."""
        self._engine.leave(self._user)
        self._secrets.leave()
        self._user.on_lost = None
        self._taskset_instance = None

    def _connect(self) -> None:
        """Connect for the first time, and wait until connected."""
        self._lasting.begin()
        self._lasting.wait()

    def _connected(self) -> UserConnection:
        """The open connection; waits for it while it is lost, for ever while it stays away.

        Raises StopUser instead of waiting for a user that is ending; ScenarioError before the first connect.
        """
        connection = self._lasting.current
        if connection is not None:
            return connection
        if self._stopping and self._lasting.usable is None:
            raise StopUser
        if not self._lasting.begun:
            raise ScenarioError(
                f"{type(self).__name__} sends before it is connected: on_start must call super().on_start() "
                "before that, and __init__ and what makes a login cannot send"
            )
        connection = self._lasting.wait()
        if self._schedule is not None:
            # what was due meanwhile is not sent; it counts as offered, not as issued
            self._schedule.skip_to(monotonic())
        return connection

    def _open(self, again: bool) -> UserConnection:
        identity = self._asked_identity()
        connection = self._engine.connect(
            self._user, monotonic(), again, self._handlers, identity, self.transport or self._transport
        )
        self._acknowledged = True
        if self._away:
            self._away = False
            if self._scheduled and self._schedule is None and not self._held:
                self._take_up_schedule()
        return connection

    def _lost(self, connection: UserConnection, reason: str) -> None:
        """The connection has ended; in the hub."""
        self._lost_at = monotonic()
        self._lasting.lost(connection, reason)

    def _stay_away(self, kind: str) -> None:
        """It is not connected, and will not come back by itself: nothing more is due."""
        self._away = True
        self._engine.stay_away(self._user)
        self._generator.stayed_away[kind] += 1
        if self._schedule is not None:
            now = monotonic()
            self._schedule = None
            self._generator.retire_schedule(self._number, now, now - self._lost_at)

    def _stop_from_beside(self) -> None:
        """End this user from another greenlet of it: a turn under way is cut off."""
        self._stopping, self._in_turn = True, False
        gevent.kill(self._greenlet, StopUser)

    def _take_own_settings(self) -> None:
        own = self._generator.own_values
        if own.settings:
            for name, value in own.settings_of(of_class(type(self)), self.row, self.number).items():
                setattr(self, name, value)

    def _asked_identity(self) -> Identity:
        """What it shows now. What its code raises is reported; then ClientFailure is raised, to try again.

        StopUser ends the user. So does, at its first connect, what is no Exception: a gevent.Timeout may be
        that of an ``on_start`` around it.
        """
        try:
            found = self.ask_identity()
        except StopUser:
            raise
        except ENDINGS:
            raise
        except BaseException as raised:
            if gevent.getcurrent() is self._greenlet and not isinstance(raised, Exception | LostAgain):
                raise
            error = (
                ScenarioError("the login of a user sends something, while there is no connection")
                if isinstance(raised, LostAgain)
                else raised
            )
            self._report_error(error.with_traceback(raised.__traceback__))
            raise ClientFailure("scenario", "the user's login could not be made") from error
        if found is not self._identity and found is not self._generator.settings.identity:
            self._secrets.show(found)
        self._identity = found
        return found

    def _chance(self) -> float:
        return self._random.random()

    @property
    def _main_namespace(self) -> str:
        """The namespace that events come from where nothing else is said."""
        if self._identity is not None:
            return self._identity.namespaces[0]
        return main_namespace(self, self.options_identity)

    @cached_property
    def _random(self) -> Random:
        """Decides the waits of this user's reconnects; made when it has one."""
        return Random(f"{self._generator.seed}/{self.number}")

    def _report_error(self, error: BaseException) -> None:
        """Report an exception as Locust does for tasks."""
        hooks: Any = self.environment.events
        hooks.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)


def follows_schedule(user_class: type) -> bool:
    """Whether the users of a class are scheduled: neither it nor a task set of it sets ``wait_time``."""
    if user_class.wait_time is not ConnectedUser.wait_time:  # type: ignore[attr-defined]
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
