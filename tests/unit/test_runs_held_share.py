"""How many of the connections the sampled servers hold: all, a part, or none of them."""

from typing import Any

import msgspec
import pytest

from siotool.cli.counts import Counting
from siotool.errors import InputError
from siotool.faults.planned_fault import PlannedFault
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.plan.evidence.observe import observe
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runs import per_server
from siotool.runs.held_share import held_share, wrong_by_cpu, wrong_by_files
from siotool.runs.per_server import holding_none, of_server
from siotool.runs.seconds import seconds_of
from siotool.runs.server_count import count_servers


@pytest.fixture
def fleet(make_run: Any) -> Any:
    """A run behind a balancer: ``fleet({"a": 0.5, "b": 0.5})``, each server with its share of all work."""

    def make(shares: dict[str, float], **use: Any) -> Any:
        def change(interval: Any) -> Any:
            whole = interval.server
            return msgspec.structs.replace(
                interval,
                servers={
                    name: msgspec.structs.replace(
                        whole,
                        **{
                            "cpu_cores": share * whole.cpu_cores,
                            "rss_bytes": round(50e6 + share * (whole.rss_bytes - 50e6)),
                            "files_open": 15 + round(share * interval.connections.open),
                        }
                        | {
                            key: value(share, interval) if callable(value) else value
                            for key, value in use.items()
                        },
                    )
                    for name, share in shares.items()
                },
            )

        run = make_run(change=change)
        servers = [MeasuredServer(name, [n], f"pid {n}", 1.0) for n, name in enumerate(shares, 1)]
        return msgspec.structs.replace(run, header=msgspec.structs.replace(run.header, servers=servers))

    return make


@pytest.mark.parametrize(
    ("shares", "held"),
    [
        pytest.param({"a": 1.0}, 1.0, id="one server"),
        pytest.param({"a": 0.5}, 0.5, id="one of two"),
        pytest.param({"a": 0.0}, 0.0, id="another process"),
        pytest.param({"a": 0.6, "b": 0.4}, 1.0, id="both"),
    ],
)
def test_open_files_show_the_share(fleet: Any, shares: dict[str, float], held: float) -> None:
    found = held_share(seconds_of([fleet(shares)]), by_files=True)
    assert found is not None
    assert found.value == pytest.approx(held, abs=0.02)


def test_what_the_server_counts_goes_before_its_files(fleet: Any) -> None:
    run = fleet({"a": 1.0}, connections=lambda share, interval: round(0.3 * interval.connections.open))
    found = held_share(seconds_of([run]), by_files=True)
    assert found is not None
    assert (found.value, found.how) == (pytest.approx(0.3, abs=0.01), "as the server counts")


def test_files_say_nothing_where_clients_poll_or_connections_hardly_rose(fleet: Any, make_run: Any) -> None:
    assert held_share(seconds_of([fleet({"a": 0.5})]), by_files=False) is None
    assert held_share(seconds_of([make_run(ramp_s=0)]), by_files=True) is None


@pytest.mark.parametrize(
    ("sampled", "held", "known"),
    [
        pytest.param(1, 0.8, True, id="one, as exactly as files show it"),
        pytest.param(3, 0.75, False, id="three of four: each was taken for a third of all"),
        pytest.param(4, 0.8, False, id="four of five"),
        pytest.param(4, 0.97, True, id="all four"),
        pytest.param(10, 10 / 11, False, id="ten of eleven"),
        pytest.param(20, 0.94, True, id="one of more than ten may be overlooked"),
    ],
)
def test_one_server_that_was_not_sampled_makes_their_number_unknown(fleet, sampled, held, known) -> None:
    run = fleet({f"server-{number}": held / sampled for number in range(1, sampled + 1)})
    found = count_servers([run])
    assert found.number == (sampled if known else None)


def test_a_process_that_holds_nothing_is_no_server_among_several(fleet: Any) -> None:
    """A wrong process beside the server halved what a server can carry."""
    run = fleet({"server-1": 1.0, "server-2": 0.0})
    found = count_servers([run])
    assert found.number is None
    assert found.how.startswith("server-2 held none of the connections: leave it out")
    with pytest.raises(InputError, match="server-2 held none of the connections"):
        observe([run], ["yes"])


def test_a_server_that_a_fault_has_emptied_is_still_a_server(fleet: Any) -> None:
    """Clients do not go back by themselves: its run was refused as evidence."""
    run = fleet({"server-1": 1.0, "server-2": 0.0})
    faults = [PlannedFault(5.0, "kill server-2")]
    header = msgspec.structs.replace(run.header, faults=faults)
    assert count_servers([msgspec.structs.replace(run, header=header)]).number == 2


