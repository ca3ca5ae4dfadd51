"""What a process has used so far, as the kernel counts it."""

import time
from pathlib import Path


def anonymous_bytes(pid: int) -> int:
    """Anonymous resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("RssAnon:"))
    return int(kib) * 1024


def cpu_seconds(pid: int) -> float:
    """User and system CPU seconds of another process, all its threads, to the nanosecond.

    psutil reads clock ticks of 10 ms, too coarse for some windows here. The number of a
    process's CPU clock is made as in the kernel's include/linux/posix-timers_types.h:
    ``~pid << 3 | CPUCLOCK_SCHED``.
    """
    return time.clock_gettime((~pid << 3) | 2)
