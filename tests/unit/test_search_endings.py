"""How a search ends whose gates never fail, or whose operations are too few: never in silence.

A gate of 0.1 % is not to be shown with 95 % in a minute. Such searches ended in "not known", and passed.
"""

import math

import msgspec
import pytest

from siotool.report.capacity_figures import capacity_of
from siotool.report.capacity_tables import capacity_sentence
from siotool.report.doubts import find_doubts
from siotool.runfile import Interval, Operation
from siotool.runs.seconds import seconds_of
from siotool.search.capacity_search import Asked, CapacitySearch
from siotool.search.edge_belief import surety
from siotool.search.objective import Objective, implied
from siotool.search.seen_blocks import Block, Visit
from siotool.searched import LOWEST_FAILED, NOT_SHOWN, TIME, TIME_OVER, FoundCapacity, Hold
from siotool.swarm.search_program import SearchedLoad, SearchProgram
from tests.unit.test_swarm_search_program import driven

STRICT = [
    pytest.param(0.001, id="p99.9, or 0.1 %"),
    pytest.param(0.0005, id="a gate that allows nothing"),
]


def held(
    allowed: float, per_user: float, *, start: float = 100.0, most: float = 100.0, missed: float = 0.0
) -> CapacitySearch:
    """A search of a server that misses so large a share at each load, with whole operations."""
    search = CapacitySearch(Asked((allowed, 0.01), start, most, whole=True))
    due = late = 0.0
    while not search.over:
        due, late = due + per_user * search.load, late + missed * per_user * search.load
        tried, bad = math.floor(due), math.floor(late)
        due, late = due - tried, late - bad
        search.add(Block(1.0, (float(bad), 0.0), (float(tried), search.load), level_s=0.01))
    return search


@pytest.mark.parametrize("allowed", STRICT)
@pytest.mark.parametrize("start", [100.0, 50.0])
def test_a_strict_gate_that_never_fails_ends_at_the_bound_with_at_least(allowed: float, start: float) -> None:
    search = held(allowed, 1.0, start=start)
    low, high = search.interval()
    assert search.why == "no gate failed"
    assert high is None
    assert low > 0
    assert 0 < search.confidence() <= 0.95
    if start == 100:
        assert (low, search.confidence() < 0.6) == (100, True)


@pytest.mark.parametrize(
    ("most", "whole"),
    [
        pytest.param(1283.0, True, id="0.2 % above a load of the climb"),
        pytest.param(10_300.0, True, id="0.6 % above it"),
        pytest.param(1234.5, False, id="more digits than a load has"),
        pytest.param(1235.6, False, id="digits that are rounded up"),
        pytest.param(80.5, True, id="half a user"),
    ],
)
def test_a_bound_close_above_a_load_that_was_held_is_reached(most: float, whole: bool) -> None:
    """The load before it was held again and again until the time was over."""
    search = CapacitySearch(Asked((0.01,), 10.0, most, whole))
    holds = 0
    while not search.over:
        assert search.load <= most
        holds += search.add(Block(1.0, (0.0,), (search.load,), level_s=0.01)) is not None
    assert search.why == "no gate failed"
    assert search.interval() == (search.load, None)
    assert search.load > 0.99 * most
    assert search.elapsed_s < 120
    assert holds < 15


def test_a_bound_close_above_a_load_of_the_climb_is_the_bound_and_not_the_time() -> None:
    program = SearchProgram(SearchedLoad("users", 10.0, 1283.0, users=7), list(implied()), 0.95)
    _, lines = driven(program, edge=math.inf)
    found = [line for line in lines if isinstance(line, FoundCapacity)][-1]
    assert (found.low, found.limited_by, found.why) == (1280, "bound", "no gate failed")


def test_a_bound_is_held_on_as_long_as_that_makes_it_sure() -> None:
    """0.5 % takes two minutes; it was given up after one."""
    search = held(0.005, 1.0)
    assert search.interval() == (100, None)
    assert search.confidence() == 0.95
    assert 100 < search.elapsed_s < 200


