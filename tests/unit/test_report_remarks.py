"""What a report adds about runs that were pooled, cut or half sampled; and shares near nothing and all."""

import msgspec
import pytest

from siotool.errors import InputError
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.report_document import as_document
from siotool.report.time_charts import over_time
from siotool.report.ways import HOLD
from siotool.runfile import Connections
from siotool.runs.reading import contradiction


def with_header(run, **changes):
    return msgspec.structs.replace(run, header=msgspec.structs.replace(run.header, **changes))


def test_pooled_runs_of_unlike_settings_are_told_apart(make_run):
    one, other = make_run(name="a"), make_run(name="b")
    assert not any("unlike" in remark for remark in summarize([one, other], Planned()).remarks)
    workload = msgspec.structs.replace(other.header.workload, settings={"rate": 9.0})
    remarks = summarize([one, with_header(other, workload=workload)], Planned()).remarks
    assert any("the pooled runs have different settings" in remark for remark in remarks)


def test_pooled_runs_of_unlike_servers_are_told_apart(make_run):
    one, other = make_run(name="a"), make_run(name="b")
    (server,) = other.header.servers
    larger = with_header(other, servers=[msgspec.structs.replace(server, cores=4.0)])
    remarks = summarize([one, larger], Planned()).remarks
    assert any("servers with different numbers of cores" in remark for remark in remarks)


def test_what_is_cut_behind_the_end_is_told_and_changes_nothing(make_run):
    run = make_run()
    run.truncated_line = True
    report = summarize([run], Planned())
    assert "the run file has a cut line after its end, which was left out" in (
        *report.remarks,
        *report.doubts,
    )


def test_a_gate_on_a_server_that_was_not_sampled_while_the_load_stood_fails(make_run):
    """The samples of the ramp are no measure of the hold phase."""
    run = make_run(change=lambda one: msgspec.structs.replace(one, servers={}) if one.t_s > 10 else one)
    report = summarize([run], Planned(), [parse("server_cpu > 90%")])
    (gate,) = report.gates
    assert (gate.outcome, gate.value) == ("failed", None)
    assert "no sample of the server in the hold phase" in gate.reason


@pytest.mark.parametrize(
    ("figures", "name"),
    [({"connections": 1e31}, "connections"), ({"capacity_bytes_per_s": 1e-31}, "capacity_bytes_per_s")],
)
def test_a_planned_figure_that_no_service_has_is_refused_by_its_name(figures, name):
    with pytest.raises(InputError, match=f"{name} is 1e"):
        Planned(**figures)


def test_a_run_in_which_more_connects_hung_than_failed_contradicts_itself(make_run):
    interval = make_run().intervals[0]
    connections = msgspec.structs.replace(interval.connections, failed={"timeout": 1}, hung={"websocket": 2})
    hung = msgspec.structs.replace(interval, connections=connections)
    assert contradiction(hung) == "more connects hung than failed"
    fewer = msgspec.structs.replace(connections, hung={"websocket": 1})
    assert isinstance(fewer, Connections)
    assert not contradiction(msgspec.structs.replace(interval, connections=fewer))


def test_a_chart_of_a_long_run_says_for_how_long_a_point_stands(make_run):
    """2,000 points at most are drawn."""

    def said(seconds):
        report = summarize([make_run(users=2, ramp_s=0, hold_s=seconds)], Planned())
        (chart,) = over_time(report)["connections"]
        (way,) = [way for way in as_document(report).sections[-1].blocks if way.name == HOLD]
        return len(chart.curves[0].points), way.text

    points, text = said(30)
    assert (points, "stands for" in text) == (30, False)
    points, text = said(2001)
    assert (points, "2 s" in text) == (1001, True)
