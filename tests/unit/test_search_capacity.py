"""Searches in simulated time: the interval holds the edge, and bad luck ends in a clear word.

Hundreds of them are tests/bench/search_coverage.py; its table is in docs/capacity.md.
"""

import math

import pytest

from siotool.search.capacity_search import Asked, CapacitySearch
from siotool.search.seen_blocks import Block
from siotool.searched import LOWEST_FAILED
from tests.bench.capacity import truth
from tests.unit.simulated_server import QueueServer, StandstillServer, SteadyServer, search_of


@pytest.mark.parametrize(
    ("power", "clumped", "widest"),
    [
        pytest.param(25.0, 0.0, 0.1, id="steep, each operation by itself"),
        pytest.param(25.0, 0.2, 0.25, id="steep, in clumps of a second"),
        pytest.param(5.0, 1.0, 0.45, id="flat, in clumps of a second"),
    ],
)
def test_the_interval_holds_a_known_edge(power: float, clumped: float, widest: float) -> None:
    found = [search_of(SteadyServer(300.0, power, clumped, seed))[0] for seed in range(2)]
    intervals = [search.interval() for search in found]
    assert all(high is not None and low <= 300 <= high for low, high in intervals), intervals
    assert all((high or math.inf) / low < 1 + widest for low, high in intervals), intervals
    assert all(search.elapsed_s <= 271 for search in found)


def test_a_queue_that_is_noisy_by_the_second_is_found_in_less_than_five_minutes() -> None:
    known = truth(200.0, 0.03)
    found = [search_of(QueueServer(200.0, 0.03, seed))[0] for seed in range(2)]
    for low, high in (search.interval() for search in found):
        assert high is not None
        assert low <= known <= high
    assert max(search.elapsed_s for search in found) < 300


def test_an_edge_without_any_noise_is_found_to_a_few_percent_and_early() -> None:
    search, _ = search_of(StandstillServer(1000.0))
    low, high = search.interval()
    assert high is not None
    assert low <= 1000 <= high
    assert search.estimate() == pytest.approx(1000, rel=0.08)


def test_a_search_whose_lowest_load_fails_says_so_and_tries_no_other() -> None:
    search, holds = search_of(StandstillServer(5.0))
    assert search.why == LOWEST_FAILED
    assert search.interval()[0] == 0
    assert {hold.visit.load for hold in holds} == {10.0}
    assert search.elapsed_s < 30


def test_a_lowest_load_that_only_began_badly_is_climbed_from() -> None:
    bad = [True] * 5 + [False] * 1000

    class Waking(StandstillServer):
        def second(self, load: float) -> tuple[float, float, float]:
            return super().second(10_000.0 if bad.pop(0) else load)

    search, holds = search_of(Waking(100.0))
    assert max(hold.visit.load for hold in holds) > 100
    low, high = search.interval()
    assert high is not None
    assert low <= 100 <= high


def test_gates_that_never_fail_end_at_the_bound_with_at_least() -> None:
    search, holds = search_of(StandstillServer(math.inf), most=100.0)
    assert search.interval() == (100.0, None)
    assert search.estimate() is None
    assert search.why == "no gate failed"
    assert max(hold.visit.load for hold in holds) == 100


def test_what_the_generator_does_not_make_is_never_the_servers_limit() -> None:
    search, holds = search_of(StandstillServer(math.inf), generator_most=150.0)
    low, high = search.interval()
    assert high is None
    assert 100 <= low <= 150
    assert search.ceiling <= 320
    assert all(hold.outcome == "generator" for hold in holds if hold.visit.load > 150)
    assert all(hold.outcome != "failed" for hold in holds)


def test_a_server_that_fails_below_the_generators_limit_is_found_all_the_same() -> None:
    search, _ = search_of(StandstillServer(90.0), generator_most=150.0)
    low, high = search.interval()
    assert high is not None
    assert low <= 90 <= high


def test_a_generator_that_was_kept_from_a_load_once_is_asked_for_it_again() -> None:
    search = CapacitySearch(Asked((0.01,), 10.0, 1e6, whole=True))
    for _ in range(8):
        ended = search.add(Block(1.0, (0.0,), (10.0,), doubts=("busy",)))
    assert ended is not None
    assert ended.outcome == "generator"
    assert (search.load, search.ceiling) == (10.0, math.inf)


@pytest.mark.parametrize(
    ("late_connect", "outcome"),
    [
        pytest.param(0.0, "passed", id="one that succeeds"),
        pytest.param(1.0, "failed", id="one that fails"),
    ],
)
def test_a_load_does_not_wait_for_more_of_what_comes_only_once(late_connect: float, outcome: str) -> None:
    """A connect that came a second late kept 3 of 20 searches at one load until their time was over."""
    search = CapacitySearch(Asked(allowed=(0.01, 0.01), start=100.0, most=1e6, whole=True))
    search.add(Block(1.0, (0.0, 0.0), (100.0, 0.0)))  # it has settled
    search.add(Block(1.0, (0.0, late_connect), (100.0, 1.0)))
    seconds, ended = 0, None
    while ended is None and seconds < 20:
        ended = search.add(Block(1.0, (0.0, 0.0), (100.0, 0.0)))
        seconds += 1
    assert ended is not None
    assert (ended.outcome, seconds < 6) == (outcome, True)


def test_a_search_that_is_cut_keeps_what_it_knows() -> None:
    search, _ = search_of(SteadyServer(300.0, 25.0, 0.0, 1), longest_s=100.0)
    low, high = search.interval()
    assert search.why == "its time was over"
    assert high is not None
    assert 0 < low <= 300 <= high


def test_both_sides_of_the_edge_are_held_three_times_before_a_search_ends_by_itself() -> None:
    search, holds = search_of(SteadyServer(300.0, 25.0, 0.0, 2))
    assert search.why == "the interval is as narrow as wanted"
    middle = search.estimate()
    assert middle is not None
    near = [hold.visit.load for hold in holds if abs(math.log(hold.visit.load / middle)) < 0.15]
    assert min(sum(load > middle for load in near), sum(load <= middle for load in near)) >= 3


def test_loads_far_below_the_edge_still_count_as_having_passed() -> None:
    """A search disturbed near the edge forgot that lower loads had passed, and said "less than"."""
    search = CapacitySearch(Asked((0.01,), 10.0, 1e6, whole=True, longest_s=110.0))
    server, load, moving = StandstillServer(200.0), 0.0, 0
    while not search.over:
        if search.load != load:
            load, moving = search.load, 2
        missed, tried, level = server.second(load)
        late = tried if 170 < load <= 200 and search.elapsed_s % 3 == 0 else missed
        search.add(Block(1.0, (late,), (tried,), moving <= 0, level))
        moving -= 1
    low, high = search.interval()
    assert low > 20
    assert high is not None
