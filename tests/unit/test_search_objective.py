"""Gates as shares of operations: what they become, what they count in a second, which have none."""

import msgspec
import pytest

from siotool.errors import InputError
from siotool.histogram import Histogram
from siotool.measured_servers import ServerUse
from siotool.report.gate_objectives import objectives_of
from siotool.report.gates import parse
from siotool.runfile import (
    Bytes,
    Connections,
    Delivery,
    Interval,
    Operation,
    ScenarioFailure,
    UserClass,
)
from siotool.search.objective import Objective, implied, mean_level_s


def times(*seconds: float):
    found = Histogram()
    found.record(list(seconds))
    return found.sparse()


SECOND = Interval(
    t_s=1.0,
    duration_s=1.0,
    stage=0,
    connections=Connections(open=9, users=10, attempted=4, established=3, failed={"refused": 1}),
    operations=[
        Operation(
            "ack",
            "echo",
            count=6,
            errors={"timeout": 1, "transport_close": 1},
            response=times(0.01, 0.02, 0.03, 0.1, 0.3, 0.5),
            given_up=times(10.0),
        ),
        Operation("ack", "login", count=2, response=times(0.4, 0.4)),
    ],
    delivery=Delivery(expected=100, received=98, lost=2, duplicate=3),
    bytes=Bytes(wire_in=5000, wire_out=1000),
    generator=[],
    servers={"server": ServerUse(cpu_cores=0.8, rss_bytes=10**8, files_open=9, processes=2)},
    exceptions=[ScenarioFailure("ValueError", "x", "here", 2)],
    user_classes=[UserClass("Echo", users=10, begun=10, offered=20, issued=15, withheld=5)],
    overdue={"ack": 4},
)
BEFORE = Interval(
    t_s=0.5,
    duration_s=0.5,
    stage=0,
    connections=Connections(),
    operations=[],
    delivery=Delivery(),
    bytes=Bytes(),
    generator=[],
    overdue={"ack": 1},
)


def objective(text: str) -> Objective:
    return objectives_of([parse(text)], defaults=False, sampled=True)[0]


@pytest.mark.parametrize(
    ("gate", "allowed", "counted"),
    [
        # of the eight calls that ended and the two that failed, four were late; three more became overdue
        pytest.param("p99:ack > 200ms", 0.01, (4 + 2 + 3, 10 + 3), id="late, failed, and not answered yet"),
        pytest.param("p95:ack:echo > 200ms", 0.05, (2 + 2, 8), id="of one name of several"),
        pytest.param(
            "p99:ack > 20s", 0.01, (1 + 3, 9 + 3), id="what was given up before the limit is not late"
        ),
        pytest.param("p99:connect > 1s", 0.01, (0, 0), id="what did not happen counts nothing"),
        pytest.param("errors:ack > 1%", 0.01, (2, 10), id="failed, of those tried"),
        pytest.param("errors:ack > 0", 0.0005, (2, 10), id="none allowed is nearly none"),
        pytest.param("connect_errors > 5%", 0.05, (1, 4), id="connects that failed"),
        pytest.param("lost > 0.1%", 0.001, (2, 100), id="lost deliveries"),
        pytest.param("duplicate > 1%", 0.01, (3, 100), id="duplicates"),
        pytest.param("exceptions > 0", 0.0005, (2, 10), id="exceptions, of the operations begun"),
        pytest.param("bandwidth_in > 10kB/s", 0.1, (2.5, 100), id="a level at half of its limit"),
        pytest.param("server_cpu > 80%", 0.1, (2.5, 100), id="40 % of each process, of 80 %"),
        pytest.param("server_cpu > 0.8 cores", 0.1, (10, 100), id="a level at its limit is at the edge"),
        pytest.param("server_rss > 1MB", 0.1, (100, 100), id="a level far beyond"),
    ],
)
def test_a_gate_counts(gate: str, allowed: float, counted: tuple[float, float]) -> None:
    found = objective(gate)
    assert found.allowed == pytest.approx(allowed)
    assert found.count(SECOND, BEFORE, 2.0) == pytest.approx(counted)


