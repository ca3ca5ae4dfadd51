"""From runs to figures: known runs have known answers, and what is not known is None."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.histogram import Histogram
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runfile import Bytes, Connections, End, GeneratorMachine, Note, Operation, UserClass, Visits
from siotool.runs.seconds import seconds_of
from siotool.workload import Arrivals, Target

ARTICLE = Planned(
    connections=1_000_000,
    consumption_rate_bytes_per_s=2000,
    downtime_s=1800,
    workday_s=86400,
    capacity_bytes_per_s=100e6,
    utilization=0.7,
)


def variables(report):
    return {variable.name: variable for variable in report.sizing.variables}


def test_the_hold_phase_leaves_out_the_ramp_and_the_second_that_ends_it(make_run):
    run = make_run(users=100, ramp_s=10, hold_s=20)
    seconds = seconds_of([run])
    assert seconds.steady
    assert seconds["t_s"][seconds.held].tolist() == list(range(11, 31))
    steady = summarize([run], Planned()).steady
    assert (steady.found, steady.duration_s, steady.connections_mean) == (True, 20, 100)


def test_the_hold_phase_leaves_out_a_drop_and_the_ramp_down(make_run):
    def change(interval):
        few = {20.0: 50, 29.0: 60, 30.0: 0}.get(interval.t_s)
        if few is None:
            return interval
        return msgspec.structs.replace(interval, connections=Connections(open=few, users=100))

    steady = summarize([make_run(change=change)], Planned()).steady
    # 20 falls, 21 rises again; 29 and 30 are the ramp down
    assert steady.duration_s == 20 - 4


def test_a_run_that_only_ramps_has_no_steady_state_and_says_so(make_run):
    report = summarize([make_run(ramp_s=20, hold_s=0)], Planned())
    assert not report.steady.found
    assert report.steady.duration_s == 20
    assert report.valid == "yes"
    assert any(remark.startswith("no steady state") for remark in report.remarks)


def test_bandwidth_is_per_open_connection_and_second_of_the_hold_phase(make_run):
    report = summarize([make_run(bytes_per_connection_s=1234)], Planned())
    assert report.bandwidth.per_connection_in_bytes_per_s == pytest.approx(1234)
    assert report.bandwidth.per_connection_out_bytes_per_s == pytest.approx(1234)
    assert report.bandwidth.wire_in_bytes_per_s == pytest.approx(123_400)
    assert report.bandwidth.wire_bytes_in == pytest.approx(1234 * (500 + 2000), abs=10)


def test_totals_are_sums_over_intervals_and_percentiles_over_the_whole_run(make_run):
    report = summarize([make_run()], Planned())
    connect, ack = report.operations
    assert (connect.op, connect.count, connect.rate_over) == ("connect", 100, "run")
    assert connect.rate_per_s == pytest.approx(100 / 30)
    assert (ack.op, ack.count, ack.rate_over) == ("ack", 550 + 2000, "hold")
    assert ack.rate_per_s == pytest.approx(100)
    assert ack.p99_s == pytest.approx(0.002, rel=0.01)
    assert report.connections.peak == 100
    assert report.connections.mean == pytest.approx((500 + 2000) / 30)
    assert report.operations_merged == []


def test_unlike_operations_are_never_aggregated(make_run):
    """Half of the rows at 0 ms moved a p50 from 120 to 8 ms: each (op, name) is a row of its own."""

    def change(interval):
        slow = make_run(latency_s=0.12).intervals[0].operations[-1]
        fast = msgspec.structs.replace(make_run(latency_s=1e-5).intervals[0].operations[-1], op="deliver")
        return msgspec.structs.replace(interval, operations=[slow, fast])

    report = summarize([make_run(change=change)], Planned())
    assert [(row.op, row.name) for row in report.operations] == [("ack", "echo"), ("deliver", "echo")]
    assert report.operations[0].p50_s == pytest.approx(0.12, rel=0.01)


def test_the_idle_server_s_memory_is_not_charged_to_connections(make_run):
    server = summarize([make_run(rss_base=300_000_000, rss_per_connection=2_000_000)], Planned()).server
    assert server.rss_bytes_per_connection == pytest.approx(2_000_000)
    assert server.rss_bytes_base == pytest.approx(300_000_000)
    assert "slope" in server.rss_how


def test_without_a_ramp_memory_is_blank_and_says_why(make_run):
    """The mean divided by the connections charges them with the idle server."""
    server = summarize([make_run(ramp_s=0)], Planned()).server
    assert (server.rss_bytes_per_connection, server.rss_bytes_base) == (None, None)
    assert "too close to show what one more adds; ramp up from 0" in server.rss_how


@pytest.mark.parametrize(
    ("users", "known"),
    [
        pytest.param(50, False, id="50 users: their 1 MB is lost in what a young server takes"),
        pytest.param(100, False, id="100 users"),
        pytest.param(4000, True, id="4,000 users"),
    ],
)
def test_memory_per_connection_is_blank_until_it_can_be_told(make_run, users, known):
    """From 50 or 100 users it was ten to fifty times the truth: the server's own growth, divided by them."""

    def change(interval):
        own = 3_000_000 * (1 - np.exp(-interval.t_s / 8))  # a heap that fills, whoever is connected
        use = msgspec.structs.replace(interval.server, rss_bytes=interval.server.rss_bytes + round(own))
        return msgspec.structs.replace(interval, servers={"server": use})

    server = summarize([make_run(users=users, change=change)], Planned()).server
    if known:
        assert server.rss_bytes_per_connection == pytest.approx(20_000, rel=0.1)
    else:
        assert server.rss_bytes_per_connection is None
        assert "moved by itself" in server.rss_how


