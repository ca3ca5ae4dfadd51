"""What a report says of faults, and which parts of a run its gates judge."""

import msgspec
import pytest

from siotool.cli.fault_storm import storm_peak
from siotool.document.document import Section, Table
from siotool.document.vega_lite import spec
from siotool.errors import RunFileError
from siotool.faults.planned_fault import FaultStep, PlannedFault
from siotool.histogram import Histogram
from siotool.report.comparison_figures import Beside, Comparison, MetricChange, ServersChange
from siotool.report.fault_tables import faults as fault_section
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.time_charts import over_time
from siotool.report.ways import JUDGED, method
from siotool.runfile import Delivery, End, Losses, Operation, ScenarioFailure
from siotool.runs import reading
from siotool.stopped import Stopped
from siotool.workload import ClientBackoff


def times(seconds, count):
    histogram = Histogram()
    histogram.record([seconds] * count)
    return histogram.sparse()


def at(interval, **changes):
    connections = changes.pop("connections", {})
    return msgspec.structs.replace(
        interval, connections=msgspec.structs.replace(interval.connections, **connections), **changes
    )


#: A server with half of 100 users is killed at second 20 and started at 24. Its users are back 2 s later.
KILLED = [
    FaultStep(t_s=20.0, fault=0, step="do", took_s=0.1, parts=["server-1"]),
    FaultStep(t_s=24.0, fault=0, step="undo", took_s=0.5, parts=["server-1"]),
]


def with_fault(
    make_run, steps=KILLED, *, back_at=22, errors_at=(21,), lost_ago=None, planned=None, acknowledged=None
):
    """50 of 100 users lose their connection in second 21 of 40, and are back in another one."""
    lost_ago = lost_ago or {}

    def change(interval):
        second = round(interval.t_s)
        delivery = Delivery(
            published=1, expected=100, received=100, acknowledged=int(acknowledged is not None)
        )
        lost = sum(count for _, count in lost_ago.get(second, ()))
        found = at(
            interval,
            delivery=msgspec.structs.replace(delivery, expected=100 + lost, lost=lost),
            lost_ago=list(lost_ago.get(second, ())),
            acknowledged_lost_ago=list((acknowledged or {}).get(second, ())),
            operations=[
                *interval.operations,
                Operation("deliver", "tick", 100, response=times(0.5 if second in errors_at else 0.01, 100)),
            ],
        )
        if second in errors_at:
            failed = Operation("ack", "echo", 50, {"transport_close": 50}, times(0.2, 50))
            found = at(found, operations=[failed, found.operations[-1]])
        if 21 <= second < back_at:
            closed = {"closed": {"transport_close": 50}} if second == 21 else {}
            return at(found, connections={"open": 50, "attempted": 30, **closed}, losses=Losses(away_now=50))
        if second == back_at:
            came = {"attempted": 60, "established": 50}
            return at(found, connections=came, losses=Losses(back=50, away=times(1.0, 50), recovered=20))
        return found

    run = make_run(hold_s=30, change=change)
    planned = planned or [PlannedFault(20.0, "kill server-1", 4.0, "start server-1")]
    header = msgspec.structs.replace(run.header, faults=planned, backoff=ClientBackoff(1.0, 5.0, 0.5))
    return msgspec.structs.replace(run, header=header, fault_steps=list(steps))


def report(run, *gates, storm=storm_peak):
    return summarize([run], Planned(), [parse(text) for text in gates], default_gates=True, storm=storm)


def gates(found):
    return {gate.expr: gate.outcome for gate in found.gates}


def test_a_fault_lasts_until_everybody_is_back_and_shows_what_it_cost(make_run):
    (found,) = report(with_fault(make_run, lost_ago={22: [(1, 7)], 40: [(19, 3), (18, 1), (30, 2)]})).faults
    assert (found.do, found.undo, found.parts) == ("kill server-1", "start server-1", ["server-1"])
    assert (found.t_s, found.until_s, found.well_s) == (20.0, 24.5, 24.5)
    assert (found.lost, found.reasons, found.back) == (50, {"transport_close": 50}, 50)
    assert found.back_all_s == 1.0
    assert (found.recovered, found.recovered_share) == (20, 0.4)
    assert found.attempts_peak_per_s == 60
    # those of second 21 and 22, of which some were given up later; not those of second 10
    assert found.messages_lost == 7 + 3 + 1
    by_op = {one.op: one for one in found.latencies}
    assert by_op["ack"].before_s == pytest.approx(0.002, rel=0.02)
    assert by_op["ack"].during_s == pytest.approx(0.2, rel=0.02)
    assert by_op["ack"].after_s == pytest.approx(0.002, rel=0.02)
    assert by_op["deliver"].during_s == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(
    ("back_at", "until_s"), [pytest.param(22, 24.5, id="it ends"), pytest.param(99, 40.0, id="it never does")]
)
def test_charts_show_when_a_fault_was(make_run, back_at, until_s):
    charts = over_time(report(with_fault(make_run, back_at=back_at)))
    assert {tuple(chart.troubles) for found in charts.values() for chart in found} == {((20.0, until_s),)}
    drawn = spec(charts["connections"][0])
    (trouble,) = [layer for layer in drawn["layer"] if layer["mark"].get("style") == "trouble"]
    assert trouble["data"]["values"] == [{"t": 20.0, "end": until_s}]