@pytest.mark.parametrize(
    ("gate", "cores", "counted"),
    [
        pytest.param("server_cpu > 80%", 1.0, (10, 100), id="two processes of one core together"),
        pytest.param("server_cpu > 80%", 4.0, (0.625, 100), id="a process that may fill several cores"),
        pytest.param("server_cpu > 80%", None, (0, 0), id="a server that was not sampled"),
        pytest.param("server_cpu > 0.8 cores", None, (0, 0), id="its CPU is not that of all"),
        pytest.param("server_rss > 1MB", None, (0, 0), id="nor its memory"),
    ],
)
def test_a_servers_cpu_is_a_share_of_what_it_may_fill(
    gate: str, cores: float | None, counted: tuple[float, float]
) -> None:
    """It was of one of its processes: with a quota the search stopped elsewhere than the gate."""
    assert objective(gate).count(SECOND, BEFORE, cores) == pytest.approx(counted)


def test_servers_without_a_count_of_processes_are_judged() -> None:
    """A metrics page has none: the gate counted nothing, and never failed."""
    use = msgspec.structs.replace(SECOND.servers["server"], processes=None)
    second = msgspec.structs.replace(SECOND, servers={"server": use})
    assert objective("server_cpu > 40%").count(second, None, 2.0) == pytest.approx((10, 100))


def test_users_that_are_kept_from_their_work_count_beside_the_gates() -> None:
    withheld, away = implied()
    assert withheld.count(SECOND, None) == (5, 20)
    assert away.count(SECOND, None) == (1, 10)


def test_a_server_that_answers_nothing_misses_what_becomes_overdue() -> None:
    silent = Interval(
        t_s=2.0,
        duration_s=1.0,
        stage=0,
        connections=Connections(),
        operations=[],
        delivery=Delivery(),
        bytes=Bytes(),
        generator=[],
        overdue={"ack": 54},
    )
    assert objective("p99:ack > 200ms").count(silent, SECOND) == (50, 50)


def test_what_comes_late_after_it_was_overdue_counts_once() -> None:
    gate = objective("p99:ack > 200ms")
    answered = Interval(
        t_s=2.0,
        duration_s=1.0,
        stage=0,
        connections=Connections(),
        operations=[Operation("ack", "echo", count=4, response=times(2.0, 2.0, 2.0, 0.1))],
        delivery=Delivery(),
        bytes=Bytes(),
        generator=[],
        overdue={"ack": 1},
    )
    assert gate.count(answered, SECOND) == (0, 1)


def test_the_level_falls_while_calls_are_answered_sooner_and_users_connect() -> None:
    gates = [objective("p99:ack > 200ms")]
    level = mean_level_s(gates, SECOND)
    assert level == pytest.approx((0.96 + 0.8 + 10.0) / 9 + 0.1)
    assert mean_level_s(gates, BEFORE) is None


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("rate:ack < 100/s", "fails at low loads"),
        ("p99:ack[stage=1] > 200ms", "a search judges all users, and has no stages"),
        ("errors:ack[class=Buyer] > 1%", "a search judges all users, and has no stages"),
        ("connections < 1000", "fails at low loads"),
        ("p99:away > 10s", "no share of operations"),
        ("back_all > 10s", "no share of operations"),
        ("max:ack > 1s", "no share of operations"),
        ("mean:ack > 1s", "no share of operations"),
        ("errors:ack > 5", "give a share"),
        ("never_succeeded > 0", "no share of operations"),
    ],
)
def test_a_gate_that_no_search_can_be_by_is_refused(gate: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        objectives_of([parse(gate)], defaults=True, sampled=True)


def test_a_gate_on_a_server_that_is_not_sampled_is_refused() -> None:
    with pytest.raises(InputError, match="not sampled"):
        objectives_of([parse("server_cpu > 80%")], defaults=True, sampled=False)


def test_no_gate_at_all_is_refused_and_the_default_ones_are_gates() -> None:
    with pytest.raises(InputError, match="no gate to find the limit of"):
        objectives_of([], defaults=False, sampled=True)
    found = {one.text for one in objectives_of([parse("lost > 5%")], defaults=True, sampled=False)}
    assert {"lost > 5%", "errors:ack > 1%", "connect_errors > 1%"} <= found
    assert "lost > 0.1%" not in found
