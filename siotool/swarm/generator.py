"""One worker's generator: the engine, its clock, and the reports it makes each second."""

import socket
from random import SystemRandom
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import gevent

from siotool.errors import TargetError
from siotool.swarm import knobs, locust_stats, records
from siotool.swarm.alarm import Alarm
from siotool.swarm.engine import Engine
from siotool.swarm.health import Health
from siotool.swarm.pacing import ANSWER_S, Schedule
from siotool.swarm.settings import Address, EngineSettings
from siotool.swarm.tally import Tally
from siotool.workload import Target

#: Users of one worker are numbered within a block of this size.
_USERS_PER_WORKER = 1 << 24


class Generator:
    """What the users of one process share.

    Closes an interval each second from ``begin`` on, keeps Locust's statistics in step with
    it, and hands it out with ``take_reports``.
    """

    def __init__(self, environment: Any, settings: EngineSettings, seed: int) -> None:
        self.engine = Engine(settings)
        self.alarm = Alarm()
        self.seed = seed
        self._schedules: dict[int, tuple[Tally, Schedule]] = {}
        self._tallies: dict[str, Tally] = {}
        self._environment = environment
        self._worker = settings.worker
        self._users = 0
        self._health = Health(settings.worker)
        self._reports: list[bytes] = []
        self._begin = 0.0
        self._number = 0
        self._running = False
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

    def retire_schedule(self, number: int, now: float) -> None:
        """A user stops: settle what its schedule still owed."""
        found = self._schedules.pop(number, None)
        if found is not None:
            tally, schedule = found
            schedule.abandon(now)
            schedule.settle(tally)

    def begin(self, at: float) -> None:
        """Second 0 of the run begins at ``at``, on the machine's monotonic clock."""
        self._begin = at
        self._running = True
        self.engine.at(at + 1, self._close)

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

    def _close(self) -> None:
        if not self._running:
            return
        self._report(final=False)
        self.engine.at_loop(self._begin + self._number + 1, self._close)

    def _close_last(self) -> None:
        self._running = False
        self._report(final=True)

    def _report(self, final: bool) -> None:
        engine, books = self.engine, self.engine.books
        now = monotonic()
        engine.end_silent()
        engine.read_wire()
        interval = records.WorkerInterval(
            worker=self._worker,
            number=self._number,
            until=now,
            operations=books.close_operations(),
            connections=books.close_connections(),
            bytes=books.close_bytes(),
            health=self._health.sample(now, books.loop_lag, books.schedule_lag),
            presence=books.take_presence(),
            published=engine.ledger.take_published(),
            receipts=engine.ledger.take_receipts(),
            duplicate=engine.ledger.duplicate,
            reordered=engine.ledger.reordered,
            undated=engine.take_undated(),
            from_the_future=books.from_the_future,
            overdue=engine.overdue(now),
            remarks=books.take_remarks(),
            final=final,
        )
        engine.ledger.duplicate = engine.ledger.reordered = 0
        books.loop_lag = books.schedule_lag = 0.0
        books.from_the_future = 0
        engine.ledger.forget_old(now)
        self._number += 1
        engine.to_hub(self._reported, interval)

    # ── in the hub ────────────────────────────────────────────────────────────────────

    def _reported(self, interval: records.WorkerInterval) -> None:
        for tally, schedule in self._schedules.values():
            schedule.settle(tally)
        interval.user_classes = [tally.take() for tally in self._tallies.values()]
        locust_stats.mirror(self._environment.stats, interval.operations)
        self._reports.append(records.encode(interval))
        if interval.final and self._finished is not None:
            self._finished.set()


def resolve(target: Target) -> Address:
    """Look the target's host up, once for all connections. Raises TargetError."""
    parts = urlsplit(target.url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetError(f"cannot find {host}: {error.strerror}", "check the host's name") from error
    family, _, _, _, address = found[0]
    return Address(family=int(family), host=str(address[0]), port=port)


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
