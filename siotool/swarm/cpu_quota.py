"""How much CPU a generator process may have, and how long it had to wait for some.

A process that may use half a core is saturated at half a core. One whose threads wait for a CPU is
late however little it uses. Linux shows both; elsewhere a process is assumed to have a core, and
never to wait.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from siotool.swarm.group_folders import group_folders

#: How much of a file of the kernel's is read: one line with a few numbers.
_LINE = 256


def allowed_cores(workers: int, quota: float | None) -> float:
    """Cores that one of ``workers`` processes may use: at most 1, as it is one interpreter.

    ``quota`` is what all of them may use together, in cores; None where nothing limits it.
    """
    cpus = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float(workers)
    together = cpus if quota is None else min(cpus, quota)
    return min(1.0, together / max(1, workers))


def cgroup_quota(read: Callable[[str], str], process: str = "self") -> float | None:
    """CPU quota of a process's control group, in cores; None without one.

    The groups above it limit it too: the smallest counts. ``read`` and ``process`` are as ``group_folders``
    has them.
    """
    found: list[float] = []
    for folder, first_version in group_folders(read, process, "cpu"):
        with suppress(OSError, ValueError):
            cores = _quota_of(folder, read, first_version=first_version)
            if cores is not None:
                found.append(cores)
    return min(found, default=None)


def _quota_of(folder: str, read: Callable[[str], str], *, first_version: bool) -> float | None:
    if first_version:
        quota = int(read(f"{folder}/cpu.cfs_quota_us"))
        return quota / int(read(f"{folder}/cpu.cfs_period_us")) if quota > 0 else None
    words = read(f"{folder}/cpu.max").split()
    if not words or words[0] == "max":
        return None
    return int(words[0]) / (int(words[1]) if len(words) > 1 else 100_000)


def read_text(path: str) -> str:
    """A file's text. Raises OSError."""
    return Path(path).read_text(encoding="ascii", errors="replace")


def waited_s(line: bytes) -> float:
    """Seconds that a thread has waited for a CPU while it could run, from its ``schedstat``."""
    fields = line.split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


class KernelFile:
    """The line in a file of the kernel's, read again and again without opening it again.

    It can be read when this process has no file left to open.
    """

    def __init__(self, path: str) -> None:
        self._file = -1
        with suppress(OSError):
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """The line as it is now; empty where there is none."""
        if self._file < 0:
            return b""
        try:
            return os.pread(self._file, _LINE, 0)
        except OSError:
            return b""

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


class Waiting:
    """How long the threads of this process waited for a CPU, from one look to the next."""

    def __init__(self, threads: list[int]) -> None:
        """``threads`` are the kernel's ids of the threads that count."""
        self._lines = [KernelFile(f"/proc/self/task/{thread}/schedstat") for thread in threads]
        self._before = self._look()

    def since_last(self) -> float:
        """Seconds that the thread which waited longest waited since the last call."""
        now = self._look()
        waited = max((new - old for new, old in zip(now, self._before, strict=True)), default=0.0)
        self._before = now
        return max(0.0, waited)

    def _look(self) -> list[float]:
        return [waited_s(line.read()) for line in self._lines]