def test_what_was_acknowledged_and_lost_is_known_where_messages_are_acknowledged(make_run):
    lost = {40: [(19, 9), (30, 4)]}
    (found,) = report(with_fault(make_run, lost_ago=lost, acknowledged={40: [(19, 6), (30, 4)]})).faults
    assert (found.messages_lost, found.acknowledged_lost) == (9, 6)
    (silent,) = report(with_fault(make_run, lost_ago=lost)).faults
    assert (silent.messages_lost, silent.acknowledged_lost) == (9, None)


def test_the_storm_is_the_planners_for_as_many_clients(make_run):
    """50 clients wait 0.5 to 1.5 s each: in the worst second most of them try, all 50 at most."""
    (found,) = report(with_fault(make_run)).faults
    assert 25 < found.storm_peak_per_s <= 50
    (silent,) = report(with_fault(make_run), storm=lambda *_, **__: None).faults
    assert silent.storm_peak_per_s is None


def test_the_storm_of_a_rolling_deploy_is_that_of_its_worst_second(make_run):
    """Servers lost their clients one after the other, and all of them were predicted to come at once."""
    run = with_fault(make_run, [KILLED[0], msgspec.structs.replace(KILLED[1], t_s=34.0)])
    lost, back = (one for one in run.intervals if round(one.t_s) in (21, 22))
    again = {
        round(one.t_s + 10): msgspec.structs.replace(one, t_s=one.t_s + 10, draining=False)
        for one in (lost, back)
    }
    run.intervals[:] = [again.get(round(one.t_s), one) for one in run.intervals]
    asked = []

    def storm(header, clients, unreachable_s, *, hanging):
        asked.append(clients)
        return storm_peak(header, clients, unreachable_s, hanging=hanging)

    (found,) = report(run, storm=storm).faults
    assert (found.lost, asked) == (100, [50])
    (once,) = report(with_fault(make_run)).faults
    assert found.storm_peak_per_s == once.storm_peak_per_s


def test_the_gates_judge_what_is_before_and_after_and_not_the_fault(make_run):
    found = report(with_fault(make_run, lost_ago={40: [(19, 500)]}))
    assert found.verdict == "passed"
    outcomes = gates(found)
    assert outcomes["errors:ack[before] > 1%"] == outcomes["errors:ack[after] > 1%"] == "passed"
    assert outcomes["lost[before] > 0.1%"] == outcomes["lost[after] > 0.1%"] == "passed"
    assert not [expr for expr in outcomes if "[" not in expr]


@pytest.mark.parametrize(
    ("second", "part"),
    [(15, "before"), (35, "after")],
)
def test_what_fails_beside_the_fault_fails_its_gate(make_run, second, part):
    found = report(with_fault(make_run, errors_at=(21, second)))
    assert found.verdict == "failed"
    failed = [expr for expr, outcome in gates(found).items() if outcome == "failed"]
    assert failed == [f"errors:ack[{part}] > 1%"]


def test_lost_messages_count_where_they_were_sent(make_run):
    """Sent in the steady state before the fault, and given up long after it."""
    found = report(with_fault(make_run, lost_ago={40: [(30, 60)]}))
    failed = [expr for expr, outcome in gates(found).items() if outcome == "failed"]
    assert failed == ["lost[before] > 0.1%"]


def test_a_service_that_is_never_well_again_fails(make_run):
    found = report(with_fault(make_run, back_at=99))
    assert found.verdict == "failed"
    assert found.faults[0].well_s is None
    failed = [expr for expr, outcome in gates(found).items() if outcome == "failed"]
    assert failed == ["steady state after the faults"]


def test_one_of_several_runs_that_is_never_well_again_fails(make_run):
    """The others' seconds after the fault hid it."""
    runs = [with_fault(make_run), with_fault(make_run, back_at=99)]
    for number, run in enumerate(runs):
        run.header = msgspec.structs.replace(run.header, run=f"run-{number}")
    found = summarize(runs, Planned(), [], default_gates=True, storm=storm_peak)
    assert found.verdict == "failed"
    failed = [expr for expr, outcome in gates(found).items() if outcome == "failed"]
    assert failed == ["steady state after the faults"]


