"""What one of each costs, what one server can process, and the servers step by step."""

import msgspec
import numpy as np
import pytest

from siotool.cli.outcome import rendered
from siotool.errors import InputError
from siotool.measured_servers import MeasuredServer
from siotool.plan.evidence.observe import observe
from siotool.report.capacity_tables import capacity_sentence
from siotool.runfile import Bytes, Connections, Operation, TargetUse
from siotool.searched import FAILED_IN_ONE, FoundCapacity, Hold
from siotool.workload import WeightedTarget

SERVICE = {"workload.connections": "10k", "server.capacity": "1GB/s"}


def rising_run(make_run, sparse, *, each=200e-6, call=60e-6, size=100, connection=8):
    """Users ramp up and make more calls every second: CPU and bytes of calls and handshakes are apart."""

    def change(interval):
        now, t = interval.connections.open, interval.t_s
        calls = round(now * (1 + t % 7))
        begun = interval.connections.established
        moved = round(now * connection + calls * size + begun * 700)
        use = msgspec.structs.replace(
            interval.servers["server"], cpu_cores=0.02 + calls * call + begun * each
        )
        classes = [msgspec.structs.replace(one, sent=calls, begun=calls) for one in interval.user_classes]
        ack = Operation(op="ack", name="echo", count=calls, response=sparse(np.full(calls, 0.002)))
        others = [one for one in interval.operations if one.op == "connect"]
        return msgspec.structs.replace(
            interval,
            operations=[*others, ack],
            user_classes=classes,
            servers={"server": use},
            bytes=Bytes(payload_in=moved, payload_out=0, wire_in=moved, wire_out=0),
        )

    return make_run(users=1000, ramp_s=20, hold_s=40, change=change)


def test_a_call_costs_what_it_was_made_to(make_run, sparse, reported):
    report = reported(rising_run(make_run, sparse), SERVICE)
    costs = {one.of: one for one in report.sizing.costs}
    assert list(costs) == ["connection", "delivery", "acknowledged call", "handshake"]
    call = costs["acknowledged call"]
    assert call.cpu_s.value == pytest.approx(60e-6, rel=0.1)
    assert call.cpu_s.low < call.cpu_s.value < call.cpu_s.high
    assert call.wire_bytes.value == pytest.approx(100, rel=0.05)
    assert costs["delivery"].cpu_s is None
    assert "--scenario chat" in costs["delivery"].missing
    assert "acknowledged call" in rendered(report, "text")


def test_what_always_came_in_step_is_inside_the_other_and_says_what_would_part_them(make_run, reported):
    report = reported(make_run(cpu_per_connection=0.008), SERVICE)
    connection = report.sizing.costs[0]
    assert connection.cpu_s is None
    assert "would separate them" in connection.missing


def test_the_run_s_own_costs_give_the_capacity_with_an_interval(make_run, reported):
    capacity = reported(make_run(cpu_per_connection=0.008), SERVICE).sizing.capacity
    assert capacity.source == "fit"
    assert capacity.bytes_per_s == pytest.approx(100 * 2000 / 0.8, rel=0.1)
    assert capacity.low < capacity.bytes_per_s < capacity.high
    assert "it took 80 %" in capacity.how


def test_runs_too_short_to_fit_leave_the_straight_line_which_says_that_it_is_weak(make_run, reported):
    report = reported(make_run(cpu_per_connection=0.008, ramp_s=0, hold_s=4), SERVICE)
    assert report.sizing.capacity.source == "line"
    assert "the weakest way" in report.sizing.capacity.how


def test_overload_leaves_no_capacity(make_run, reported):
    def change(interval):
        (*others, ack) = interval.operations
        return msgspec.structs.replace(
            interval, operations=[*others, msgspec.structs.replace(ack, errors={"timeout": ack.count})]
        )

    sizing = reported(make_run(cpu_per_connection=0.008, change=change), SERVICE).sizing
    assert (sizing.capacity, sizing.costs) == (None, [])
    capacity = next(one for one in sizing.variables if one.name == "capacity")
    assert "beyond this server" in capacity.how


# ── a search ─────────────────────────────────────────────────────────────────────────


