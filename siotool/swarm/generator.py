"""One worker's generator: what its users share, and the reports it makes of them each second."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from time import monotonic
from types import MappingProxyType
from typing import Any

import gevent
import gevent.event
import msgspec

from siotool.client.secret_texts import secrets_of
from siotool.client.tap import Tap
from siotool.runfile import WorkerHealth
from siotool.swarm import locust_stats, worker_report
from siotool.swarm.engine import Engine
from siotool.swarm.interval_clock import IntervalClock
from siotool.swarm.own_values import OwnValues
from siotool.swarm.pacing import ANSWER_S, Schedule, lead_s, uniform
from siotool.swarm.poisson import PoissonSchedule
from siotool.swarm.redaction import Redaction
from siotool.swarm.row_desk import RowPool
from siotool.swarm.run_clock import RunClock
from siotool.swarm.scenario_results import ScenarioResults
from siotool.swarm.settings import EngineSettings
from siotool.swarm.timer_wheel import TimerWheel
from siotool.swarm.user_counts import UserCounts
from siotool.swarm.user_numbers import NumberLane
from siotool.swarm.visit_counts import VisitCounts

#: Users of one worker are numbered within a block of this size.
_USERS_PER_WORKER = 1 << 24


class Generator:
    """What the users of one process share.

    Completes each interval that its clock closes, keeps Locust's statistics in step with it,
    and hands it out with ``take_reports``.
    """

    def __init__(
        self,
        environment: Any,
        settings: EngineSettings,
        seed: int,
        workers: int = 1,
        templates: Mapping[str, str] = MappingProxyType({}),
        rows: RowPool | None = None,
        redaction: Redaction | None = None,
        tap: Tap | None = None,
        *,
        clock: RunClock | None = None,
        on_machine: int | None = None,
    ) -> None:
        """``templates`` are settings that are filled in for each user; ``rows`` are of a users file.

        ``redaction`` hides secrets; those of the options and of users are added here. ``tap`` hears every
        packet of every connection. ``clock`` compares this machine's with the parent's; ``on_machine`` of the
        ``workers`` are on this machine, by default all.
        """
        self.settings = settings
        #: The rows of a users file, if there is one.
        self.rows = rows
        self.own_values = OwnValues(settings.identity, dict(templates), rows is not None)
        self.redaction = redaction or Redaction()
        self.redaction.add(secrets_of(settings.identity))
        self.run_clock = clock or RunClock()
        self.engine = Engine(settings, self.redaction, tap, self.run_clock)
        self.timer_wheel = TimerWheel()
        self.results = ScenarioResults(self.redaction)
        self._listen_to_scenario(environment)
        self.seed = seed
        #: Over how much of a second the users that Locust starts at once are spread.
        self.spread_s = 1.0
        #: Operations per second of each user; None: each at its own rate.
        self._rate: float | None = None
        #: Of each user that follows one, by its number: with its counts and its own rate.
        self._schedules: dict[int, tuple[UserCounts, Schedule, float]] = {}
        self._counts: dict[str, UserCounts] = {}
        self.visits = VisitCounts()
        #: Users that will not come back by themselves, by class, since the last report.
        self.stayed_away: Counter[str] = Counter()
        self._environment = environment
        self._worker = settings.worker
        self._workers = workers
        #: None where it is not known how many workers there are.
        self._numbers = NumberLane(settings.worker) if settings.worker < workers else None
        self._users = 0
        self.clock = IntervalClock(self.engine, settings.worker, on_machine or workers, self._reported)
        #: As it was in the last report.
        self.health: WorkerHealth | None = None
        self._reports: list[bytes] = []
        #: How many users there are of classes without connections.
        self.other_users: Callable[[], int] = lambda: 0
        #: Called in the hub when there is a report to take; it must not block.
        self.on_report: Callable[[], object] = lambda: None
        self._finished: gevent.event.Event | None = None

    def attach(self, environment: Any) -> None:
        """Let the environment's users find this generator."""
        environment.siotool_generator = self

    def detach(self, environment: Any) -> None:
        """The environment's next users are another generator's."""
        environment.siotool_generator = None
        for hook, listener in self._listeners:
            hook.remove_listener(listener)

    def _listen_to_scenario(self, environment: Any) -> None:
        """Collect what the scenario raises, and the operations that it reports itself."""

        def raised(user_instance: Any, exception: BaseException, tb: Any, **_: Any) -> None:
            user_instance.reported_error = exception
            self.results.exception(exception.with_traceback(tb))

        def reported(
            request_type: str,
            name: str,
            response_time: float | None,
            exception: BaseException | str | None = None,
            **_: Any,
        ) -> None:
            seconds = None if response_time is None else response_time / 1000
            self.results.report(str(request_type), str(name), seconds, exception)

        hooks = environment.events
        self._listeners: tuple[tuple[Any, Any], ...] = ((hooks.user_error, raised), (hooks.request, reported))
        for hook, listener in self._listeners:
            hook.add_listener(listener)

    def next_user(self) -> int:
        """A number for a user that no other user of the run has."""
        self._users += 1
        return self._worker * _USERS_PER_WORKER + self._users

    def number_in_run(self, number: int) -> int:
        """A user's number in the order in which workers start users in turn, from 1 on.

        Under plain Locust, where the number of workers is not known, those of other workers are far apart.
        """
        if self._numbers is None:
            return number
        return self._numbers.number(number % _USERS_PER_WORKER, self._workers)

    def take_numbers(self, numbers: NumberLane) -> None:
        """This worker has taken the place of a lost one: its users, none yet, have these numbers."""
        self._numbers = numbers

    @property
    def population(self) -> int:
        """Users that were started by now, if all workers have started as many as this one."""
        before = 0 if self._numbers is None else self._numbers.started
        return (before + self._users) * self._workers

    def counts(self, user_class: str) -> UserCounts:
        """Where the users of a class are counted."""
        found = self._counts.get(user_class)
        if found is None:
            found = self._counts[user_class] = UserCounts(user_class)
        return found

    def new_schedule(self, number: int, counts: UserCounts, rate: float, *, poisson: bool) -> Schedule:
        """A schedule for a user: at its own ``rate`` per second, or at the one that is wanted of all.

        Its moments depend on the seed and on the user's number in the run alone. Without ``poisson`` they are
        even, and the first one is within a period.
        """
        wanted, now = self._rate or rate, monotonic()
        in_run = self.number_in_run(number)
        schedule = (
            PoissonSchedule(wanted, now, Random(f"{self.seed}/{in_run}/schedule"))
            if poisson
            else Schedule(wanted, now + uniform(self.seed, in_run) / wanted)
        )
        self._schedules[number] = (counts, schedule, rate)
        self._let_answers_wait(wanted)
        return schedule

    def change_rate(self, rate: float | None) -> None:
        """From now on each user does ``rate`` operations per second; None: each its own."""
        self._rate = rate
        now = monotonic()
        for _, schedule, own in self._schedules.values():
            schedule.change_rate(rate or own, now)
            self._let_answers_wait(rate or own)
        self.timer_wheel.stir()

    def _let_answers_wait(self, rate: float) -> None:
        """Let answers wait as long as a user at this rate allows."""
        self.engine.let_answers_wait(min(lead_s(1 / rate), ANSWER_S))

    def drop_schedule(self, number: int) -> None:
        """Forget a schedule that its user does not follow any more; what it has done by now counts."""
        counts, schedule, _ = self._schedules.pop(number)
        schedule.hand_over(counts)

    def retire_schedule(self, number: int, now: float, kept_s: float) -> None:
        """A user stops: count what its schedule has not begun; it waited ``kept_s`` for the target."""
        found = self._schedules.pop(number, None)
        if found is not None:
            counts, schedule, _ = found
            schedule.abandon(now, kept_s)
            schedule.hand_over(counts)

    def begin(self, at: float, second: int = 0) -> None:
        """Second 0 of the run begins at ``at``; ``second`` is the first here (``IntervalClock.begin``)."""
        self._reports.clear()
        self.clock.begin(at, second)

    def finish(self) -> None:
        """Let everything under way arrive, close every connection, make the last report."""
        if self._finished is None:
            self._finished = gevent.event.Event()
            self.clock.close_last()
        self._finished.wait()

    def take_reports(self) -> list[bytes]:
        """Encoded intervals since the last call."""
        reports, self._reports = self._reports, []
        return reports

    def _reported(self, interval: worker_report.WorkerInterval) -> None:
        for counts, schedule, _ in self._schedules.values():
            schedule.count_due(interval.until)
            schedule.hand_over(counts)
        interval.user_classes = [counts.take() for counts in self._counts.values()]
        interval.other_users = self.other_users()
        interval.visits = self.visits.take()
        interval.connections = msgspec.structs.replace(
            interval.connections, stayed_away=dict(self.stayed_away)
        )
        self.stayed_away.clear()
        for counts in self._counts.values():
            if (turns := counts.take_turns()) is not None:
                self.results.turns(counts.name, *turns)
        judged, reported, interval.exceptions = self.results.take()
        locust_stats.mirror(self._environment.stats, [*interval.operations, *judged])
        interval.operations = [*interval.operations, *judged, *reported]
        self.health = interval.health
        self._reports.append(worker_report.encode(worker_report.in_parents_time(interval, self.run_clock)))
        self.on_report()
        if interval.final and self._finished is not None:
            self._finished.set()
