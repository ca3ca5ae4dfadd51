"""A run on several machines: they join, get all they need, make the load of one machine, and may be lost.

All of them are on this machine; test_machine_networks.py has networks between them.
"""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.conftest import Loadtest
from tests.integration.servers.node import node_server
from tests.integration.servers.tls import make_certificates
from tests.integration.worker_machines import (
    AHEAD,
    AHEAD_S,
    WorkerMachine,
    listening_port,
    slow_way,
    worker_machines,
)

pytestmark = pytest.mark.slow

#: A token as a person might choose one; also what must stand in no list of processes.
TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., WorkerMachine]]:
    (tmp_path / "token").write_text(TOKEN + "\n")
    with worker_machines(tmp_path) as starter:
        yield starter


@pytest.fixture
def distributed(
    start: Callable[..., Loadtest],
    tmp_path: Path,
    until: Callable[..., Any],
    hold: Callable[[], int],
) -> Any:
    """Start a run that waits for so many workers: the run, and its port."""

    def begin(expected: int, *arguments: Any, **options: Any) -> tuple[Loadtest, int]:
        port = hold()
        test = start(
            *arguments,
            *("--distributed", "--expect-workers", expected, "--listen", f"127.0.0.1:{port}"),
            *("--token-file", tmp_path / "token", "--workers-within", "30s"),
            **options,
        )
        assert listening_port(test, until) == port
        return test, port

    return begin


def doubts(done: Any) -> list[str]:
    return [note.text for note in done.run.notes if note.level == "doubt"]


needs_time_namespaces = pytest.mark.xfail(
    os.geteuid() != 0 or not Path("/proc/self/ns/time").exists(),
    run=False,
    reason="needs root and time namespaces",
)


# ── what a run is on several machines ─────────────────────────────────────────────────


@needs_time_namespaces
@pytest.mark.quiet
def test_machines_whose_clocks_differ_make_the_load_of_one(distributed: Any, machine: Any) -> None:
    """One clock is 5,000 s ahead: without the comparison no delivery would be expected, or timed."""
    test, port = distributed(
        3,
        *(
            "demo",
            "--scenario",
            "chat",
            "--set",
            "rate=1",
            "--users",
            12,
            "--spawn-rate",
            12,
            "--run-time",
            "8s",
        ),
    )
    here, ahead = machine(port), machine(port, "--processes", 2, inside=AHEAD)
    done = test.finish()
    assert (done.code, here.finish(), ahead.finish()) == (0, 0, 0)
    assert [one.processes for one in done.run.header.generators] in ([1, 2], [2, 1])
    assert done.report["connections"]["peak"] == 12
    measured = [interval for interval in done.run.intervals if not interval.draining]
    assert {len(interval.generator) for interval in measured} == {3}
    delivery = done.report["delivery"]
    assert delivery["lost"] == 0
    assert delivery["received"] == delivery["expected"] > 11 * delivery["published"] > 500
    row = done.operation("deliver", "chat message")
    assert 0 < row["p50_s"] < row["max_s"] < AHEAD_S / 1000
    assert row["count"] == delivery["received"]
    # the error is that of exchanges on loopback, and known in each second
    assert 0 < row["clock_error_s"] < 0.05
    assert min(health.clock_error_s for one in measured for health in one.generator) > 0
    assert done.report["valid"] == "yes", done.report["doubts"]
    assert "clocks ±" in (done.folder / "report.md").read_text()


@needs_time_namespaces
def test_no_delivery_is_timed_more_exactly_than_is_said(
    distributed: Any, machine: Any, loadtest: Any
) -> None:
    """The fastest of thousands of deliveries: on one machine, and between clocks that differ."""
    load = (
        "demo",
        "--scenario",
        "chat",
        "--set",
        "rate=1",
        "--users",
        10,
        "--spawn-rate",
        10,
        "--run-time",
        "6s",
    )
    test, port = distributed(2, *load)
    machine(port), machine(port, inside=AHEAD)
    apart, together = test.finish(), loadtest(*load)
    fastest = [
        min(
            found.response.min_s
            for interval in done.run.intervals
            for found in interval.operations
            if found.op == "deliver" and found.response.count
        )
        for done in (apart, together)
    ]
    error_s = apart.operation("deliver", "chat message")["clock_error_s"]
    assert fastest[0] >= fastest[1] / 2 - error_s
    assert fastest[0] > 0


