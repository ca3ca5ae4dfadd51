"""What the server's processes use, sampled once a second by their process id."""

import math
import os
from time import monotonic

import msgspec
import psutil

from siotool.errors import InputError
from siotool.measured_servers import SERVER, MeasuredServer, ServerUse
from siotool.swarm.cpu_quota import cgroup_quota, read_text


class Spent(msgspec.Struct, frozen=True):
    """CPU seconds of one process, and of its descendants that have ended and been waited for."""

    own: float
    ended: float


def cpu_between(
    before: dict[psutil.Process, Spent], after: dict[psutil.Process, Spent], unsettled: float
) -> tuple[float, float]:
    """CPU seconds that a tree of processes used between two samples, and what is unsettled.

    A process that was not there before has begun since. When a process has ended and its parent
    has waited for it, its CPU time is added to the parent's: the part above its last sample is new.
    ``unsettled`` is the last sample of processes that ended during the last sampling: their parents
    may show it only now.
    """
    nothing = Spent(0.0, 0.0)
    own = sum(spent.own - before.get(process, nothing).own for process, spent in after.items())
    ended = sum(spent.ended - before.get(process, nothing).ended for process, spent in after.items())
    known = sum(spent.own + spent.ended for process, spent in before.items() if process not in after)
    return max(0.0, own) + max(0.0, ended - known - unsettled), max(0.0, known - ended)


class ServerProbe:
    """A process and all its descendants. CPU is the mean since the sample before."""

    def __init__(self, pid: int, cores: float | None) -> None:
        """Raises InputError when there is no such process or it may not be read.

        ``cores`` is how many the server can fill; by default one for each of its processes,
        because an event loop fills one, and no more than its quota and its affinity allow.
        """
        try:
            self._root = psutil.Process(pid)
            self._spent: dict[psutil.Process, Spent] = {}
            self._unsettled = 0.0
            self._root.num_fds()  # the one figure that only its owner may read
            self._measure()
        except (psutil.NoSuchProcess, ValueError):
            raise InputError(f"no process has the id {pid}", "give the server's with --server-pid") from None
        except psutil.AccessDenied:
            raise InputError(f"process {pid} may not be read", "run siotool as the server's user") from None
        self._at = 0.0
        self._pid = pid
        self._cores = cores

    def describe(self) -> MeasuredServer:
        """The server as the run file describes it."""
        count = len(self._spent)
        return MeasuredServer(
            name=SERVER,
            source=f"pid {self._pid} and its children" if count > 1 else f"pid {self._pid}",
            pids=[self._pid],
            cores=self._cores or self._allowed_cores(count),
            memory_bytes=int(psutil.virtual_memory().total),
            files_limit=self._files_limit(),
        )

    def sample(self, now: float) -> ServerUse | None:
        """Use since the last sample; None on the first call and once the server is gone.

        ``now`` in seconds of the monotonic clock.
        """
        before = self._spent
        elapsed, self._at = (now - self._at if self._at else 0.0), now
        try:
            rss, files = self._measure()
        except psutil.Error:
            return None
        if elapsed <= 0:
            return None  # where the time between two samples begins
        used, self._unsettled = cpu_between(before, self._spent, self._unsettled)
        return ServerUse(
            cpu_cores=used / elapsed,
            rss_bytes=rss,
            files_open=files,
            processes=len(self._spent),
        )

    def _measure(self) -> tuple[int, int]:
        """Resident bytes and open files of all members; refreshes what each has spent."""
        if not self._root.is_running() or self._root.status() == psutil.STATUS_ZOMBIE:
            raise psutil.NoSuchProcess(self._root.pid)
        rss = files = 0
        spent: dict[psutil.Process, Spent] = {}  # keyed by pid and start: a pid may be used again
        for process in (self._root, *self._root.children(recursive=True)):
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    spent[process] = Spent(
                        own=times.user + times.system, ended=times.children_user + times.children_system
                    )
                    rss += process.memory_info().rss
                    files += process.num_fds()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                # a child has ended, or is another user's whose files may not be counted
                if process == self._root:
                    raise
        self._spent = spent
        return rss, files

    def _allowed_cores(self, processes: int) -> float:
        quota = cgroup_quota(read_text, str(self._pid))
        try:
            cpus = len(self._root.cpu_affinity())
        except (AttributeError, psutil.Error):
            cpus = os.cpu_count() or processes
        return min(float(processes), float(cpus), quota if quota is not None else math.inf)

    def _files_limit(self) -> int | None:
        try:
            return int(self._root.rlimit(psutil.RLIMIT_NOFILE)[0])
        except (AttributeError, psutil.Error, OSError):
            return None


class ServerSamples:
    """Samples at the end of each second; ``probe`` None samples nothing."""

    def __init__(self, probe: ServerProbe | None) -> None:
        self.probe = probe
        self._waiting: dict[int, ServerUse] = {}

    def begin(self) -> None:
        """The first second begins now."""
        if self.probe is not None:
            self.probe.sample(monotonic())

    def sample(self, number: int) -> bool:
        """Sample at the end of a numbered second; False when the server is gone."""
        use = self.probe.sample(monotonic()) if self.probe is not None else None
        if use is not None:
            self._waiting[number] = use
        return use is not None

    def take(self, before: int, last: bool) -> ServerUse | None:
        """Use over the seconds up to a number that were not taken yet; ``last`` samples again.

        Of several seconds it is their mean CPU, and the last of the rest.
        """
        found = [self._waiting.pop(number) for number in sorted(self._waiting) if number < before]
        if not found:
            return self.probe.sample(monotonic()) if last and self.probe is not None else None
        return msgspec.structs.replace(
            found[-1], cpu_cores=sum(use.cpu_cores or 0.0 for use in found) / len(found)
        )