def test_a_bound_is_not_held_on_where_the_time_that_is_left_does_not_make_it_sure() -> None:
    """The hold of the climb there was not counted, and more was hoped for than there was time for."""
    search = held(0.0023, 1.0)
    assert search.interval() == (100, None)
    assert search.confidence() < 0.6
    assert 60 < search.elapsed_s < 80


def test_too_few_operations_for_the_gate_show_nothing() -> None:
    search = held(0.001, 0.01)  # one a second: 1,000 are needed
    assert search.interval() == (0, None)
    assert search.why == NOT_SHOWN


def test_a_bound_near_the_edge_says_that_it_was_not_shown() -> None:
    search = held(0.01, 1.0, missed=0.011)
    assert search.interval()[0] == 0
    assert search.why == NOT_SHOWN


@pytest.mark.parametrize(
    ("own_most", "limited_by"),
    [
        pytest.param(False, "", id="the bound was named"),
        pytest.param(True, "generator", id="no higher one can be named"),
    ],
)
def test_a_bound_that_misses_more_than_is_allowed_is_none_that_no_gate_failed_at(
    own_most: bool, limited_by: str
) -> None:
    """It passes the climb, and misses 1.25 % of the minute after it: the gate failed in the report of it."""
    gate = Objective("errors:ack > 1%", "failed", 0.01, "ack", "")
    searched = SearchedLoad("users", 50.0, 100.0, users=7, own_most=own_most)
    program = SearchProgram(searched, [gate], 0.95)
    held_s = 0

    def later(load: float, one: Interval) -> Interval:
        nonlocal held_s
        held_s += load == 100
        bad = round(12.5 * (load == 100 and held_s > 5))
        errors = Operation("ack", "echo", 1000 - bad, errors={"timeout": bad} if bad else {})
        return msgspec.structs.replace(one, operations=[errors])

    _, lines = driven(program, edge=math.inf, changed=later)
    found = [line for line in lines if isinstance(line, FoundCapacity)][-1]
    assert 0 < found.low < 100
    assert (found.complete, found.high, found.limited_by, found.why) == (True, None, limited_by, NOT_SHOWN)


@pytest.mark.parametrize(
    "generator_most",
    [
        pytest.param(math.inf, id="the bound"),
        pytest.param(110.0, id="the load below the generator's limit"),
    ],
)
def test_a_bound_that_is_beyond_the_edge_by_all_loads_is_searched_below(generator_most: float) -> None:
    """It ended there with an upper end, and no word that its highest load was not shown."""
    most = 100.0 if generator_most == math.inf else 1e6
    search = CapacitySearch(Asked((0.01,), 25.0, most, whole=True))
    held_s = 0
    while not search.over:
        held_s += search.load >= 100
        share = 0.009 if search.load >= 100 and held_s <= 6 else 0.02 * (search.load / 100) ** 3
        doubts = ("busy",) if search.load > generator_most else ()
        search.add(Block(1.0, (1000 * share,), (1000.0,), level_s=0.01, doubts=doubts))
    low, high = search.interval()
    assert high is not None
    assert 50 < low < 79.4 < high < 100
    assert search.why in ("the interval is as narrow as wanted", TIME_OVER)


def test_surety_is_that_of_the_exact_binomial_where_operations_are_alone() -> None:
    """No miss of n: 1 - (1 - allowed)^n; the rule of three."""
    alone = [Visit(10.0, [Block(1.0, (0.0, 0.0), (5.0, 0.0))] * 60)]
    assert surety(alone, (0.01, 0.01)) == pytest.approx(1 - 0.99**300)
    together = [Visit(10.0, [Block(1.0, (0.0, 0.0), (500.0, 0.0))] * 60)]
    assert surety(together, (0.01, 0.01)) == pytest.approx(1 - 0.99**300), "5 of 500 in a second count"
    assert surety(alone, (0.01, 0.01), times=2.0) == pytest.approx(1 - 0.99**600)
    assert surety(alone, (0.01, 0.2), meant=(1,)) == surety(alone, (0.01, 0.01)), "none meant was tried"
    assert surety([], (0.01,)) == 0