def test_a_run_without_a_fault_beside_one_with_a_fault_is_judged(make_run):
    """It belonged to no part: a run in which every call failed passed."""

    def failing(interval):
        failed = Operation("ack", "echo", 0, {"timeout": 50})
        return msgspec.structs.replace(interval, operations=[failed])

    broken = with_fault(make_run)
    without = make_run(name="other", hold_s=30, change=failing)
    found = summarize([broken, without], Planned(), [], default_gates=True, storm=storm_peak)
    assert gates(found)["errors:ack[before] > 1%"] == "failed"


def test_when_gates_are_judged_is_said(make_run):
    section = [Section("gates", "Gates", [Table([], [], how=[JUDGED])])]
    (told,) = method(report(with_fault(make_run)), section).blocks
    assert told.text.startswith("Each gate is judged before the first fault and after the last one,")
    (told,) = method(report(make_run()), section).blocks
    assert told.text.startswith("Each gate is judged over the whole run.")


def test_gates_that_are_asked_for_hold_before_and_after_or_in_a_fault(make_run):
    run = with_fault(make_run)
    judged = gates(report(run, "p99:ack > 100ms"))
    assert judged["p99:ack[before] > 100ms"] == judged["p99:ack[after] > 100ms"] == "passed"
    assert gates(report(run, "p99:ack[fault=1] > 100ms"))["p99:ack[fault=1] > 100ms"] == "failed"
    assert gates(report(run, "errors:ack[fault=1] > 40%"))["errors:ack[fault=1] > 40%"] == "passed"
    assert gates(report(run, "back_all > 500ms"))["back_all > 500ms"] == "failed"
    # nobody connects after the fault: a gate on that holds where it was measured
    connects = gates(report(run, "p99:connect > 1s"))
    assert connects["p99:connect[before] > 1s"] == "passed"
    assert "p99:connect[after] > 1s" not in connects


def test_a_fault_ends_where_the_next_one_begins(make_run):
    steps = [*KILLED, FaultStep(t_s=23.5, fault=1, step="do", took_s=0.1)]
    run = with_fault(
        make_run,
        steps,
        back_at=26,
        planned=[PlannedFault(20.0, "kill server-1", 4.0, "start server-1"), PlannedFault(23.5, "true")],
    )
    first, second = report(run).faults
    assert (first.lost, second.until_s, second.well_s) == (50, 23.6, 26.0)


#: server-1 is stopped from second 20 to 34, and server-2 is killed and started meanwhile.
OVERLAPPING = [
    FaultStep(t_s=20.0, fault=0, step="do", took_s=0.1),
    FaultStep(t_s=24.0, fault=1, step="do", took_s=0.1),
    FaultStep(t_s=26.0, fault=1, step="undo", took_s=0.5),
    FaultStep(t_s=34.0, fault=0, step="undo", took_s=0.1),
]
BOTH = [
    PlannedFault(20.0, "stop server-1", 14.0, "continue server-1"),
    PlannedFault(24.0, "kill server-2", 2.0, "start server-2"),
]


def test_what_fails_while_an_earlier_fault_is_still_made_is_not_after_the_faults(make_run):
    found = report(with_fault(make_run, OVERLAPPING, errors_at=(21, 31), planned=BOTH))
    assert found.verdict == "passed"
    assert gates(found)["errors:ack[after] > 1%"] == "passed"
    first, second = found.faults
    assert (first.well_s, second.well_s) == (34.1, 26.5)
    # what is after the second one is after the first one too
    by_op = {one.op: one for one in second.latencies}
    assert by_op["ack"].after_s == pytest.approx(0.002, rel=0.02)


def test_what_a_fault_breaks_as_it_is_undone_is_its_own_also_where_another_was_made_meanwhile(make_run):
    run = with_fault(make_run, OVERLAPPING, planned=BOTH)
    away = Losses(away_now=50)
    intervals = [
        at(one, connections={"open": 50, "closed": {"reset": 50} if one.t_s == 35 else {}}, losses=away)
        if one.t_s >= 35
        else one
        for one in run.intervals
    ]
    found = report(msgspec.structs.replace(run, intervals=intervals))
    assert [one.well_s for one in found.faults] == [None, 26.5]
    failed = [expr for expr, outcome in gates(found).items() if outcome == "failed"]
    assert failed == ["steady state after the faults"]


