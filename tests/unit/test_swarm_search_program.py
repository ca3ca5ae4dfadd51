"""The program of a search, asked by hand: what it wants of the swarm, and what it writes down."""

import math
from collections.abc import Callable, Sequence

import msgspec
import pytest

from siotool.histogram import Histogram
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.runfile import Bytes, Connections, Delivery, Interval, Operation, UserClass, WorkerHealth
from siotool.search.objective import Objective, implied
from siotool.searched import NOT_SAMPLED, FoundCapacity, Hold, SearchAxis
from siotool.swarm.program import Seen, Wanted, seen
from siotool.swarm.search_program import SearchedLoad, SearchProgram

GATES = [Objective("p99:ack > 200ms", "late", 0.01, "ack", "", 0.2), *implied()]
#: A server that answers in time up to so much of what a search raises, and late beyond.
EDGE = 100.0


def second(t_s: float, load: float, users: int, edge: float = EDGE, cpu_cores: float = 0.1) -> Interval:
    times = Histogram()
    times.record([0.01 if load <= edge else 0.5] * 1000)
    return Interval(
        t_s=t_s,
        duration_s=1.0,
        stage=0,
        connections=Connections(open=users, users=users),
        operations=[Operation("ack", "echo", 1000, response=times.sparse())],
        delivery=Delivery(),
        bytes=Bytes(),
        generator=[WorkerHealth(0, cpu_cores, 1, 0.0, 0.0, 9, 1000)],
        user_classes=[UserClass("Echo", users=users, offered=1000, issued=1000)],
    )


Load = Callable[[Wanted], float]
OF: dict[SearchAxis, Load] = {
    "users": lambda wanted: wanted.users,
    "rate": lambda wanted: wanted.rate or 0.0,
    "connects": lambda wanted: wanted.arrivals.rate_per_s if wanted.arrivals else 0.0,
    "size": lambda wanted: wanted.size or 0.0,
}


def driven(
    program: SearchProgram,
    axis: SearchAxis = "users",
    edge: float = EDGE,
    cpu_cores: Callable[[float], float] = lambda _: 0.1,
    seconds: int = 400,
    changed: Callable[[float, Interval], Interval] = lambda _, one: one,
    servers: Sequence[MeasuredServer] = (),
    doubts: Callable[[Interval], list[str]] = lambda _: [],
) -> tuple[list[Wanted], list[Hold | FoundCapacity]]:
    """Ask a program each second and do what it says at once; what it wanted, and its lines."""
    told: list[Seen] = []
    asked: list[Wanted] = []
    lines: list[Hold | FoundCapacity] = []
    elapsed_s = 0.0
    for _ in range(seconds):
        wanted = program.tick(elapsed_s, told)
        if wanted is None:
            break
        asked.append(wanted)
        lines += wanted.lines
        elapsed_s = wanted.until_s
        load = OF[axis](wanted)
        users = wanted.users if axis != "connects" else 1
        one = second(elapsed_s, load, users, edge, cpu_cores(load))
        one = changed(load, one)
        told.append(seen(one, 0.0, doubts(one), servers))
    return asked, lines


def program(axis: SearchAxis = "users", most: float = 1e4, *, own_most: bool = False) -> SearchProgram:
    return SearchProgram(SearchedLoad(axis, 10.0, most, users=7, own_most=own_most), GATES, 0.95)


def capacity(lines: list[Hold | FoundCapacity]) -> FoundCapacity:
    return [line for line in lines if isinstance(line, FoundCapacity)][-1]


@pytest.mark.parametrize(
    ("axis", "unit"),
    [("users", "connections"), ("rate", "per_s"), ("connects", "connects_per_s"), ("size", "bytes")],
)
def test_each_axis_is_raised_until_its_edge_is_known(axis: SearchAxis, unit: str) -> None:
    asked, lines = driven(program(axis), axis)
    found = capacity(lines)
    assert (found.search, found.unit, found.complete, found.confidence) == (axis, unit, True, 0.95)
    assert found.high is not None
    assert found.value is not None
    assert found.low <= EDGE <= found.high
    assert (found.limited_by, found.gate) == ("server", "p99:ack > 200ms")
    if axis not in ("users", "connects"):
        assert {wanted.users for wanted in asked} == {7}


def test_each_hold_is_written_with_what_is_known_by_then() -> None:
    _, lines = driven(program())
    holds, known = lines[::2], lines[1::2]
    assert all(isinstance(line, Hold) for line in holds)
    assert all(isinstance(line, FoundCapacity) for line in known)
    first, last = holds[0], known[-1]
    assert isinstance(first, Hold)
    assert isinstance(last, FoundCapacity)
    assert (first.load, first.outcome, first.missed, first.gate) == (10, "passed", 0, "p99:ack > 200ms")
    assert first.begin_s == first.t_s - first.blocks
    assert not any(line.complete for line in known[:-1] if isinstance(line, FoundCapacity))
    failed = [hold for hold in holds if isinstance(hold, Hold) and hold.outcome == "failed"]
    assert failed
    assert all(hold.load > EDGE and hold.missed > 0.5 for hold in failed)


