"""How a run ends before its time: Ctrl-C, killed processes, a full disk. Nothing is left behind.

All of it on the embedded target, which has to go with the run.
"""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.slow

LONG = ("--users", "6", "--spawn-rate", "100", "--run-time", "60s", "--processes", "2")
REPORTS = {"report.html", "report.md", "report.json"}


@pytest.fixture
def gone(until: Callable[..., Any], alive: Callable[[int], bool]) -> Callable[..., None]:
    """Wait until none of some processes runs any more."""

    def wait(family: list[psutil.Process]) -> None:
        assert family
        until(lambda: not any(alive(process.pid) for process in family), what="every process is gone")

    return wait


# ── Ctrl-C ────────────────────────────────────────────────────────────────────────────


def test_the_first_interrupt_ends_a_run_in_order(
    start: Callable[..., Any], gone: Callable[..., None]
) -> None:
    test = start("demo", "--scenario", "chat", "--set", "rate=5", *LONG)
    test.reached(2)
    family = test.family()
    assert len(family) == 3  # two workers and the target
    test.interrupt()
    done = test.finish()
    gone(family)
    assert done.code == 130
    assert done.run.end.reason == "interrupted"
    assert {path.name for path in done.folder.iterdir()} == {"run.jsonl", *REPORTS}
    assert "interrupt again to end at once" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Sizing: planned and measured" in done.stdout
    # in order: everybody left, and what was under way arrived
    delivery = done.report["delivery"]
    assert delivery["received"] == delivery["expected"] > 0
    assert (done.classes("closed"), done.run.intervals[-1].connections.open) == ({}, 0)


@pytest.mark.node
def test_the_second_interrupt_ends_it_at_once(
    start: Callable[..., Any],
    node_server: Callable[..., Any],
    gone: Callable[..., None],
    until: Callable[..., Any],
) -> None:
    server = node_server()
    test = start(server.url, "--scenario", "chat", "--set", "rate=20", *LONG)
    test.reached(1)
    family = test.family()
    # with messages on their way from a server that holds them back, the end in order waits
    server.process.send_signal(signal.SIGSTOP)
    test.reached(len(test.run.intervals) + 1)
    test.interrupt()
    until(lambda: any("interrupted" in note.text for note in test.run.notes), what="the first is noted")
    test.interrupt()
    done = test.finish()
    gone(family)
    assert done.code == 130
    assert done.run.end is None
    assert len(done.run.intervals) >= 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda test: test.family("siotool.target.serve"), id="while the target starts"),
        pytest.param(lambda test: test.run, id="while the run is set up"),
        pytest.param(lambda test: len(test.workers()) == 2, id="while its workers start"),
    ],
)
def test_an_interrupt_before_anything_was_measured(
    moment: Callable[[Any], Any],
    start: Callable[..., Any],
    until: Callable[..., Any],
    gone: Callable[..., None],
) -> None:
    test = start("demo", *LONG)
    until(lambda: moment(test), what="the moment has come")
    family = test.family()
    test.interrupt()
    done = test.finish()
    gone(family)
    assert done.code == 130
    assert "Traceback" not in done.stderr
    if done.folder.exists():
        assert done.run.end.reason == "interrupted"
        assert {path.name for path in done.folder.iterdir()} == {"run.jsonl", *REPORTS}


def test_an_interrupt_while_the_report_is_made_leaves_the_run_and_no_draft(
    start: Callable[..., Any], until: Callable[..., Any], gone: Callable[..., None]
) -> None:
    test = start("demo", "--run-time", "1s", "--users", "1")
    family = until(test.workers, what="a worker runs")
    until(lambda: test.run and test.run.end, what="the run has ended")
    gone(family)
    test.interrupt()
    done = test.finish()
    assert done.code == 130
    assert done.run.end.reason == "finished"
    assert {path.name for path in done.folder.iterdir()} <= {"run.jsonl", *REPORTS}
    assert "Traceback" not in done.stderr


# ── a terminal that goes ──────────────────────────────────────────────────────────────