def test_faults_that_begin_in_one_second_are_reported(make_run):
    """The first of them has no second of its own."""
    steps = [FaultStep(t_s=20.0, fault=n, step="do", took_s=0.1) for n in (0, 1)]
    planned = [PlannedFault(20.0, "true"), PlannedFault(20.0, "false")]
    first, second = report(with_fault(make_run, steps, planned=planned)).faults
    assert (first.lost, second.lost) == (0, 50)


def test_what_was_lost_in_an_interval_of_two_seconds_is_judged_where_it_was_sent(make_run):
    """Only its last second was looked at."""
    run = with_fault(make_run, lost_ago={40: [(35, 60)]})
    found = [one for one in run.intervals if one.t_s != 5]
    found = [msgspec.structs.replace(one, duration_s=2.0) if one.t_s == 6 else one for one in found]
    outcomes = gates(report(msgspec.structs.replace(run, intervals=found)))
    assert [expr for expr, outcome in outcomes.items() if outcome == "failed"] == ["lost[before] > 0.1%"]


def test_what_a_store_sends_after_a_fault_was_not_missed(make_run):
    """Users drain for seconds, while the fault is over as soon as all are back."""
    run = with_fault(make_run)
    missed = {22: Delivery(while_away=40)}
    caught_up = {27: 25, 30: 10}
    intervals = [
        msgspec.structs.replace(
            one,
            delivery=missed.get(round(one.t_s), one.delivery),
            losses=msgspec.structs.replace(one.losses, caught_up=caught_up.get(round(one.t_s), 0)),
        )
        for one in run.intervals
    ]
    (found,) = report(msgspec.structs.replace(run, intervals=intervals)).faults
    assert found.missed == 5


def test_a_fault_that_was_never_begun_is_in_no_table(make_run):
    found = report(with_fault(make_run, ()))
    assert found.faults == []
    assert fault_section(found).blocks == []


def test_a_step_that_failed_is_in_the_table(make_run):
    steps = [KILLED[0], msgspec.structs.replace(KILLED[1], failed=True, said="server-1 runs already")]
    found = report(with_fault(make_run, steps))
    assert found.faults[0].failed == "undo: server-1 runs already"
    connections, messages, latencies = fault_section(found).blocks
    assert connections.rows[0].cells[0] == "1: kill server-1 (FAILED: undo: server-1 runs already)"
    assert connections.rows[0].tone == "bad"
    assert messages.rows[0].cells[1] == "0"
    assert [row.cells[1] for row in latencies.rows] == ["ack", "deliver", "connect"]


def test_no_reconnection_no_storm(make_run):
    run = with_fault(make_run)
    run.header = msgspec.structs.replace(run.header, backoff=None)
    assert report(run).faults[0].storm_peak_per_s is None


def test_the_hold_phase_leaves_the_faults_out_and_the_load_is_not_blamed(make_run):
    found = report(with_fault(make_run, lost_ago={40: [(19, 500)]}))
    # seconds 11 to 40 are the hold phase, the fault is from 19 to 29.5
    assert found.steady.duration_s == 30 - 11
    assert "beyond" not in found.sizing.servers_measured_how
    alone = with_fault(make_run, (), lost_ago={40: [(19, 500)]})
    alone.header = msgspec.structs.replace(alone.header, faults=[])
    assert "beyond this server" in report(alone).sizing.servers_measured_how


def test_a_run_file_with_a_fault_that_was_not_planned_is_refused(make_run, tmp_path):
    run = with_fault(make_run)
    path = tmp_path / "run.jsonl"
    lines = [run.header, *run.intervals, *run.fault_steps]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert reading.read(path).fault_steps == run.fault_steps
    stranger = msgspec.structs.replace(run.fault_steps[0], fault=1)
    path.write_bytes(path.read_bytes() + msgspec.json.encode(stranger) + b"\n")
    with pytest.raises(RunFileError, match="a fault that the header does not name"):
        reading.read(path)


def test_a_fault_at_the_very_begin_has_nothing_before_it(make_run):
    steps = [FaultStep(t_s=0.2, fault=0, step="do", took_s=0.1)]
    found = report(with_fault(make_run, steps, planned=[PlannedFault(0.2, "true")]))
    outcomes = gates(found)
    assert not [expr for expr in outcomes if "[before]" in expr]
    assert [expr for expr in outcomes if "[after]" in expr]


def test_a_fault_without_messages_has_no_table_of_them(make_run):
    run = with_fault(make_run)
    intervals = [msgspec.structs.replace(one, delivery=Delivery(), operations=[]) for one in run.intervals]
    found = report(msgspec.structs.replace(run, intervals=intervals))
    assert len(fault_section(found).blocks) == 1


