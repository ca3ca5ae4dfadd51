"""A control group with a CPU quota for a server, so that it is full before its generator is."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: How often the quota is given out, in microseconds, as containers have it. Oftener, and some of it is lost.
_PERIOD_US = 100_000
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def quota(pid: int, cores: float) -> Iterator[None]:
    """Let a process take no more than so many cores. Raises OSError without the rights to make a group."""
    amount = round(cores * _PERIOD_US)
    first = (_V1 / "cpu.cfs_quota_us").exists()
    group = (_V1 if first else _V2) / f"siotool-bench-{os.getpid()}"
    group.mkdir()
    try:
        if first:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(amount))
        else:
            (group / "cpu.max").write_text(f"{amount} {_PERIOD_US}")
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        with contextlib.suppress(OSError):
            (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()