def searched_run(make_run, **changes):
    """A run whose search held 100 users for its last 20 s, and found 120 of them."""
    run = make_run(cpu_per_connection=0.004)
    found = FoundCapacity(
        t_s=30.0,
        search="users",
        unit="connections",
        value=120.0,
        low=110.0,
        high=130.0,
        confidence=0.95,
        gate="p99:ack > 200ms",
        limited_by="server: event loop",
        seconds=30.0,
        complete=True,
    )
    run.capacity = msgspec.structs.replace(found, **changes)
    run.holds = [
        Hold(30.0, 11.0, 100.0, "passed", "p99:ack > 200ms", 0.0, 0.01, 2000, 20, 20.0, 3.0),
    ]
    return run


def test_a_capacity_that_was_searched_for_counts_before_all_else(make_run, reported):
    """10,000 connections over 120 of each server, 70 % of it used: 110 to 130 make 110 to 130 servers."""
    sizing = reported(searched_run(make_run), SERVICE).sizing
    assert sizing.capacity.source == "search"
    assert sizing.capacity.bytes_per_s == pytest.approx(120 * 2000)
    assert (sizing.capacity.low, sizing.capacity.high) == (
        pytest.approx(110 * 2000),
        pytest.approx(130 * 2000),
    )
    assert "event loop ran out" in sizing.capacity.how
    now = next(one for one in sizing.stages if one.stage == "now" and one.figures == "measured")
    assert now.low == pytest.approx(10_000 / (130 * 0.7), abs=1.5)
    assert now.high == pytest.approx(10_000 / (110 * 0.7), abs=1.5)
    assert (now.binding, sizing.bound) == ("connections", "")
    assert "exact within its interval" in sizing.servers_measured_how


def test_a_capacity_is_told_in_the_words_of_its_axis(make_run, reported):
    """It was "2.5 per_s"."""
    run = searched_run(make_run, search="rate", unit="per_s", value=2.5, low=2.4, high=2.6)
    run.holds = [msgspec.structs.replace(run.holds[0], load=2.4)]
    how = reported(run, SERVICE).sizing.capacity.how
    assert ": 2.5 operations/s of each user (2.4 to 2.6, 95 %); " in how


def test_the_servers_of_a_search_that_ended_at_the_balancer_are_a_bound(make_run, reported):
    """They could carry more, and the count was said to be exact."""
    run = searched_run(make_run, limited_by="server: nginx's core")
    balancer = msgspec.structs.replace(run.header.servers[0], name="nginx", beside=True)
    run.header = msgspec.structs.replace(run.header, servers=[*run.header.servers, balancer])
    sizing = reported(run, SERVICE).sizing
    assert "nginx's core ran out, beside the servers" in sizing.bound
    assert "exact within its interval" not in sizing.servers_measured_how


def test_the_servers_of_a_search_that_found_no_end_are_a_bound(make_run, reported):
    run = searched_run(make_run, value=None, high=None, limited_by="generator")
    sizing = reported(run, SERVICE).sizing
    assert "at least 110" in sizing.capacity.how
    assert "no load that failed" in sizing.bound
    assert sizing.capacity.high is None
    assert "--processes 2" in sizing.next_test.command


def test_searches_of_which_one_found_a_load_that_failed_are_made_again_and_not_further(make_run, reported):
    """Trap: "no load failed", beside a load that did."""
    run = searched_run(make_run, value=None, high=None, limited_by="bound", why=FAILED_IN_ONE)
    sizing = reported(run, SERVICE).sizing
    assert sizing.bound.startswith("one search found no load that failed")
    assert "once more, after a restart" in sizing.next_test.why


def test_failures_above_the_edge_are_no_overload(make_run, reported):
    run = searched_run(make_run)
    (*rest, last) = run.intervals
    (*others, ack) = last.operations
    failed = msgspec.structs.replace(ack, errors={"timeout": 500})
    run.intervals[:] = [*rest, msgspec.structs.replace(last, operations=[*others, failed])]
    assert reported(run, SERVICE).sizing.servers_measured is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"search": "connects"}, "the search was for connects", id="handshakes are no bandwidth"),
        pytest.param({"low": 0.0}, "ended before a load was confirmed", id="no load was confirmed"),
    ],
)
def test_a_search_that_gives_no_capacity_says_so(make_run, reported, changes, said):
    sizing = reported(searched_run(make_run, **changes), SERVICE).sizing
    assert sizing.capacity.source == "fit"
    assert said in sizing.servers_measured_how


