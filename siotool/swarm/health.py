"""Is the generator itself the bottleneck? One sample a second of its own process."""

import os
import resource
from time import process_time

import psutil

from siotool.runfile import WorkerHealth

#: Counting open files lists a folder of the kernel's; every so many samples is enough.
_FILES_EVERY = 5


class Health:
    """Samples this process; CPU is the mean since the sample before."""

    def __init__(self, worker: int) -> None:
        self._worker = worker
        self._process = psutil.Process(os.getpid())
        self._cpu = process_time()
        self._at = 0.0
        self._samples = 0
        self._files = 0

    def sample(self, now: float, loop_lag: float, schedule_lag: float) -> WorkerHealth:
        """Health since the last sample; ``now`` in seconds of the monotonic clock."""
        cpu = process_time()
        elapsed = now - self._at if self._at else 0.0
        cores = (cpu - self._cpu) / elapsed if elapsed > 0 else 0.0
        self._cpu, self._at = cpu, now
        if self._samples % _FILES_EVERY == 0:
            self._files = self._process.num_fds()
        self._samples += 1
        return WorkerHealth(
            worker=self._worker,
            cpu_cores=cores,
            rss_bytes=self._process.memory_info().rss,
            loop_lag_s=loop_lag,
            schedule_lag_s=schedule_lag,
            files_open=self._files,
            files_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )


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
