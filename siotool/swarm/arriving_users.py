"""Users that arrive, stay as long as their scenario says, and are not replaced: an open model of sessions.

All workers know the whole stream of arrivals, which the seed decides. Each starts its share of them.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from time import monotonic
from typing import Any

import gevent
import msgspec
from locust import User
from locust.env import Environment

from siotool.swarm.arrival_shares import (
    ARRIVALS,
    NOBODY,
    SHARES,
    ArrivalShares,
    DealtArrivals,
    ExpectedArrivals,
)
from siotool.swarm.config import WorkerConfig
from siotool.swarm.generator import Generator
from siotool.swarm.pacing import GOLDEN
from siotool.swarm.program import arrival_moments
from siotool.swarm.scenario_code import ENDINGS


class ArrivingUsers:
    """The arrivals of one worker. Locust's ``runner`` starts users of a ``fixed_count``, and stops all."""

    def __init__(self, runner: Any, generator: Generator, config: WorkerConfig) -> None:
        self._runner = runner
        self._generator = generator
        self._visits = generator.visits
        self._seed = config.workload.seed
        self._worker = config.engine.worker
        self._expected: ExpectedArrivals | None = None
        #: Whether users arrive in this run, also where no more do by now: Locust starts only the others.
        self._by_arrival = False
        #: The arrivals of this worker, once they have begun, until no user arrives any more.
        self._dealt: DealtArrivals | None = None
        #: When they have begun, on this machine's clock.
        self._begun_at = 0.0
        self._places = 0.0
        self._greenlet: gevent.Greenlet | None = None
        #: Who has arrived and is there, in the order of arrival.
        self._present: dict[Any, User] = {}
        runner.register_message(ARRIVALS, self._expect)
        runner.register_message(SHARES, self._share)

    def residents_of(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """The part of Locust's wanted users by class that does not arrive."""
        known: dict[str, type[User]] = self._runner.user_classes_by_name
        if not self._by_arrival:
            return dict(wanted)
        return {name: count for name, count in wanted.items() if known[name].fixed_count}

    def begin(self) -> None:
        """Let users arrive if they are expected."""
        if self._expected is None or self._greenlet is not None:
            return
        self._generator.spread_s = 0.0  # each starts when it arrives
        self._begun_at = self._generator.run_clock.ours(self._expected.at)
        moments = arrival_moments(self._expected.arrivals, self._seed)
        self._dealt = DealtArrivals(moments, self._worker, self._expected.shares, self._now)
        self._go_on(self._dealt, self._expected)

    def end(self) -> None:
        """No user arrives any more; who was due by now and did not was offered all the same."""
        if self._greenlet is None or self._dealt is None:
            return
        self._greenlet.kill()
        now = self._now
        while self._dealt.next.moment <= now:
            self._visits.offered += 1
            self._dealt.take(now)
        self._dealt = None

    @property
    def _now(self) -> float:
        """Seconds since the arrivals have begun."""
        return monotonic() - self._begun_at

    def _expect(self, environment: Environment, msg: Any) -> None:
        """Users will arrive from a moment on, once Locust has begun; None: no more do.

        Instead of those that were expected before; who has come stays as long as was said then.
        """
        self._expected = msgspec.convert(msg.data, ExpectedArrivals | None)
        self._by_arrival = True
        if self._greenlet is not None:
            self.end()
            self._greenlet = None
            self.begin()

    def _share(self, environment: Environment, msg: Any) -> None:
        """Other workers than before start the arrivals from a moment on.

        Those of a lost worker that were due by now were offered, and nobody starts them.
        """
        if self._expected is None:
            return
        shares = msgspec.convert(msg.data, ArrivalShares)
        self._expected = msgspec.structs.replace(self._expected, shares=shares)
        if self._dealt is None or self._greenlet is None:
            return
        self._greenlet.kill()
        self._visits.offered += self._dealt.share(shares, self._now)
        self._go_on(self._dealt, self._expected)
        surplus = len(self._present) - self._places
        for user in [*self._present.values()][-int(surplus) :] if surplus > 0 else ():
            gevent.spawn(user.stop, force=True)  # its place is another worker's now

    def _go_on(self, dealt: DealtArrivals, expected: ExpectedArrivals) -> None:
        residents = sum(found.fixed_count for found in self._runner.user_classes)
        self._places = expected.shares.places(self._worker, expected.arrivals, residents)
        self._greenlet = gevent.spawn(self._arrive, dealt, expected.arrivals.stay_s)

    def _arrive(self, dealt: DealtArrivals, stay_s: float) -> None:
        classes = [found for found in self._runner.user_classes if not found.fixed_count]
        weights = list(accumulate(found.weight for found in classes))
        while dealt.next is not NOBODY:
            number, due = dealt.next.number, dealt.next.moment
            has_row = self._generator.rows is None or self._generator.rows.provide(1) > 0
            gevent.sleep(max(0.0, due - self._now))
            dealt.take(self._now)
            self._visits.offered += 1
            if len(self._present) >= self._places:
                self._visits.no_place += 1
                continue
            if not has_row:
                continue
            # any run of numbers has the classes in the proportion of their weights
            chosen = classes[bisect_right(weights, number * GOLDEN % 1.0 * weights[-1])]
            try:
                user = chosen(self._runner.environment)
            except ENDINGS:
                raise
            except BaseException as error:  # the scenario's own code
                self._generator.results.exception(error)
                continue
            self._visits.arrived += 1
            user.start(self._runner.user_greenlets)
            self._present[user.greenlet] = user
            user.greenlet.link(self._left)
            if stay_s:
                gevent.spawn_later(stay_s, user.stop, force=True)  # also one that holds, or is away

    def _left(self, greenlet: Any) -> None:
        self._present.pop(greenlet, None)
