"""Keeps CPUs awake with loops that run only while nothing else wants to: Linux's idle scheduling class.

A CPU without work sleeps, and whoever wakes it pays: a message that came to a sleeping CPU of a virtual
machine took up to 1.7 times the CPU time (docs/calibration.md). How often that happens depends on how
messages fall in time. A server that is busy pays for none of it, and for such servers fleets are sized.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

from siotool.swarm.cpu_quota import cgroup_quota, read_text

#: More CPUs than this are left as they are: loops on all of them would slow each.
MOST_CPUS = 16
#: It ends with its standard input, and so with whoever started it.
_LOOP = """
import os, sys, threading
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {int(sys.argv[1])})
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""


def cpus_of(pids: Iterable[int]) -> set[int]:
    """The CPUs that this process and some others may use.

    Empty where that cannot be told, and where a quota would count the loops against this process.
    """
    if not hasattr(os, "SCHED_IDLE") or cgroup_quota(read_text) is not None:
        return set()
    found = set(os.sched_getaffinity(0))
    for pid in pids:
        try:
            found |= set(psutil.Process(pid).cpu_affinity())
        except psutil.Error:
            continue
    return found


@contextmanager
def kept_awake(cpus: set[int]) -> Iterator[int]:
    """Keep these CPUs awake; yields how many are. None where there are more than ``MOST_CPUS``."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for cpu in sorted(cpus) if len(cpus) <= MOST_CPUS else ():
            command = [sys.executable, "-S", "-E", "-c", _LOOP, str(cpu)]
            loops.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
                )
            )
        yield len(loops)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
            if loop.stdin is not None:
                loop.stdin.close()