def test_memory_kept_after_clients_left_does_not_bend_the_slope(make_run):
    def change(interval):
        if interval.t_s <= 25:
            return interval
        return msgspec.structs.replace(
            interval,
            connections=Connections(open=0),
            servers={"server": msgspec.structs.replace(interval.server, rss_bytes=250_000_000)},
        )

    server = summarize([make_run(change=change, rss_per_connection=2_000_000)], Planned()).server
    assert server.rss_bytes_per_connection == pytest.approx(2_000_000)


@pytest.mark.parametrize(
    "keep",
    [
        pytest.param(0, id="header only"),
        pytest.param(3, id="nothing was tried"),
    ],
)
def test_nothing_measured_is_invalid_and_null_rather_than_zero(make_run, reported, article, keep):
    run = make_run(
        change=lambda interval: msgspec.structs.replace(
            interval,
            connections=Connections(users=10),
            operations=[],
            bytes=Bytes(),
            servers={},
        ),
        ended=False,
    )
    del run.intervals[keep:]
    report = reported(run, article)
    assert report.valid == "no"
    assert report.server is None
    assert report.connections.peak == (0 if keep else None)
    assert report.bandwidth.per_connection_in_bytes_per_s is None
    assert (report.sizing.document_planned, report.sizing.servers_planned) == (28, 33)
    assert report.sizing.servers_measured is None
    for row in report.operations:
        assert (row.p50_s, row.p99_s, row.max_s, row.mean_s) == (None, None, None, None)


def test_runs_are_pooled_by_adding_counts_and_keeping_the_largest_peak(make_run):
    one, two = make_run(name="a", users=100), make_run(name="b", users=40, bytes_per_connection_s=2000)
    report = summarize([one, two], Planned())
    assert report.connections.peak == 100
    assert report.connections.attempted == 140
    assert report.operations[1].count == 2550 + 1020
    # per second and connection of both hold phases together
    expected = (100 * 1000 + 40 * 2000) / 140
    assert report.bandwidth.per_connection_in_bytes_per_s == pytest.approx(expected)
    assert report.series.begins_s == [0, 30]
    assert len(report.series.t_s) == 60
    assert report.series.hold_s == [(10, 30), (40, 60)]


def test_the_last_connections_of_one_run_are_not_open_in_the_next(make_run):
    table = seconds_of([make_run(name="a"), make_run(name="b")])
    assert table["connections"][30] == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"target": Target(url="http://other")}, "different targets", id="target"),
        pytest.param({"target": Target(url="http://127.0.0.1:3000", namespace="/a")}, "targets", id="nsp"),
        pytest.param({"scenario": "chat"}, "different scenarios", id="scenario"),
        pytest.param({"run": "a"}, "are the same run a", id="the same run twice"),
    ],
)
def test_runs_with_no_common_figure_are_refused(make_run, change, message):
    one, two = make_run(name="a"), make_run(name=change.pop("run", "b"))
    if "scenario" in change:
        change = {"workload": msgspec.structs.replace(two.header.workload, **change)}
    two.header = msgspec.structs.replace(two.header, **change)
    with pytest.raises(InputError) as caught:
        summarize([one, two], Planned())
    assert message in caught.value.message
    assert str(two.path) in caught.value.message
    assert caught.value.hint


