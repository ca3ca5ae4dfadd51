"""``ScheduledUser``: a Locust user's turns, and when what it does in them is due."""

from time import monotonic
from typing import Any

import gevent
from locust import User
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING

from siotool.swarm.knobs import knob
from siotool.swarm.lasting_connection import LastingConnection
from siotool.swarm.pacing import GRACE_S, Schedule
from siotool.swarm.plain_locust import generator_of

_LOOP = gevent.get_hub().loop


class ScheduledUser(User):
    """Does its tasks when they are due, while its connection lasts."""

    # beside Locust's attributes these are too many for the short form that Python has of an object's dict
    __slots__ = (
        "_begun",
        "_calls",
        "_class_counts",
        "_failed",
        "_generator",
        "_held",
        "_in_turn",
        "_kept_s",
        "_kept_since",
        "_moment",
        "_number",
        "_schedule",
        "_turn",
    )
    abstract = True
    #: Tasks per second; declare it as a knob to let it be set.
    rate: float = 1.0
    arrival: str = knob(
        "constant",
        "when tasks are due: at even distances, or as a Poisson process",
        choices=("constant", "poisson"),
    )
    _lasting: LastingConnection
    #: Its class follows schedules.
    _scheduled: bool
    #: It stays away, and its schedule was given up.
    _away: bool

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._generator = generator_of(environment)
        self._number = self._generator.next_user()
        self._class_counts = self._generator.counts(type(self).__name__)
        self._schedule: Schedule | None = None
        #: A task has its turn: what it sends first was due. All else that a user sends is due at once.
        self._in_turn = False
        #: Whether this turn has begun the operation that was due.
        self._begun = False
        #: This turn held the connection, and gave its schedule up.
        self._held = False
        self._moment = 0.0
        #: Iteration of the hub's loop in which this turn began: in another one, it has waited.
        self._turn = -1
        #: Whether this turn, or the last one, has called ``fail``; None once it is over and right.
        self._failed: bool | None = None
        #: Calls of this user that wait for their answers; since when there have been some.
        self._calls = 0
        self._kept_since = 0.0
        #: How long it has waited for the target since it was last in time.
        self._kept_s = 0.0

    @property
    def _state(self) -> Any:  # Locust's name
        return self.locust_state

    @_state.setter
    def _state(self, state: Any) -> None:
        """Locust sets it before each task, as a turn begins, and after it.

        Every kind of task set does, also the nested ones, whose loops are Locust's own.
        """
        self.locust_state = state
        if state == LOCUST_STATE_WAITING:
            self._end_turn()
        if state == LOCUST_STATE_RUNNING:
            self._turn = _LOOP.iteration
            self._in_turn = True
            self._failed = False
            if self._schedule is not None and monotonic() > self._schedule.due + GRACE_S:
                self._class_counts.late += 1

    def wait_time(self) -> float:
        """Seconds until the next task; nested task sets ask after each task.

        It is 0 on a schedule: the wait is over then, for Locust's own would hear of no change of rate.
        """
        wake_at = self._end_task()
        if self._schedule is None:
            return max(0.0, wake_at - monotonic())
        self._sleep_until_due()
        return 0.0

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _end_turn(self) -> None:
        """Count a turn that is over; one that failed was counted then, one that is cut off is none."""
        if self._failed is False:
            self._class_counts.turns += 1
            self._failed = None

    def _end_task(self) -> float:
        """A task is done; returns when the next one is to be prepared."""
        self._end_turn()
        begun, self._begun, self._in_turn = self._begun, False, False
        schedule = self._schedule
        if schedule is None:
            return self._end_unscheduled_task()
        if not begun:
            schedule.begin()  # a task that sent nothing
        wake_at = schedule.wake_at()
        if self._kept_s and wake_at > monotonic():
            self._kept_s = 0.0
        return wake_at

    def _end_unscheduled_task(self) -> float:
        """The same of a turn that followed no schedule."""
        held, self._held = self._held, False
        if not self._scheduled or not self._lasting.begun:
            return monotonic() + 1 / self.rate  # it waits in places, or on_start has not connected it
        if held and not self._away:
            return 0.0  # the next turn may hold again
        if self._away:
            self._lasting.wait()  # which takes its schedule up
        return (self._schedule or self._take_up_schedule()).wake_at()

    def _pause(self) -> None:
        if self._generator.timer_wheel.wait(self._end_task()):
            self._sleep_until_due()

    def _sleep_until_due(self) -> None:
        """Sleep until the schedule's next operation is to be prepared, whenever a change puts that."""
        while self._schedule is not None:
            if not self._generator.timer_wheel.wait(self._schedule.wake_at()):
                return

    def _due(self) -> float:
        """When the next operation is to start: the schedule's moment, once per task.

        It may lie a little ahead; what follows it, in the same task or outside of tasks, is not sent before
        it. When a task waits first (think time), its operation is due when the wait is over. What hooks and
        handlers send outside of a turn, or after a connect, is due at once.
        """
        if self._begun or not self._in_turn or self._schedule is None or self._lasting.taken_up_here:
            return max(self._moment, monotonic())
        self._begun = True
        self._moment = self._schedule.begin()
        if _LOOP.iteration != self._turn:
            self._moment = max(self._moment, monotonic())
        return self._moment

    def _take_up_schedule(self) -> Schedule:
        self._schedule = schedule = self._generator.new_schedule(
            self._number, self._class_counts, self.rate, poisson=self.arrival == "poisson"
        )
        return schedule

    def _present_moment(self) -> float:
        """When what is declared now takes effect: not before what this task sends."""
        return self._moment if self._begun else 0.0

    def _hold_on(self) -> None:
        """This turn holds the connection: nothing is due of this user until a turn does not."""
        self._held = True
        if self._schedule is not None:
            self._schedule = None
            self._generator.drop_schedule(self._number)
