"""By how much a time may be off that begins on one machine and ends on another."""

from copy import deepcopy

import msgspec
import pytest

from siotool.report.clock_words import clock_error
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Run
from siotool.runs.clock_error import clock_error_s


def on_machines(run: Run, errors: list[list[float]]) -> Run:
    """The run as one of several machines, each with the errors of its workers."""
    first = run.header.generators[0]
    machines = [
        msgspec.structs.replace(first, host=f"m{number}", processes=len(workers))
        for number, workers in enumerate(errors)
    ]
    run.header = msgspec.structs.replace(run.header, generators=machines)
    every = [error_s for workers in errors for error_s in workers]
    for interval in run.intervals:
        health = interval.generator[0]
        interval.generator[:] = [
            msgspec.structs.replace(health, worker=worker, clock_error_s=error_s)
            for worker, error_s in enumerate(every)
        ]
    return run


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([[0.001]], None, id="one machine: sender and receiver share its clock"),
        pytest.param([[0.001, 0.001]], None, id="two workers of one machine too"),
        pytest.param([[0.001], [0.002]], 0.003, id="two machines: the errors of both"),
        pytest.param([[0.001], [0.002], [0.004]], 0.006, id="of three the two largest"),
        pytest.param([[0.001, 0.001], [0.002, 0.002]], 0.003, id="workers of one machine have one clock"),
    ],
)
def test_a_one_way_time_meets_the_errors_of_two_machines(make_run, errors, expected) -> None:
    found = clock_error_s([on_machines(make_run(), errors)])
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_worker_that_came_late_has_a_clock_too(make_run) -> None:
    """The header knows the machines that the run began with."""
    run = on_machines(make_run(), [[0.001, 0.001], [0.003]])
    run.header = msgspec.structs.replace(run.header, generators=run.header.generators[:1])
    assert clock_error_s([run]) == pytest.approx(0.004)


def test_one_second_in_a_hundred_may_be_worse(make_run) -> None:
    run = on_machines(make_run(), [[0.001], [0.002]])
    health = run.intervals[3].generator[1]
    run.intervals[3].generator[1] = msgspec.structs.replace(health, clock_error_s=0.5)
    assert clock_error_s([run]) < 0.06


def test_deliveries_say_how_exact_they_are_and_nothing_else_does(fabricated) -> None:
    run = on_machines(deepcopy(fabricated["chat"]), [[0.001], [0.002]])
    report = summarize([run], Planned())
    told = {row.op: row.clock_error_s for row in report.operations}
    assert told["deliver"] == pytest.approx(0.003)
    assert {error for op, error in told.items() if op != "deliver"} <= {None}
    assert all(one.clock_error_s == pytest.approx(0.003) for one in report.audiences)


@pytest.mark.parametrize(
    ("error_s", "middle_s", "shown"),
    [
        pytest.param(None, 0.01, "–", id="one machine"),
        pytest.param(0.0009, 0.01, "900 µs", id="less than a tenth of the median"),
        pytest.param(0.0011, 0.01, "1.1 ms !", id="more than a tenth is marked"),
        pytest.param(0.0011, None, "1.1 ms", id="no median to compare it with"),
    ],
)
def test_an_error_beyond_a_tenth_of_the_median_is_marked(error_s, middle_s, shown) -> None:
    assert clock_error(error_s, middle_s) == shown
