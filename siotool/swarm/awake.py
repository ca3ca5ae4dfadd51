"""Keeps CPUs awake, and sees how fast they are, by loops that run only while nothing else wants to.

A CPU without work sleeps, and whoever wakes it pays (docs/calibration.md). How often that happens
depends on how messages fall in time. A server that is busy pays for none of it, and for such servers
fleets are sized.

The loops are of Linux's idle scheduling class. Each does the same work over and over and says what a pass
of it cost: where a neighbour on the host, or a lower clock, makes the CPU slower, that rises.
"""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

from siotool.swarm.cpu_quota import cgroup_quota, read_text

#: More CPUs than this are left as they are: loops on all of them would slow each.
MOST_CPUS = 16
#: It prints the moment (monotonic) and the CPU seconds of a pass, twice a second. It ends with its standard
#: input, and so with whoever started it.
_LOOP = """
import os, sys, threading, time
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {int(sys.argv[1])})
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
numbers = list(range(2000))
begin, spent, passes = time.monotonic(), time.thread_time(), 0
while True:
    total = 0
    for number in numbers:
        total += number * number
    passes += 1
    now = time.monotonic()
    if now - begin >= 0.5:
        used = time.thread_time()
        print(now, (used - spent) / passes, flush=True)
        begin, spent, passes = now, used, 0
"""


def cpus_of(pids: Iterable[int]) -> set[int]:
    """The CPUs that some processes may use.

    Empty where that cannot be told, and where a quota would count the loops against this process.
    """
    if not hasattr(os, "SCHED_IDLE") or cgroup_quota(read_text) is not None:
        return set()
    found: set[int] = set()
    for pid in pids:
        try:
            found |= set(psutil.Process(pid).cpu_affinity())
        except psutil.Error:
            continue
    return found


class AwakeCpus:
    """CPUs whose loops run; what a pass costs is that on the ``watched`` ones."""

    def __init__(self, cpus: Iterable[int], watched: set[int]) -> None:
        self._loops: dict[int, subprocess.Popen[bytes]] = {}
        self._watched = watched
        self._rest: dict[int, bytes] = {}
        self._seen: deque[tuple[float, float]] = deque()
        for cpu in cpus:
            loop = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", _LOOP, str(cpu)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert loop.stdout is not None
            os.set_blocking(loop.stdout.fileno(), False)
            self._loops[cpu] = loop

    def __len__(self) -> int:
        return len(self._loops)

    def pass_s(self, begin: float, end: float) -> float | None:
        """CPU seconds that a pass cost between two moments of the monotonic clock; None where none ran.

        The moments of one call follow those of the last.
        """
        for cpu in self._watched & self._loops.keys():
            self._read(cpu)
        found = [cost for at, cost in self._seen if begin < at <= end]
        self._seen = deque(one for one in self._seen if one[0] > end)
        return sum(found) / len(found) if found else None

    def close(self) -> None:
        """End all loops."""
        for loop in self._loops.values():
            loop.kill()
            loop.wait()
            for stream in (loop.stdin, loop.stdout):
                if stream is not None:
                    stream.close()

    def _read(self, cpu: int) -> None:
        loop = self._loops[cpu]
        assert loop.stdout is not None
        try:
            arrived = os.read(loop.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, self._rest[cpu] = (self._rest.get(cpu, b"") + arrived).split(b"\n")
        for line in lines:
            at, cost = map(float, line.split())
            self._seen.append((at, cost))


@contextmanager
def kept_awake(servers: set[int]) -> Iterator[AwakeCpus]:
    """Keep awake the CPUs of the servers, which are watched, and those of this process.

    None where the servers have none on this machine, or where there are more than ``MOST_CPUS``.
    """
    cpus = servers | os.sched_getaffinity(0) if servers else set()
    awake = AwakeCpus(sorted(cpus) if len(cpus) <= MOST_CPUS else (), servers)
    try:
        yield awake
    finally:
        awake.close()