def test_seconds_under_another_load_are_not_held_against_a_load() -> None:
    _, lines = driven(program(), edge=15.0)
    passed = [line for line in lines if isinstance(line, Hold) and line.load <= 15]
    assert passed
    assert all(line.missed == 0 for line in passed)


def test_users_without_connections_are_there_too_when_a_load_is_awaited() -> None:
    """A search beside an HttpUser waited for ever for the last of its users."""
    one = msgspec.structs.replace(second(1.0, 1.0, 5), other_users=2)
    assert seen(one, 0.0, []).users == 7


def test_a_bound_that_no_gate_fails_at_ends_in_at_least_and_names_no_server() -> None:
    found = capacity(driven(program(most=80.0), edge=math.inf)[1])
    assert (found.low, found.high, found.value, found.limited_by) == (80, None, None, "bound")


def test_the_generators_own_bound_is_the_generators_limit() -> None:
    found = capacity(driven(program(most=80.0, own_most=True), edge=math.inf)[1])
    assert (found.high, found.limited_by) == (None, "generator")


def test_a_generator_without_cpu_is_the_limit_although_calls_are_late() -> None:
    _, lines = driven(program(), edge=50.0, cpu_cores=lambda load: 0.95 if load > 30 else 0.1)
    found = capacity(lines)
    assert (found.high, found.limited_by) == (None, "generator")
    assert 20 <= found.low <= 30
    doubted = [line for line in lines if isinstance(line, Hold) and line.load > 30]
    assert all(line.outcome == "generator" and line.doubts for line in doubted)


def test_a_search_whose_generator_makes_hardly_more_than_its_lowest_load_ends() -> None:
    """It proved that load again and again, and the check of its time was never reached."""
    _, lines = driven(program(), edge=math.inf, cpu_cores=lambda load: 0.95 if load > 10 else 0.1)
    found = capacity(lines)
    assert (found.complete, found.low, found.high) == (True, 10, None)
    assert (found.limited_by, found.why) == ("generator", "no gate failed")
    assert found.seconds < 200


def test_a_search_whose_generator_loses_its_lowest_load_ends_when_its_time_is_over() -> None:
    """Other processes take the CPU from then on: the load is neither proven nor climbed from."""
    seen_s = 0

    def taken(load: float, one: Interval) -> Interval:
        nonlocal seen_s
        seen_s += 1
        own = WorkerHealth(0, 0.95 if load > 10 or seen_s > 100 else 0.1, 1, 0.0, 0.0, 9, 1000)
        return msgspec.structs.replace(one, generator=[own])

    found = capacity(driven(program(), edge=math.inf, changed=taken)[1])
    assert (found.complete, found.high, found.limited_by) == (True, None, "generator")


def test_a_search_after_a_restart_begins_near_and_joins_what_was_found_before() -> None:
    before = capacity(driven(program())[1])
    again = SearchProgram(SearchedLoad("users", 10.0, 1e4, 7), GATES, 0.95, [before])
    asked, lines = driven(again, edge=EDGE * 1.3)
    found = capacity(lines)
    assert asked[0].users > 30
    assert before.high is not None
    assert found.high is not None
    assert found.low <= before.low
    assert found.high >= 120
    assert {line.restarts for line in lines if isinstance(line, Hold)} == {1}


def test_users_start_no_faster_than_workers_can_start_them() -> None:
    asked, _ = driven(program(most=1e4), edge=5000.0, seconds=120)
    assert max(wanted.users for wanted in asked) > 2000
    assert max(wanted.spawn_rate_per_s or 0.0 for wanted in asked) <= 100


def test_a_gate_that_allows_hardly_anything_keeps_no_bound_from_being_shown() -> None:
    gates = [*GATES, Objective("exceptions > 0", "exceptions", 0.0005)]
    asked = SearchProgram(SearchedLoad("users", 10.0, 80.0, 7), gates, 0.95)
    found = capacity(driven(asked, edge=math.inf)[1])
    assert (found.low, found.high) == (80, None)


def test_a_full_link_is_the_generators_limit_and_never_the_servers() -> None:
    """The server is late because the link is full: nothing is learnt of it there."""
    searched = SearchedLoad("users", 10.0, 1e4, 7, link_bytes_per_s=1000.0)
    program = SearchProgram(searched, GATES, 0.95)

    def carrying(load: float, one: Interval) -> Interval:
        return msgspec.structs.replace(one, bytes=Bytes(wire_in=int(10 * load)))

    _, lines = driven(program, edge=90.0, changed=carrying)
    found = [line for line in lines if isinstance(line, FoundCapacity)][-1]
    assert (found.high, found.limited_by) == (None, "generator")
    assert found.low <= 85


