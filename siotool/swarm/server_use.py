"""What the server's processes use, sampled once a second by their process id."""

import os

import psutil

from siotool.errors import InputError
from siotool.runfile import Server, ServerUse


class ServerProbe:
    """A process and all its descendants. CPU is the mean since the sample before."""

    def __init__(self, pid: int, cores: float | None) -> None:
        """Raises InputError when there is no such process or it may not be read.

        ``cores`` is how many the server can fill; by default one for each of its processes,
        because an event loop fills one.
        """
        try:
            self._root = psutil.Process(pid)
            self._members: dict[int, psutil.Process] = {}
            self._spent: dict[int, float] = {}
            self._measure()
        except psutil.NoSuchProcess:
            raise InputError(f"no process has the id {pid}", "give the server's with --server-pid") from None
        except psutil.AccessDenied:
            raise InputError(f"process {pid} may not be read", "run siotool as the server's user") from None
        self._at = 0.0
        self._pid = pid
        self._cores = cores

    def describe(self) -> Server:
        """What the run file says of the server."""
        count = len(self._members)
        return Server(
            source=f"pid {self._pid} and its children" if count > 1 else f"pid {self._pid}",
            pid=self._pid,
            cores=self._cores or float(min(count, os.cpu_count() or count)),
            memory_bytes=int(psutil.virtual_memory().total),
            files_limit=self._files_limit(),
        )

    def sample(self, now: float) -> ServerUse | None:
        """Use since the last sample; None on the first call and once the server is gone.

        ``now`` in seconds of the monotonic clock.
        """
        before = dict(self._spent)
        elapsed, self._at = (now - self._at if self._at else 0.0), now
        try:
            rss, files = self._measure()
        except psutil.Error:
            return None
        if elapsed <= 0:
            return None
        used = sum(spent - before.get(pid, 0.0) for pid, spent in self._spent.items())
        return ServerUse(
            cpu_cores=max(0.0, used / elapsed), rss_bytes=rss, files_open=files, processes=len(self._members)
        )

    def _measure(self) -> tuple[int, int]:
        """Resident bytes and open files of all members; refreshes what each has spent."""
        if not self._root.is_running() or self._root.status() == psutil.STATUS_ZOMBIE:
            raise psutil.NoSuchProcess(self._root.pid)
        found = {p.pid: p for p in (self._root, *self._root.children(recursive=True))}
        # keep known handles: psutil's identity check is in them
        self._members = {pid: self._members.get(pid, process) for pid, process in found.items()}
        rss = files = 0
        spent: dict[int, float] = {}
        for pid, process in self._members.items():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    spent[pid] = times.user + times.system
                    rss += process.memory_info().rss
                    files += process.num_fds()
            except psutil.NoSuchProcess:
                continue
        self._spent = spent
        return rss, files

    def _files_limit(self) -> int | None:
        try:
            return int(self._root.rlimit(psutil.RLIMIT_NOFILE)[0])
        except (AttributeError, psutil.Error, OSError):
            return None
