"""What a control group uses, such as a container: its CPU time, memory and processes, from the kernel.

Version 2 has one folder for all; version 1 has one for each controller. Memory is what the processes
themselves hold (``anon``), not the files that the kernel keeps in memory for them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from siotool.errors import InputError
from siotool.swarm.cpu_quota import cgroup_quota
from siotool.swarm.servers.source import EARLY_S, GONE, Clock, Reading, SourceGone

#: Where the kernel shows control groups.
ROOT = Path("/sys/fs/cgroup")
#: Where it shows processes.
PROCESSES = Path("/proc")
_UNLIMITED = 1 << 60


class ControlGroup:
    """One control group and those below it, as one server."""

    local = True
    early_s = EARLY_S

    def __init__(self, asked: str, root: Path, processes: Path) -> None:
        """``asked`` is a path below the kernel's folder, or the id of a process in the group.

        Raises InputError where there is no such group, it is the root, or its CPU time cannot be read.
        """
        self._processes = processes
        if asked.isdecimal():
            self._folders = _of_process(asked, root, processes)
        else:
            path = asked.removeprefix(str(root)).strip("/")
            self._folders = _unified(root, path) or _by_controller(root, lambda _: path)
        self.what = f"control group {asked if not asked.isdecimal() else f'of process {asked}'}"
        if asked.isdecimal() and self._folders.get("cpu") in (root, root / "cpuacct"):
            raise InputError(
                f"process {asked} is in the root control group, with everything that has none of its own",
                f"name its processes: --server NAME={asked}",
            )
        if "cpu" not in self._folders:
            raise InputError(
                f"no control group {asked} with CPU time below {root}",
                "give its path, as web=cgroup:/system.slice/web.service, or the id of a process in it",
            )
        try:
            self._cpu_s()
        except (OSError, ValueError) as error:
            raise InputError(f"the CPU time of {self.what} cannot be read: {error}") from error

    def read(self, clock: Clock) -> Reading:
        """Return what it uses now. Raises SourceGone."""
        at = clock()
        try:
            counters = {"cpu_s": self._cpu_s()}
        except (OSError, ValueError) as error:
            raise SourceGone(f"{self.what}{GONE}") from error
        gauges: dict[str, float] = {}
        with suppress(OSError, ValueError, KeyError):
            gauges["rss_bytes"] = float(self._memory())
        pids = self.members
        if pids:
            gauges["processes"] = float(len(pids))
            with suppress(OSError):
                files = [self._files(pid) for pid in pids]
                gauges |= {"files_open": float(sum(files)), "files_most": float(max(files))}
        return Reading(at, counters, gauges)

    @property
    def members(self) -> frozenset[int]:
        """The processes in it and in the groups below it, as far as this machine's ids name them."""
        folder = self._folders.get("pids") or self._folders["cpu"]
        found: set[int] = set()
        with suppress(OSError):
            for file in (folder / "cgroup.procs", *folder.rglob("*/cgroup.procs")):
                found.update(int(word) for word in file.read_text(encoding="ascii").split())
        return frozenset(found - {0})

    @property
    def cores(self) -> float:
        """How many cores it can fill: one for each process, and no more than its quota allows."""
        pids = self.members
        most = float(min(max(1, len(pids)), os.cpu_count() or 1))
        quota = self._quota(next(iter(pids), None))
        return most if quota is None else min(most, quota)

    @property
    def memory_limit(self) -> int | None:
        """Bytes that it may have; None without a limit."""
        folder = self._folders.get("memory")
        for name in ("memory.max", "memory.limit_in_bytes"):
            if folder is not None:
                with suppress(OSError, ValueError):
                    limit = int((folder / name).read_text(encoding="ascii"))
                    return limit if limit < _UNLIMITED else None
        return None

    def _quota(self, pid: int | None) -> float | None:
        if pid is None:
            return None
        return cgroup_quota(lambda path: Path(path).read_text(encoding="ascii", errors="replace"), str(pid))

    def _cpu_s(self) -> float:
        folder = self._folders["cpu"]
        usage = folder / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text(encoding="ascii")) / 1e9
        return _figures(folder / "cpu.stat")["usage_usec"] / 1e6

    def _memory(self) -> int:
        stat = _figures(self._folders["memory"] / "memory.stat")
        return stat["anon"] if "anon" in stat else stat.get("total_rss", stat["rss"])

    def _files(self, pid: int) -> int:
        try:
            return len(os.listdir(self._processes / str(pid) / "fd"))
        except FileNotFoundError:
            return 0  # it has ended meanwhile


def _figures(path: Path) -> dict[str, int]:
    """Names and whole numbers, one pair a line. Raises OSError, ValueError."""
    pairs = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _of_process(pid: str, root: Path, processes: Path) -> dict[str, Path]:
    try:
        lines = (processes / pid / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        raise InputError(f"no process has the id {pid}", "give one that runs in the container") from None
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    paths = {name: path for _, names, path in parts for name in names.split(",")}
    unified = paths.get("")
    found = _unified(root, unified.strip("/")) if unified is not None else {}
    return found or _by_controller(root, lambda name: paths.get(name, "").strip("/"))


def _unified(root: Path, path: str) -> dict[str, Path]:
    """The folder of a group of version 2, for every controller; empty where it has no CPU time."""
    folder = root / path
    found = (folder / "cpu.stat").exists() and (folder / "cgroup.procs").exists() and not _old(folder)
    return dict.fromkeys(("cpu", "memory", "pids"), folder) if found else {}


def _old(folder: Path) -> bool:
    return (folder / "cpuacct.usage").exists() or (folder / "cpu.shares").exists()


def _by_controller(root: Path, path: Callable[[str], str]) -> dict[str, Path]:
    """The folders of a group of version 1."""
    return dict(_version_1(root, path))


def _version_1(root: Path, path: Callable[[str], str]) -> Iterator[tuple[str, Path]]:
    for name, key, file in (
        ("cpuacct", "cpu", "cpuacct.usage"),
        ("memory", "memory", "memory.stat"),
        ("pids", "pids", "cgroup.procs"),
    ):
        folder = root / name / path(name)
        if (folder / file).exists():
            yield key, folder