LINE = FoundCapacity(
    t_s=255,
    search="users",
    unit="connections",
    value=None,
    low=100,
    high=None,
    confidence=0.3,
    gate="",
    limited_by="bound",
    seconds=66,
    complete=True,
    why="no gate failed",
)
HOLD = Hold(66, 6, 100, "undecided", "p99.9:ack > 200ms", 0.0, 0.001, 6000, 60, 4.0)


def doubts_of(make_run, found):
    run = msgspec.structs.replace(make_run(), capacity=found, holds=[HOLD])
    return [text for text in find_doubts([run], [run], seconds_of([run])) if "load" in text]


def test_at_least_by_a_bound_is_no_doubt_and_says_how_sure_it_is(make_run):
    assert doubts_of(make_run, LINE) == []
    run = msgspec.structs.replace(make_run(), capacity=LINE, holds=[HOLD])
    found = capacity_of([run])
    assert found is not None
    said = capacity_sentence(found)
    assert "at least 100 connections of this workload, with 30 % confidence" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"low": 0, "why": NOT_SHOWN}, "no load was shown to meet the gates", id="not known"),
        pytest.param(
            {"low": 0, "high": 120, "why": TIME_OVER, "limited_by": "server"},
            "no load was shown to meet the gates",
            id="less than, out of time",
        ),
        pytest.param(
            {"why": NOT_SHOWN, "limited_by": ""},
            "at least what the search says",
            id="the bound was not shown",
        ),
        pytest.param(
            {"limited_by": TIME, "why": TIME_OVER},
            "over before it was known which load is too much",
            id="out of time",
        ),
    ],
)
def test_an_end_that_shows_no_capacity_is_a_doubt(make_run, changed, said):
    (doubt,) = doubts_of(make_run, msgspec.structs.replace(LINE, **changed))
    assert said in doubt


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"low": 0, "why": LOWEST_FAILED}, id="the lowest load failed: that is a result"),
        pytest.param({"low": 0, "complete": False}, id="ended early: said elsewhere"),
    ],
)
def test_other_ends_have_their_own_word(make_run, changed):
    assert doubts_of(make_run, msgspec.structs.replace(LINE, **changed)) == []


def test_a_climb_whose_time_ends_before_a_load_fails_says_that_it_was_the_time() -> None:
    """With strict gates each load takes 15 s: there was no word, and the search passed."""
    gates = [Objective("p99.9:ack > 200ms", "late", 1e-6, "ack", "", 0.2), *implied()]
    program = SearchProgram(SearchedLoad("users", 10.0, 1e12, users=7), gates, 0.95)
    _, lines = driven(program, edge=math.inf)
    found = [line for line in lines if isinstance(line, FoundCapacity)][-1]
    assert (found.complete, found.high, found.limited_by, found.why) == (True, None, TIME, TIME_OVER)


def test_a_search_whose_time_ends_beside_a_load_that_failed_does_not_say_that_none_did(make_run) -> None:
    """The climb takes most of the time, and the edge is not closed in when it is over."""
    gates = [Objective("errors:ack > 0.1%", "failed", 0.001, "ack", "")]
    program = SearchProgram(SearchedLoad("users", 10.0, 1e9, users=7), gates, 0.95)

    def few(load: float, one: Interval) -> Interval:
        """60 operations a second, of which 0.4 % fail from a load on."""
        bad = round(one.t_s) % 4 == 0 and load >= 160_000
        errors = Operation("ack", "echo", 60 - bad, errors={"timeout": 1} if bad else {})
        return msgspec.structs.replace(one, operations=[errors])

    _, lines = driven(program, edge=math.inf, changed=few)
    found = [line for line in lines if isinstance(line, FoundCapacity)][-1]
    holds = [line for line in lines if isinstance(line, Hold)]
    assert "failed" in {line.outcome for line in holds}
    assert (found.complete, found.high, found.limited_by) == (True, None, TIME)
    run = msgspec.structs.replace(make_run(), capacity=found, holds=holds)
    known = capacity_of([run])
    assert known is not None
    (doubt,) = [text for text in find_doubts([run], [run], seconds_of([run])) if "time was over" in text]
    for text in (doubt, capacity_sentence(known)):
        assert "time was over before it was known which load is too much" in text
