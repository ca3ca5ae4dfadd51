"""What a run writes down second by second, without Locust and without a file."""

from typing import Any

import pytest

from siotool.runfile import Bytes, Connections, Interval, Note, WorkerHealth
from siotool.swarm.program import SEEN_AT_MOST
from siotool.swarm.recorder import Recorder
from siotool.swarm.worker_report import WorkerInterval, encode
from tests.unit.written_lines import WrittenLines, recorder_into

BEGIN = 1000.0
LOST = (
    "did not arrive: its connection broke, and not all that is lost at the users it had then is counted "
    "from then on"
)


@pytest.fixture
def lines() -> WrittenLines:
    return WrittenLines()


@pytest.fixture
def recorder(lines: WrittenLines) -> Recorder:
    made = recorder_into(lines)
    made.begin = BEGIN
    return made


def tell(recorder: Recorder, second: int, **more: Any) -> None:
    """One worker tells of a second."""
    health = WorkerHealth(0, 0.1, 1, 0.0, 0.0, 1, 2)
    told = WorkerInterval(0, second, BEGIN + second + 1, Connections(), [], Bytes(), health, **more)
    recorder.add([encode(told)])
    recorder.close_seconds()


def test_each_second_has_the_stage_that_was_in_force_in_its_middle(
    recorder: Recorder, lines: WrittenLines
) -> None:
    recorder.begin_stage(0.0, 0)
    recorder.begin_stage(1.4, 1)
    recorder.begin_stage(3.0, 2)
    for second in range(5):
        tell(recorder, second)
    assert [line.stage for line in lines.lines if isinstance(line, Interval)] == [0, 1, 1, 2, 2]


def test_a_program_sees_its_own_seconds_and_the_doubts_among_them(
    recorder: Recorder, lines: WrittenLines
) -> None:
    first = recorder.begin_program(0.0)
    tell(recorder, 0)
    recorder.note("info", "nothing")
    recorder.note("doubt", "odd")
    tell(recorder, 1)
    second = recorder.begin_program(2.5)
    for number in (2, 3):
        tell(recorder, number)
    tell(recorder, 4, draining=True)
    assert [(one.t_s, one.doubts) for one in first] == [(1, []), (2, ["odd"])]
    assert [(one.t_s, one.doubts) for one in second] == [(1.5, [])]
    assert [line.text for line in lines.lines if isinstance(line, Note)] == ["nothing", "odd"]


def test_a_long_program_keeps_no_more_than_ten_minutes(recorder: Recorder) -> None:
    seen = recorder.begin_program(0.0)
    for second in range(SEEN_AT_MOST + 50):
        tell(recorder, second)
    assert (len(seen), seen[0].t_s, seen[-1].t_s) == (SEEN_AT_MOST, 51, SEEN_AT_MOST + 50)


def test_what_is_said_of_a_late_second_is_only_about_it_and_all_else_is_about_the_run(
    recorder: Recorder, lines: WrittenLines
) -> None:
    """A search for capacity is not judged by every second, and by every other doubt."""
    for second in range(2):
        tell(recorder, second)
    tell(recorder, 2, untimed=5)
    recorder.note("doubt", "generator worker 1 was lost")
    late, lost = [line for line in lines.lines if isinstance(line, Note)]
    assert late.text.startswith("second 3: the times of 5 operations")
    assert (late.t_s, late.momentary) == (3.0, True)
    assert not lost.momentary


def test_seconds_that_did_not_arrive_are_a_doubt_and_the_run_goes_on(
    recorder: Recorder, lines: WrittenLines
) -> None:
    for second in (0, 3, 4, 6):
        tell(recorder, second)
    assert [line.t_s for line in lines.lines if isinstance(line, Interval)] == [1, 4, 5, 7]
    assert [(line.level, line.text) for line in lines.lines if isinstance(line, Note)] == [
        ("doubt", f"seconds 2 to 3 of generator worker 0 {LOST}"),
        ("doubt", f"second 6 of generator worker 0 {LOST}"),
    ]