def on_servers(run, names, share=1.0):
    """The run on servers that hold a share of its connections together, in equal parts."""

    def divided(interval):
        use = interval.servers["server"]
        part = share / len(names)
        each = msgspec.structs.replace(
            use,
            cpu_cores=use.cpu_cores * part,
            files_open=15 + round(interval.connections.open * part),
        )
        return msgspec.structs.replace(interval, servers=dict.fromkeys(names, each))

    servers = [MeasuredServer(name, [number], f"pid {number}", 1.0) for number, name in enumerate(names, 1)]
    run.header = msgspec.structs.replace(run.header, servers=servers)
    run.intervals[:] = [divided(interval) for interval in run.intervals]
    return run


def test_a_capacity_that_was_searched_for_on_a_fleet_is_shared_out_among_its_servers(make_run, reported):
    """The capacity of all was taken for that of one: a fleet of four needed a quarter of the servers."""
    report = reported(on_servers(searched_run(make_run), ["a", "b", "c", "d"]), SERVICE)
    found = report.sizing.capacity
    assert (found.source, found.bytes_per_s) == ("search", pytest.approx(30 * 2000))
    assert (found.low, found.high) == (pytest.approx(27.5 * 2000), pytest.approx(32.5 * 2000))
    assert "on 4 servers together" in found.how
    now = next(one for one in report.sizing.stages if one.stage == "now" and one.figures == "measured")
    assert now.low == pytest.approx(10_000 / (32.5 * 0.7), abs=1.5)
    assert now.high == pytest.approx(10_000 / (27.5 * 0.7), abs=1.5)
    assert (report.capacity.servers, report.capacity.value) == (4, 120.0)
    assert "these 4 servers hold 120 connections" in capacity_sentence(report.capacity)


def test_what_stands_beside_the_servers_takes_no_share_of_a_capacity(make_run, reported):
    run = searched_run(make_run)
    beside = MeasuredServer("nginx", [9], "pid 9", 1.0, beside=True)
    run.header = msgspec.structs.replace(run.header, servers=[*run.header.servers, beside])
    assert reported(run, SERVICE).sizing.capacity.bytes_per_s == pytest.approx(120 * 2000)


def without_samples(run):
    run.header = msgspec.structs.replace(run.header, servers=[])
    run.intervals[:] = [msgspec.structs.replace(one, servers={}) for one in run.intervals]
    return run


def at_addresses(run, count):
    """The run at several addresses of one service."""
    targets = [WeightedTarget(f"http://10.0.0.{number}:3000") for number in range(count)]
    run.header = msgspec.structs.replace(run.header, targets=targets)
    rest = [TargetUse(Connections(), [], Bytes())] * (count - 1)
    run.intervals[:] = [
        msgspec.structs.replace(one, targets=[TargetUse(one.connections, one.operations, one.bytes), *rest])
        for one in run.intervals
    ]
    return run


@pytest.mark.parametrize(
    ("run", "why"),
    [
        pytest.param(
            lambda run: on_servers(run, ["a"], share=0.2), "hold 20 % of the connections", id="a balancer"
        ),
        pytest.param(lambda run: at_addresses(without_samples(run), 3), "3 addresses", id="several URLs"),
    ],
)
def test_a_search_of_servers_that_nobody_counted_makes_no_figure_of_one(make_run, reported, run, why):
    report = reported(run(searched_run(make_run)), SERVICE)
    assert report.capacity.servers is None
    assert why in report.capacity.servers_how
    assert "how much one of them holds is not known" in capacity_sentence(report.capacity)
    assert report.sizing.capacity is None
    capacity = next(one for one in report.sizing.variables if one.name == "capacity")
    assert (capacity.measured, why in capacity.how) == (None, True)
    assert "not what one does" in report.sizing.servers_measured_how


def test_several_addresses_of_servers_that_were_all_sampled_are_as_many_servers(make_run, reported):
    run = at_addresses(on_servers(searched_run(make_run), ["a", "b"]), 3)
    assert reported(run, SERVICE).sizing.capacity.bytes_per_s == pytest.approx(60 * 2000)


def test_searches_of_fleets_of_different_sizes_make_no_figure_of_one_server(make_run, reported):
    runs = [on_servers(searched_run(make_run), names) for names in (["a"], ["a", "b"])]
    runs[1].header = msgspec.structs.replace(runs[1].header, run="20260102T000000Z-echo")
    assert "1 and 2 servers" in reported(runs, SERVICE).capacity.servers_how


