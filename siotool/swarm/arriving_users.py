"""Users that arrive, stay as long as their scenario says, and are not replaced: an open model of sessions.

All workers know the whole stream of arrivals, which the seed decides. Each starts every n-th of them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from math import inf
from time import monotonic
from typing import Any

import gevent
from locust import User

from siotool.swarm.config import WorkerConfig
from siotool.swarm.generator import Generator
from siotool.swarm.pacing import GOLDEN
from siotool.swarm.program import arrival_moments
from siotool.workload import Arrivals

#: No arrival comes any more.
_NEVER = (inf, 0)


class ArrivingUsers:
    """The arrivals of one worker. Locust's ``runner`` starts users of a ``fixed_count``, and stops all."""

    def __init__(self, runner: Any, generator: Generator, config: WorkerConfig) -> None:
        self._runner = runner
        self._generator = generator
        self._visits = generator.visits
        self._seed = config.workload.seed
        self._worker, self._workers = config.engine.worker, config.workload.processes
        self._expected: tuple[Arrivals, float] | None = None
        self._stream: Iterator[tuple[float, int]] = iter(())
        #: When the next user of this worker arrives, and its number in the stream.
        self._next = _NEVER
        self._greenlet: gevent.Greenlet | None = None
        self._present = 0

    def expect(self, arrivals: Arrivals, at: float) -> None:
        """Users will arrive from a moment of the monotonic clock on, once Locust has begun.

        Instead of those that were expected before; who has come stays as long as was said then.
        """
        self._expected = (arrivals, at)
        if self._greenlet is not None:
            self.end()
            self._greenlet = None
            self.begin()

    def residents_of(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """The part of Locust's wanted users by class that does not arrive."""
        known: dict[str, type[User]] = self._runner.user_classes_by_name
        if self._expected is None:
            return dict(wanted)
        return {name: count for name, count in wanted.items() if known[name].fixed_count}

    def begin(self) -> None:
        """Let users arrive if they are expected."""
        if self._expected is None or self._greenlet is not None:
            return
        arrivals, at = self._expected
        self._generator.spread_s = 0.0  # each starts when it arrives
        moments = enumerate(arrival_moments(arrivals, self._seed))
        self._stream = (
            (at + moment, number) for number, moment in moments if number % self._workers == self._worker
        )
        self._next = next(self._stream, _NEVER)
        residents = sum(found.fixed_count for found in self._runner.user_classes)
        places = arrivals.places(self._worker, self._workers, residents)
        self._greenlet = gevent.spawn(self._arrive, places, arrivals.stay_s)

    def end(self) -> None:
        """No user arrives any more; who was due by now and did not was offered all the same."""
        if self._greenlet is None:
            return
        self._greenlet.kill()
        now = monotonic()
        while self._next[0] <= now:
            self._visits.offered += 1
            self._next = next(self._stream, _NEVER)

    def _arrive(self, places: float, stay_s: float) -> None:
        classes = [found for found in self._runner.user_classes if not found.fixed_count]
        weights = list(accumulate(found.weight for found in classes))
        while self._next is not _NEVER:
            due, number = self._next
            has_row = self._generator.rows is None or self._generator.rows.provide(1) > 0
            gevent.sleep(max(0.0, due - monotonic()))
            self._next = next(self._stream, _NEVER)
            self._visits.offered += 1
            if self._present >= places:
                self._visits.no_place += 1
                continue
            if not has_row:
                continue
            # any run of numbers has the classes in the proportion of their weights
            chosen = classes[bisect_right(weights, number * GOLDEN % 1.0 * weights[-1])]
            try:
                user = chosen(self._runner.environment)
            except Exception as error:  # the scenario's own code
                self._generator.results.exception(error)
                continue
            self._visits.arrived += 1
            self._present += 1
            user.start(self._runner.user_greenlets)
            user.greenlet.link(self._left)
            if stay_s:
                gevent.spawn_later(stay_s, user.stop)

    def _left(self, _greenlet: Any) -> None:
        self._present -= 1