def out_of_ports(load: float, one: Interval) -> Interval:
    """No more than 30 users find a local port; the others try again, and not in each second."""
    away = max(0, int(load) - 30)
    failed = {"no_local_port": away} if away and one.t_s % 3 == 0 else {}
    there = msgspec.structs.replace(one.connections, open=one.connections.users - away, failed=failed)
    return msgspec.structs.replace(one, connections=there)


def test_a_generator_without_local_ports_is_the_limit_and_never_the_server() -> None:
    """Its users were away, and that was taken for the server's capacity."""
    _, lines = driven(program(), edge=math.inf, changed=out_of_ports)
    found = capacity(lines)
    assert (found.high, found.limited_by) == (None, "generator")
    assert 20 <= found.low <= 31
    doubted = [line for line in lines if isinstance(line, Hold) and line.outcome == "generator"]
    assert all("no_local_port" in " ".join(line.doubts) for line in doubted)


@pytest.mark.parametrize("where", ["connections", "operations"])
def test_a_second_with_a_failure_of_the_generators_own_shows_nothing(where: str) -> None:
    def without_memory(load: float, one: Interval) -> Interval:
        if load <= 30:
            return one
        if where == "connections":
            closed = msgspec.structs.replace(one.connections, closed={"memory": 9})
            return msgspec.structs.replace(one, connections=closed)
        errors = Operation("ack", "echo", 900, errors={"memory": 100})
        return msgspec.structs.replace(one, operations=[errors])

    found = capacity(driven(program(), edge=math.inf, changed=without_memory)[1])
    assert (found.high, found.limited_by) == (None, "generator")


def test_users_that_the_target_keeps_away_are_its_own_although_the_generator_once_failed() -> None:
    def refused(load: float, one: Interval) -> Interval:
        failed = {"no_local_port": 1} if one.t_s == 3 else {"refused": 5} if load > 50 else {}
        away = 5 if failed else 0
        there = msgspec.structs.replace(one.connections, open=one.connections.users - away, failed=failed)
        return msgspec.structs.replace(one, connections=there)

    found = capacity(driven(program(), changed=refused)[1])
    assert found.limited_by == "server"
    assert found.high is not None


def test_one_user_that_was_refused_for_good_lets_a_single_failure_of_the_generator_be_over() -> None:
    """All seconds after it showed nothing, and the result was the generator's limit."""

    def refused(_: float, one: Interval) -> Interval:
        failed = {1: {"connect_error": 1}, 6: {"no_local_port": 1}}.get(round(one.t_s), {})
        away = 1 + ("no_local_port" in failed)
        there = msgspec.structs.replace(one.connections, open=one.connections.users - away, failed=failed)
        return msgspec.structs.replace(one, connections=there)

    asked = SearchProgram(SearchedLoad("rate", 10.0, 1e4, users=500), GATES, 0.95)
    found = capacity(driven(asked, "rate", changed=refused)[1])
    assert found.limited_by == "server"
    assert found.low <= EDGE <= (found.high or 0)


SERVERS = [MeasuredServer("a", [1], "pid 1", 1.0), MeasuredServer("b", [2], "pid 2", 1.0)]


def test_a_load_without_samples_of_a_server_whose_level_is_judged_shows_nothing() -> None:
    """Its process was gone after a restart: the gate counted nothing, and so every load passed it."""

    def half_sampled(load: float, one: Interval) -> Interval:
        uses = {"a": ServerUse(cpu_cores=load / 100)}
        if load <= 30:
            uses["b"] = ServerUse(cpu_cores=load / 100)
        return msgspec.structs.replace(one, servers=uses)

    gates = [Objective("server_cpu > 80%", "level", 0.1, name="server_cpu_share", limit=0.8), *implied()]
    asked = SearchProgram(SearchedLoad("users", 10.0, 1e4, users=7), gates, 0.95)

    def said(one: Interval) -> list[str]:
        """What the watch of the servers says of it, too."""
        return [] if "b" in one.servers else ["b was not sampled any more"]

    _, lines = driven(asked, edge=math.inf, changed=half_sampled, servers=SERVERS, doubts=said)
    assert capacity(lines).high is None
    assert capacity(lines).limited_by == "unsampled", "the generator made the load"
    beyond = [line for line in lines if isinstance(line, Hold) and line.load > 30]
    assert beyond
    assert {line.outcome for line in beyond} == {"generator"}
    assert all(NOT_SAMPLED in line.doubts for line in beyond)


def test_a_servers_memory_is_judged_where_nothing_shows_its_cpu() -> None:
    def filling(load: float, one: Interval) -> Interval:
        return msgspec.structs.replace(one, servers={"a": ServerUse(rss_bytes=int(load * 1e6))})

    gates = [Objective("server_rss > 100MB", "level", 0.1, name="server_rss", limit=100e6), *implied()]
    asked = SearchProgram(SearchedLoad("users", 10.0, 1e4, users=7), gates, 0.95)
    found = capacity(driven(asked, edge=math.inf, changed=filling, servers=SERVERS[:1])[1])
    assert found.high is not None
    assert found.low <= 100 <= found.high