def test_no_run_is_refused():
    with pytest.raises(InputError):
        summarize([], Planned())


def no_change(run):
    pass


def busy(seconds):
    def change(run):
        for number in range(seconds):
            interval = run.intervals[number]
            worker = msgspec.structs.replace(interval.generator[0], cpu_cores=0.99)
            run.intervals[number] = msgspec.structs.replace(interval, generator=[worker])

    return change


def health(*, only=None, **fields):
    def change(run):
        for number, interval in enumerate(run.intervals):
            if only not in (None, interval.t_s):
                continue
            worker = msgspec.structs.replace(interval.generator[0], **fields)
            run.intervals[number] = msgspec.structs.replace(interval, generator=[worker])

    return change


def end(**fields):
    def change(run):
        run.end = msgspec.structs.replace(run.end, **fields) if fields else None

    return change


def scheduled(**counts):
    def change(run):
        counted = [UserClass("Echo", **{"users": 100, "started": 100, "begun": 100} | counts)]
        every_interval(run, lambda interval: msgspec.structs.replace(interval, user_classes=[]))
        run.intervals[-1] = msgspec.structs.replace(run.intervals[-1], user_classes=counted)

    return change


def visited(**counts):
    def change(run):
        workload = msgspec.structs.replace(run.header.workload, stages=[], arrivals=Arrivals(2, 30))
        run.header = msgspec.structs.replace(run.header, workload=workload)
        run.intervals[-1] = msgspec.structs.replace(run.intervals[-1], visits=Visits(**counts))

    return change


def every_interval(run, change):
    run.intervals[:] = [change(interval) for interval in run.intervals]


def own_failure(kind, count):
    def change(run):
        last = run.intervals[-1]
        connections = msgspec.structs.replace(last.connections, failed={kind: count})
        run.intervals[-1] = msgspec.structs.replace(last, connections=connections)

    return change


def waiting(seconds):
    def change(run):
        for second in range(5, 5 + seconds):
            health(cpu_wait=0.4, only=second)(run)

    return change


def waiting_at_the_end(run):
    """A run whose last stage ended a fifth of a second late, on a busy machine."""
    *before, last = run.intervals
    waited = [msgspec.structs.replace(last.generator[0], cpu_wait=0.76)]
    moments = [
        msgspec.structs.replace(last, t_s=29.0 + at, duration_s=0.5, generator=waited) for at in (0.5, 1.0)
    ]
    run.intervals[:] = [*before, *moments]


def quota(run):
    health(cpu_cores=0.225, cpu_allowed=0.25)(run)


def late_without_connections(run):
    def change(interval):
        connections = msgspec.structs.replace(interval.connections, open=0, established=0)
        return msgspec.structs.replace(interval, connections=connections)

    every_interval(run, change)
    health(loop_lag_s=3.0)(run)


def late_while_draining(run):
    every_interval(run, lambda interval: msgspec.structs.replace(interval, draining=True))
    health(loop_lag_s=3.0)(run)


def folded(run):
    many = Operation(op="deliver", name="(other)", count=7)
    run.intervals[-1] = msgspec.structs.replace(run.intervals[-1], operations=[many])


def cut_line(run):
    run.end, run.truncated_line = None, True


def few_users(run):
    workload = msgspec.structs.replace(
        run.header.workload, stages=[msgspec.structs.replace(run.header.workload.stages[0], users=200)]
    )
    run.header = msgspec.structs.replace(run.header, workload=workload)


def with_others(run):
    """The rest of the planned users are of a class without connections."""
    few_users(run)
    every_interval(run, lambda interval: msgspec.structs.replace(interval, other_users=100))


def note(level):
    return lambda run: run.notes.append(Note(t_s=3.0, level=level, text="a fault"))


def unconnected(run):
    for number, interval in enumerate(run.intervals):
        half = interval.connections.established // 2
        connections = msgspec.structs.replace(
            interval.connections, open=interval.connections.open // 2, established=half
        )
        run.intervals[number] = msgspec.structs.replace(interval, connections=connections)


def small_machine(run):
    run.header = msgspec.structs.replace(
        run.header, generators=[GeneratorMachine("localhost", 1, "Linux", 1, 1, "3.12", 0.0)]
    )
    health(cpu_cores=0.6)(run)


def server_files(run):
    for number, interval in enumerate(run.intervals):
        use = msgspec.structs.replace(interval.server, files_open=1000)
        run.intervals[number] = msgspec.structs.replace(interval, servers={"server": use})


