"""Samples the generator's own process once a second: is it the bottleneck?

The files that it reads stay open: a process that can open no more files goes on reporting.
"""

import errno
import os
import resource
from contextlib import suppress
from time import process_time

import psutil
from gevent import monkey

from siotool.histogram import Sparse
from siotool.runfile import WorkerHealth
from siotool.swarm.cpu_quota import KernelFile, Waiting, allowed_cores, cgroup_quota, read_text

#: Open files are counted every so many samples, where that lists a folder of the kernel: thousands of names.
_FILES_EVERY = 5
_OWN_FILES = "/proc/self/fd"
_NO_FILES = (errno.EMFILE, errno.ENFILE)
_thread_id = monkey.get_original("_thread", "get_native_id")


class Health:
    """Samples this process, one of ``workers``; CPU is the mean since the sample before.

    Made in the hub's thread; ``start`` and ``sample`` are for the loop's.
    """

    def __init__(self, worker: int, workers: int = 1) -> None:
        self._worker = worker
        self._workers = workers
        self._quota = cgroup_quota(read_text)
        self._process = psutil.Process(os.getpid())
        self._memory = KernelFile("/proc/self/statm")
        self._hub_thread: int = _thread_id()
        self._waiting: Waiting | None = None
        self._cpu = process_time()
        self._at = 0.0
        self._samples = 0
        self._rss = 0
        self._files = 0

    def start(self, now: float) -> None:
        """Samples begin here: what was used before is left out. ``now``: monotonic seconds."""
        self._waiting = Waiting([self._hub_thread, _thread_id()])
        self._cpu, self._at = process_time(), now

    def sample(self, now: float, loop_lag: float, schedule_lag: float, late: Sparse) -> WorkerHealth:
        """Health since the last sample; ``now`` in seconds of the monotonic clock."""
        cpu = process_time()
        elapsed = now - self._at if self._at else 0.0
        cores = (cpu - self._cpu) / elapsed if elapsed > 0 else 0.0
        waited = self._waiting.since_last() if self._waiting is not None else 0.0
        self._cpu, self._at = cpu, now
        if (counted := _counted_files()) or self._samples % _FILES_EVERY == 0:
            self._files = counted or self._count_files()
        self._samples += 1
        return WorkerHealth(
            worker=self._worker,
            cpu_cores=cores,
            rss_bytes=self._read_rss(),
            loop_lag_s=loop_lag,
            schedule_lag_s=schedule_lag,
            files_open=self._files,
            files_limit=_files_limit(),
            cpu_allowed=allowed_cores(self._workers, self._quota),
            cpu_wait=min(1.0, waited / elapsed) if elapsed > 0 else 0.0,
            late=late,
        )

    def _read_rss(self) -> int:
        fields = self._memory.read().split()
        if len(fields) > 1:
            self._rss = int(fields[1]) * resource.getpagesize()
            return self._rss
        with suppress(OSError, psutil.Error):  # else the last known value
            self._rss = int(self._process.memory_info().rss)
        return self._rss

    def _count_files(self) -> int:
        try:
            return int(self._process.num_fds())
        except OSError as error:
            return _files_limit() if error.errno in _NO_FILES else self._files
        except psutil.Error:
            return self._files


def _counted_files() -> int:
    """Open files, as the kernel counts them: the size of their folder, since Linux 6.2; 0 elsewhere."""
    with suppress(OSError):
        return os.stat(_OWN_FILES).st_size
    return 0


def _files_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_files_limit() -> int:
    """Raise this process's open-file limit as far as it may go; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
        return hard
    return soft
