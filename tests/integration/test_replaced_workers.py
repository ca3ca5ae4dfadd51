"""What is done for a lost worker: others start whom it was to start, and a machine may take its place."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.conftest import Loadtest
from tests.integration.test_several_machines import needs_time_namespaces
from tests.integration.worker_machines import AHEAD, WorkerMachine, listening_port, worker_machines

pytestmark = pytest.mark.slow

CHAT = ("demo", "--scenario", "chat", "--set", "rate=1", "--users", 8, "--spawn-rate", 8)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., WorkerMachine]]:
    (tmp_path / "token").write_text("correct-horse-battery-staple\n")
    with worker_machines(tmp_path) as starter:
        yield starter


@pytest.fixture
def distributed(
    start: Callable[..., Loadtest],
    tmp_path: Path,
    until: Callable[..., Any],
    hold: Callable[[], int],
) -> Any:
    """Start a run that waits for two workers: the run, and its port."""

    def begin(*arguments: Any) -> tuple[Loadtest, int]:
        port = hold()
        test = start(
            *(*arguments, "--distributed", "--expect-workers", 2, "--listen", f"127.0.0.1:{port}"),
            *("--token-file", tmp_path / "token", "--workers-within", "30s"),
        )
        assert listening_port(test, until) == port
        return test, port

    return begin


def notes(test: Any) -> list[str]:
    return [note.text for note in test.run.notes] if test.run is not None else []


def says(test: Any, words: str) -> Callable[[], bool]:
    """Whether the run has written words down."""
    return lambda: any(words in text for text in notes(test))


def measured(done: Any) -> list[Any]:
    return [interval for interval in done.run.intervals if not interval.draining]


def has_half_of_the_users(test: Any, source: str) -> Callable[[], bool]:
    """Whether four of eight connections at the target come from an address."""

    def look() -> bool:
        (target,) = test.family("siotool.target.serve")
        found = [one for one in target.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]
        return [sum(one.raddr.ip == source for one in found), len(found)] == [4, 8]

    return look


# ── users that arrive ─────────────────────────────────────────────────────────────────

RATE, SECONDS, LOST_AT = 24, 14, 4


@pytest.mark.parametrize(
    ("lose", "unknown_s"),
    [
        pytest.param(psutil.Process.kill, 1, id="a worker is killed"),
        pytest.param(psutil.Process.suspend, 7, id="a worker is stopped, and waited for"),
    ],
)
def test_users_arrive_at_the_rate_that_was_asked_for_when_a_worker_is_lost(
    start: Any, lose: Callable[[psutil.Process], object], unknown_s: int
) -> None:
    """Those that were to arrive at it between its last report and its end are offered, and do not come."""
    test = start(
        *("demo", "--arrival-rate", f"{RATE}/s", "--run-time", f"{SECONDS}s", "--processes", 3),
        "--no-default-gates",
    )
    test.reached(LOST_AT)
    lose(test.workers()[1])
    done = test.finish()
    (doubt,) = [note for note in done.run.notes if "generator worker 1" in note.text]
    visits = [interval.visits for interval in measured(done)]
    assert sum(one.offered for one in visits) == pytest.approx(RATE * SECONDS, abs=2)
    missed = sum(one.offered - one.arrived for one in visits)
    assert missed <= RATE / 3 * (unknown_s + 1) + 2
    assert missed == pytest.approx(RATE / 3 * (doubt.t_s - LOST_AT), abs=RATE / 3 + 2)
    # from the second after the one in which it was found out
    after = [one.visits.arrived for one in measured(done) if one.t_s - one.duration_s > doubt.t_s][:-1]
    assert len(after) >= 2
    assert after == pytest.approx([RATE] * len(after), abs=2)
    assert done.code == 5


# ── a machine that takes a place ──────────────────────────────────────────────────────


def check_replaced(done: Any) -> int:
    """All users are there again, on two workers, and nothing is lost; returns the newcomer's first second."""
    assert (done.code, done.run.end.reason) == (5, "finished"), done.stderr
    seconds = measured(done)
    (number,) = [n for n, one in enumerate(seconds) if {2} == {h.worker for h in one.generator} - {0, 1}][:1]
    assert [health.worker for health in seconds[-1].generator] == [0, 2]
    assert {one.connections.users for one in seconds[number + 2 :]} == {8}
    assert max(one.connections.users for one in seconds) == 8
    assert done.report["delivery"]["lost"] == done.report["delivery"]["duplicate"] == 0
    (note,) = [note for note in done.run.notes if "has taken the place of worker 1" in note.text]
    assert note.text.startswith("generator worker 2 on ")
    assert number <= note.t_s < number + 1
    assert note.text in (done.folder / "report.md").read_text()
    (lost,) = [note.text for note in done.run.notes if note.level == "doubt"]
    assert lost.startswith("generator worker 1 was lost")
    return number


