import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.swarm.pacing import GRACE_S, LEAD_S, START_TICK_S, TICK_S, Schedule, start_at, uniform
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


def moments(schedule, count):
    """The next moments, to the hundredth of a second."""
    return [round(schedule.begin(), 2) for _ in range(count)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([], [10, 11, 12, 13, 14], id="none"),
        pytest.param([(9.5, 1.0)], [10, 11, 12, 13, 14], id="to the same rate"),
        pytest.param([(9.6, 4.0)], [9.7, 9.95, 10.2, 10.45, 10.7], id="faster: the wait shrinks alike"),
        pytest.param([(9.6, 10.0)], [9.64, 9.74, 9.84, 9.94, 10.04], id="fast enough for a shorter lead"),
        pytest.param([(9.6, 0.25)], [11.2, 15.2, 19.2, 23.2, 27.2], id="slower: the wait grows alike"),
        pytest.param([(9.6, 4.0), (9.6, 1.0)], [10, 11, 12, 13, 14], id="there and back at once"),
        pytest.param([(9.6, 2.0), (9.7, 0.5)], [10.1, 12.1, 14.1, 16.1, 18.1], id="twice in one wait"),
        pytest.param([(10.0, 2.0)], [10, 10.5, 11, 11.5, 12], id="what is due just now stays due"),
        pytest.param([(12.5, 2.0)], [10, 11, 12, 12.75, 13.25], id="overdue, then faster"),
        pytest.param([(11.5, 0.5)], [10, 11, 12.5, 14.5, 16.5], id="overdue, then slower"),
        pytest.param([(11.5, 2.0), (12.0, 4.0)], [10, 11, 11.75, 12.12, 12.38], id="overdue twice"),
        pytest.param(
            [(11.5, 2.0), (11.6, 1.0)], [10, 11, 11.9, 12.9, 13.9], id="overdue, changed twice in one wait"
        ),
        pytest.param([(10.5, 2.0), (11.5, 1.0)], [10, 10.75, 11.25, 12, 13], id="overdue, and back again"),
    ],
)
def test_a_change_of_rate_scales_the_wait_and_leaves_what_is_overdue(changes, expected):
    schedule = Schedule(1.0, 10.0)
    for now, rate in changes:
        schedule.change_rate(rate, now)
    assert moments(schedule, 5) == pytest.approx(expected, abs=0.011)
    assert taken(schedule) == (5, 5, 0)
    rate = changes[-1][1] if changes else 1.0
    assert schedule.period == 1 / rate
    assert schedule.lead == min(LEAD_S, 0.25 / rate)


@pytest.mark.parametrize(
    ("now", "offered"),
    [
        pytest.param(10.5, 1, id="before the change"),
        pytest.param(11.55, 2, id="what was due after it at the old rate is not"),
        pytest.param(11.95, 3, id="the first at the new rate"),
        pytest.param(12.95, 5, id="and those after it"),
    ],
)
def test_what_a_late_user_owes_is_counted_at_the_rate_of_its_time(now, offered):
    """At 10, 11; from 11.5 on twice a second: at 11.75, 12.25, 12.75."""
    schedule = Schedule(1.0, 10.0)
    schedule.change_rate(2.0, 11.5)
    schedule.abandon(now, kept_s=60.0)
    assert taken(schedule) == (offered, 0, offered)


@pytest.mark.parametrize(
    ("now", "withheld", "following"),
    [
        pytest.param(10.5, 0, 11, id="nothing was missed"),
        pytest.param(11.6, 1, 11.75, id="the last one at the old rate is done"),
        pytest.param(11.8, 2, 12.25, id="the first one at the new rate is"),
        pytest.param(12.3, 3, 12.75, id="the second one is"),
    ],
)
def test_a_user_that_comes_back_after_a_change_goes_on_at_the_new_rate(now, withheld, following):
    schedule = Schedule(1.0, 10.0)
    schedule.change_rate(2.0, 11.5)
    schedule.skip_to(now)
    assert schedule.begin() == now
    assert schedule.begin() == pytest.approx(following, abs=TICK_S)
    assert taken(schedule) == (withheld + 2, 2, withheld)


