"""One worker's generator: the engine, its clock, and the reports it makes each second."""

from collections.abc import Callable
from random import SystemRandom
from time import monotonic
from typing import Any

import gevent
import gevent.event

from siotool.client.address import resolve
from siotool.errors import TargetError
from siotool.runfile import WorkerHealth
from siotool.swarm import knobs, locust_stats, worker_report
from siotool.swarm.engine import Engine
from siotool.swarm.health import Health
from siotool.swarm.lateness import STALL_S, seconds_covered, without_times
from siotool.swarm.pacing import ANSWER_S, Schedule
from siotool.swarm.scenario_results import ScenarioResults, secrets_of
from siotool.swarm.settings import EngineSettings
from siotool.swarm.tally import Tally
from siotool.swarm.timer_wheel import TimerWheel
from siotool.workload import Target

#: Users of one worker are numbered within a block of this size.
_USERS_PER_WORKER = 1 << 24
#: How long it takes, at most, to read what has piled up meanwhile.
_CATCH_UP_S = 0.5
#: The run's end closes an interval of its own unless the last one was closed so recently.
_SHORTEST_S = 0.1
#: Timers count milliseconds, and may ring a moment before their time.
_EARLY_S = 0.005


class Generator:
    """What the users of one process share.

    Closes an interval each second from ``begin`` on, keeps Locust's statistics in step with
    it, and hands it out with ``take_reports``.
    """

    def __init__(self, environment: Any, settings: EngineSettings, seed: int, workers: int = 1) -> None:
        self.engine = Engine(settings)
        self.timer_wheel = TimerWheel()
        self.results = ScenarioResults(secrets_of(settings.auth, settings.headers))
        self._listen_to_scenario(environment)
        self.seed = seed
        #: Over how much of a second the users that Locust starts at once are spread.
        self.spread_s = 1.0
        self._schedules: dict[int, tuple[Tally, Schedule]] = {}
        self._tallies: dict[str, Tally] = {}
        self._environment = environment
        self._worker = settings.worker
        self._users = 0
        self._health = Health(settings.worker, workers)
        #: As it was in the last report.
        self.health: WorkerHealth | None = None
        self._reports: list[bytes] = []
        #: Called in the hub when there is a report to take; it must not block.
        self.on_report: Callable[[], object] = lambda: None
        self._begin = self._closed_at = self._times_from = 0.0
        self._number = 0
        self._running = self._draining = False
        self._finished: gevent.event.Event | None = None

    @staticmethod
    def of(environment: Any) -> "Generator":
        """The environment's generator; under plain Locust, made at the first user."""
        generator = getattr(environment, "siotool_generator", None)
        if generator is None:
            generator = _under_plain_locust(environment)
        assert isinstance(generator, Generator)
        return generator

    def attach(self, environment: Any) -> None:
        """Let the environment's users find this generator."""
        environment.siotool_generator = self

    def _listen_to_scenario(self, environment: Any) -> None:
        """Hear what the scenario raises, and what operations of its own it reports."""

        def raised(user_instance: Any, exception: BaseException, tb: Any, **_: Any) -> None:
            user_instance.told = exception
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

        environment.events.user_error.add_listener(raised)
        environment.events.request.add_listener(reported)

    def next_user(self) -> int:
        """A number for a user that no other user of the run has."""
        self._users += 1
        return self._worker * _USERS_PER_WORKER + self._users

    def tally(self, user_class: str) -> Tally:
        """Where the users of a class are counted."""
        found = self._tallies.get(user_class)
        if found is None:
            found = self._tallies[user_class] = Tally(user_class)
        return found

    def add_schedule(self, number: int, tally: Tally, schedule: Schedule) -> None:
        """Count a user's schedule, and let answers wait as long as it can bear."""
        self._schedules[number] = (tally, schedule)
        self.engine.let_answers_wait(min(schedule.lead, ANSWER_S))

    def drop_schedule(self, number: int) -> None:
        """Forget a schedule that its user does not follow."""
        del self._schedules[number]

    def retire_schedule(self, number: int, now: float, kept_s: float) -> None:
        """A user stops: settle what its schedule still owed, ``kept_s`` of it to the target."""
        found = self._schedules.pop(number, None)
        if found is not None:
            tally, schedule = found
            schedule.abandon(now, kept_s)
            schedule.settle(tally)

    def begin(self, at: float) -> None:
        """Second 0 of the run begins at ``at``, on the machine's monotonic clock.

        The last call before that moment counts.
        """
        self._begin = self._closed_at = at
        self._number = 0
        self._reports.clear()
        self._running = True
        self.engine.at(at, lambda: self._start_health(at))
        self.engine.at(at + 1, lambda: self._close(at))

    def close_due(self) -> None:
        """Users are about to come or go: a second that is over is closed before, with those there are."""
        self._and_wait(self._close_due)

    def cut(self) -> None:
        """The last stage is over: close an interval now; what comes after it is draining."""
        self._and_wait(self._cut)

    def _and_wait(self, close: Callable[[], None]) -> None:
        """Do something in the loop thread, and wait until what it reported has been taken."""
        if self._running and not self._draining:
            closed = gevent.event.Event()

            def act() -> None:
                close()
                self.engine.loop.to_hub(closed.set)

            self.engine.at(0.0, act)
            closed.wait()

    def finish(self) -> None:
        """Let everything under way arrive, close every connection, make the last report."""
        if self._finished is None:
            self._finished = gevent.event.Event()
            self.engine.drain()
            self.engine.at(0.0, self._close_last)
        self._finished.wait()

    def take_reports(self) -> list[bytes]:
        """Encoded intervals that nobody has taken yet."""
        reports, self._reports = self._reports, []
        return reports

    # ── in the loop thread ────────────────────────────────────────────────────────────

    def _start_health(self, at: float) -> None:
        if at == self._begin:
            self._health.start(monotonic())

    def _close(self, begin: float) -> None:
        """A second is over. What else is due now comes first: it tells how late the loop is."""
        if begin == self._begin:
            self.engine.loop.at(0.0, self._close_now)

    def _close_now(self) -> None:
        if not self._running:
            return
        self._close_due()
        begin = self._begin
        self.engine.loop.at(begin + self._number + 1, lambda: self._close(begin))

    def _close_due(self) -> None:
        if self._running and monotonic() > self._begin + self._number + 1 - _EARLY_S:
            self._report(final=False)

    def _cut(self) -> None:
        if self._running and monotonic() - self._closed_at >= _SHORTEST_S:
            self._report(final=False)
        self._draining = True

    def _close_last(self) -> None:
        self._running = False
        self._report(final=True)

    def _report(self, final: bool) -> None:
        loop = self.engine.loop
        metrics, tracker = loop.metrics, loop.tracker
        now = monotonic()
        loop.pool.end_silent(now)
        loop.pool.read_wire()
        if metrics.loop_lag > STALL_S:
            self._times_from = now + _CATCH_UP_S
        operations, untimed = metrics.close_operations(), 0
        if self._closed_at < self._times_from:
            operations, untimed = without_times(operations)
        covers = seconds_covered(self._number, now - self._begin)
        interval = worker_report.WorkerInterval(
            worker=self._worker,
            number=self._number,
            covers=covers,
            until=now,
            operations=operations,
            untimed=untimed,
            connections=metrics.close_connections(),
            bytes=metrics.close_bytes(),
            health=self._health.sample(now, metrics.loop_lag, metrics.schedule_lag),
            presence=metrics.take_presence(),
            published=tracker.take_published(),
            receipts=tracker.take_receipts(),
            duplicate=tracker.duplicate,
            reordered=tracker.reordered,
            undated=metrics.undated,
            from_the_future=metrics.from_the_future,
            draining=self._draining,
            overdue=loop.overdue(now),
            remarks=metrics.take_remarks(),
            final=final,
        )
        tracker.duplicate = tracker.reordered = 0
        metrics.loop_lag = metrics.schedule_lag = 0.0
        metrics.from_the_future = metrics.undated = 0
        tracker.forget_old(now)
        self._number += covers
        self._closed_at = now
        loop.to_hub(self._reported, interval)

    # ── in the hub ────────────────────────────────────────────────────────────────────

    def _reported(self, interval: worker_report.WorkerInterval) -> None:
        for tally, schedule in self._schedules.values():
            schedule.settle(tally)
        interval.user_classes = [tally.take() for tally in self._tallies.values()]
        for tally in self._tallies.values():
            if (turns := tally.take_turns()) is not None:
                self.results.turns(tally.name, *turns)
        judged, reported, interval.exceptions = self.results.take()
        locust_stats.mirror(self._environment.stats, [*interval.operations, *judged])
        interval.operations = [*interval.operations, *judged, *reported]
        self.health = interval.health
        self._reports.append(worker_report.encode(interval))
        self.on_report()
        if interval.final and self._finished is not None:
            self._finished.set()


def _under_plain_locust(environment: Any) -> Generator:
    """Take host and settings from Locust's command line; reports go to Locust's statistics only."""
    options = environment.parsed_options
    target = Target(url=environment.host or "")
    if "://" not in target.url:
        raise TargetError("no target", "give one with --host http://…")
    user_classes = environment.user_classes
    settings = knobs.resolve(knobs.knobs_of(user_classes), getattr(options, "set", None) or [], "scenario")
    knobs.apply(user_classes, settings)
    worker = max(0, getattr(environment.runner, "worker_index", 0))
    generator = Generator(
        environment,
        EngineSettings(
            target=target, address=resolve(target), run=SystemRandom().getrandbits(64), worker=worker
        ),
        seed=0,
    )
    generator.attach(environment)
    generator.begin(monotonic())

    def forget(**_: Any) -> None:
        generator.finish()
        generator.engine.stop()
        environment.siotool_generator = None

    def discard() -> None:
        while environment.siotool_generator is generator:
            generator.take_reports()
            gevent.sleep(1)

    environment.events.test_stop.add_listener(forget)
    gevent.spawn_later(1, discard)
    return generator
