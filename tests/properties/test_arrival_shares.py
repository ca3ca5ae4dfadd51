"""Users that arrive are started by one worker each, whoever is lost or comes, or are missed once."""

import math
from collections import Counter
from itertools import pairwise
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from siotool.swarm.arrival_shares import NOBODY, ArrivalLanes, DealtArrivals, DueArrival
from siotool.workload import Arrivals

#: So long before a new worker begins, all know of it.
LEAD_S = 0.5
DURATION_S = 40.0

processes = st.sampled_from(["constant", "poisson"])
#: When something happens, what it is, and how long it takes until the parent knows.
happenings = st.lists(
    st.tuples(st.floats(1.0, 38.0), st.booleans(), st.floats(0.0, 20.0)),
    max_size=6,
    unique_by=lambda one: one[0],
)


class Fleet:
    """Workers that start whom they are to, on one clock."""

    def __init__(self, arrivals: Arrivals, workers: int, seed: int) -> None:
        self._arrivals, self._seed = arrivals, seed
        self.lanes = ArrivalLanes(workers)
        self.now = 0.0
        #: When the last of them has begun.
        self.complete_at = 0.0
        self._dealt: dict[int, DealtArrivals] = {}
        self._next_worker = 0
        #: Number and moment of whom a worker has started, by worker.
        self.started: dict[int, list[tuple[int, float]]] = {}
        #: When a worker has counted how many that nobody had started, by worker.
        self._missed: dict[int, list[tuple[float, int]]] = {}
        for _ in range(workers):
            self._add()

    def _add(self) -> None:
        worker, self._next_worker = self._next_worker, self._next_worker + 1
        moments = self._arrivals.moments(Random(self._seed).expovariate)
        self._dealt[worker] = DealtArrivals(moments, worker, self.lanes.shares(0.0), self.now)
        self.started[worker] = []
        self._missed[worker] = []

    def go_on(self, until: float) -> None:
        self.now = until
        for worker, dealt in self._dealt.items():
            while dealt.next.moment <= until:
                taken = dealt.take(until)
                self.started[worker].append((taken.number, taken.moment))

    def die(self, chance: Random) -> int | None:
        """A worker dies, unless it is the last; it has told of whole seconds only."""
        if len(self._dealt) == 1:
            return None
        worker = chance.choice([*self._dealt])
        del self._dealt[worker]
        told_s = math.floor(self.now)
        self.started[worker] = [one for one in self.started[worker] if one[1] < told_s]
        self._missed[worker] = [one for one in self._missed[worker] if one[0] < told_s]
        return worker

    def find_lost(self, worker: int, died_at: float) -> None:
        self.lanes.lose(worker, math.floor(died_at))
        self._share()

    def replace(self) -> None:
        if self.lanes.take_over(self._next_worker, self.now + LEAD_S) is not None:
            self._share()
            self._add()
            self.complete_at = self.now + LEAD_S

    def _share(self) -> None:
        shares = self.lanes.shares(0.0)
        for worker, dealt in self._dealt.items():
            self._missed[worker].append((self.now, dealt.share(shares, self.now)))

    @property
    def missed(self) -> int:
        return sum(count for counted in self._missed.values() for _, count in counted)

    @property
    def over(self) -> bool:
        return all(dealt.next is NOBODY for dealt in self._dealt.values())


@given(processes, st.floats(0.5, 20.0), st.integers(2, 6), st.integers(0, 1000), happenings)
@settings(max_examples=300)
# the only other worker is lost while a new one is about to begin
@example("constant", 4.0, 2, 1, [(1.0, True, 0.0), (27.0, False, 0.0), (27.25, True, 0.0)])
def test_each_arrival_is_started_once_or_missed_once(process, rate, workers, seed, happenings) -> None:
    """Workers die, and are found to be lost up to 20 s later; meanwhile others die or are replaced.

    Where one dies before the loss of another is known and told, or the last one while a new one is about to
    begin, some that were missed may not be counted.
    """
    arrivals = Arrivals(rate, DURATION_S, process=process)
    fleet, chance = Fleet(arrivals, workers, seed), Random(seed)
    stream = [*enumerate(arrivals.moments(Random(seed).expovariate))]
    to_come = [(at, "dies" if is_loss else "is replaced", unknown_s) for at, is_loss, unknown_s in happenings]
    found: list[tuple[float, int, float]] = []
    gaps: list[tuple[float, float]] = []
    exact = True
    while to_come or found:
        at, what, unknown_s = min(to_come, default=(math.inf, "", 0.0))
        if found and min(found)[0] <= at:
            known_at, lost, died_at = min(found)
            found.remove((known_at, lost, died_at))
            fleet.go_on(known_at)
            fleet.find_lost(lost, died_at)
            continue
        to_come.remove((at, what, unknown_s))
        fleet.go_on(at)
        if what == "is replaced":
            fleet.replace()
        elif (died := fleet.die(chance)) is not None:
            found.append((at + unknown_s, died, at))
            gaps.append((math.floor(at), max(at + unknown_s, fleet.complete_at)))
            exact = exact and at > fleet.complete_at
    fleet.go_on(max(DURATION_S, fleet.now))
    assert fleet.over
    counted = Counter(number for started in fleet.started.values() for number, _ in started)
    assert set(counted.values()) <= {1}
    assert all(started == sorted(started) for started in fleet.started.values())
    assert counted.total() + fleet.missed <= len(stream)
    # what was counted by one that is lost too is not known
    exact = exact and all(before[1] < after[0] for before, after in pairwise(sorted(gaps)))
    assert not exact or counted.total() + fleet.missed == len(stream)
    missing = [moment for number, moment in stream if number not in counted]
    assert all(any(begin <= moment <= end for begin, end in gaps) for moment in missing)


@given(st.integers(2, 8), st.data())
def test_the_others_start_as_many_each_of_those_of_lost_workers(workers, data) -> None:
    lost = data.draw(st.lists(st.integers(0, workers - 1), max_size=workers - 1, unique=True))
    lanes = ArrivalLanes(workers)
    for worker in lost:
        lanes.lose(worker, 0.0)
    every = math.factorial(workers) * workers
    shares = lanes.shares(0.0)
    # every 97th of them, each with another turn: enough to tell
    numbers = range(0, 97 * min(every, 4000), 97)
    counted = Counter(shares.worker_of(DueArrival(1.0, number)) for number in numbers)
    assert set(counted) == set(range(workers)) - set(lost)
    even = len(numbers) / len(counted)
    assert all(abs(count - even) <= 0.15 * even + 2 for count in counted.values())


@given(st.integers(1, 300), st.integers(1, 8), st.integers(0, 20), st.data())
def test_the_places_of_a_lost_worker_are_the_others(most, workers, residents, data) -> None:
    arrivals = Arrivals(1.0, 1.0, most)
    lanes = ArrivalLanes(workers)
    for worker in data.draw(st.lists(st.integers(0, workers - 1), max_size=workers - 1, unique=True)):
        lanes.lose(worker, 1.0)
    came = data.draw(st.integers(0, workers))
    for worker in range(workers, workers + came):
        lanes.take_over(worker, 2.0)
    shares = lanes.shares(0.0)
    places = [shares.places(worker, arrivals, residents) for worker in range(workers + came)]
    assert sum(places) == max(0, most - residents)
