"""One run, one answer: what a report says of a run is what a plan learns of it."""

import msgspec
import numpy as np
import pytest

from siotool.measured_servers import MeasuredServer
from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.observe import observe
from siotool.plan.evidence.profile import measure
from siotool.plan.evidence.verify import observed
from siotool.plan.inputs.middles import middle_of
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Connections, Operation
from siotool.runs.capacity import straight_line
from siotool.runs.seconds import seconds_of
from siotool.runs.slope import MedianLine, fit_gauge


def held_short(interval):
    """A hold phase of two seconds, then half of the users leave at once."""
    if interval.t_s <= 12:
        return interval
    return msgspec.structs.replace(interval, connections=Connections(open=50, users=100))


def drained(interval):
    """The last seconds only wait for what was under way."""
    return msgspec.structs.replace(interval, draining=interval.t_s > 25)


def unsampled(interval):
    """Some seconds of the hold phase have no sample, and other traffic."""
    if int(interval.t_s) % 3:
        return interval
    more = msgspec.structs.replace(interval.bytes, wire_in=3 * interval.bytes.wire_in)
    return msgspec.structs.replace(interval, servers={}, bytes=more)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="a hold phase"),
        pytest.param({"ramp_s": 20, "hold_s": 0}, id="a ramp alone"),
        pytest.param({"change": held_short}, id="a hold phase too short to count"),
        pytest.param({"change": drained}, id="seconds after the last stage"),
        pytest.param({"change": unsampled}, id="seconds without a sample"),
        pytest.param({"users": 800, "rss_per_connection": 300_000}, id="memory that tells"),
    ],
)
def test_a_report_and_a_plan_say_the_same_of_a_run(make_run, more):
    run = make_run(**more)
    report = summarize([run], Planned())
    seen = observe([run], ["yes"])
    profile = measure(seen, seed=1)
    shown, inputs = observed(seen), inputs_of(profile, seen, 1)
    bandwidth, server = report.bandwidth, report.server
    assert shown["cpu"] == pytest.approx(server.cpu_cores_mean)
    assert shown["bandwidth_in"] == pytest.approx(bandwidth.wire_in_bytes_per_s)
    assert shown["bandwidth_out"] == pytest.approx(bandwidth.wire_out_bytes_per_s)
    assert shown["memory"] == server.rss_bytes_max
    assert shown["connections"] == report.connections.peak
    measured = {row.name: row.measured for row in report.sizing.variables}
    for side in ("in", "out"):
        figure = profile.figures[f"bytes_{side}_per_connection_per_s"]
        assert figure.value == pytest.approx(getattr(bandwidth, f"per_connection_{side}_bytes_per_s"))
    capacity = middle_of(inputs, "server.capacity")
    assert capacity == pytest.approx(measured["capacity"], rel=0.05)  # its middle is drawn
    memory = profile.figures.get("server.memory_per_connection")
    assert (None if memory is None else memory.value) == server.rss_bytes_per_connection
    assert report.steady.duration_s == seen.whole["duration_s"][seen.whole.held].sum()


def test_a_server_that_was_not_sampled_in_the_hold_phase_shows_no_capacity(make_run):
    """The plan learnt from the ramp what the report said nobody had measured."""
    run = make_run(change=lambda i: msgspec.structs.replace(i, servers={}) if i.t_s > 10 else i)
    assert summarize([run], Planned()).server.cpu_cores_mean is None
    with pytest.raises(Exception, match="no sample of the server in the hold phase"):
        observe([run], ["yes"])


def test_servers_of_unlike_cores_count_as_the_largest_in_both(make_run):
    servers = [MeasuredServer("server", [1], "pid 1", cores) for cores in (1.0, 2.0)]
    runs = [make_run(name=name, server=server) for name, server in zip("ab", servers, strict=True)]
    report = summarize(runs, Planned())
    assert report.server.cores == 2.0
    assert any("the largest is used" in remark for remark in report.remarks)
    seen = observe(runs, ["yes", "yes"])
    inputs = inputs_of(measure(seen, 1), seen, 1)
    assert middle_of(inputs, "server.processes") == 2.0


def test_a_second_counts_as_sampled_when_every_server_was(make_run):
    """Half of the servers is not the service."""
    run = make_run()
    names = ("a", "b")
    run.header = msgspec.structs.replace(
        run.header, servers=[MeasuredServer(name, [1], "pid 1", 1.0) for name in names]
    )
    for number, interval in enumerate(run.intervals):
        use = interval.servers["server"]
        chosen = names if number % 5 else names[:1]
        run.intervals[number] = msgspec.structs.replace(interval, servers=dict.fromkeys(chosen, use))
    seen = observe([run], ["yes"])
    assert len(seen.usable) == len(run.intervals) * 4 // 5
    assert np.allclose(seen.usable["cpu_cores"], 2 * 0.004 * seen.usable["connections"])
    assert summarize([run], Planned()).server.cpu_cores_mean == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("bytes_per_s", "cores_used", "found"),
    [
        (1e6, 0.5, 4e6),
        (0.0, 0.5, "the server did nothing to extrapolate from"),
        (1e6, 0.0005, "the server did nothing to extrapolate from"),
        (np.nan, 0.5, "the server did nothing to extrapolate from"),
    ],
)
def test_the_straight_line(bytes_per_s, cores_used, found):
    assert straight_line(bytes_per_s, cores_used, 2.0) == found


def test_a_server_that_nobody_sampled_while_connections_rose_has_no_slope(make_run):
    def sampled_late(interval):
        return interval if interval.t_s > 28 else msgspec.structs.replace(interval, servers={})

    seconds = seconds_of([make_run(), make_run(change=sampled_late)])
    alone = seconds_of([make_run(server=None)])
    assert isinstance(fit_gauge(seconds, "rss_bytes"), MedianLine)
    assert fit_gauge(alone, "rss_bytes") == "not measured"


def test_the_seconds_of_several_runs_follow_one_another(make_run):
    runs = [make_run(name=name, ramp_s=5, hold_s=5) for name in "abc"]
    assert list(seconds_of(runs)["begin_s"]) == list(range(30))


@pytest.mark.parametrize(("unsent", "inbound"), [(0, 100), (30, 70), (300, 0)])
def test_what_could_not_be_sent_never_came_to_the_server(make_run, unsent, inbound):
    def change(interval):
        call = Operation(op="ack", name="echo", count=0, errors={"not_sent": unsent})
        return msgspec.structs.replace(interval, operations=[call])

    assert seconds_of([make_run(change=change)])["inbound_per_s"][-1] == inbound
