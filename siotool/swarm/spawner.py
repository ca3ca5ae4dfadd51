"""Starts and stops Locust's users as programs of load ask, one program after another."""

import math
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
import msgspec
from gevent.lock import BoundedSemaphore

from siotool.swarm.arrival_shares import ARRIVALS, SHARES, ArrivalLanes, ExpectedArrivals
from siotool.swarm.program import Program, Wanted
from siotool.swarm.recorder import Recorder
from siotool.swarm.user_numbers import LANE, GivenNumbers
from siotool.swarm.worker import RATE, SIZE, SKIP, SPREAD
from siotool.workload import Arrivals

#: Users that are started at once are spread over this share of their stage.
_SPREAD_SHARE = 0.9
#: A change comes a moment after a second is over, and so in the next one.
_AFTER_S = 0.005
#: Users arrive at a new worker so long after all workers are told of it.
_HANDOVER_S = 0.5
#: A lost worker may have let users arrive for so long that it has not reported: it was silent for some time.
_UNREPORTED_S = 30.0
#: What workers are told, by the kind of the message.
_SAID = {RATE: "per_s", SIZE: "bytes", SKIP: "seconds", SPREAD: "seconds"}
#: A program is asked no sooner than so long after it was asked last.
_ASK_S = 0.05
#: A program begins when the one before is over, unless so much time went by meanwhile, as for a restart.
_BETWEEN_S = 0.1


