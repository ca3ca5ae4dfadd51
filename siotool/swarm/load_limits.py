"""Can a machine hold so many users? What its limits say, before anything is opened.

Sources: ip(7), "ip_local_port_range"; getrlimit(2), RLIMIT_NOFILE; proc(5), "fs/file-max", "fs/nr_open";
docs.kernel.org/networking/nf_conntrack-sysctl.html and ip-sysctl.html, "tcp_tw_reuse".
"""

import math

import msgspec

#: Files that a worker needs besides its connections: its streams, two event loops, the parent's sockets,
#: and what is read of the kernel.
FILES_RESERVED = 30
#: Bytes that a connection takes at least, with its user (docs/bench.md has more), and a worker before its
#: first one (one with 40 users in reports/example takes more).
LEAST_CONNECTION_BYTES, LEAST_WORKER_BYTES = 20_000, 70_000_000
#: Linux keeps the port of a connection that was closed here for so long; less where it may be used again.
_RESTS_S, _REUSED_S = 60.0, 1.0
#: ``MachineLimits.reuse``: to any place; to loopback alone.
_ANYWHERE, _LOOPBACK = 1, 2


class MachineLimits(msgspec.Struct, frozen=True):
    """What a machine allows; None where there is no limit, or it is not known.

    ``files``: open files of a process, once it has raised its own limit. ``files_most``: how far that can be
    raised (fs.nr_open). ``files_left``: of the whole machine. ``ports``: from one address to one address
    and port. ``tracked_left``: connections that its packet filter can still follow, where it follows any.
    Memory in bytes: of the machine or, where that is less, of its control group. ``reuse`` is its
    net.ipv4.tcp_tw_reuse.
    """

    files: int | None = None
    files_most: int | None = None
    files_left: int | None = None
    ports: int | None = None
    tracked_left: int | None = None
    memory_bytes: int | None = None
    reuse: int = 0


class WantedLoad(msgspec.Struct, frozen=True):
    """What a machine is to hold: ``users`` in ``processes``, from ``sources`` addresses to ``places``.

    ``places`` are addresses and ports of the target that users are spread over. A user has so many
    ``sockets``, on average.
    """

    users: int
    processes: int
    sources: int = 1
    places: int = 1
    sockets: float = 1.0

    @property
    def connections(self) -> int:
        """Sockets of all users."""
        return math.ceil(round(self.users * self.sockets, 6))  # 100 × 1.1 is 110.00000000000001


class LimitCheck(msgspec.Struct, frozen=True):
    """One limit: how much is ``needed`` and how much ``available``, of ``what``, and whether it is enough.

    ``remedies`` are commands and options that would make it enough; empty where it is.
    """

    what: str
    needed: int
    available: int
    enough: bool
    remedies: list[str]


def checks(wanted: WantedLoad, limits: MachineLimits) -> list[LimitCheck]:
    """Hold what is wanted against each limit that is known."""
    connections, processes = wanted.connections, wanted.processes
    found = []
    if limits.files is not None:
        each = math.ceil(connections / processes) + FILES_RESERVED
        remedies = [f"ulimit -n {each}"]
        if limits.files_most is not None and each > limits.files_most:
            remedies.insert(0, f"sysctl -w fs.nr_open={each}")
        if limits.files > FILES_RESERVED:
            remedies.append(f"--processes {math.ceil(connections / (limits.files - FILES_RESERVED))}")
        found.append(_check("open files of a process", each, limits.files, remedies))
    if limits.files_left is not None:
        all_files = connections + processes * FILES_RESERVED
        more = all_files - limits.files_left
        found.append(
            _check(
                "open files of the machine",
                all_files,
                limits.files_left,
                [f"sysctl -w fs.file-max=$(($(cat /proc/sys/fs/file-max) + {max(0, more)}))"],
            )
        )
    if limits.ports is not None:
        available = limits.ports * wanted.sources * wanted.places
        remedies = ['sysctl -w net.ipv4.ip_local_port_range="1024 65535"']
        if limits.ports:
            sources = math.ceil(connections / (limits.ports * wanted.places))
            remedies.append(
                f"--source-ip, {sources:,} addresses (any of 127.0.0.0/8 for a target on loopback)"
            )
        found.append(_check("local ports to the target", connections, available, remedies))
    if limits.tracked_left is not None:
        more = connections - limits.tracked_left
        key = "net.netfilter.nf_conntrack_max"
        found.append(
            _check(
                "connections that the packet filter follows",
                connections,
                limits.tracked_left,
                [f"sysctl -w {key}=$(($(sysctl -n {key}) + {max(0, more)}))"],
            )
        )
    if limits.memory_bytes is not None:
        memory = wanted.users * LEAST_CONNECTION_BYTES + processes * LEAST_WORKER_BYTES
        found.append(
            _check(
                "bytes of memory",
                memory,
                limits.memory_bytes,
                ["fewer users here, or more machines (docs/distributed.md)"],
            )
        )
    return found


def _check(what: str, needed: int, available: int, remedies: list[str]) -> LimitCheck:
    enough = needed <= available
    return LimitCheck(what, needed, available, enough, [] if enough else remedies)


def shortage(wanted: WantedLoad, limits: MachineLimits) -> tuple[str, str] | None:
    """What is short, with its numbers, and what would mend it; None where everything is enough."""
    short = [one for one in checks(wanted, limits) if not one.enough]
    if not short:
        return None
    said = "; ".join(f"{one.what}: {one.needed:,} needed, {one.available:,} here" for one in short)
    where = "one generator process" if wanted.processes == 1 else f"{wanted.processes} generator processes"
    return f"{wanted.users:,} users do not fit into {where}. {said}", "; ".join(
        " or ".join(one.remedies) for one in short
    )


def most_that_fit(wanted: WantedLoad, limits: MachineLimits) -> int | None:
    """The most users for which each limit is enough, whatever ``wanted.users``; None where none is known."""
    reserved = wanted.processes * FILES_RESERVED
    sockets = [
        None if limits.files is None else limits.files * wanted.processes - reserved,
        None if limits.files_left is None else limits.files_left - reserved,
        None if limits.ports is None else limits.ports * wanted.sources * wanted.places,
        limits.tracked_left,
    ]
    found = [int(one / wanted.sockets) for one in sockets if one is not None]
    if limits.memory_bytes is not None:
        left = limits.memory_bytes - wanted.processes * LEAST_WORKER_BYTES
        found.append(left // LEAST_CONNECTION_BYTES)
    return max(0, min(found)) if found else None


def most_connects_per_s(
    wanted: WantedLoad, limits: MachineLimits, sockets: float, stay_s: float, *, loopback: bool
) -> float:
    """Connects per second that local ports allow, where each takes so many ``sockets`` and stays ``stay_s``.

    A port rests after its connection was closed. ``loopback``: that is where the target is.
    """
    if limits.ports is None:
        return math.inf
    reused = limits.reuse == _ANYWHERE or (limits.reuse == _LOOPBACK and loopback)
    kept_s = stay_s + (_REUSED_S if reused else _RESTS_S)
    return limits.ports * wanted.sources * wanted.places / sockets / kept_s