def test_a_change_and_a_return_within_one_tick():
    schedule = Schedule(1.0, 11.0005)
    schedule.change_rate(2.0, 11.0006)
    schedule.skip_to(11.0007)
    assert moments(schedule, 3) == [11.0, 11.5, 12.0]


@pytest.mark.parametrize("rate", [0.3, 5.0, 40.0])
def test_users_do_not_fall_into_step_when_their_rate_changes(rate):
    schedules = [Schedule(2.0, 100 + number / 10) for number in range(5)]
    for schedule in schedules:
        schedule.change_rate(rate, 99.95)
    due = sorted(schedule.due for schedule in schedules)
    gaps = [after - before for before, after in zip(due, [*due[1:], due[0] + 1 / rate], strict=True)]
    assert gaps == pytest.approx([1 / rate / 5] * 5)


@given(
    rate=st.floats(0.05, 200),
    phase=st.floats(0, 1),
    life=st.lists(
        st.tuples(
            st.floats(0, 3), st.sampled_from(["prompt", "prompt", "late", "cut off"]), st.floats(0.05, 200)
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_whatever_the_changes_offered_is_the_integral_of_the_rate(rate, phase, life):
    """A user that is prompt, does nothing, or is cut off until each change."""
    schedule = Schedule(rate, 50 + phase / rate)
    now, wanted, begun = 50.0, 1 - phase, 0
    for seconds, kind, following in life:
        now += seconds
        wanted += seconds * rate
        if kind == "cut off":
            schedule.skip_to(now)
        while kind == "prompt" and schedule.wake_at() <= now:
            schedule.begin()
            begun += 1
        rate = following
        schedule.change_rate(rate, now)
    schedule.abandon(now + GRACE_S)
    offered, issued, _ = taken(schedule)
    assert issued == begun
    assert wanted - 1 - 1e-6 <= offered <= wanted + 1 + 1e-6, "one may be prepared ahead"


@given(first=st.integers(0, 1 << 32), count=st.integers(2, 300))
def test_users_that_start_together_start_evenly(first, count):
    """On average one a second."""
    starts = sorted(start_at(first + number, 50.0, float(count)) for number in range(count))
    gaps = [after - before for before, after in zip(starts, [*starts[1:], starts[0] + count], strict=True)]
    assert 50 <= starts[0] <= starts[-1] <= 50 + count + START_TICK_S
    # three-distance theorem: never more than the square of the golden ratio from even
    assert max(gaps) <= 2.62 + 2 * START_TICK_S
    assert min(gaps) >= 0.38 - 2 * START_TICK_S
    assert all(abs(start / START_TICK_S - round(start / START_TICK_S)) < 1e-6 for start in starts)


def test_a_user_that_is_to_start_at_once_does_not_wait_for_others():
    assert start_at(7, 50.003, 0.0) == 50.003


def test_eight_hours_of_operations_do_not_drift():
    schedule = Schedule(30.0, 50_000.0)
    for _ in range(8 * 3600 * 30):
        schedule.begin()
    assert schedule.due == pytest.approx(50_000 + 8 * 3600, abs=1e-3)


@given(st.integers(-(2**70), 2**70), st.integers(1, 2**40))
def test_a_users_chance_lies_between_0_and_1_and_is_always_the_same(seed, number):
    assert 0 <= uniform(seed, number) < 1
    assert uniform(seed, number) == uniform(seed, number)


@pytest.mark.parametrize(
    ("seeds", "numbers"),
    [
        pytest.param([1], range(1, 20_001), id="users that were numbered one after the other"),
        pytest.param([7], range(1 << 33, (1 << 33) + 20_000), id="users of another worker"),
        pytest.param(range(20_000), [1], id="the first user of many runs"),
    ],
)
def test_chances_are_spread_as_if_drawn(seeds, numbers):
    drawn = sorted(uniform(seed, number) for seed in seeds for number in numbers)
    # Kolmogorov and Smirnov: beyond this in one of a thousand such samples
    allowed = 1.95 / math.sqrt(len(drawn))
    assert max(abs((at + 0.5) / len(drawn) - chance) for at, chance in enumerate(drawn)) < allowed
