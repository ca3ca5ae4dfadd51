"""Workers that are late, stopped, busy or paused: the run is whole, or says what it lacks.

All of it on the embedded target.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from siotool.runfile import Run
from siotool.runs import reading

pytestmark = pytest.mark.slow

WORKER = 'getattr(sys.modules["__main__"].__spec__, "name", "") == "siotool.swarm.worker"'


def doubts(run: Run) -> list[str]:
    return [note.text for note in run.notes if note.level == "doubt"]


def is_continuous(run: Run) -> bool:
    """Each interval begins where the one before ended."""
    ends = [0.0, *(interval.t_s for interval in run.intervals)]
    lengths = [interval.duration_s for interval in run.intervals]
    return all(
        abs(end - begin - length) < 2e-3 for (begin, end), length in zip(pairwise(ends), lengths, strict=True)
    )


def started(run: Run) -> int:
    return sum(found.started for interval in run.intervals for found in interval.user_classes)


# ── the start ─────────────────────────────────────────────────────────────────────────

# One of the workers is stopped for 0.3 s before and after each thing it says or hears.
HELD = f"""
import os, signal, sys
import locust.runners
from siotool.swarm.user import SocketIOUser, knob, task

FOLDER = os.path.dirname(os.path.abspath(__file__))

def is_first():
    try:
        os.close(os.open(FOLDER + "/held", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def hold(step):
    with open(FOLDER + "/steps", "a") as steps:
        print(step, file=steps)
    os.system(f"(sleep 0.3; kill -CONT {{os.getpid()}}) >/dev/null 2>&1 &")
    os.kill(os.getpid(), signal.SIGSTOP)

if {WORKER} and is_first():
    client, runner = locust.runners.rpc.Client, locust.runners.WorkerRunner
    send, receive, register = client.send, client.recv, runner.register_message
    seen = set()

    def once(step):
        if step not in seen:
            seen.add(step)
            hold(step)

    def held_send(self, message):
        known = message.type not in ("stats", "heartbeat", "spawning_complete")
        if known:
            once("before it says " + message.type)
        send(self, message)
        if known:
            once("after it says " + message.type)

    def held_receive(self):
        message = receive(self)
        if message.type not in ("heartbeat", "spawning_complete", "stop"):
            once("when it hears " + message.type)
        return message

    def held_register(self, *args, **more):
        once("before it can hear")
        register(self, *args, **more)

    client.send, client.recv, runner.register_message = held_send, held_receive, held_register

class Echo(SocketIOUser):
    rate: float = knob(5.0, "calls per second")

    @task
    def echo(self):
        self.call("echo", "hi", wait=False)
"""


def test_a_worker_held_back_at_every_step_of_its_start_misses_nothing(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    """Trap: Locust tells of a worker before it can hear custom messages, and the begin was lost."""
    scenario = tmp_path / "held.py"
    scenario.write_text(HELD)
    done = loadtest("demo", "--scenario", scenario, "--users", "8", "--processes", "2", "--run-time", "2s")
    steps = (tmp_path / "steps").read_text().splitlines()
    assert set(steps) >= {
        "before it says client_ready",
        "after it says client_ready",
        "when it hears ack",
        "before it can hear",
        "before it says siotool_ready",
        "after it says siotool_ready",
        "when it hears siotool_begin",
        "before it says siotool_begin",
        "after it says siotool_begin",
        "when it hears spawn",
    }
    assert "Unknown message" not in done.stderr
    assert started(done.run) == done.report["connections"]["peak"] == 8
    measured = [interval for interval in done.run.intervals if not interval.draining]
    assert {len(interval.generator) for interval in measured} == {2}
    assert (done.run.end.reason, doubts(done.run), is_continuous(done.run)) == ("finished", [], True)
    # so much of the first seconds was taken from it: their lateness may be doubted, nothing else
    assert [doubt for doubt in done.report["doubts"] if "late" not in doubt] == []


@pytest.fixture
def neighbours() -> Iterator[None]:
    """Keep every core busy, twice over."""
    spin = "while True: pass"
    count = 2 * (os.cpu_count() or 1)
    spinning = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(count)]
    yield
    for process in spinning:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(["--users", "150", "--run-time", "1300ms"], id="little more than a second"),
        pytest.param(["--stage", "1s:75", "--stage", "1s:150", "--stage", "1s:0"], id="stages of a second"),
    ],
)
def test_a_short_run_on_a_busy_machine_starts_whom_it_was_asked_for(
    loadtest: Callable[..., Any], neighbours: None, asked: list[str]
) -> None:
    done = loadtest("demo", "--processes", "2", *asked)
    # on a core that four share, a user who is to start in the stage's last tenth may come too late
    assert 145 <= started(done.run) <= 150
    assert done.run.end.reason == "finished"
    assert max(interval.connections.users for interval in done.run.intervals) <= 150
    assert not [doubt for doubt in done.report["doubts"] if "users were started" in doubt]
    # draining is after the last stage, and nothing of it is in the stage's last interval
    draining = [interval.draining for interval in done.run.intervals]
    assert draining == sorted(draining)
    staged = sum(interval.duration_s for interval in done.run.intervals if not interval.draining)
    asked_s = done.run.header.workload.duration_s
    assert asked_s - 0.01 <= staged < asked_s + 0.7
    assert is_continuous(done.run)


# ── the course of a run ───────────────────────────────────────────────────────────────

# The users of worker 1 stop giving others a turn in the second second.
LOOPS = """
import time
from siotool.swarm.user import SocketIOUser, knob, task

class Echo(SocketIOUser):
    rate: float = knob(10.0, "calls per second")
    turn = 0

    @task
    def echo(self):
        self.call("echo", "hi", wait=False)
        self.turn += 1
        while self.turn > 15 and self._number >> 24 == 1:
            pass
"""


def test_a_stopped_worker_and_a_busy_one_are_ended_and_hold_nobody_up(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    scenario = tmp_path / "loops.py"
    scenario.write_text(LOOPS)
    test = start(
        *("demo", "--scenario", scenario, "--users", "6", "--spawn-rate", "100"),
        *("--processes", "3", "--run-time", "3s"),
    )
    test.reached(1)
    stopped = test.workers()[0]
    stopped.suspend()
    done = test.finish(timeout=25)
    assert (done.code, done.run.end.reason) == (5, "finished")
    found = doubts(done.run)
    assert [text for text in found if text.startswith("generator worker 0 did not report second")]
    assert [text for text in found if text.startswith("generator worker 1 did not report second")]
    assert len([text for text in found if "did not report" in text]) == 2
    assert done.report["valid"] == "suspect"
    # the third went on alone, to the end, and nobody took the others' users
    assert done.run.intervals[-1].generator[0].worker == 2
    assert max(interval.connections.users for interval in done.run.intervals) == 6
    assert is_continuous(done.run)
    assert done.run.end.t_s < 12


def test_a_pause_of_everything_is_one_interval_that_says_so(start: Callable[..., Any]) -> None:
    """Seen: one interval of a second for fifteen seconds and 105,153 acks."""
    test = start(
        *("demo", "--set", "rate=20", "--users", "10", "--spawn-rate", "100"),
        *("--processes", "2", "--run-time", "8s"),
    )
    test.reached(1)
    family = test.workers()
    paused = [*family, *test.family("siotool.target.serve")]
    os.kill(test.process.pid, signal.SIGSTOP)
    for process in paused:
        process.suspend()
    time.sleep(6)  # longer than a worker may be silent
    for process in paused:
        process.resume()
    os.kill(test.process.pid, signal.SIGCONT)
    done = test.finish()
    run = done.run
    assert (done.code, run.end.reason) == (5, "finished")
    # nobody was blamed for not reporting while nobody could
    assert [text for text in doubts(run) if "was lost" in text or "did not report" in text] == []
    measured = [interval for interval in run.intervals if not interval.draining]
    assert {tuple(health.worker for health in interval.generator) for interval in measured} == {(0, 1)}
    assert is_continuous(run)
    longest = max(run.intervals, key=lambda interval: interval.duration_s)
    assert longest.duration_s > 5
    assert max(health.loop_lag_s for health in longest.generator) > 5
    assert [text for text in doubts(run) if f"are one interval of {longest.duration_s:.1f} s" in text]
    # what had piled up is counted, and none of it is said to have taken seconds
    assert sum(operation.count for operation in longest.operations) > 0
    times = [operation.response for interval in run.intervals for operation in interval.operations]
    assert max(found.max_s for found in times if found.count) < 3
    assert sum(interval.connections.closed != {} for interval in run.intervals) == 0


# ── CPU ───────────────────────────────────────────────────────────────────────────────

ON_ONE_CORE = r"""
import os, subprocess, sys, time
from siotool.swarm.health import Health
from siotool.histogram import Sparse

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
spin = "print('up', flush=True)\nwhile True: pass"
neighbour = subprocess.Popen([sys.executable, "-c", spin], stdout=subprocess.PIPE)
neighbour.stdout.readline()
health = Health(0, workers=2)
begin = time.monotonic()
health.start(begin)
while time.monotonic() < begin + 0.6:
    pass
found = health.sample(time.monotonic(), 0.0, 0.0, Sparse())
neighbour.kill()
print(found.cpu_allowed, found.cpu_wait, found.cpu_cores)
"""


def test_a_neighbour_on_the_only_core_shows_as_waiting() -> None:
    done = subprocess.run([sys.executable, "-c", ON_ONE_CORE], capture_output=True, text=True, check=True)
    allowed, wait, cores = map(float, done.stdout.split())
    assert allowed == 0.5  # two workers, one core
    assert wait > 0.1
    assert cores < 0.9


# ── files ─────────────────────────────────────────────────────────────────────────────

# One user takes every file that the process may still open, once it is connected.
HOARDS = """
import os
from siotool.swarm.user import SocketIOUser, knob, task

class Hoarder(SocketIOUser):
    rate: float = knob(5.0, "calls per second")
    taken = []

    @task
    def echo(self):
        self.call("echo", "hi", wait=False)
        try:
            while True:
                self.taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
"""


def with_limit(test: list[str], limit: int, place: Path) -> "subprocess.CompletedProcess[str]":
    """Run siotool where a process may open so many files."""
    command = " ".join((sys.executable, "-m", "siotool", "loadtest", *test))
    return subprocess.run(
        ["sh", "-c", f"ulimit -n {limit} && exec {command}"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_reporting_goes_on_when_files_run_out(tmp_path: Path) -> None:
    (tmp_path / "hoards.py").write_text(HOARDS)
    asked = ["demo", "--scenario", "hoards.py", "--users", "5", "--processes", "1", "--run-time", "6s"]
    done = with_limit([*asked, "--out", "run"], 100, tmp_path)
    run = reading.read(tmp_path / "run")
    assert done.returncode == 5
    assert (run.end and run.end.reason, is_continuous(run)) == ("finished", True)
    assert len(run.intervals) >= 6
    last = run.intervals[-1].generator[0]
    # what it wanted to open last is closed again
    assert (last.files_open >= 99, last.files_limit) == (True, 100)
    assert min(interval.generator[0].rss_bytes for interval in run.intervals) > 10_000_000
    assert "open-file limit" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_more_users_than_files_are_refused(tmp_path: Path) -> None:
    done = with_limit(["demo", "--users", "300", "--processes", "1", "--out", "run"], 200, tmp_path)
    assert done.returncode == 2
    message, remedy = done.stderr.splitlines()
    assert message == (
        "siotool: 300 users in one generator process need 330 open files, and a process may have 200 here"
    )
    assert remedy == "  raise the limit first (ulimit -n 330), or use --processes 2"
    assert not (tmp_path / "run").exists()


def test_more_users_than_ports_are_refused_before_anything_is_opened(loadtest: Callable[..., Any]) -> None:
    done = loadtest("demo", "--users", "70k", "--processes", "8")
    assert (done.code, done.stdout) == (2, "")
    message, remedy = done.stderr.splitlines()
    assert message.startswith(
        "siotool: 70,000 users do not fit into 8 generator processes. local ports to the"
    )
    assert "--source-ip" in remedy
    assert not done.folder.exists()


# ── a bug of ours ─────────────────────────────────────────────────────────────────────

# Scenarios are loaded into the parent too: this one breaks it in the third second.
BREAKS = """
from siotool.swarm import aggregator
from siotool.swarm.user import SocketIOUser, knob, task

merge, seconds = aggregator.merge, []

def broken(parts, *args):
    seconds.append(parts)
    if len(seconds) == 3:
        raise ZeroDivisionError("planted")
    return merge(parts, *args)

aggregator.merge = broken

class Idle(SocketIOUser):
    @task
    def stay(self):
        self.hold()
"""


def test_a_bug_in_the_metrics_ends_the_run_and_keeps_what_was_written(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """Trap: it killed one greenlet, the run went on, and nothing was written any more."""
    scenario = tmp_path / "breaks.py"
    scenario.write_text(BREAKS)
    test = start("demo", "--scenario", scenario, "--users", "2", "--run-time", "60s")
    done = test.finish(timeout=30)
    assert done.code == 1
    assert "bug in siotool: ZeroDivisionError: planted" in done.stderr
    assert len(done.run.intervals) >= 2
    assert any("ZeroDivisionError: planted" in text for text in doubts(done.run))
    assert done.run.end.reason == "interrupted"