class Spawner:
    """Starts and stops the users of one run, on all its workers.

    ``runner`` is Locust's master; ``spawn`` runs something beside the run.
    """

    def __init__(
        self, runner: Any, recorder: Recorder, spawn: Callable[..., gevent.Greenlet], workers: int
    ) -> None:
        """The run begins with so many ``workers``."""
        self._runner = runner
        self._recorder = recorder
        self._spawn = spawn
        self._lanes = ArrivalLanes(workers)
        self._numbers = GivenNumbers(workers)
        #: The most users that were wanted by now, and that were to arrive per second.
        self._most_wanted, self._most_per_s = 0, 0.0
        self._moving: gevent.Greenlet | None = None
        #: Ending a move gives others a turn: a lost worker may be made up for while a program asks.
        self._one_at_a_time = BoundedSemaphore()
        #: The users that were wanted last, at what rate, of which classes.
        self._moved: tuple[int, float, list[Any] | None] | None = None
        #: What the workers were told last; None is the scenario's own.
        self._rate: float | None = None
        self._size: int | None = None
        self._skipped_s = 0.0
        self._spread_s: float | None = None
        #: Who arrives, and from which moment of the monotonic clock on; None where nobody does, or no more.
        self._arrivals: tuple[Arrivals, float] | None = None
        #: Seconds of the run at which the last program was over; its stages, and how many programs were.
        self._over_s = 0.0
        self._stages = 0
        self._programs = 0

    def follow(self, program: Program) -> None:
        """Do what a program asks until it is over; users that are there then stay.

        Raises what the program raises, such as ScenarioError.
        """
        begin_s, first = self._next_s(), self._stages
        seen = self._recorder.begin_program(begin_s)
        if self._programs:
            self._recorder.note("info", f"program {self._programs + 1} of this run begins")
        self._programs += 1
        last: Wanted | None = None
        elapsed_s = 0.0
        try:
            self._sleep_until(begin_s)
            while (wanted := program.tick(elapsed_s, seen)) is not None:
                until_s = max(wanted.until_s, elapsed_s + _ASK_S)
                if not wanted.same_as(last):
                    if wanted.note and (last is None or wanted.note != last.note):
                        self._recorder.note("info", wanted.note)
                    self._stages = max(self._stages, first + wanted.stage + 1)
                    self._recorder.begin_stage(begin_s + elapsed_s, first + wanted.stage)
                    self._tell_rate(wanted.rate)  # before users start that are to follow it
                    self._tell_size(wanted.size)
                    self._tell_skip(wanted.skipped_s)
                    self._tell_arrivals(wanted, last, begin_s + elapsed_s)
                    self._move(wanted, until_s - elapsed_s)
                if wanted.lines:
                    self._recorder.learn(wanted.lines)
                last, elapsed_s = wanted, until_s
                self._sleep_until(begin_s + elapsed_s + _AFTER_S)
        finally:
            with self._one_at_a_time:
                self._end_move()
            self._over_s = begin_s + elapsed_s

    def _next_s(self) -> float:
        """The second at which the next program begins: at once, or now where something was done before it."""
        now_s = monotonic() - self._recorder.begin
        return now_s if self._programs and now_s > self._over_s + _BETWEEN_S else self._over_s

    def _tell_rate(self, rate: float | None) -> None:
        if rate != self._rate:
            self._runner.send_message(RATE, {_SAID[RATE]: rate})
            self._rate = rate

    def _tell_size(self, size: int | None) -> None:
        if size != self._size:
            self._runner.send_message(SIZE, {_SAID[SIZE]: size})
            self._size = size

    def _tell_skip(self, seconds: float) -> None:
        if seconds != self._skipped_s:
            self._runner.send_message(SKIP, {_SAID[SKIP]: seconds})
            self._skipped_s = seconds

    def _tell_arrivals(self, wanted: Wanted, last: Wanted | None, begin_s: float) -> None:
        if wanted.arrivals is None and self._arrivals is not None:
            self._arrivals = None
            self._runner.send_message(ARRIVALS, None)
        if wanted.arrivals is not None and (last is None or wanted.arrivals != last.arrivals):
            self._most_per_s = max(self._most_per_s, wanted.arrivals.rate_per_s)
            at = self._recorder.begin + begin_s
            self._arrivals = (wanted.arrivals, at)
            self._runner.send_message(ARRIVALS, self._expected_arrivals())

    def _move(self, wanted: Wanted, within_s: float) -> None:
        """Begin to move to a number of users, instead of to what was wanted before.

        Locust starts a batch of users at once, at most one a second; each batch is spread over
        the time until the next one, and over no more than the stage.
        """
        with self._one_at_a_time:
            self._end_move()
            self._begin_move(wanted, within_s)

    def _begin_move(self, wanted: Wanted, within_s: float) -> None:
        dispatcher = self._runner._users_dispatcher  # None before the first user
        self._most_wanted = max(self._most_wanted, wanted.users)
        asked = 0 if dispatcher is None else int(dispatcher.get_current_user_count())
        rate = wanted.spawn_rate_per_s
        if rate is None:
            if wanted.users == asked:
                return
            rate = abs(wanted.users - asked) / max(0.1, within_s)
        batch_s = max(1, int(rate)) / rate
        self._spread_s = _SPREAD_SHARE * min(1.0, within_s, batch_s)
        self._runner.send_message(SPREAD, {_SAID[SPREAD]: self._spread_s})
        self._moved = (wanted.users, rate, wanted.user_classes)
        self._moving = self._spawn(
            self._runner.start, wanted.users, spawn_rate=rate, user_classes=wanted.user_classes
        )

    def lose(self, worker: int, unknown_from: float) -> None:
        """A worker is lost: others take over its users, and those that were to arrive at it.

        What it did is not known from a moment of the monotonic clock on.
        """
        self._lanes.lose(worker, unknown_from)
        self._tell_shares()
        self.make_up()

    @property
    def lacks_one(self) -> bool:
        """Whether a worker is lost, and no other has come for it."""
        return self._lanes.vacant

    def welcome(self, worker: int, node: str) -> int | None:
        """A worker has come, ``node`` for Locust: it takes the place of a lost one; returns which.

        It learns what the others know, and gets its share of the users with ``share_out``.
        """
        lost = self._lanes.take_over(worker, monotonic() + _HANDOVER_S)
        if lost is not None:
            unreported = self._most_wanted + math.ceil(self._most_per_s * _UNREPORTED_S)
            numbers = self._numbers.take_over(worker, lost, self._recorder.started, unreported)
            self._runner.send_message(LANE, msgspec.to_builtins(numbers), node)
        known = {SPREAD: self._spread_s, RATE: self._rate, SIZE: self._size, SKIP: self._skipped_s or None}
        for kind, told in known.items():
            if told is not None:
                self._runner.send_message(kind, {_SAID[kind]: told}, node)
        if self._arrivals is not None:
            self._runner.send_message(ARRIVALS, self._expected_arrivals(), node)
        return lost

    def share_out(self) -> None:
        """Locust has a worker that was welcomed: all get their shares of the users anew."""
        self._tell_shares()
        self.make_up()

    def _expected_arrivals(self) -> Any:
        assert self._arrivals is not None
        arrivals, at = self._arrivals
        return msgspec.to_builtins(ExpectedArrivals(arrivals, at, self._lanes.shares(at)))

    def _tell_shares(self) -> None:
        if self._arrivals is not None:
            self._runner.send_message(SHARES, msgspec.to_builtins(self._lanes.shares(self._arrivals[1])))

    def make_up(self) -> None:
        """Locust shares out the users anew; those that are missing start at the pace of the last move."""
        with self._one_at_a_time:
            if self._moved is None or self._runner._users_dispatcher is None:
                return
            self._end_move()
            users, rate, user_classes = self._moved
            self._moving = self._spawn(self._runner.start, users, spawn_rate=rate, user_classes=user_classes)

    def _end_move(self) -> None:
        """End Locust's wait for workers to report their start: it also waits for lost ones."""
        if self._moving is not None:
            self._moving.kill()
            self._moving = None

    def _sleep_until(self, second: float) -> None:
        gevent.sleep(max(0.0, self._recorder.begin + second - monotonic()))
