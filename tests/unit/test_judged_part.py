"""Which doubts a search for capacity is judged by: all about the run, and those about its judged seconds."""

import msgspec
import pytest

from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Note
from siotool.runs.judged_part import judged_part
from siotool.searched import FoundCapacity, Hold

GATE = "p99:ack > 200ms"


def hold(begin_s, end_s, load, outcome, missed):
    return Hold(end_s, begin_s, load, outcome, GATE, missed, 0.01, 1000, int(end_s - begin_s), 1.0)


def searched(run, *notes):
    """A search that is judged by the seconds 11 to 20, and that held a load that failed after them."""
    return msgspec.structs.replace(
        run,
        notes=list(notes),
        capacity=FoundCapacity(
            30.0, "users", "connections", 90.0, 80.0, 100.0, 0.95, GATE, "server", 30.0, True
        ),
        holds=[hold(10.0, 20.0, 80.0, "passed", 0.0), hold(20.0, 30.0, 100.0, "failed", 0.02)],
    )


@pytest.mark.parametrize("t_s", [1.0, 15.2, 28.0])
def test_a_doubt_about_the_run_is_one_of_the_search_whenever_it_was_said(make_run, t_s):
    run = searched(make_run(), Note(t_s, "doubt", "generator worker 1 was lost"))
    report = summarize([run], Planned())
    assert [interval.t_s for interval in judged_part(run).intervals] == [float(end) for end in range(11, 21)]
    assert report.verdict == "untrusted"
    assert report.doubts == [f"generator worker 1 was lost (at {t_s:.0f} s)"]


@pytest.mark.parametrize(
    ("t_s", "counts"), [(10.0, False), (11.0, True), (20.0, True), (20.06, False), (28.0, False)]
)
def test_a_doubt_about_a_second_is_one_of_the_search_where_it_is_judged_by_that_second(make_run, t_s, counts):
    run = searched(make_run(), Note(t_s, "doubt", "its loop was blocked", momentary=True))
    report = summarize([run], Planned())
    assert bool(report.doubts) == counts
    assert report.valid == ("suspect" if counts else "yes")


def test_a_gate_on_a_server_without_samples_is_not_called_the_generators_limit(make_run):
    run = searched(make_run())
    found = msgspec.structs.replace(run.capacity, value=None, high=None, limited_by="unsampled")
    report = summarize([msgspec.structs.replace(run, capacity=found)], Planned())
    (doubt,) = report.doubts
    assert doubt.startswith("a gate is on the server, which was not sampled at higher loads")
    assert "generator" not in doubt
    assert report.sizing.next_test.why.startswith("the server was not sampled at higher loads")


def test_in_a_run_that_did_not_search_every_second_counts(make_run):
    run = make_run(notes=[Note(28.0, "doubt", "its loop was blocked", momentary=True)])
    assert summarize([run], Planned()).valid == "suspect"