@pytest.mark.quiet
def test_a_machine_that_is_slow_to_reach_says_how_exact_its_clock_is(distributed: Any, machine: Any) -> None:
    """All of the delay is on one way: the comparison is off by half of it, and says so."""
    delay_s = 0.04
    load = ("--scenario", "chat", "--set", "rate=1", "--users", 10, "--spawn-rate", 10)
    test, port = distributed(2, "demo", *load, "--run-time", "8s", "--no-default-gates")
    with slow_way(port, delay_s) as slow_port:
        near, far = machine(port), machine(slow_port)
        done = test.finish()
        assert (done.code, near.finish(), far.finish()) == (0, 0, 0), done.stderr
    row = done.operation("deliver", "chat message")
    assert delay_s / 2 <= row["clock_error_s"] < 2 * delay_s
    assert any(one.clock_error_s >= delay_s / 2 for one in done.run.header.generators)
    # regression: a message stamped within the error of a user's join may have been sent before it
    assert done.report["delivery"]["lost"] == 0
    # a delivery takes a few milliseconds here: none of its times is told without the mark
    assert row["p50_s"] <= delay_s / 2 + row["clock_error_s"]
    assert re.search(r"deliver chat message.* !", (done.folder / "report.md").read_text())


# Its users log in with what their rows say, which a module of its folder puts together.
OWN = """
from login import token_of
from siotool.swarm.user import SocketIOUser, knob, task

class Own(SocketIOUser):
    rate: float = knob(2.0, "calls per second")

    def auth(self):
        return {"token": token_of(self.row), "shared": self.identity_text}

    identity_text: str = knob("", "a text")

    @task
    def echo(self):
        self.call("echo", self.number)
"""


