"""What a run's lines become: one row a second, and which runs are refused, by file and reason."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from siotool.errors import InputError
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.plan.evidence.observe import Observations, Validity, observe
from siotool.runfile import (
    VERSION,
    Bytes,
    Connections,
    Delivery,
    End,
    GeneratorMachine,
    Header,
    Interval,
    Operation,
    Run,
    UserClass,
)
from siotool.runs import reading
from siotool.workload import Stage, Target, Workload

SERVER = MeasuredServer(name="server", source="pid 4711", pids=[4711], cores=2.0)


def second(number: int, *, opened: int, **change: object) -> Interval:
    """A second with calls, publishes and deliveries, at the end of which ``opened`` connections are open."""
    interval = Interval(
        user_classes=[UserClass("Chat", users=opened, sent=70)],
        t_s=float(number),
        duration_s=1.0,
        stage=0,
        connections=Connections(open=opened, users=opened, established=max(0, 10 if number <= 4 else 0)),
        operations=[
            Operation(op="connect", name="/", count=10),
            Operation(op="ack", name="echo", count=30, errors={"timeout": 5}),
            Operation(op="ack", name="join", count=10),
            Operation(op="deliver", name="chat", count=500),
            Operation(op="deliver", name="tick", count=100),
        ],
        delivery=Delivery(published=20, expected=500, received=500),
        bytes=Bytes(payload_in=50_000, payload_out=3_000, wire_in=60_000, wire_out=4_000),
        generator=[],
        servers={"server": ServerUse(0.25, 50_000_000, 20 + opened, 1)},
    )
    return msgspec.structs.replace(interval, **change)


def make_run(
    name: str = "a",
    *,
    intervals: list[Interval] | None = None,
    url: str = "http://10.0.0.1:3000",
    embedded: bool = False,
    server: MeasuredServer | None = SERVER,
    ended: bool = True,
) -> Run:
    """A run of ten seconds: four of ramp to 40 connections, and six that hold them."""
    seconds = [second(n, opened=min(40, 10 * n)) for n in range(1, 11)] if intervals is None else intervals
    return Run(
        path=Path(name) / "run.jsonl",
        header=Header(
            version=VERSION,
            run=name,
            started_at="2026-01-01T00:00:00Z",
            siotool="0.1.0",
            libraries={},
            generators=[GeneratorMachine("localhost", 1, "Linux", 8, 16_000_000_000, "3.12.1", 0.0)],
            target=Target(url=url),
            workload=Workload(
                scenario="chat",
                settings={"rate": 0.5},
                stages=[Stage(duration_s=4.0, users=40), Stage(duration_s=6.0, users=40)],
                processes=1,
                seed=7,
            ),
            bytes_source="kernel",
            servers=[server] if server else [],
            embedded=embedded,
        ),
        intervals=seconds,
        notes=[],
        end=End(t_s=10.0, reason="finished") if ended else None,
    )


def look(*runs: Run, valid: Validity = "yes", accept: bool = False) -> Observations:
    return observe(runs, [valid] * len(runs), accept_suspect=accept)


def test_a_second_becomes_rates_and_gauges() -> None:
    """One second of the ramp, figure by figure, against the mapping the module documents."""
    seen = look(make_run())
    row = {name: column[1] for name, column in seen.usable.columns.items() if np.isfinite(column[1])}
    assert row == {
        "begin_s": 1.0,
        "draining": 0.0,
        "broken": 0.0,
        "connections_begin": 10.0,
        "users": 20.0,
        "published_per_s": 20.0,
        "received_per_s": 500.0,
        "lost_per_s": 0.0,
        "duplicate_per_s": 0.0,
        "connect_errors_per_s": 0.0,
        "closed_per_s": 0.0,
        "bytes_per_s": 64_000.0,
        "processes": 1.0,
        "generator_cpu_sum": 0.0,
        "t_s": 2.0,
        "duration_s": 1.0,
        "connections": 15.0,  # 10 at its begin, 20 at its end
        "connections_end": 20.0,
        "inbound_per_s": 70.0,  # 45 calls, of which 5 were not answered in time, 20 publishes, 5 emits
        "acks_per_s": 40.0,
        "deliveries_per_s": 600.0,
        "handshakes_per_s": 10.0,
        "bytes_in_per_s": 60_000.0,
        "bytes_out_per_s": 4_000.0,
        "payload_in_per_s": 50_000.0,
        "payload_out_per_s": 3_000.0,
        "cpu_cores": 0.25,
        "rss_bytes": 50_000_000.0,
        "files_open": 40.0,
        "server_files_most": 40.0,
        "server_limit_share": 0.125,  # of two cores
    }
    assert (seen.usable.run[1], seen.usable.held[1], seen.usable.rising[1]) == (0, False, True)


def test_rates_are_per_second_whatever_the_interval() -> None:
    """An interval of half a second with the same counts is twice the rate."""
    half = [second(n, opened=40, duration_s=0.5, t_s=n / 2) for n in range(1, 11)]
    assert look(make_run(intervals=half)).usable["deliveries_per_s"].tolist() == [1200.0] * 10


def test_the_hold_phase_is_steady_and_the_ramp_stays_in() -> None:
    """Ten rows, of which the six after the ramp are steady."""
    assert look(make_run()).usable.held.tolist() == [False] * 4 + [True] * 6


def test_a_run_without_a_hold_phase_counts_where_connections_were_open() -> None:
    """A run that only ramps has no steady second; means are taken over the open ones."""
    seen = look(make_run(intervals=[second(n, opened=10 * (n - 1)) for n in range(1, 9)]))
    assert not seen.whole.steady
    assert seen.usable.held.tolist() == [False] + [True] * 7


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        pytest.param(lambda i: msgspec.structs.replace(i, servers={}), 9, id="no sample of the server"),
        pytest.param(
            lambda i: msgspec.structs.replace(i, connections=Connections(open=20)),
            9,
            id="half of the connections closed: closing costs CPU that no figure stands for",
        ),
        pytest.param(
            lambda i: msgspec.structs.replace(
                i, connections=Connections(open=40, established=9, closed={"x": 9})
            ),
            10,
            id="connections that churn, each replaced: stays",
        ),
    ],
)
def test_which_seconds_are_left_out(change: Callable[[Interval], Interval], rows: int) -> None:
    intervals = make_run().intervals
    intervals[7] = change(intervals[7])
    assert len(look(make_run(intervals=intervals)).usable) == rows


def test_rows_after_the_hold_phase_are_not_rising() -> None:
    """Memory is seldom given back: the ramp down must not count for the memory of a connection."""
    ramp_down = [second(10 + n, opened=40 - n) for n in range(1, 5)]  # 38 is 95 % of the peak
    seen = look(make_run(intervals=[*make_run().intervals, *ramp_down]))
    assert seen.usable.rising.tolist() == [True] * 12 + [False] * 2


def test_runs_are_told_apart_and_repeats_recognised() -> None:
    """Two runs of the same workload are alike; one on more nodes is not."""
    seen = observe([make_run("a"), make_run("b"), make_run("c")], ["yes"] * 3, nodes=[1, 1, 2])
    assert seen.usable.run.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    first, second_, third = seen.origins
    assert first.alike == second_.alike != third.alike
    assert [origin.run for origin in seen.origins] == ["a", "b", "c"]


def test_two_runs_of_the_embedded_target_are_of_one_target() -> None:
    """It listens on another port each time it starts."""
    runs = [make_run(n, url=f"http://127.0.0.1:{p}", embedded=True) for n, p in (("a", 4001), ("b", 4002))]
    assert len(look(*runs).origins) == 2


@pytest.mark.parametrize(
    ("runs", "valid", "said"),
    [
        pytest.param([], "yes", "no run to learn from", id="nothing given"),
        pytest.param([make_run("a")], "no", "a/run.jsonl: nothing was measured", id="an invalid run"),
        pytest.param([make_run("a")], "suspect", "a/run.jsonl: the run is suspect", id="a suspect run"),
        pytest.param(
            [make_run("a", ended=False)],
            "yes",
            "a/run.jsonl: the run has no end: it was cut after 10 s",
            id="cut",
        ),
        pytest.param(
            [make_run("a", intervals=[])], "yes", "a/run.jsonl: nothing was measured", id="an empty run"
        ),
        pytest.param([make_run("a", server=None)], "yes", "a/run.jsonl: the server was not", id="no server"),
        pytest.param(
            [make_run("a", intervals=[second(n, opened=4, servers={}) for n in range(9)])],
            "yes",
            "a/run.jsonl: the server was not sampled",
            id="a server that never answered",
        ),
        pytest.param(
            [make_run("a", intervals=[second(n, opened=4) for n in range(4)])],
            "yes",
            "a/run.jsonl: 4 s with a sample of the server are too few",
            id="too short",
        ),
        pytest.param(
            [make_run("a", intervals=[second(n, opened=0) for n in range(9)])],
            "yes",
            "a/run.jsonl: no connection was open",
            id="nobody ever connected",
        ),
        pytest.param([make_run("a"), make_run("a")], "yes", "are the same run a", id="one run named twice"),
        pytest.param(
            [make_run("a"), make_run("b", url="http://10.0.0.2:3000")],
            "yes",
            "different targets are not of one service: a/run.jsonl has http://10.0.0.1:3000",
            id="runs of two targets",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(runs: list[Run], valid: Validity, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        look(*runs, valid=valid)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("run", "valid"),
    [
        pytest.param(make_run(ended=False), "suspect", id="a cut run"),
        pytest.param(make_run(), "suspect", id="a suspect run"),
    ],
)
def test_what_is_suspect_may_be_accepted(run: Run, valid: Validity) -> None:
    assert len(look(run, valid=valid, accept=True).usable) == 10


def test_an_invalid_run_is_refused_even_then() -> None:
    with pytest.raises(InputError, match="nothing was measured"):
        look(make_run(), valid="no", accept=True)


@pytest.mark.parametrize(("verdicts", "nodes"), [(["yes", "yes"], None), (["yes"], [1, 2])])
def test_each_run_has_its_own_verdict_and_number_of_nodes(
    verdicts: list[Validity], nodes: list[int] | None
) -> None:
    with pytest.raises(ValueError, match="each run"):
        observe([make_run()], verdicts, nodes=nodes)


def test_no_nodes_are_refused() -> None:
    with pytest.raises(InputError, match=r"a/run.jsonl: 0 nodes"):
        observe([make_run("a")], ["yes"], nodes=[0])


def test_the_example_run_can_be_learnt_from() -> None:
    """The committed example: 200 users who publish 100 messages a second between them."""
    example = reading.read(Path(__file__).parents[2] / "reports/example")
    seen = observe([example], ["yes"])
    held = seen.usable.held
    assert seen.usable.mean("connections", held) == pytest.approx(200, rel=0.01)
    assert seen.usable.mean("inbound_per_s", held) == pytest.approx(100, rel=0.05)
    assert seen.usable.mean("deliveries_per_s", held) == pytest.approx(100 * 200, rel=0.05)
    assert np.isfinite(seen.usable["cpu_cores"]).all()


def idle_process(opened: int = 40, **use: object) -> list[Interval]:
    """The seconds of a run whose sampled process was another one."""
    server = {"cpu_cores": 0.25, "rss_bytes": 50_000_000, "files_open": 20, "processes": 1}
    return [
        second(n, opened=min(opened, 10 * n), servers={"server": ServerUse(**server | use)})  # type: ignore[arg-type]
        for n in range(1, 11)
    ]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        pytest.param({"cpu_cores": 0.0, "files_open": 0}, "used 0 s of CPU for", id="work that cost no CPU"),
        pytest.param({"cpu_cores": 1e-5}, "messages and handshakes: it is not the server", id="hardly any"),
        pytest.param({}, "does not hold the connections", id="connections without files"),
    ],
)
def test_the_wrong_process_is_refused(use: dict[str, object], words: str) -> None:
    """A plan took the costs of a shell that started the server."""
    with pytest.raises(InputError, match=words) as caught:
        observe([make_run(intervals=idle_process(**use))], ["yes"])
    assert "a/run.jsonl" in caught.value.message
    assert "--server-pid" in str(caught.value.hint)


def test_the_work_of_a_wrong_process_is_counted_over_seconds_of_any_length() -> None:
    """Whatever the length of an interval, its messages are as many."""
    words = []
    for length in (1.0, 5.0):
        lines = idle_process(cpu_cores=1e-5)
        longer = [msgspec.structs.replace(line, t_s=line.t_s * length, duration_s=length) for line in lines]
        with pytest.raises(InputError) as refused:
            look(make_run(intervals=longer))
        words.append(refused.value.message.partition(" CPU for ")[2])
    assert words[0] == words[1]


def test_files_that_nobody_could_count_are_no_reason() -> None:
    observe([make_run(intervals=idle_process(files_open=0))], ["yes"])


def test_one_service_at_two_addresses_is_one_target_where_the_user_says_so() -> None:
    runs = [make_run("a"), make_run("b", url="http://10.0.0.2:3001")]
    with pytest.raises(InputError, match="different targets") as caught:
        observe(runs, ["yes", "yes"])
    assert "--same-target" in str(caught.value.hint)
    assert len(observe(runs, ["yes", "yes"], same_target=True).origins) == 2


def test_users_that_were_not_planned_are_those_that_were_there() -> None:
    """Of an arrival rate, a load shape or a search no number is asked for: a report spoke of 0 users."""
    run = make_run()
    workload = msgspec.structs.replace(run.header.workload, stages=[])
    run.header = msgspec.structs.replace(run.header, workload=workload)
    (origin,) = look(run).origins
    assert origin.users == 40
