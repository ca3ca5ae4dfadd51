"""Programs of load, asked by hand: no Locust, no clock, no worker."""

from collections.abc import Sequence

import pytest

from siotool.errors import ScenarioError
from siotool.runfile import Bytes, Connections, Delivery, Interval, Operation, UserClass
from siotool.swarm.program import Program, Seen, ShapeProgram, Stages, Wanted, seen
from siotool.workload import Stage, ramp

ODD = [Stage(0.5, 1), Stage(0, 9), Stage(1, 2)]
UP_HOLD_DOWN = [Stage(2, 8), Stage(3, 8), Stage(1, 0)]


@pytest.mark.parametrize(
    ("stages", "elapsed_s", "wanted"),
    [
        (UP_HOLD_DOWN, 0.0, Wanted(8, until_s=2)),
        (UP_HOLD_DOWN, 1.999, Wanted(8, until_s=2)),
        (UP_HOLD_DOWN, 2.0, Wanted(8, until_s=5, stage=1, note="stage 2: 8 users within 3 s")),
        (UP_HOLD_DOWN, 5.0, Wanted(0, until_s=6, stage=2, note="stage 3: 0 users within 1 s")),
        (UP_HOLD_DOWN, 6.0, None),
        (
            [Stage(0.5, 1), Stage(0, 9), Stage(1, 2)],
            0.5,
            Wanted(2, 1.5, None, 2, "stage 3: 2 users within 1 s"),
        ),
        ([], 0.0, None),
        (ramp(10, 4, 30), 2.5, Wanted(10, 30, None, 1, "stage 2: 10 users within 27.5 s")),
        (ramp(10, 4, 1), 0.0, Wanted(4, 1)),
    ],
)
def test_stages_move_evenly_from_one_to_the_next(
    stages: list[Stage], elapsed_s: float, wanted: Wanted | None
) -> None:
    assert Stages(stages).tick(elapsed_s, []) == wanted


@pytest.mark.parametrize(
    "stages", [UP_HOLD_DOWN, [Stage(0.1, 1)] * 30, ramp(1000, 7, 333), ramp(7, 0.3, 100)]
)
def test_stages_asked_when_they_say_come_once_each_and_in_order(stages: list[Stage]) -> None:
    program, found, elapsed_s = Stages(stages), [], 0.0
    while (wanted := program.tick(elapsed_s, [])) is not None:
        found.append((wanted.stage, wanted.users))
        elapsed_s = wanted.until_s
    assert found == [(number, stage.users) for number, stage in enumerate(stages)]
    assert elapsed_s == pytest.approx(sum(stage.duration_s for stage in stages))


def test_a_shape_says_how_fast_users_start_and_leaves_them_their_own_rate() -> None:
    wanted = ShapeProgram(Shape((7, 2.5)), None).tick(0.0, [])
    assert wanted == Wanted(7, 1.0, spawn_rate_per_s=2.5, note="7 users at 2.5 per second")
    assert wanted.rate is None


def test_asking_again_later_is_no_change_and_anything_else_is() -> None:
    wanted = Wanted(5, until_s=1, spawn_rate_per_s=2)
    assert Wanted(5, until_s=2, spawn_rate_per_s=2).same_as(wanted)
    assert not wanted.same_as(None)
    changed = [Wanted(6, 1, 2), Wanted(5, 1, 3), Wanted(5, 1, 2, 1), Wanted(5, 1, 2, note="more")]
    for other in [*changed, Wanted(5, 1, 2, rate=2)]:
        assert not other.same_as(wanted)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_no_schedule_can_follow_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="must be more than 0"):
        Wanted(5, 1, rate=rate)


def interval(t_s: float, users: int, failed: int, count: int = 10) -> Interval:
    errors = {"refused": failed} if failed else {}
    return Interval(
        t_s=t_s,
        duration_s=0.5,
        stage=0,
        connections=Connections(open=users - 1, users=users, attempted=0, established=0),
        operations=[Operation("ack", "echo", count), Operation("custom", "judged", 0, errors)],
        delivery=Delivery(expected=4, received=3, lost=1),
        bytes=Bytes(),
        generator=[],
        user_classes=[UserClass("A", offered=6, issued=5), UserClass("B", offered=2, issued=2)],
    )


