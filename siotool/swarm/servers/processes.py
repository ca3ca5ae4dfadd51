"""What processes of this machine use, with all their descendants, by their process ids."""

import math
import os
from collections.abc import Collection, Sequence
from contextlib import suppress

import msgspec
import psutil

from siotool.errors import InputError
from siotool.swarm.cpu_quota import cgroup_quota, read_text
from siotool.swarm.servers.process_clock import cpu_seconds
from siotool.swarm.servers.source import EARLY_S, GONE, Clock, Reading, SourceGone


class Spent(msgspec.Struct, frozen=True):
    """CPU seconds of one process, and of its descendants that have ended and been waited for."""

    own: float
    ended: float


def cpu_between(
    before: dict[psutil.Process, Spent],
    after: dict[psutil.Process, Spent],
    unsettled: float,
    elsewhere: float = 0.0,
) -> tuple[float, float]:
    """CPU seconds that a tree of processes used between two samples, and what is unsettled.

    A process that was not there before has begun since. When a process has ended and its parent
    has waited for it, its CPU time is added to the parent's: the part above its last sample is new.
    ``unsettled`` is the last sample of processes that ended during the last sampling: their parents
    may show it only now.
    ``elsewhere`` is that of processes that have ended since, and are counted by another server.
    """
    nothing = Spent(0.0, 0.0)
    own = sum(spent.own - before.get(process, nothing).own for process, spent in after.items())
    ended = sum(spent.ended - before.get(process, nothing).ended for process, spent in after.items())
    known = sum(spent.own + spent.ended for process, spent in before.items() if process not in after)
    known += elsewhere
    return max(0.0, own) + max(0.0, ended - known - unsettled), max(0.0, known - ended)