@needs_time_namespaces
def test_a_machine_that_comes_late_takes_the_place_of_a_killed_worker(
    distributed: Any, machine: Any, until: Any
) -> None:
    """Its clock is another: its deliveries are timed by the run's."""
    test, port = distributed(*CHAT, "--run-time", "16s")
    machine(port)
    until(lambda: "has joined" in test.said, what="the first machine")
    lost = machine(port)
    test.reached(3)
    lost.workers()[0].kill()
    until(says(test, "was lost"), what="the loss in the run file")
    late = machine(port, "--source-ip", "127.0.0.9", inside=AHEAD)
    until(says(test, "has taken the place of worker 1"), what="a worker in its place")
    until(has_half_of_the_users(test, "127.0.0.9"), what="its share of the users", within_s=4)
    done = test.finish()
    check_replaced(done)
    assert late.finish() == 0
    delivery = done.report["delivery"]
    # its users publish, and get what others publish, with times: of the last seconds nothing is missing
    published = [one.delivery.published for one in measured(done)[-4:-1]]
    assert sum(published) == pytest.approx(3 * 8, abs=6)
    assert delivery["received"] == delivery["expected"]
    row = done.operation("deliver", "chat message")
    assert 0 < row["p50_s"] < row["max_s"] < 5
    assert row["clock_error_s"] > 0


def test_a_spare_machine_takes_the_place_of_one_that_leaves(
    distributed: Any, machine: Any, until: Any
) -> None:
    """Before that it makes no load, and the run does not count it."""
    test, port = distributed(*CHAT, "--run-time", "14s")
    spare = machine(port, "--spare", "--processes", 3, "--source-ip", "127.0.0.9")
    until(lambda: "as a spare machine: 3 workers" in test.said, what="the spare machine")
    machine(port)
    until(lambda: "1 of 2 workers" in test.said, what="the first machine")
    lost = machine(port)
    test.reached(3)
    assert not spare.workers()
    lost.interrupt()
    until(says(test, "has taken the place of worker 1"), what="a worker in its place")
    until(has_half_of_the_users(test, "127.0.0.9"), what="its share of the users", within_s=4)
    done = test.finish()
    assert check_replaced(done) < 11
    assert [one.processes for one in done.run.header.generators] == [1, 1]
    assert spare.finish() == 0


def test_only_who_knows_the_token_and_is_not_too_many_takes_a_place(
    distributed: Any, machine: Any, until: Any, tmp_path: Path
) -> None:
    test, port = distributed(*CHAT, "--run-time", "20s")
    kept = machine(port, "--processes", 2)
    test.reached(2)
    kept.workers()[1].kill()
    until(says(test, "was lost"), what="the loss in the run file")
    (tmp_path / "other").write_text("x" * 40)
    stranger, many = machine(port, token_file=tmp_path / "other"), machine(port, "--processes", 2)
    assert (stranger.finish(), many.finish()) == (2, 2)
    assert "knows another token" in stranger.said
    assert "it has 2 workers, and the run waits for 1" in many.said
    late = machine(port)
    until(says(test, "has taken the place of worker 1"), what="a worker in its place")
    later = machine(port)
    assert later.finish() == 2
    assert "the run has begun, and has all its workers" in later.said
    done = test.finish()
    check_replaced(done)
    assert late.finish() == 0


def test_a_worker_that_does_not_come_up_leaves_the_place_to_another(
    distributed: Any, machine: Any, until: Any, tmp_path: Path
) -> None:
    """The scenario says exit on a machine that has a certain variable."""
    scenario = tmp_path / "mine" / "own.py"
    scenario.parent.mkdir()
    scenario.write_text(
        'import os\nif "NOT_HERE" in os.environ:\n    raise SystemExit("not here")\n'
        + Path("scenarios/chat.py").read_text()
    )
    test, port = distributed(*("demo", "--scenario", scenario, *CHAT[3:], "--run-time", "20s"))
    kept = machine(port, "--processes", 2)
    test.reached(2)
    kept.workers()[1].kill()
    until(says(test, "was lost"), what="the loss in the run file")
    broken = machine(port, inside=("env", "NOT_HERE=1"))
    until(says(test, "no worker came in place of a lost one (on "), what="a note on it")
    late = machine(port)
    done = test.finish()
    assert [text for text in notes(test) if "worker 3 on" in text and "the place of worker 1" in text]
    assert [health.worker for health in measured(done)[-1].generator] == [0, 3]
    assert measured(done)[-1].connections.users == 8
    assert (late.finish(), broken.finish()) == (0, 0)


def test_users_arrive_at_a_worker_that_came_in_place_of_a_lost_one(
    distributed: Any, machine: Any, until: Any
) -> None:
    """At the rate that was asked for, and no more at once than were allowed."""
    options = ("--arrival-rate", f"{RATE}/s", "--users", 40, "--run-time", "16s", "--no-default-gates")
    test, port = distributed("demo", *options)
    kept = machine(port, "--processes", 2)
    test.reached(2)
    kept.workers()[1].kill()
    until(says(test, "was lost"), what="the loss in the run file")
    test.reached(len(test.run.intervals) + 1)
    machine(port)
    done = test.finish()
    (came,) = [note.t_s for note in done.run.notes if "has taken the place of worker 1" in note.text]
    seconds = measured(done)
    assert sum(one.visits.offered for one in seconds) == pytest.approx(RATE * 16, abs=3)
    after = [one for one in seconds if one.t_s - one.duration_s > came + 0.5][:-1]
    assert len(after) >= 2
    assert [one.visits.offered for one in after] == pytest.approx([RATE] * len(after), abs=2)
    assert max(one.connections.users for one in seconds) <= 40
    started = {one.generator[-1].worker for one in after}
    assert started == {2}
    # as many as its places: the others gave them up
    assert seconds[-1].connections.users == 40
