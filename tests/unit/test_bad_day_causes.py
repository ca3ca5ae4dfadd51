"""Causes that a report names by their marks: torn sessions, a full accept queue, an undrained deploy."""

import msgspec
import numpy as np
import pytest

from siotool.faults.planned_fault import FaultStep, PlannedFault
from siotool.histogram import Histogram
from siotool.report.bad_day_causes import overflowing_queue, torn_sessions
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Operation


def torn(make_run, counts, faults=(), steps=()):
    def change(interval):
        closed = {"session_unknown": counts.get(round(interval.t_s), 0)}
        return msgspec.structs.replace(
            interval, connections=msgspec.structs.replace(interval.connections, closed=closed)
        )

    run = make_run(change=change)
    header = msgspec.structs.replace(run.header, faults=list(faults))
    return list(torn_sessions(msgspec.structs.replace(run, header=header, fault_steps=list(steps))))


def test_sessions_that_are_not_known_any_more_are_said_with_the_reload_before(make_run):
    faults = [PlannedFault(11.0, "reload balancer")]
    steps = [FaultStep(t_s=11.2, fault=0, step="do", took_s=0.1)]
    (said,) = torn(make_run, {12: 30, 13: 20}, faults, steps)
    assert "50 sessions that had worked were not known any more (session_unknown) from 12 s on" in said
    assert "right after 'reload balancer'" in said
    assert "loses it when it is started or configured again" in said


def test_without_a_fault_before_it_no_table_is_blamed(make_run):
    faults = [PlannedFault(2.0, "reload balancer")]
    steps = [FaultStep(t_s=2.0, fault=0, step="do", took_s=0.1)]
    (said,) = torn(make_run, {20: 5}, faults, steps)
    assert "table" not in said.partition("A cookie")[0]
    assert torn(make_run, {20: 2}) == []
    assert torn(make_run, {}) == []


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("reload balancer", True),
        ("restart haproxy", True),
        ("kill nginx", True),
        ("drain server-1", False),
        ("rolling deploy", False),
        ("kill server-2", False),
    ],
)
def test_the_table_of_a_balancer_is_blamed_only_where_something_was_done_to_the_balancer(make_run, do, said):
    steps = [FaultStep(t_s=11.2, fault=0, step="do", took_s=0.1)]
    (found,) = torn(make_run, {12: 30, 13: 20}, [PlannedFault(11.0, do)], steps)
    assert f"right after '{do}'" in found
    assert ("in a table loses it" in found) == said


def queue(make_run, seconds):
    histogram = Histogram()
    histogram.record(np.array(seconds))
    times = histogram.sparse()

    def change(interval):
        if interval.t_s != 5:
            return interval
        tcp = Operation("phase", "tcp", len(seconds), response=times)
        return msgspec.structs.replace(interval, operations=[*interval.operations, tcp])

    return list(overflowing_queue(make_run(change=change)))


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        pytest.param(
            [0.001] * 20 + [1.02, 1.03, 3.05], "3 TCP connects (13 %) took whole seconds", id="full"
        ),
        pytest.param(
            [0.001] * 10 + [1.02] * 10 + [2.03] * 10,
            "20 TCP connects (66.7 %) took whole seconds, quick ones 1 ms in the middle",
            id="most were not let in at once",
        ),
        pytest.param([0.001] * 20 + [1.02, 1.03], "", id="two are chance"),
        pytest.param([0.001] * 20 + [0.7, 1.1, 1.2, 1.25, 1.4, 1.6, 1.8], "", id="a slow network, by chance"),
        pytest.param([0.001] * 20 + [0.6, 0.7, 1.5, 1.6], "", id="slow, but not by whole seconds"),
        pytest.param([1.01, 1.02, 1.03, 1.04], "", id="all are slow: far away"),
        pytest.param([], "", id="none"),
    ],
)
def test_connects_that_took_whole_seconds_show_a_full_accept_queue(make_run, seconds, found):
    said = queue(make_run, seconds)
    assert (found in said[0]) if found else said == []


def deployed(make_run, do, lost, **workload):
    def change(interval):
        if interval.t_s != 21:
            return interval
        connections = msgspec.structs.replace(
            interval.connections, closed={"transport_close": lost}, attempted=lost
        )
        back = msgspec.structs.replace(interval.losses, back=lost)
        return msgspec.structs.replace(interval, connections=connections, losses=back)

    run = make_run(change=change)
    planned = msgspec.structs.replace(run.header.workload, **workload)
    header = msgspec.structs.replace(run.header, faults=[PlannedFault(20.0, do)], workload=planned)
    steps = [FaultStep(t_s=20.0, fault=0, step="do", took_s=0.5)]
    report = summarize([msgspec.structs.replace(run, header=header, fault_steps=steps)], Planned())
    return [said for said in report.remarks if "undrained" in said]


@pytest.mark.parametrize(
    ("do", "lost", "said"),
    [
        ("rolling deploy pause 1s", 90, True),
        ("restart server-1", 30, True),
        ("rolling deploy drained", 90, False),
        ("kill server-1", 90, False),
        ("restart servers", 90, True),
        ("restart nginx", 90, False),
        ("restart primary", 90, False),
        ("rolling deploy", 10, False),
    ],
)
def test_a_deploy_that_closes_many_connections_at_once_is_said(make_run, do, lost, said):
    found = deployed(make_run, do, lost)
    assert bool(found) == said
    assert not said or f"fault 1 ({do}) closed {lost} connections undrained" in found[0]


@pytest.mark.parametrize(("lost", "said"), [(30, True), (10, False), (3, False)])
def test_where_no_number_of_users_is_planned_those_that_were_there_count(make_run, lost, said):
    """With arrivals or a load shape three lost connections were all clients of a server."""
    assert bool(deployed(make_run, "rolling deploy", lost, stages=[])) == said
