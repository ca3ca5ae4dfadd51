"""A process and all that it has started: not all of them are in its process group."""

import contextlib
import signal

import psutil


def pids_of_tree(pid: int) -> set[int]:
    """Return the ids of a process and of all below it; PostgreSQL's children have groups of their own."""
    return {process.pid for process in _tree(pid)}


def send_to_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and to all below it."""
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