DOUBTS = [
    (end(), "the run file has no end: it was cut after 30 s", "no end"),
    (cut_line, "in the middle of a line", "cut in a line"),
    (end(reason="interrupted", t_s=12.0), "was interrupted after 12 s of 30 s", "interrupted"),
    (end(reason="workers_lost"), "lost its workers", "workers lost"),
    (scheduled(begun=0), "no user of class Echo began an operation: it proved nothing", "nothing begun"),
    (scheduled(users=0, started=0, begun=0), "no user of class Echo was started", "nobody started"),
    (own_failure("no_files", 3), "3 failures are the generator's own (no_files): raise", "no files"),
    (own_failure("no_local_port", 1), "the generator's own (no_local_port)", "no port"),
    (health(loop_lag_s=1.5, only=12), "the generator paused for 1.5 s until 12 s", "one long pause"),
    (waiting(2), "the generator waited for a CPU for 2 of 30 s, up to 40 % of a second", "a busy neighbour"),
    (quota, "a worker used up to 90 % of the CPU it may have", "a quota"),
    (busy(2), "the generator was the bottleneck for 2 of 30 s", "two busy seconds"),
    (health(loop_lag_s=0.3), "at most 300 ms", "loop lag"),
    (health(files_open=95_000), "95 % of its open-file limit", "generator files"),
    (scheduled(offered=1000, issued=985), "985 of 1,000 offered Echo", "offered not issued"),
    (scheduled(offered=5), "0 of 5 offered Echo", "nothing issued"),
    (few_users, "100 of 200 planned users", "users missing"),
    (visited(offered=60, arrived=48, no_place=12), "12 of 60 arrivals found no place", "too few places"),
    (visited(offered=60, arrived=57), "57 of 60 users that were to arrive were started", "arrivals missing"),
    (note("doubt"), "a fault (at 3 s)", "a note of level doubt"),
]
REMARKS = [
    (end(reason="target_lost"), None, "the target's own end is a result"),
    (scheduled(begun=0, attempted=9), None, "users whom the target let in nowhere did all they could"),
    (health(loop_lag_s=0.9, only=12), None, "one late second is no pause"),
    (waiting(1), None, "one second without a CPU is no doubt"),
    (with_others, None, "users that do not connect over Socket.IO were started too"),
    (waiting_at_the_end, None, "two moments at the end are not two seconds"),
    (late_without_connections, None, "a late loop without connections shapes no figure"),
    (late_while_draining, None, "nor does one after the last stage"),
    (folded, "there were too many names", "names that stand together"),
    (busy(1), None, "one busy second is no doubt"),
    (health(cpu_cores=0.85), None, "85 % is the limit, not above it"),
    (scheduled(offered=1000, issued=990), None, "99 % is enough"),
    (scheduled(offered=1000, issued=500, withheld=500), None, "what the target withheld is its own"),
    (visited(offered=60, arrived=58), None, "an arrival or two may come with the end"),
    (scheduled(ended=7), "7 users ended by themselves; --arrival-rate", "users that end are said"),
    (note("warning"), "a fault (at 3 s)", "a note of level warning"),
    (note("info"), None, "a note of level info is not for here"),
    (unconnected, "at most 50 of 100 users were connected", "the target refused users"),
    (health(schedule_lag_s=2.0), "up to 2 s after their intended start", "late operations"),
    (small_machine, "shared a machine of 1 core and", "one machine for both"),
    (server_files, "the server had 1,000 of 1,024 files open", "server files"),
    (
        no_change,
        "too few samples or too few independent seconds: connect websocket (100)",
        "few samples",
    ),
]


@pytest.mark.parametrize(("change", "text"), [d[:2] for d in DOUBTS], ids=[d[2] for d in DOUBTS])
def test_a_doubt_makes_the_run_suspect(make_run, change, text):
    run = make_run()
    assert summarize([run], Planned()).valid == "yes"
    change(run)
    report = summarize([run], Planned())
    assert report.valid == "suspect"
    assert any(text in doubt for doubt in report.doubts), report.doubts


@pytest.mark.parametrize(("change", "text"), [r[:2] for r in REMARKS], ids=[r[2] for r in REMARKS])
def test_a_remark_does_not(make_run, change, text):
    run = make_run()
    change(run)
    report = summarize([run], Planned())
    assert (report.valid, report.doubts) == ("yes", [])
    if text is not None:
        assert any(text in remark for remark in report.remarks), report.remarks


