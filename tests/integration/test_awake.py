"""Loops that keep CPUs awake: they run, say what a pass costs, and end with whoever started them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from siotool.runfile import Pace
from siotool.swarm import awake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="needs Linux"),
]
ALONE = """
import os, sys, time
from siotool.swarm.awake import AwakeCpus
cpu = min(os.sched_getaffinity(0))
loops = AwakeCpus([cpu], {cpu})
print(*(loop.pid for loop in loops._loops.values()), flush=True)
sys.stdin.read()
"""


def loops_of(pid: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(pid).children() if "SCHED_IDLE" in " ".join(one.cmdline())]


def test_fixed_work_has_its_price_and_no_loop_outlives_the_run(until: Callable[..., Any]) -> None:
    cpu = min(os.sched_getaffinity(0))
    begin = time.monotonic()
    with awake.kept_awake({cpu}) as kept:
        assert len(kept) == len(os.sched_getaffinity(0))
        loops = until(lambda: len(found := loops_of(os.getpid())) == len(kept) and found, what="the loops")
        found: list[Pace] = []

        def said() -> bool:
            found.extend(one for one in [kept.pace(begin, time.monotonic())] if one is not None)
            return bool(found)

        until(said, what="the machine's pace")
        assert 1e-6 < found[0].text_s < 1e-3
        assert 1e-8 < found[0].step_s < 1e-4
        assert all(os.sched_getscheduler(one.pid) == os.SCHED_IDLE for one in loops)
    assert not any(one.is_running() for one in loops)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="a kernel without autogroups")
def test_a_loop_takes_nothing_from_processes_of_other_sessions(until: Callable[..., Any]) -> None:
    """Trap: the idle class counts within a session, and a server of another one got half of its CPU."""
    cpu = min(os.sched_getaffinity(0))
    own = Path("/proc/self/autogroup")
    before = own.read_text()  # empty where this process has never been in a session of its own
    loops = awake.AwakeCpus([cpu], {cpu})
    try:
        (loop,) = until(lambda: loops_of(os.getpid()), what="the loop")
        group = Path(f"/proc/{loop.pid}/autogroup")
        until(lambda: group.read_text().split()[1:] == ["nice", "19"], what="the least share for the loop")
        assert group.read_text() != before
        assert own.read_text() == before
    finally:
        loops.close()


def test_a_loop_ends_with_a_killed_parent(alive: Callable[[int], bool], until: Callable[..., Any]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ALONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        loop = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    until(lambda: not alive(loop), what="the end of the loop")


def test_no_loop_is_left_where_one_of_several_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, until: Callable[..., Any]
) -> None:
    real = subprocess.Popen

    def only_one(*args: Any, **options: Any) -> Any:
        if loops_of(os.getpid()):
            raise OSError("no more processes")
        return real(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", only_one)
    cpu = min(os.sched_getaffinity(0))
    with pytest.raises(OSError, match="no more"):
        awake.AwakeCpus([cpu, cpu + 1], {cpu})
    until(lambda: not loops_of(os.getpid()), what="the end of the loop")


def test_nothing_is_kept_awake_for_servers_elsewhere() -> None:
    with awake.kept_awake(set()) as kept:
        assert len(kept) == 0
        assert kept.pace(0.0, time.monotonic()) is None
    assert awake.cpus_of([2**22 + 1]) == set(), "a process that is not there has no CPU"