def test_what_a_program_sees_of_an_interval() -> None:
    found = seen(interval(12.5, 7, 10), 10.0, ["late"])
    assert (found.t_s, found.duration_s, found.users, found.connections) == (2.5, 0.5, 7, 6)
    assert (found.offered_per_s, found.achieved_per_s) == (16, 14)
    assert (found.failed_share, found.delivery.lost, found.doubts) == (0.5, 1, ["late"])
    assert seen(interval(1.0, 7, 0, count=0), 0.0, []).failed_share == 0


class Climb:
    """One user more each second, until a failed share is seen; then back to what held, and over."""

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        failed = [one for one in seen if one.failed_share > 0.1]
        if not failed:
            return Wanted(1 + int(elapsed_s), until_s=elapsed_s + 1, spawn_rate_per_s=1)
        if elapsed_s > failed[0].t_s + 3:
            return None
        return Wanted(failed[0].users - 1, until_s=elapsed_s + 1, stage=1, note="back to what held")


def test_a_program_may_react_to_what_was_seen() -> None:
    program: Program = Climb()
    told: list[Seen] = []
    asked = []
    elapsed_s = 0.0
    while (wanted := program.tick(elapsed_s, told)) is not None:
        asked.append(wanted.users)
        elapsed_s = wanted.until_s
        told.append(seen(interval(elapsed_s, wanted.users, failed=5 * (wanted.users > 4)), 0.0, []))
    assert asked == [1, 2, 3, 4, 5, 4, 4, 4, 4]


class Outcome(BaseException):
    """What a scenario may raise, as pytest does."""


class Shape:
    """A LoadTestShape as a user writes one: it wants what it was made with, tick by tick."""

    def __init__(self, *wanted: object) -> None:
        self.wanted = list(wanted)
        self.begun = 0

    def reset_time(self) -> None:
        self.begun += 1

    def tick(self) -> object:
        wanted = self.wanted.pop(0)
        if isinstance(wanted, BaseException):
            raise wanted
        return wanted


def test_a_shape_is_asked_once_a_second_until_it_wants_no_more() -> None:
    shape = Shape((5, 2), (5.9, "0.5"), (-3, 0), (7, 1, ["A"]), None)
    program, found, elapsed_s = ShapeProgram(shape, None), [], 0.0
    while (wanted := program.tick(elapsed_s, [])) is not None:
        found.append((wanted.users, wanted.spawn_rate_per_s, wanted.until_s, wanted.user_classes))
        elapsed_s = wanted.until_s
    # users are whole and not below 0; Locust takes no rate of 0
    assert found == [(5, 2, 1, None), (5, 0.5, 2, None), (0, 0.01, 3, None), (7, 1, 4, ["A"])]
    assert shape.begun == 1


@pytest.mark.parametrize(("limit_s", "seconds"), [(None, 5), (3.0, 3), (2.5, 3)])
def test_a_shape_is_over_at_the_limit_of_the_run(limit_s: float | None, seconds: int) -> None:
    program = ShapeProgram(Shape(*[(1, 1)] * 5, None), limit_s)
    asked = 0
    while program.tick(float(asked), []) is not None:
        asked += 1
    assert asked == seconds


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (ZeroDivisionError("by none"), "Shape.tick raised ZeroDivisionError: by none"),
        (Outcome("odd"), "Shape.tick raised Outcome: odd"),
        (5, "Shape.tick returned 5"),
        ((5,), r"Shape.tick returned \(5,\)"),
        (("many", 1), "Shape.tick returned"),
    ],
)
def test_a_shape_that_breaks_is_the_scenarios_mistake(wanted: object, said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as caught:
        ShapeProgram(Shape(wanted), None).tick(0.0, [])
    assert caught.value.hint