def test_a_hangup_ends_a_run_in_order(
    start: Callable[..., Any], gone: Callable[..., None], until: Callable[..., Any]
) -> None:
    """Also when it comes twice: from the kernel, and from the shell that goes."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where nohup has started the tests
    try:
        test = start("demo", "--set", "rate=5", *LONG)
    finally:
        signal.signal(signal.SIGHUP, before)
    test.reached(1)
    family = test.family()
    test.process.send_signal(signal.SIGHUP)
    until(lambda: any("interrupted" in note.text for note in test.run.notes), what="the first is noted")
    test.process.send_signal(signal.SIGHUP)
    done = test.finish()
    gone(family)
    assert (done.code, done.run.end.reason) == (130, "interrupted")
    assert {path.name for path in done.folder.iterdir()} == {"run.jsonl", *REPORTS}
    assert (done.classes("closed"), done.run.intervals[-1].connections.open) == ({}, 0)


def test_a_run_that_is_to_outlive_its_terminal_does(start: Callable[..., Any]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        test = start("demo", "--users", "2", "--run-time", "3s")
    finally:
        signal.signal(signal.SIGHUP, before)
    test.reached(1)
    test.process.send_signal(signal.SIGHUP)
    for worker in test.workers():
        worker.send_signal(signal.SIGHUP)
    done = test.finish()
    assert (done.code, done.run.end.reason) == (0, "finished")


# ── killed processes ──────────────────────────────────────────────────────────────────


def test_workers_and_target_go_with_a_killed_parent(
    start: Callable[..., Any], gone: Callable[..., None]
) -> None:
    test = start("demo", *LONG)
    test.reached(1)
    family = test.family()
    assert len(family) == 3
    test.process.kill()
    done = test.finish()
    gone(family)
    assert done.code == -signal.SIGKILL
    # the file is readable up to its last whole line
    assert done.run.end is None
    assert len(done.run.intervals) >= 1


def test_a_run_goes_on_without_a_lost_worker_and_says_so(
    start: Callable[..., Any], until: Callable[..., Any]
) -> None:
    run_time = ("--users", "6", "--spawn-rate", "100", "--run-time", "6s", "--processes", "2")
    test = start("demo", "--set", "rate=5", *run_time, "--format", "json")
    before = test.reached(2)
    first, _ = test.workers()
    first.kill()
    until(lambda: any("was lost" in note.text for note in test.run.notes), what="the loss is noted")
    done = test.finish()
    assert done.code == 5
    assert done.run.end.reason == "finished"
    (doubt,) = (note for note in done.run.notes if note.level == "doubt")
    assert doubt.text == "generator worker 0 was lost (killed by SIGKILL)"
    report = json.loads(done.stdout)
    assert report["valid"] == "suspect"
    assert any("worker 0 was lost" in text for text in report["doubts"])
    # the other one went on to the end, alone, and has taken over its users
    assert before.intervals[-1].connections.open == 6
    later = done.run.intervals[len(before.intervals) + 1 : -1]
    assert len(later) >= 2
    assert {interval.connections.open for interval in later} <= {3, 4, 5, 6}
    assert later[-1].connections.open == 6
    assert {tuple(health.worker for health in interval.generator) for interval in later} == {(1,)}
    assert all(operation.count for interval in later for operation in interval.operations)


def test_a_run_without_workers_ends_in_3(start: Callable[..., Any], gone: Callable[..., None]) -> None:
    test = start("demo", *LONG)
    test.reached(2)
    family = test.family()
    for worker in test.workers():
        worker.kill()
    done = test.finish()
    gone(family)
    assert done.code == 3
    assert done.run.end.reason == "workers_lost"
    assert len(done.run.intervals) >= 2
    assert {path.name for path in done.folder.iterdir()} == {"run.jsonl", *REPORTS}
    assert "Traceback" not in done.stderr


# ── no place to write ─────────────────────────────────────────────────────────────────


def test_a_full_disk_ends_the_run_and_keeps_what_was_measured(
    start: Callable[..., Any], gone: Callable[..., None]
) -> None:
    test = start("demo", *LONG, "--quiet")
    test.reached(1)
    family = test.family()
    # a limit on the size of files fails as a full disk does
    size = os.stat(test.folder / "run.jsonl").st_size + 1500
    psutil.Process(test.process.pid).rlimit(psutil.RLIMIT_FSIZE, (size, size))
    done = test.finish()
    gone(family)
    assert done.code == 2
    message, hint = done.stderr.splitlines()
    assert message == f"siotool: cannot go on writing {done.folder}/run.jsonl: File too large"
    assert "free some space" in hint
    assert done.stdout == ""
    assert (done.run.end, done.run.truncated_line) == (None, False)
    assert len(done.run.intervals) >= 1


def test_a_calibration_that_is_interrupted_at_once_keeps_its_run_and_says_why_there_is_no_profile(
    start: Callable[..., Any],
) -> None:
    """It was told to give another process: the server "took no CPU"."""
    test = start("demo", "--calibrate")
    test.reached(2)
    test.interrupt()
    done = test.finish()
    assert done.code == 130
    assert "no profile, as the run ended early" in done.stderr
    assert "give --server-pid" not in done.stderr
    assert done.stderr.splitlines()[-1] == "siotool: exit 130: interrupted; what was measured is kept"
    assert done.run.end.reason == "interrupted"
    assert not (done.folder / "profile.json").exists()