@pytest.mark.node
def test_scenario_settings_rows_and_modules_reach_the_machines_and_nobody_else(
    distributed: Any, machine: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "own.py").write_text(OWN)
    (folder / "login.py").write_text("def token_of(row):\n    return 'token-of-' + row['name']\n")
    (tmp_path / "users.csv").write_text("name\n" + "".join(f"secret-{number}\n" for number in range(6)))
    with node_server("4") as server:
        test, port = distributed(
            2,
            *(server.url, "--scenario", folder / "own.py", "--set", "identity_text=knob-{number}"),
            *("--users-file", tmp_path / "users.csv", "--users", 6, "--spawn-rate", 6, "--run-time", "5s"),
        )
        machine(port), machine(port)
        test.reached(2)
        shown = " ".join(" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
        for process in [*test.workers(), *test.family()]:
            shown += " ".join(process.environ().values())
        done = test.finish()
        logins = [line["auth"] for line in server.seen("connect", namespace="/")]
    assert done.code == 0, done.stderr
    tokens = {login["token"] for login in logins}
    assert tokens == {f"token-of-secret-{number}" for number in range(6)}, "each row went to one user"
    assert {login["shared"] for login in logins} >= {f"knob-{number}" for number in range(1, 7)}
    assert TOKEN not in shown
    assert "secret-" not in shown
    assert TOKEN not in "".join(path.read_text() for path in done.folder.iterdir() if path.is_file())


@needs_time_namespaces
def test_users_arrive_when_they_are_due_also_where_the_clock_is_another(
    distributed: Any, machine: Any
) -> None:
    """On a machine's own clock all of them would be due at once, or in 5,000 s."""
    test, port = distributed(2, *("demo", "--arrival-rate", "8/s", "--run-time", "6s", "--no-default-gates"))
    machine(port), machine(port, inside=AHEAD)
    done = test.finish()
    arrived = [interval.visits.arrived for interval in done.run.intervals if not interval.draining]
    assert sum(arrived) == sum(interval.visits.offered for interval in done.run.intervals) == 48
    assert max(arrived) <= 12
    assert min(arrived[:5]) >= 4


@pytest.mark.xfail(os.geteuid() != 0, run=False, reason="needs root, to hide files from a machine")
@pytest.mark.node
def test_certificates_reach_a_machine_that_does_not_have_them(
    distributed: Any, machine: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    files = make_certificates(folder)
    hidden = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs none {folder} && exec "$@"', "sh")
    with node_server("4", tls=files.server(ask_client=True)) as server:
        test, port = distributed(
            1,
            *(server.url, "--users", 4, "--run-time", "3s", "--ca-file", files.ca),
            *("--client-cert", files.client_cert, "--client-key", files.client_key),
        )
        machine(port, inside=hidden)
        done = test.finish()
    assert (done.code, done.report["connections"]["peak"]) == (0, 4), done.stderr


def test_a_machine_without_room_for_its_users_ends_the_run_by_its_name(
    distributed: Any, machine: Any
) -> None:
    test, port = distributed(1, "demo", "--users", 200)
    small = machine(port, inside=("sh", "-c", 'ulimit -n 100; exec "$@"', "sh"))
    done = test.finish()
    assert done.code == 3
    assert f"siotool: {socket.gethostname()}: 200 users do not fit into one generator process" in done.stderr
    assert "open files of a process: 230 needed, 100 here" in done.stderr
    assert not done.folder.exists()
    assert small.finish() == 0


def test_a_scenario_that_a_machine_cannot_load_ends_the_run_with_its_words(
    distributed: Any, machine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module is installed where the run begins, and not where a worker is."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/only_here.py").write_text("")
    (tmp_path / "mine").mkdir()
    scenario = tmp_path / "mine/own.py"
    scenario.write_text("import only_here\n" + OWN.replace("from login import token_of\n", ""))
    with monkeypatch.context() as patched:
        patched.setenv(
            "PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
        )
        test, port = distributed(1, "demo", "--scenario", scenario, "--users", 2)
    other = machine(port)
    done = test.finish()
    assert done.code == 3
    assert re.search(
        r"worker 0 ended while starting \(on \S+: exit \d+: .*No module named 'only_here'", done.stderr
    )
    assert other.finish() == 0
    assert "only_here" in other.said


# ── who joins ─────────────────────────────────────────────────────────────────────────


def test_a_machine_with_another_token_is_refused_and_harms_nobody(
    distributed: Any, machine: Any, tmp_path: Path
) -> None:
    test, port = distributed(1, "demo", "--users", 4, "--run-time", "3s")
    (tmp_path / "other").write_text("x" * 40)
    stranger = machine(port, token_file=tmp_path / "other")
    assert stranger.finish() == 2
    assert "knows another token" in stranger.said
    assert "has joined" not in test.said
    machine(port)
    done = test.finish()
    assert (done.code, done.report["connections"]["peak"]) == (0, 4)


def test_a_machine_that_comes_late_or_with_too_many_is_turned_away(distributed: Any, machine: Any) -> None:
    test, port = distributed(1, "demo", "--users", 4, "--run-time", "6s")
    many = machine(port, "--processes", 3)
    assert many.finish() == 2
    assert "it has 3 workers, and the run waits for 1" in many.said
    machine(port)
    test.reached(1)
    late = machine(port)
    assert late.finish() == 2
    assert "the run has begun, and has all its workers" in late.said
    done = test.finish()
    assert done.code == 0
    assert any("was refused: the run has begun, and has all" in note.text for note in done.run.notes)


def test_a_run_without_its_workers_writes_nothing(start: Any, tmp_path: Path, hold: Any) -> None:
    test = start(
        *("demo", "--distributed", "--expect-workers", 2, "--token-file", tmp_path / "token"),
        *("--listen", f"127.0.0.1:{hold()}", "--workers-within", "1s"),
    )
    done = test.finish()
    assert done.code == 3
    assert "0 of 2 workers have joined within 1 s" in done.stderr
    assert not (done.folder / "run.jsonl").exists()
    # it has made a token, for its own eyes
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_a_run_that_is_ended_while_it_waits_tells_the_machines_that_are_there(
    distributed: Any, machine: Any, until: Any
) -> None:
    """SIGTERM is what a container or a service manager sends: the machines waited for 40 s."""
    test, port = distributed(2, "demo", "--users", 4)
    early = machine(port)
    until(lambda: "joined" in early.said, what="a machine that has joined")
    test.process.terminate()
    assert early.finish() == 0
    done = test.finish()
    assert done.code == 130, done.stderr
    assert not (done.folder / "run.jsonl").exists()


def test_a_machine_without_a_run_gives_up(machine: Any, hold: Any) -> None:
    port = hold()
    alone = machine(port, "--wait", "1s")
    assert alone.finish() == 3
    assert f"no run answers at 127.0.0.1:{port} within 1 s" in alone.said


# ── what gets lost ────────────────────────────────────────────────────────────────────


def users_at_the_end(done: Any) -> int:
    measured = [interval for interval in done.run.intervals if not interval.draining]
    users: int = measured[-1].connections.users
    return users


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        pytest.param(lambda one: one.workers()[0].kill(), "killed by SIGKILL", id="a worker is killed"),
        pytest.param(lambda one: one.interrupt(), "told to leave", id="Ctrl-C at the machine"),
        pytest.param(lambda one: one.process.terminate(), "told to leave", id="SIGTERM at the machine"),
    ],
)
def test_users_of_a_lost_worker_go_to_the_others(
    distributed: Any, machine: Any, lose: Callable[[WorkerMachine], object], words: str
) -> None:
    test, port = distributed(
        2,
        *(
            "demo",
            "--scenario",
            "chat",
            "--set",
            "rate=1",
            "--users",
            8,
            "--spawn-rate",
            8,
            "--run-time",
            "10s",
        ),
    )
    kept, lost = machine(port), machine(port)
    test.reached(3)
    lose(lost)
    done = test.finish()
    assert (done.code, done.run.end.reason) == (5, "finished")
    (doubt,) = [text for text in doubts(done) if "was lost" in text]
    assert words in doubt
    assert users_at_the_end(done) == 8
    assert max(interval.connections.users for interval in done.run.intervals) == 8
    assert len(done.run.intervals[-1].generator) == 1
    assert done.report["delivery"]["lost"] == 0
    assert kept.finish() == 0
    assert lost.finish() in (0, 130)