def test_a_server_that_few_connections_missed_by_chance_is_still_a_server(fleet: Any) -> None:
    run = fleet({f"server-{number}": float(number == 1) for number in range(1, 31)})
    assert max(one.connections.open for one in run.intervals) < 300
    assert count_servers([run]).number == 30


def test_a_table_that_is_known_is_not_made_again(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of an hour made it twice."""
    run = fleet({"a": 1.0, "b": 0.0})
    seconds = seconds_of([run])
    expected = holding_none(run)
    monkeypatch.setattr(per_server, "seconds_of", None)
    assert holding_none(run, seconds) == expected == ["b"]
    with pytest.raises(InputError, match="b held none"):
        observe([run], ["yes"], accept_suspect=True, seconds=seconds)


def test_a_small_part_is_not_nothing(fleet: Any) -> None:
    """Of many servers each holds little: none is one that holds nothing."""
    many = fleet({f"server-{number}": 1 / 20 for number in range(20)})
    for run, servers in ((many, 20), (fleet({"a": 0.9, "b": 0.1}), 2)):
        assert count_servers([run]).number == servers
        assert observe([run], ["yes"]).origins[0].nodes == servers


def test_one_process_of_two_is_never_taken_for_the_fleet(fleet: Any) -> None:
    """All traffic over the CPU of one process made a server twice as large as it is."""
    run = fleet({"a": 0.5})
    report = summarize([run], Planned())
    assert report.server is not None
    assert report.server.connections_share == pytest.approx(0.5, abs=0.02)
    assert "other processes hold the rest" in report.server.elsewhere
    assert (report.server.wire_bytes_per_s, report.server.rss_bytes_per_connection) == (None, None)
    (capacity,) = [one for one in report.sizing.variables if one.name == "capacity"]
    assert capacity.measured is None
    assert any("holds 50 % of the connections" in remark for remark in report.remarks)
    with pytest.raises(InputError, match="hold 50 % of the connections"):
        observe([run], ["yes"])


def test_two_servers_are_reported_together_and_each(fleet: Any) -> None:
    report = summarize([fleet({"a": 0.75, "b": 0.25})], Planned())
    assert report.server is not None
    assert (report.server.elsewhere, report.server.imbalance) == ("", pytest.approx(1.5, rel=0.03))
    first, second = report.servers
    assert (first.name, second.name) == ("a", "b")
    assert first.connections_share == pytest.approx(0.75, abs=0.02)
    assert first.cpu_cores_mean == pytest.approx(3 * (second.cpu_cores_mean or 0))
    assert first.wire_bytes_per_s is not None
    assert report.server.wire_bytes_per_s is not None
    assert first.wire_bytes_per_s == pytest.approx(0.75 * report.server.wire_bytes_per_s, rel=0.03)


def test_the_planner_counts_the_sampled_servers(fleet: Any) -> None:
    (origin,) = observe([fleet({"a": 0.5, "b": 0.5})], ["yes"]).origins
    assert (origin.nodes, origin.cores) == (2, 2.0)
    with pytest.raises(InputError, match="4 nodes, and 2 servers were sampled"):
        observe([fleet({"a": 0.5, "b": 0.5})], ["yes"], nodes=[4])


def with_beside(run: Any, gap: int = -1) -> Any:
    """The same run with a balancer and a backend beside its servers; the backend has no sample at ``gap``."""
    beside = {
        "nginx": ServerUse(cpu_cores=0.9, rss_bytes=30_000_000, files_open=900, processes=3, beside=True),
        "redis": ServerUse(cpu_cores=0.5, rss_bytes=9_000_000, files_open=20, processes=1, beside=True),
    }
    intervals = [
        msgspec.structs.replace(
            one, servers=one.servers | {name: use for name, use in beside.items() if number != gap}
        )
        for number, one in enumerate(run.intervals)
    ]
    servers = [
        *run.header.servers,
        *(MeasuredServer(name, [n], f"pid {n}", 1.0, beside=True) for n, name in enumerate(beside, 8)),
    ]
    header = msgspec.structs.replace(run.header, servers=servers)
    return msgspec.structs.replace(run, header=header, intervals=intervals)


def sizing_of(run: Any) -> Any:
    report = summarize([run], Planned(), counts=Counting([run]))
    (capacity,) = [one for one in report.sizing.variables if one.name == "capacity"]
    return report, capacity


def test_the_capacity_of_a_server_of_a_lab_is_not_that_of_all_traffic_over_one_process(
    fleet: Any,
) -> None:
    """Two servers with a balancer and a backend beside them: they were counted as four servers."""
    plain = fleet({"server-1": 0.5, "server-2": 0.5})
    (origin,) = observe([with_beside(plain)], ["yes"]).origins
    assert (origin.nodes, origin.cores) == (2, 2.0)
    alone, of_alone = sizing_of(fleet({"server-1": 1.0}))
    for run in (plain, with_beside(plain), with_beside(plain, gap=25)):
        report, capacity = sizing_of(run)
        # 200 kB/s took 0.4 cores: a core of one server does 500 kB/s, however many servers there are
        assert capacity.measured == pytest.approx(500_000, rel=0.05)
        assert capacity.measured == pytest.approx(of_alone.measured, rel=0.05)
        assert report.server.cpu_cores_mean == pytest.approx(0.4, rel=0.02), "of the servers alone"
        assert report.server.missed_s == 0.0, "a backend that has no sample is no gap"
        assert report.sizing.servers_measured == alone.sizing.servers_measured
        assert report.sizing.document_measured_exact == pytest.approx(
            alone.sizing.document_measured_exact, rel=0.05
        )
        for one in (each for each in report.servers if not each.beside):
            # half of the traffic over half of the CPU; all of it over one process would be 1 MB/s
            share = one.cpu_cores_mean
            assert one.wire_bytes_per_s / share == pytest.approx(500_000, rel=0.05), one.name


def test_what_stands_beside_one_server_hides_nothing_of_it(make_run: Any) -> None:
    """With one server behind a balancer, all connections are the server's."""
    report = summarize([with_beside(make_run(ramp_s=0))], Planned())
    server = next(one for one in report.servers if not one.beside)
    assert server.elsewhere == ""
    assert server.wire_bytes_per_s == pytest.approx(200_000, rel=0.05)


def test_event_loop_time_goes_before_cpu(fleet: Any) -> None:
    """A loop that is busy for 80 % of its time is at 80 %, whatever the CPU of its process says."""
    run = fleet({"a": 1.0}, loop_utilization=0.8)
    report = summarize([run], Planned())
    assert report.server is not None
    assert (report.server.limit, report.server.share_of_limit_mean) == ("event loop", pytest.approx(0.8))
    assert report.server.cpu_share_mean != pytest.approx(0.8)
    without = summarize([fleet({"a": 1.0})], Planned()).server
    assert without is not None
    assert (without.limit, without.share_of_limit_mean) == ("cpu", without.cpu_share_mean)


def test_a_figure_that_no_source_shows_is_none(fleet: Any) -> None:
    run = fleet({"a": 1.0}, cpu_cores=None, rss_bytes=None)
    report = summarize([run], Planned())
    assert report.server is not None
    assert (report.server.cpu_cores_mean, report.server.rss_bytes_max, report.server.limit) == (None,) * 3
    with pytest.raises(InputError, match="no source of the server shows its CPU"):
        observe([run], ["yes"])


def test_seconds_without_a_sample_are_counted_and_not_filled(fleet: Any) -> None:
    run = fleet({"a": 0.5, "b": 0.5})
    for number in (3, 4):
        one = run.intervals[number]
        run.intervals[number] = msgspec.structs.replace(one, servers={"a": one.servers["a"]})
    report = summarize([run], Planned())
    assert [one.missed_s for one in report.servers] == [0.0, 2.0]
    seconds = seconds_of([run])
    assert list(of_server(seconds, [run], "b").sampled).count(False) == 2
    assert list(seconds.sampled).count(False) == 2


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        pytest.param(wrong_by_cpu(999, 0.0), False, id="too little work"),
        pytest.param(wrong_by_cpu(1000, 0.0), True, id="no CPU for a thousand messages"),
        pytest.param(wrong_by_cpu(1_000_000, 0.5), False, id="half a microsecond for each"),
        pytest.param(wrong_by_files(19, 0), False, id="too few connections"),
        pytest.param(wrong_by_files(20, 1), True, id="one file for twenty connections"),
        pytest.param(wrong_by_files(20, 2), False, id="a tenth"),
    ],
)
def test_only_what_is_sure_is_called_wrong(sentence: str, wrong: bool) -> None:
    assert bool(sentence) is wrong


def test_several_uses_are_one() -> None:
    from siotool.measured_servers import all_servers

    first = ServerUse(1.0, 10, 5, 3, loop_utilization=0.2, loop_lag_s=0.5, connections=7)
    second = ServerUse(2.0, 20, None, 1, loop_utilization=0.6, loop_lag_s=0.1, connections=None)
    assert all_servers([first, second]) == ServerUse(
        3.0, 30, None, 4, loop_utilization=pytest.approx(0.3), loop_lag_s=0.5
    )
    assert all_servers([]) is None
    beside = ServerUse(cpu_cores=1.0, rss_bytes=10**9, beside=True)
    assert all_servers([first, beside, second]) == all_servers([first, second])
    assert all_servers([beside]) is None
    assert all_servers([second]) == second
