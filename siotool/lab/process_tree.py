"""A process and all that it has started: not all of them are in its process group."""

import contextlib
import signal
from collections import defaultdict
from collections.abc import Collection

import psutil


def pids_of_tree(pid: int) -> set[int]:
    """Return the ids of a process and of all below it; PostgreSQL's children have groups of their own."""
    return set(trees_of([pid])[pid])


def send_to_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and to all below it."""
    send_to(trees_of([pid])[pid], number)


def send_to(pids: Collection[int], number: signal.Signals) -> None:
    """Send a signal to processes, as far as they live."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(number)


def trees_of(roots: Collection[int]) -> dict[int, list[int]]:
    """Return, for some processes, the ids of each and of all below it; none where it does not live.

    All processes of the machine are looked at, once: on a busy one that takes tens of milliseconds.
    """
    below: defaultdict[int | None, list[int]] = defaultdict(list)
    living: set[int] = set()
    for process in psutil.process_iter(["ppid"]):
        living.add(process.pid)
        below[process.info["ppid"]].append(process.pid)
    found: dict[int, list[int]] = {}
    for root in roots:
        tree = found[root] = [root] if root in living else []
        for pid in tree:  # which grows meanwhile
            tree += [child for child in below[pid] if child != pid]
    return found


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