def test_a_machine_ends_with_a_killed_parent(distributed: Any, machine: Any, until: Any) -> None:
    test, port = distributed(1, "demo", "--users", 2, "--run-time", "60s")
    orphan = machine(port)
    test.reached(1)
    (worker,) = orphan.workers()
    test.process.kill()
    assert orphan.finish() == 3
    assert "has said nothing for" in orphan.said
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, what="the worker's end")


def test_ctrl_c_ends_the_run_in_order_and_the_machines_with_it(distributed: Any, machine: Any) -> None:
    test, port = distributed(1, "demo", "--users", 4, "--run-time", "60s")
    other = machine(port, "--source-ip", "127.0.0.8")
    test.reached(2)
    (target,) = test.family("siotool.target.serve")
    connected = [one for one in target.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]
    assert {one.raddr.ip for one in connected} == {"127.0.0.8"}
    test.interrupt()
    begin = time.monotonic()
    done = test.finish()
    assert (done.code, done.run.end.reason) == (130, "interrupted")
    assert done.operation("ack", "echo")["count"] > 0
    assert other.finish() == 0
    assert not other.workers()
    assert time.monotonic() - begin < 30


def test_ctrl_c_while_workers_are_awaited_lets_those_that_came_go(
    distributed: Any, machine: Any, until: Any
) -> None:
    test, port = distributed(2, "demo", "--users", 4)
    early = machine(port)
    until(lambda: "has joined" in test.said, what="a machine that has joined")
    test.interrupt()
    done = test.finish()
    assert done.code == 130
    assert "Traceback" not in done.stderr
    assert not done.folder.exists()
    assert early.finish() == 0


def test_a_machine_that_is_killed_while_others_are_awaited_makes_room(
    distributed: Any, machine: Any, until: Any
) -> None:
    test, port = distributed(1 + 1, "demo", "--users", 4, "--run-time", "3s")
    killed = machine(port)
    until(lambda: "1 of 2 workers" in test.said, what="a machine that has joined")
    killed.process.kill()
    machine(port, "--processes", 1)
    until(lambda: test.said.count("has joined") == 2, what="the second machine")
    # both were counted: the third is refused until the first is known to be gone
    until(lambda: machine(port).finish() == 0, what="a third machine that makes the run complete")
    done = test.finish()
    assert (done.code, done.report["connections"]["peak"]) == (0, 4)
