"""How clocks are compared: what the answers to questions about the time say, and how far off that may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.swarm.machines.clock_comparison import DRIFT, KEPT, ClockComparison


def exchange(at: float, there_s: float, thinks_s: float, back_s: float, ahead_s: float) -> tuple[float, ...]:
    """A question at a moment, the trips both ways, and how far the asking clock is ahead."""
    heard = at + there_s - ahead_s
    return at, heard, heard + thinks_s, at + there_s + thinks_s + back_s


def compared(*exchanges: tuple[float, ...]) -> ClockComparison:
    found = ClockComparison()
    for one in exchanges:
        found.add(*one)
    return found


def test_nobody_knows_before_the_first_answer() -> None:
    assert ClockComparison().reading(5.0) is None


@pytest.mark.parametrize(
    ("there_s", "back_s", "ahead_s", "error_s"),
    [
        pytest.param(
            0.001, 0.001, 5.0, 0.001, id="as long there as back: exact, and half the trip is the error"
        ),
        pytest.param(0.004, 0.0, 4.998, 0.002, id="all of it there: off by half, which the error covers"),
        pytest.param(0.0, 0.004, 5.002, 0.002, id="all of it back: off the other way"),
        pytest.param(0.0, 0.0, 5.0, 0.0, id="no trip at all"),
    ],
)
def test_half_of_the_trip_is_the_error(there_s: float, back_s: float, ahead_s: float, error_s: float) -> None:
    at, *rest = exchange(100.0, there_s, 0.5, back_s, 5.0)
    reading = compared((at, *rest)).reading(rest[-1])
    assert reading[:2] == (pytest.approx(ahead_s), pytest.approx(error_s, abs=1e-9))


def test_how_long_the_other_side_takes_to_answer_is_no_error() -> None:
    at, *rest = exchange(100.0, 0.001, 30.0, 0.001, 5.0)
    reading = compared((at, *rest)).reading(rest[-1])
    assert reading[:2] == (pytest.approx(5.0), pytest.approx(0.001, abs=1e-9))


def test_the_shortest_trip_counts_until_it_is_too_old() -> None:
    """What waits on its way says little; but clocks part."""
    best, later = exchange(100.0, 1e-4, 0.0, 1e-4, 5.0), exchange(101.0, 5e-4, 0.0, 4e-4, 5.0)
    found = compared(best, later)
    assert found.reading(101.01).error_s == pytest.approx(1e-4 + 1.01 * DRIFT, rel=0.01)
    slow = exchange(110.0, 6e-4, 0.0, 4e-4, 5.0)
    assert compared(best, slow).reading(110.01).error_s == pytest.approx(5e-4, rel=0.01)


def test_old_exchanges_are_forgotten() -> None:
    found = compared(
        exchange(0.0, 0.0, 0.0, 0.0, 7.0), *(exchange(n, 0.1, 0.0, 0.1, 5.0) for n in range(1, KEPT + 1))
    )
    assert len(found) == KEPT
    assert found.reading(KEPT + 0.2).ahead_s == pytest.approx(5.0)


trips = st.floats(0, 0.5)


@given(
    st.lists(st.tuples(trips, trips, trips), min_size=1, max_size=20),
    st.floats(-1e6, 1e6),
    st.floats(-DRIFT, DRIFT),
    st.floats(0, 30),
)
def test_the_truth_lies_within_the_error(found, ahead_s, drift, later_s) -> None:
    """Whatever the ways take, and while clocks part as much as they may."""
    comparison = ClockComparison()
    now = 1000.0
    for there_s, thinks_s, back_s in found:
        came = now + there_s + thinks_s + back_s
        truth = ahead_s + drift * (came - 1000.0)
        comparison.add(now, now + there_s - truth, now + there_s + thinks_s - truth, came)
        now = came + 0.5
    now += later_s
    reading = comparison.reading(now)
    truth = ahead_s + drift * (now - 1000.0)
    # an exchange itself lasts, and clocks part meanwhile
    assert abs(reading.ahead_s - truth) <= reading.error_s + 1.5 * DRIFT + 1e-9
