"""What holds for any ramp and any stages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.workload import Stage, ramp, users_at

stages = st.lists(st.builds(Stage, st.floats(0.01, 1e5), st.integers(0, 10**6)), min_size=1, max_size=6)
whole_users = st.integers(1, 10**6)
rates = st.floats(0.01, 1e5)
run_times = st.floats(0.1, 1e5)


@given(stages, st.floats(0, 1))
def test_users_stay_between_those_of_their_stage_and_the_one_before(plan: list[Stage], share: float) -> None:
    at = users_at(plan, share * 0.999 * sum(stage.duration_s for stage in plan))
    assert at is not None
    users, number = at
    before = plan[number - 1].users if number else 0
    assert min(before, plan[number].users) <= users <= max(before, plan[number].users)


@given(stages)
def test_the_stages_come_in_order_and_end(plan: list[Stage]) -> None:
    begin = 0.0
    for number, stage in enumerate(plan):
        assert users_at(plan, begin) == (plan[number - 1].users if number else 0, number)
        begin += stage.duration_s
    assert users_at(plan, begin) is None


@given(whole_users, rates, run_times)
def test_a_ramp_lasts_as_long_as_the_run_and_asks_for_no_more_users(
    users: int, spawn_rate: float, run_time_s: float
) -> None:
    plan = ramp(users, spawn_rate, run_time_s)
    assert sum(stage.duration_s for stage in plan) == pytest.approx(run_time_s)
    assert 1 <= plan[-1].users <= users
    assert plan[-1].users in (users, 1) or abs(plan[-1].users - spawn_rate * run_time_s) < 1.001


@given(whole_users, rates, run_times, st.floats(0, 1), st.floats(0, 1))
def test_a_ramp_never_falls_and_never_outruns_its_rate(
    users: int, spawn_rate: float, run_time_s: float, one: float, other: float
) -> None:
    plan = ramp(users, spawn_rate, run_time_s)
    earlier, later = sorted((one * run_time_s * 0.999, other * run_time_s * 0.999))
    first, second = users_at(plan, earlier), users_at(plan, later)
    assert first is not None
    assert second is not None
    assert first[0] <= second[0] <= spawn_rate * later * (1 + 1e-9) + 1
