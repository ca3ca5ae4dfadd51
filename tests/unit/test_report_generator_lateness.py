"""Percentiles that the generator may have made: how late its loop was, beside what it measured."""

import msgspec
import pytest

from siotool.histogram import Histogram, Sparse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.swarm.aggregator import _health


def sparse(milliseconds):
    found = Histogram()
    found.record([one / 1000 for one in milliseconds])
    return found.sparse()


@pytest.fixture
def told(make_run):
    """What the report of calls that take 60 ms says of a loop that was so late, in each second as often."""

    def tell(milliseconds, *, users=100, draining=False):
        def change(interval):
            workers = [msgspec.structs.replace(one, late=sparse(milliseconds)) for one in interval.generator]
            return msgspec.structs.replace(interval, generator=workers, draining=draining)

        report = summarize([make_run(latency_s=0.06, users=users, change=change)], Planned())
        doubts, remarks = (
            [text for text in texts if "too large" in text] for texts in (report.doubts, report.remarks)
        )
        return doubts, remarks

    return tell


@pytest.mark.parametrize(
    ("milliseconds", "doubt", "remark"),
    [
        pytest.param([0.5] * 100, "", "", id="timers are no more exact than a millisecond"),
        pytest.param([0.5] * 98 + [30] * 2, "p99 of", "", id="late for 2 % of the time"),
        pytest.param([0.5] * 98 + [9] * 2, "", "p99 of", id="by less: worth knowing"),
        pytest.param([0.5] * 995 + [30] * 5, "", "p99.9 of", id="once in a thousand times: no doubt"),
        pytest.param([30] * 100, "p50 of", "", id="always"),
    ],
)
def test_a_percentile_is_doubted_where_the_loop_was_as_often_as_late(told, milliseconds, doubt, remark):
    doubts, remarks = told(milliseconds)
    for found, wanted in ((doubts, doubt), (remarks, remark)):
        assert len(found) == bool(wanted)
        assert wanted in "".join(found)


def test_a_twentieth_of_a_percentile_is_no_error_worth_telling(told):
    assert not any("ack" in text for texts in told([0.5] * 98 + [2.5] * 2) for text in texts)


def test_the_lowest_percentile_of_each_operation_is_named(told):
    """A percentile that was off by a third stood among "8 other percentiles" of another operation."""
    ((text,), _) = told([30] * 100)
    first, others = text.split("; so may ")
    assert first.startswith("p50 of ack echo (")
    assert others.startswith("p50 of connect websocket (")
    assert others.endswith("other percentiles")


def test_what_is_late_while_users_leave_changes_nothing(told):
    assert told([30] * 100, draining=True) == ([], [])


def test_seconds_that_are_put_together_keep_how_late_each_was(make_run):
    (worker,) = make_run().intervals[0].generator
    parts = [msgspec.structs.replace(worker, late=late) for late in (sparse([1, 30]), Sparse(), sparse([2]))]
    assert _health(parts).late == sparse([1, 2, 30])