class Processes:
    """Some processes and all their descendants, as one server."""

    local = True
    early_s = EARLY_S

    def __init__(
        self, pids: Sequence[int], rooted: Collection[int] = (), most_cores: float | None = None
    ) -> None:
        """Raises InputError when there is no such process or it may not be read.

        ``rooted`` are processes that are sampled with their descendants, here or elsewhere: a worker that is
        a server of its own is no part of its primary. ``most_cores`` is how many cores they can fill where
        that is not one each.
        """
        self._pids = tuple(pids)
        self._most_cores = most_cores
        self._elsewhere = frozenset(rooted) - set(pids)
        self._roots: list[psutil.Process] = []
        self._spent: dict[psutil.Process, Spent] = {}
        #: The same of children that are sampled elsewhere: once they have ended, it is among their parent's.
        self._apart: dict[psutil.Process, Spent] = {}
        self._unsettled = self._cpu_s = 0.0
        for pid in self._pids:
            try:
                root = psutil.Process(pid)
                root.num_fds()  # the one figure that only its owner may read
                self._roots.append(root)
                self._measure()
            except (psutil.NoSuchProcess, ValueError):
                raise InputError(
                    f"no process has the id {pid}", "give the server's with --server-pid"
                ) from None
            except psutil.AccessDenied:
                raise InputError(
                    f"process {pid} may not be read", "run siotool as the server's user"
                ) from None

    def follow(self, pid: int) -> None:
        """The server is a new process now, whose CPU time counts from its start; not one that is gone."""
        if pid in self._pids:
            return
        with suppress(psutil.NoSuchProcess):
            self._roots = [psutil.Process(pid)]
            self._pids = (pid,)
            self._elsewhere -= {pid}
            self._spent, self._apart, self._unsettled = {}, {}, 0.0

    def leave_out(self, pid: int) -> None:
        """A process is a server of its own now, which is sampled elsewhere."""
        if pid not in self._pids:
            self._elsewhere |= {pid}
            moved = {process: spent for process, spent in self._spent.items() if process.pid == pid}
            self._apart |= moved
            self._spent = {process: one for process, one in self._spent.items() if process not in moved}

    @property
    def what(self) -> str:
        """The processes: ``pid 4711 and its children``."""
        if len(self._pids) == 1:
            return f"pid {self._pids[0]}{' and its children' if len(self._spent) > 1 else ''}"
        children = " and their children" if len(self._spent) > len(self._pids) else ""
        return f"pids {', '.join(map(str, self._pids))}{children}"

    @property
    def members(self) -> frozenset[int]:
        """The ids of all processes at the last reading."""
        return frozenset(process.pid for process in self._spent)

    @property
    def cores(self) -> float:
        """How many cores they can fill: ``most_cores``, or one each, as far as quota and affinity allow."""
        most = self._most_cores or float(len(self._spent))
        quota = cgroup_quota(read_text, str(self._pids[0]))
        try:
            cpus = len(self._roots[0].cpu_affinity())
        except (AttributeError, psutil.Error):
            cpus = os.cpu_count() or 1
        return min(most, float(cpus), quota if quota is not None else math.inf)

    @property
    def files_limit(self) -> int | None:
        """The open-file limit of the first; None where it cannot be read."""
        try:
            return int(self._roots[0].rlimit(psutil.RLIMIT_NOFILE)[0])
        except (AttributeError, psutil.Error, OSError):
            return None

    def read(self, clock: Clock) -> Reading:
        """Return what they use now; ``cpu_s`` counts from the first reading. Raises SourceGone."""
        before, apart, at = self._spent, self._apart, clock()
        try:
            rss, files, most = self._measure()
        except psutil.Error as error:
            raise SourceGone(f"process {getattr(error, 'pid', None) or self._pids[0]}{GONE}") from error
        gone = sum(one.own + one.ended for process, one in apart.items() if process not in self._apart)
        used, self._unsettled = cpu_between(before, self._spent, self._unsettled, gone)
        self._cpu_s += used
        gauges = {"rss_bytes": rss, "files_open": files, "files_most": most, "processes": len(self._spent)}
        counted = {name: float(value) for name, value in gauges.items()}
        return Reading(at, {"cpu_s": self._cpu_s}, counted)

    def _below(self, root: psutil.Process) -> tuple[list[psutil.Process], list[psutil.Process]]:
        """The descendants of a process, and those of their children that are sampled elsewhere."""
        found: list[psutil.Process] = root.children(recursive=True)
        if not self._elsewhere:
            return found, []
        others = set(self._elsewhere)
        own, apart = [], []
        for process in found:  # parents come before their children
            with suppress(psutil.NoSuchProcess):
                if process.ppid() in others:
                    others.add(process.pid)
                elif process.pid in others:
                    apart.append(process)
                else:
                    own.append(process)
        return own, apart

    def _measure(self) -> tuple[int, int, int]:
        """Resident bytes and open files of all members, and the most files of one.

        Refreshes what each has spent.
        """
        rss = files = most = 0
        spent: dict[psutil.Process, Spent] = {}  # keyed by pid and start: a pid may be used again
        apart: dict[psutil.Process, Spent] = {}
        for root in self._roots:
            if not root.is_running() or root.status() == psutil.STATUS_ZOMBIE:
                raise psutil.NoSuchProcess(root.pid)
            own, others = self._below(root)
            for process in others:
                with suppress(psutil.Error):
                    apart[process] = _spent(process)
            for process in (root, *own):
                if process in spent:
                    continue
                try:
                    with process.oneshot():
                        spent[process] = _spent(process)
                        rss += process.memory_info().rss
                        opened = process.num_fds()
                        files, most = files + opened, max(most, opened)
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    # a child has ended, or is another user's whose files may not be counted
                    if process in self._roots:
                        raise
        self._spent, self._apart = spent, apart
        return rss, files, most


def _spent(process: psutil.Process) -> Spent:
    """What a process has spent by now. Raises psutil.Error."""
    with process.oneshot():
        times = process.cpu_times()
        return Spent(own=cpu_seconds(process), ended=times.children_user + times.children_system)