def test_a_gate_on_a_fault_that_never_came_is_not_measured(make_run):
    run = with_fault(make_run, planned=[PlannedFault(20.0, "a", 4.0, "b"), PlannedFault(90.0, "c")])
    (result,) = [gate for gate in report(run, "p99:ack[fault=2] > 1s").gates if "fault=2" in gate.expr]
    assert result.outcome == "failed"
    assert "no second of fault 2" in result.reason


def test_a_comparison_is_judged_beside_the_steady_state(make_run):
    run = with_fault(make_run)
    fields = dict.fromkeys(MetricChange.__struct_fields__, 0.5)
    change = MetricChange(**(fields | {"name": "p99:ack", "unit": "s", "verdict": "worse"}))
    servers = ServersChange(**dict.fromkeys(ServersChange.__struct_fields__))
    fields = {name: [] for name in Comparison.__struct_fields__}
    compared = Comparison(**(fields | {"metrics": [change], "servers": servers}))
    beside = Beside(compared, [], [])
    found = summarize([run], Planned(), default_gates=True, beside=beside)
    assert gates(found)["worse > 0"] == "failed"


def test_a_comparison_of_nothing_fails(make_run):
    """A run that was cut before anything happened was no worse than its baseline, in 0 metrics."""
    servers = ServersChange(**dict.fromkeys(ServersChange.__struct_fields__))
    fields = {name: [] for name in Comparison.__struct_fields__}
    beside = Beside(Comparison(**(fields | {"servers": servers})), [], [])
    found = summarize([make_run()], Planned(), default_gates=True, beside=beside)
    assert gates(found)["worse > 0"] == "failed"


def test_a_fault_goes_on_while_messages_are_lost(make_run):
    """Servers that wait for their backend lose what is published, and no connection."""
    lost = {40: [(14, 5), (13, 5), (11, 5), (4, 5)]}  # sent in the seconds 26, 27, 29 and 36
    (found,) = report(with_fault(make_run, lost_ago=lost)).faults
    assert found.well_s == 29.0
    assert found.messages_lost == 15


@pytest.mark.parametrize("end", [End(40.0, "finished"), End(40.0, "interrupted"), None])
def test_a_fault_that_was_not_made_makes_the_run_suspect(make_run, end):
    """What was to be tested did not happen: a load shape ended before it, and the run passed."""
    planned = [
        PlannedFault(20.0, "kill server-1", 4.0, "start server-1"),
        PlannedFault(90.0, "kill server-2"),
    ]
    run = msgspec.structs.replace(with_fault(make_run, planned=planned), end=end)
    found = report(run)
    assert found.verdict == "untrusted"
    assert [text for text in found.doubts if "fault" in text] == [
        "fault 2 (kill server-2) was not made before the run ended"
    ]
    assert not [text for text in report(with_fault(make_run)).doubts if "fault" in text]


@pytest.mark.parametrize("reason", ["stopped", "target_lost"])
def test_a_run_that_failed_before_its_fault_has_failed_and_names_the_fault(make_run, reason):
    stopped = Stopped("errors:ack > 1%", 0.5, 5.0) if reason == "stopped" else None
    run = msgspec.structs.replace(with_fault(make_run, ()), end=End(40.0, reason, stopped=stopped))
    found = report(run)
    assert found.verdict == "failed"
    assert "fault 1 (kill server-1) was not made before the run ended" in found.remarks


def test_what_the_scenario_raises_at_the_end_fails_the_gate_after_the_faults(make_run):
    """No part of a run with faults held it, and a run whose ``on_stop`` raised passed."""
    raised = [ScenarioFailure("ValueError", "no", "chat.py:9 in on_stop", 3)]
    run = msgspec.structs.replace(with_fault(make_run), end=End(40.0, "finished", exceptions=raised))
    found = report(run, "exceptions[fault=1] > 0")
    outcomes = gates(found)
    assert outcomes["exceptions[after] > 0"] == "failed"
    assert outcomes["exceptions[before] > 0"] == outcomes["exceptions[fault=1] > 0"] == "passed"
    assert found.verdict == "failed"


def test_a_run_that_only_drains_after_its_fault_has_shown_no_steady_state(make_run):
    """No user does anything in those seconds, and every gate on them passed."""
    run = with_fault(make_run)
    intervals = [msgspec.structs.replace(one, draining=one.t_s > 26) for one in run.intervals]
    found = report(msgspec.structs.replace(run, intervals=intervals))
    assert gates(found)["steady state after the faults"] == "failed"
    assert "steady state after the faults" not in gates(report(run))
