import msgspec
import pytest

from siotool.workload import Arrivals, Stage, Workload, ramp, users_asked, users_at


@pytest.mark.parametrize(
    ("users", "spawn_rate", "run_time_s", "expected"),
    [
        pytest.param(100, 10, 60, [Stage(10, 100), Stage(50, 100)], id="ramp, then hold for the rest"),
        pytest.param(100, 0.5, 300, [Stage(200, 100), Stage(100, 100)], id="one user every two seconds"),
        pytest.param(100, 10, 10, [Stage(10, 100)], id="the ramp is the whole run"),
        pytest.param(100, 10, 4, [Stage(4, 40)], id="a run too short for all users reaches some"),
        pytest.param(100, 0.29, 100, [Stage(100, 29)], id="29 users, though 0.29 × 100 is 28.999… in floats"),
        pytest.param(100, 0.01, 10, [Stage(10, 1)], id="one user at least"),
        pytest.param(7, 1000, 1, [Stage(0.007, 7), Stage(0.993, 7)], id="a ramp of milliseconds"),
    ],
)
def test_ramp_is_locust_s_three_words(
    users: int, spawn_rate: float, run_time_s: float, expected: list[Stage]
) -> None:
    assert ramp(users, spawn_rate, run_time_s) == expected


UP_HOLD_DOWN = [Stage(10, 100), Stage(20, 100), Stage(5, 0)]


@pytest.mark.parametrize(
    ("elapsed_s", "expected"),
    [
        pytest.param(0, (0, 0), id="nobody at the start"),
        pytest.param(5, (50, 0), id="half way up"),
        pytest.param(9.99, (100, 0), id="rounded to whole users"),
        pytest.param(10, (100, 1), id="a stage begins where the last one ended"),
        pytest.param(29.9, (100, 1), id="holding"),
        pytest.param(31, (80, 2), id="a fifth of the way down"),
        pytest.param(34.999, (0, 2), id="nearly done"),
        pytest.param(35, None, id="over at the end of the last stage"),
        pytest.param(1e9, None, id="long over"),
    ],
)
def test_users_move_evenly_within_a_stage(elapsed_s: float, expected: tuple[int, int] | None) -> None:
    assert users_at(UP_HOLD_DOWN, elapsed_s) == expected


def test_a_stage_without_duration_is_a_jump() -> None:
    stages = [Stage(0, 50), Stage(10, 50)]
    assert users_at(stages, 0) == (50, 1)


def test_no_stages_are_over_at_once() -> None:
    assert users_at([], 0) is None


def workload(stages: list[Stage]) -> Workload:
    return Workload(scenario="echo", settings={}, stages=stages, processes=1, seed=0)


def test_totals_of_a_workload() -> None:
    assert (workload(UP_HOLD_DOWN).duration_s, workload(UP_HOLD_DOWN).users_max) == (35, 100)
    assert (workload([]).duration_s, workload([]).users_max) == (0, 0)


def test_a_stage_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `user`"):
        msgspec.json.decode(b'{"duration_s":1,"users":2,"user":3}', type=Stage)


def started_by_locust(stages, moment):
    """Users whom Locust has started: batches of whole users, at most one a second, each at once."""
    users, begin = 0, 0.0
    for stage in stages:
        if moment < begin:
            break
        change = stage.users - users
        rate = abs(change) / stage.duration_s
        if rate:
            batch = max(1, int(rate))
            batches = int((min(moment, begin + stage.duration_s - 1e-9) - begin) / (batch / rate)) + 1
            done = min(abs(change), batches * batch)
            users += done if change > 0 else -done
        begin += stage.duration_s
    return users


@pytest.mark.parametrize(
    "stages",
    [
        pytest.param([Stage(10, 100), Stage(20, 100)], id="ten users a second"),
        pytest.param([Stage(10, 3), Stage(20, 3)], id="a user every three seconds"),
        pytest.param([Stage(10, 15), Stage(5, 0)], id="one and a half a second, and down"),
        pytest.param([Stage(0.25, 500), Stage(0.75, 500)], id="all at once"),
        pytest.param([Stage(1, 5), Stage(1, 10), Stage(1, 0)], id="stages of a second"),
        pytest.param([Stage(2, 15), Stage(3, 4), Stage(3, 1000)], id="down a little, then far up"),
    ],
)
def test_never_more_users_than_were_asked_for(stages):
    """Trap: "16 of 12 users", as Locust starts a second's users at its beginning."""
    most = max(stage.users for stage in stages)
    for tenth in range(int(10 * sum(stage.duration_s for stage in stages)) + 10):
        asked = users_asked(stages, tenth / 10)
        assert started_by_locust(stages, tenth / 10) <= asked <= most


def test_users_asked_are_no_more_than_a_stages_own_on_its_way_up():
    stages = [Stage(5, 10), Stage(5, 100)]
    assert [users_asked(stages, moment) for moment in (0.0, 4.5, 4.999, 5.0, 20.0)] == [2, 10, 10, 28, 100]
    assert users_asked([], 3.0) == 0


@pytest.mark.parametrize(
    ("planned", "most"),
    [
        pytest.param(workload(UP_HOLD_DOWN), 100, id="the stage with the most"),
        pytest.param(
            msgspec.structs.replace(workload([]), arrivals=Arrivals(5.0, 60.0, most=70)), 70, id="arrivals"
        ),
        pytest.param(
            msgspec.structs.replace(workload([]), arrivals=Arrivals(5.0, 60.0)),
            0,
            id="arrivals without a bound",
        ),
        pytest.param(
            msgspec.structs.replace(workload([]), search="users", searched_users=900), 900, id="a search"
        ),
        pytest.param(msgspec.structs.replace(workload([]), shape="Wave"), 0, id="a load shape"),
    ],
)
def test_the_most_users_are_known_wherever_something_bounds_them(planned: Workload, most: int) -> None:
    """They were 0 for a search: nothing looked whether machines had room for it."""
    assert planned.most_users == most
