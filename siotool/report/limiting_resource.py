"""Which resource is at its limit at the loads that failed, as far as it was sampled: of the servers, and of
what stands beside them.
"""

from collections.abc import Iterable, Iterator, Sequence

from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.runfile import Interval, Run

#: A core that is this busy has no room for more: an event loop works on one.
BUSY = 0.85
#: The share of memory, of its open-file limit, or of its bandwidth, from which on a server is at it.
NEARLY_ALL = 0.9


def limiting_resource(runs: Sequence[Run]) -> str:
    """Return the resource in words; empty where none was at its limit, or nothing was sampled.

    It is looked for in the seconds of the holds that failed, where each figure's median counts. Limits of
    all servers together go first, then those of single servers, then those of what stands beside them.
    """
    found = [name for run in runs for name in _of_run(run)]
    return max(found, key=found.count, default="")


def _of_run(run: Run) -> Iterator[str]:
    spans = [(hold.begin_s, hold.t_s) for hold in run.holds if hold.outcome == "failed"]
    failed = [one for one in run.intervals if any(begin < one.t_s <= end for begin, end in spans)]
    together = list(_of_all(run, failed))
    yield from together
    servers = [one for one in run.header.servers if not one.beside]
    if len(servers) > 1 and not together:
        yield from _of_each(servers, failed)
    for one in run.header.servers:
        if one.beside and _fills_its_cores(one, _uses(one, failed)):
            yield f"{one.name}'s {_cores(one)}"


def _of_all(run: Run, failed: Sequence[Interval]) -> Iterator[str]:
    """The limits of all servers together."""
    server = run.header.server
    uses = [one.server for one in failed if one.server is not None]
    if server is None:
        return
    most = (max(one.bytes.wire_in, one.bytes.wire_out) / one.duration_s for one in failed)
    if server.bandwidth_bytes_per_s and _median(most) >= NEARLY_ALL * server.bandwidth_bytes_per_s:
        yield "bandwidth"
    if _has_busy_loop(uses):
        yield "the event loop"
    elif _fills_its_cores(server, uses):
        yield f"the server's {_cores(server)}"
    if server.memory_bytes and _median(use.rss_bytes for use in uses) >= NEARLY_ALL * server.memory_bytes:
        yield "memory"
    if server.files_limit and _median(use.fullest for use in uses) >= NEARLY_ALL * server.files_limit:
        yield "open files"


def _of_each(servers: Sequence[MeasuredServer], failed: Sequence[Interval]) -> Iterator[str]:
    """The limits of single servers of several, whose mean hides one that is full."""
    for one in servers:
        uses = _uses(one, failed)
        if _has_busy_loop(uses):
            yield f"the event loop of {one.name}"
        elif _fills_its_cores(one, uses):
            yield f"the {_cores(one)} of {one.name}"


def _uses(server: MeasuredServer, intervals: Sequence[Interval]) -> list[ServerUse]:
    return [one.servers[server.name] for one in intervals if server.name in one.servers]


def _has_busy_loop(uses: Sequence[ServerUse]) -> bool:
    return _median(use.loop_utilization for use in uses) >= BUSY


def _fills_its_cores(server: MeasuredServer, uses: Sequence[ServerUse]) -> bool:
    return server.cores > 0 and _median(use.cpu_cores for use in uses) >= BUSY * server.cores


def _cores(server: MeasuredServer) -> str:
    return "core" if server.cores <= 1 else "cores"


def _median(values: Iterable[float | None]) -> float:
    """The middle of the known values; less than any limit without one."""
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else -1.0
