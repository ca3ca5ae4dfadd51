"""The CPU time of another process, to the nanosecond where its kernel has a clock for it."""

import sys
import time

import psutil

#: Linux numbers the clock of a process by its id (``man 3 clock_getcpuclockid``; ``MAKE_PROCESS_CPUCLOCK``
#: in include/linux/posix-timers_types.h): this is the one of what its threads ran, those that ended too.
_SCHEDULED = 2
_BITS = 3


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds of a process and all its threads, without its descendants.

    ``/proc`` counts in hundredths of a second, which over the two seconds of a phase leaves a process that
    takes a hundredth of a core uncertain by half of it. The clock is read where there is one, on Linux.
    Raises psutil.NoSuchProcess and psutil.AccessDenied.
    """
    if sys.platform == "linux":
        try:
            return time.clock_gettime((~process.pid << _BITS) | _SCHEDULED)
        except OSError:
            pass  # it has ended, or this kernel keeps its clocks to itself: psutil knows which
    times = process.cpu_times()
    return float(times.user + times.system)
