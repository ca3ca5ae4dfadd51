"""Run files that leave out, repeat or contradict: each kind of lie is noticed, with its place."""

from pathlib import Path

import msgspec
import pytest

from siotool.errors import RunFileError
from siotool.report.continuity import find_gaps
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runs import reading


def changed(run, number, **fields):
    run.intervals[number] = msgspec.structs.replace(run.intervals[number], **fields)


def with_connections(run, number, **fields):
    connections = msgspec.structs.replace(run.intervals[number].connections, **fields)
    changed(run, number, connections=connections)


def drop(run, number):
    del run.intervals[number]


def repeat(run, number):
    run.intervals.insert(number, run.intervals[number])


def swap(run, number):
    run.intervals[number], run.intervals[number + 1] = run.intervals[number + 1], run.intervals[number]


def counted(run, written):
    run.end = msgspec.structs.replace(run.end, intervals=written)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        pytest.param(
            lambda run: drop(run, 12), "1 s are missing between 12 s and 13 s", id="a second is missing"
        ),
        pytest.param(
            lambda run: drop(run, 0), "the first 1 s of the run are missing", id="the first is missing"
        ),
        pytest.param(
            lambda run: counted(run, 31), "31 intervals were written and 30 are here", id="the last is"
        ),
        pytest.param(
            lambda run: repeat(run, 12), "is repeated or out of order", id="a second is there twice"
        ),
        pytest.param(lambda run: swap(run, 12), "is repeated or out of order", id="two have changed places"),
        pytest.param(
            lambda run: with_connections(run, 20, open=150),
            "150 connections are open at 21 s; by the counts before it is 100",
            id="connections that came from nowhere",
        ),
        pytest.param(
            lambda run: with_connections(run, 20, open=40),
            "by the counts before it is 100",
            id="that vanished",
        ),
        pytest.param(
            lambda run: with_connections(run, 20, closed={"reset": 7}),
            "before it is 93",
            id="closed, and yet open",
        ),
        pytest.param(
            lambda run: with_connections(run, 5, failed={"refused": 9}),
            "more connects have ended by 6 s (69) than began (60)",
            id="connects that never began",
        ),
    ],
)
def test_a_lie_is_a_doubt_with_its_place(make_run, lie, said):
    run = make_run()
    assert list(find_gaps(run)) == []
    lie(run)
    assert any(said in doubt for doubt in find_gaps(run)), list(find_gaps(run))
    assert summarize([run], Planned()).valid == "suspect"


def test_the_connections_of_a_lost_worker_are_gone_untold(make_run):
    """Its process was killed: nobody counted their ends, and the run says so elsewhere."""
    run = make_run()
    for number in range(20):
        second = run.intervals[number]
        other = msgspec.structs.replace(second.generator[0], worker=1)
        run.intervals[number] = msgspec.structs.replace(second, generator=[*second.generator, other])
    for number in range(20, 30):
        with_connections(run, number, open=50)
    assert list(find_gaps(run)) == []


IMPOSSIBLE = [
    pytest.param(
        '"expected":0', '"expected":5', "5 deliveries were expected", id="deliveries that do not add up"
    ),
    pytest.param('"open":100', '"open":-100', "Expected `int` >= 0", id="a negative count"),
    pytest.param('"open":100', '"open":1e300', "Expected `int`", id="a count that is no whole number"),
    pytest.param(
        '"open":100', '"open":9007199254740993', "<= 9007199254740992", id="a count no float can hold"
    ),
    pytest.param(
        '"cpu_cores":0.2', '"cpu_cores":1e300', "<= 1000000000000", id="cores by the thousand billion"
    ),
    pytest.param('"cpu_cores":0.2', '"cpu_cores":NaN', "invalid", id="a figure that is none"),
    pytest.param('"cpu_cores":0.2', '"cpu_cores":1e999', "", id="a figure beyond every float"),
    pytest.param(
        '"cpu_allowed":1.0', '"cpu_allowed":0.0', "> 0", id="a generator that may have no CPU at all"
    ),
    pytest.param('"duration_s":1.0', '"duration_s":-1.0', ">= 0", id="a negative duration"),
    pytest.param(
        '"duration_s":1.0', '"duration_s":0.0', "an interval of 0 s", id="an interval without a time"
    ),
    pytest.param(
        '"duration_s":1.0', '"duration_s":99.0', "that ends at 12 s", id="one that began before the run"
    ),
    pytest.param('"held":"ZA=="', '"held":"ZAAAAAAAAAAB"', "do not fit", id="a count beyond 64 bits"),
    pytest.param(
        '"held":"ZA=="', '"held":"AQAAAAAAIAA="', "more than can be counted", id="one no float can hold"
    ),
    pytest.param(
        '"held":"ZA=="', '"held":"ZQ=="', "not a histogram: sum, smallest", id="a histogram and its sum"
    ),
    pytest.param('"count":100', '"count":99', "more times than successes", id="more times than successes"),
    pytest.param(
        '"max_s":0.0019998550415039062',
        '"max_s":3.0',
        "in none of its buckets",
        id="a largest that no bucket holds",
    ),
    pytest.param('"users":100', '"users":1000000000000000000000', "", id="a number of 22 digits"),
]


@pytest.mark.parametrize(("old", "new", "said"), IMPOSSIBLE)
def test_what_no_run_can_have_written_is_refused_with_its_line(make_run, to_jsonl, tmp_path, old, new, said):
    lines = to_jsonl(make_run()).splitlines(keepends=True)
    assert old in lines[12], lines[12]
    lines[12] = lines[12].replace(old, new, 1)
    path = tmp_path / "run.jsonl"
    path.write_text("".join(lines))
    with pytest.raises(RunFileError) as caught:
        reading.read(path)
    assert caught.value.message.startswith(f"{path}:13: ")
    assert said in caught.value.message
    assert caught.value.hint


def test_a_file_without_an_end_is_not_read_for_ever(tmp_path, monkeypatch):
    """A gigabyte without a newline, as a device gives it, was read whole."""
    monkeypatch.setattr(reading, "LONGEST_LINE", 1 << 16)
    with pytest.raises(RunFileError, match=r"/dev/zero:1: a line of more than"):
        reading.read(Path("/dev/zero"))


def test_more_lines_than_any_run_has_are_refused(make_run, to_jsonl, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_LINES", 20)
    path = tmp_path / "run.jsonl"
    path.write_text(to_jsonl(make_run()))
    with pytest.raises(RunFileError, match="more than 20 lines"):
        reading.read(path)


def test_nothing_comes_after_the_end(make_run, to_jsonl, tmp_path):
    path = tmp_path / "run.jsonl"
    text = to_jsonl(make_run())
    path.write_text(text + text.splitlines(keepends=True)[-1])
    with pytest.raises(RunFileError, match="a line after the end of the run"):
        reading.read(path)
