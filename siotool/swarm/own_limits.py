"""Reads what this machine allows a generator of load."""

import resource
from contextlib import suppress
from pathlib import Path

import psutil

from siotool.swarm.cpu_quota import read_text
from siotool.swarm.load_limits import MachineLimits
from siotool.swarm.memory_quota import memory_left

#: Where Linux shows its settings.
_PROC = Path("/proc/sys")


def read_limits() -> MachineLimits:
    """Return this machine's limits."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    held = _numbers("fs/file-nr")
    ports = _numbers("net/ipv4/ip_local_port_range")
    tracked = (
        _numbers("net/netfilter/nf_conntrack_max"),
        _numbers("net/netfilter/nf_conntrack_count"),
    )
    most = _numbers("fs/nr_open")
    free, quota = int(psutil.virtual_memory().available), memory_left(read_text)
    return MachineLimits(
        files=None if files == resource.RLIM_INFINITY else files,
        files_most=most[0] if most else None,
        files_left=max(0, held[2] - held[0]) if len(held) == 3 else None,
        ports=max(0, ports[1] - ports[0] + 1 - _reserved(*ports)) if len(ports) == 2 else None,
        # its module may be loaded and no rule need it: then it follows nothing
        tracked_left=max(0, tracked[0][0] - tracked[1][0]) if all(tracked) and tracked[1][0] else None,
        memory_bytes=free if quota is None else min(free, quota),
        reuse=next(iter(_numbers("net/ipv4/tcp_tw_reuse")), 0),
    )


def _numbers(setting: str) -> list[int]:
    """The numbers of a setting; none where it is not there."""
    with suppress(OSError, ValueError):
        return [int(word) for word in (_PROC / setting).read_text(encoding="ascii").split()]
    return []


def _reserved(first: int, last: int) -> int:
    """Ports within a range that nobody is given unasked (``8080,9000-9100``)."""
    count = 0
    with suppress(OSError, ValueError):
        text = (_PROC / "net/ipv4/ip_local_reserved_ports").read_text(encoding="ascii").strip()
        for part in filter(None, text.split(",")):
            begin, _, end = part.partition("-")
            count += max(0, min(int(end or begin), last) - max(int(begin), first) + 1)
    return count
