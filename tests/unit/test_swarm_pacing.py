import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.swarm.pacing import GRACE_S, LEAD_S, TICK_S, Schedule, spread_s
from siotool.swarm.user_counts import UserCounts


def taken(schedule):
    """Offered, issued and withheld since the last call."""
    counts = UserCounts("User")
    schedule.hand_over(counts)
    return counts.offered, counts.issued, counts.withheld


def test_the_next_moment_is_a_period_after_the_last_whatever_the_delay():
    schedule = Schedule(4.0, 100.0)
    assert schedule.begin() == pytest.approx(100.0)
    assert schedule.wake_at() < 100.25, "however late it is"
    assert schedule.begin() == pytest.approx(100.25, abs=TICK_S), "and timed from when it was due"
    assert schedule.begin() == pytest.approx(100.5, abs=TICK_S)
    assert taken(schedule) == (3, 3, 0)
    assert taken(schedule) == (0, 0, 0)


@given(rate=st.floats(0.05, 500), first=st.floats(0, 10))
def test_a_user_is_woken_early_enough_and_together_with_others(rate, first):
    schedule = Schedule(rate, first)
    assert schedule.lead <= min(LEAD_S, 0.25 / rate) + 1e-12
    woken = schedule.wake_at()
    early = schedule.due - woken
    assert schedule.lead - 1e-6 <= early <= 2 * schedule.lead + 1e-6
    assert abs(woken / schedule.lead - round(woken / schedule.lead)) < 1e-3, "others wake then too"


@pytest.mark.parametrize("rate", [2.0, 3.0, 7.0, 16.0])
def test_users_of_one_rate_wait_for_the_very_same_moments(rate):
    """One timer wakes them all, found by its moment: floats that differ in a bit would be two."""
    moments = set()
    for first in range(1000):
        schedule = Schedule(rate, 12_345 + first / 1000 / rate)
        moments.add(schedule.wake_at())
    assert len(moments) <= 1 / rate / schedule.lead + 2


@given(rate=st.floats(0.05, 500), first=st.floats(0, 10))
def test_moments_are_ticks_and_never_before_their_time(rate, first):
    schedule = Schedule(rate, first)
    for number in range(20):
        moment = schedule.begin()
        assert abs(moment / TICK_S - round(moment / TICK_S)) < 1e-6
        assert -1e-6 <= moment - (first + number / rate) <= TICK_S + 1e-6


def test_moments_missed_without_a_connection_are_offered_and_not_achieved():
    schedule = Schedule(10.0, 0.0)
    schedule.skip_to(1.05)
    assert schedule.begin() == 1.05, "the latest of them is done, and no outage is in its time"
    assert schedule.begin() == pytest.approx(1.1, abs=TICK_S)
    assert taken(schedule) == (12, 2, 10)


def test_users_cut_off_together_do_not_come_back_in_step():
    phases = [0.0, 0.03125, 0.0625]
    schedules = [Schedule(8.0, phase) for phase in phases]
    for schedule in schedules:
        schedule.skip_to(5.099)
        schedule.begin()
    assert [schedule.due % 0.125 for schedule in schedules] == phases


def test_nothing_is_skipped_before_its_moment():
    schedule = Schedule(1.0, 10.0)
    schedule.skip_to(9.5)
    assert (schedule.begin(), taken(schedule)) == (10.0, (1, 1, 0))


@pytest.mark.parametrize(
    ("now", "offered"),
    [
        pytest.param(9.0, 0, id="before its first moment nothing was offered"),
        pytest.param(10.0 + GRACE_S / 2, 0, id="what was about to begin is nobody's fault"),
        pytest.param(10.5, 1, id="one was due and not begun"),
        pytest.param(13.5, 4, id="and all those after it"),
    ],
)
def test_what_a_stopping_user_still_owed_was_offered_in_vain(now, offered):
    schedule = Schedule(1.0, 10.0)
    schedule.abandon(now)
    assert taken(schedule) == (offered, 0, 0)


@pytest.mark.parametrize(
    ("kept_s", "withheld"),
    [
        pytest.param(0.0, 0, id="the target kept nobody waiting: the generator was late"),
        pytest.param(1.5, 2, id="what it kept the user from is its own"),
        pytest.param(60.0, 4, id="but never more than was missed"),
    ],
)
def test_what_the_target_kept_a_user_from_is_withheld(kept_s, withheld):
    """A slow server with patient users read as a load lower than asked for, and exit 5."""
    schedule = Schedule(1.0, 10.0)
    schedule.abandon(13.5, kept_s)
    assert taken(schedule) == (4, 0, withheld)


@given(
    rate=st.floats(0.05, 200),
    first=st.floats(0, 10),
    steps=st.lists(
        st.tuples(st.sampled_from(["do", "do", "do", "cut off", "look"]), st.floats(0, 3)), max_size=60
    ),
    rest=st.floats(0, 3),
)
def test_offered_are_the_moments_that_were_due(rate, first, steps, rest):
    """A user's life: operations that take any time, lost connections, reports in between."""
    schedule = Schedule(rate, first)
    now, offered, issued = first, 0, 0
    for kind, seconds in steps:
        if kind == "look":
            counts = taken(schedule)
            offered, issued = offered + counts[0], issued + counts[1]
            continue
        # a lost connection is noticed by the operation that needs it
        now = max(now, schedule.wake_at())
        if kind == "cut off":
            now += seconds
            schedule.skip_to(now)
        moment = schedule.begin()
        assert moment <= now + 2 * LEAD_S + TICK_S + 1e-6
        now = max(now, moment)
        now += seconds if kind == "do" else 0.0
    now += rest
    schedule.abandon(now)
    counts = taken(schedule)
    offered, issued = offered + counts[0], issued + counts[1]
    due = max(0, math.floor((now - GRACE_S - first) * rate) + 1)
    assert offered >= issued
    assert issued == sum(kind != "look" for kind, _ in steps)
    # what began within the grace counts too
    assert due - 1 <= offered <= due + 1 + math.ceil(GRACE_S * rate)


@given(first=st.integers(0, 1 << 40), count=st.integers(2, 300))
def test_users_that_start_in_one_second_start_evenly_within_it(first, count):
    starts = sorted(spread_s(first + number) for number in range(count))
    gaps = [after - before for before, after in zip(starts, [*starts[1:], starts[0] + 1], strict=True)]
    assert 0 <= starts[0] <= starts[-1] < 1
    # three-distance theorem: never more than the square of the golden ratio from even
    assert max(gaps) <= 2.62 / count
    assert min(gaps) >= 0.38 / count


def test_eight_hours_of_operations_do_not_drift():
    schedule = Schedule(30.0, 50_000.0)
    for _ in range(8 * 3600 * 30):
        schedule.begin()
    assert schedule.due == pytest.approx(50_000 + 8 * 3600, abs=1e-3)