def test_visits_are_counted_timed_and_rated_over_the_time_of_arrivals(make_run):
    run = make_run()
    assert summarize([run], Planned()).visits is None
    stays = Histogram()
    stays.record([1.0] * 90 + [4.0] * 10)
    scheduled(started=130, ended=100)(run)
    visited(offered=120, arrived=117, no_place=3, length=stays.sparse())(run)
    every_interval(run, lambda one: msgspec.structs.replace(one, draining=one.t_s > 29))
    found = summarize([run], Planned()).visits
    assert (found.started, found.ended, found.offered, found.arrived, found.no_place) == (
        130,
        100,
        120,
        117,
        3,
    )
    assert (found.offered_per_s, found.achieved_per_s) == pytest.approx((120 / 29, 117 / 29))
    assert (found.length_p50_s, found.length_p90_s, found.length_p99_s) == pytest.approx((1, 1, 4), rel=0.01)
    assert found.length_max_s == 4.0


def test_doubts_of_several_runs_name_their_run(make_run):
    report = summarize([make_run(name="a"), make_run(name="b", ended=False)], Planned())
    assert len(report.doubts) == 1
    assert report.doubts[0].startswith("b: ")


def test_a_long_run_is_thinned_without_guessing(make_run):
    run = make_run(users=10, ramp_s=10, hold_s=4491)
    series = summarize([run], Planned()).series
    assert series.point_s == 4
    assert len(series.t_s) == len(series.connections) == len(series.operations[0].p50_s) == 1126
    assert series.t_s[-1] == 4501
    assert series.operations[1].rate_per_s[100] == pytest.approx(10)
    assert series.operations[1].p50_s[100] == pytest.approx(0.002, rel=0.01)
    assert series.operations[0].p50_s[100] is None


@given(
    users=st.integers(1, 200), ramp_s=st.integers(0, 8), hold_s=st.integers(0, 8), rate=st.integers(0, 9999)
)
def test_whatever_the_run_the_report_adds_up(make_run, users, ramp_s, hold_s, rate):
    run = make_run(users=users, ramp_s=ramp_s, hold_s=hold_s, bytes_per_connection_s=rate)
    report = summarize([run], ARTICLE)
    assert report.connections.attempted == report.connections.established
    assert report.connections.attempted == (users if ramp_s + hold_s else 0)
    assert all(row.count == sum_of(run, row) for row in report.operations)
    assert len(report.series.t_s) == len(run.intervals)
    measured = report.bandwidth.per_connection_in_bytes_per_s
    assert measured is None or measured == pytest.approx(rate, abs=1)


def sum_of(run, row):
    return sum(
        operation.count
        for interval in run.intervals
        for operation in interval.operations
        if (operation.op, operation.name) == (row.op, row.name)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"utilization": 1.5},
        {"utilization": 0.0},
        {"downtime_s": 90_000.0},
        {"connections": -1.0},
        {"capacity_bytes_per_s": 0.0},
        {"connections": float("nan")},
    ],
)
def test_a_planned_figure_out_of_range_is_refused_even_alone(wrong):
    with pytest.raises(InputError):
        Planned(**wrong)


def test_an_end_before_its_time_is_what_the_run_info_says(make_run):
    run = make_run()
    run.end = End(t_s=12.5, reason="interrupted")
    (info,) = summarize([run], Planned()).runs
    assert (info.duration_s, info.ended, info.users_planned) == (12.5, "interrupted", 100)
    run.end = None
    (info,) = summarize([run], Planned()).runs
    assert (info.duration_s, info.ended) == (30.0, "cut")


def test_clocks_that_differ_are_a_remark(make_run):
    """A generator on another machine tells its time by another clock."""
    run = make_run()
    assert "clocks" not in " ".join(summarize([run], Planned()).remarks)
    other = msgspec.structs.replace(run.header.generators[0], host="two")
    run.header = msgspec.structs.replace(run.header, generators=[*run.header.generators, other])
    for interval in run.intervals:
        (health,) = interval.generator
        interval.generator[:] = [
            msgspec.structs.replace(health, worker=worker, clock_error_s=error_s)
            for worker, error_s in enumerate((0.001, 0.002))
        ]
    (remark,) = [text for text in summarize([run], Planned()).remarks if "clocks" in text]
    assert remark == (
        "the clocks of two generators may differ by 3 ms: "
        "times of deliveries between them are no more exact than that"
    )