def test_a_straight_line_through_the_cpu_of_a_fleet_is_of_one_of_its_servers(make_run, reported):
    """A run too short for a fit had the capacity of all its servers for that of one."""
    alone = reported(make_run(ramp_s=1, hold_s=3), SERVICE).sizing
    fleet = reported(on_servers(make_run(ramp_s=1, hold_s=3), ["a", "b"]), SERVICE).sizing
    assert fleet.capacity.source == alone.capacity.source == "line"
    assert fleet.capacity.bytes_per_s == pytest.approx(alone.capacity.bytes_per_s)


def test_costs_are_not_learnt_of_one_of_several_addresses_where_nothing_shows_who_serves(make_run):
    polling = at_addresses(make_run(), 3)
    target = msgspec.structs.replace(polling.header.target, transport="polling")
    polling.header = msgspec.structs.replace(polling.header, target=target)
    polling.intervals[:] = [
        msgspec.structs.replace(
            one, servers={"server": msgspec.structs.replace(one.servers["server"], files_open=None)}
        )
        for one in polling.intervals
    ]
    with pytest.raises(InputError, match="3 addresses were loaded"):
        observe([polling], ["yes"])


# ── now, with growth, with spares ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "stages"),
    [
        pytest.param({}, ["now", "redundancy"], id="a plan without growth"),
        pytest.param(
            {"workload.growth": "100%", "workload.ahead": "365d"},
            ["now", "growth", "redundancy"],
            id="a plan that grows",
        ),
    ],
)
def test_servers_are_counted_now_with_growth_and_with_spares(make_run, reported, article, more, stages):
    sizing = reported(make_run(), article | more).sizing
    planned = [one for one in sizing.stages if one.figures == "planned"]
    assert [one.stage for one in planned] == stages
    counts = [one.servers for one in planned]
    assert counts == sorted(counts)
    assert counts[0] == 29
    assert counts[-1] == sizing.servers_planned
    assert counts[-1] > counts[-2]
    if more:
        assert counts[1] == pytest.approx(2 * counts[0], rel=0.05)
    measured = [one for one in sizing.stages if one.figures == "measured"]
    assert measured[-1].servers == sizing.servers_measured
    assert all(one.low <= one.servers <= one.high for one in sizing.stages)


def test_growth_without_a_date_is_said_and_not_counted(make_run, reported, article):
    sizing = reported(make_run(), article | {"workload.growth": "50%"}).sizing
    growth = next(one for one in sizing.stages if one.stage == "growth")
    assert growth.servers is None
    assert "no workload.ahead" in growth.how


def test_one_server_of_several_gives_no_capacity(make_run, reported):
    """Its open files rose by 20 while 100 connections opened: all traffic is not its own."""

    def change(interval):
        use = interval.servers["server"]
        few = msgspec.structs.replace(use, files_open=15 + interval.connections.open // 5)
        return msgspec.structs.replace(interval, servers={"server": few})

    sizing = reported(make_run(cpu_per_connection=0.004, change=change), SERVICE).sizing
    assert (sizing.capacity, sizing.costs) == (None, [])
    capacity = next(one for one in sizing.variables if one.name == "capacity")
    assert capacity.measured is None
    assert capacity.how


def test_the_utilization_is_that_of_the_event_loop_where_it_is_known(make_run, reported):
    def change(interval):
        use = msgspec.structs.replace(interval.servers["server"], loop_utilization=0.55)
        return msgspec.structs.replace(interval, servers={"server": use})

    sizing = reported(make_run(change=change), SERVICE).sizing
    used = next(one for one in sizing.variables if one.name == "utilization")
    assert (used.measured, used.low, used.high) == (pytest.approx(0.55),) * 3
    assert "event loops" in used.how


def test_a_full_event_loop_fills_the_server_before_its_core_does(make_run, reported):
    """The loop was busy for 96 % of the time while the process took 80 % of a core: it waits for others."""

    def change(interval):
        use = interval.servers["server"]
        busy = msgspec.structs.replace(use, loop_utilization=min(1.0, 1.2 * use.cpu_cores))
        return msgspec.structs.replace(interval, servers={"server": busy})

    by_core = reported(make_run(cpu_per_connection=0.008), SERVICE).sizing.capacity
    by_loop = reported(make_run(cpu_per_connection=0.008, change=change), SERVICE).sizing.capacity
    assert by_loop.bytes_per_s == pytest.approx(by_core.bytes_per_s / 1.2, rel=0.02)
    assert "fills its event loop, at 0.83 cores" in by_loop.how
