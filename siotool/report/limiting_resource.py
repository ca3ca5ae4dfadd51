"""Which resource of a server is at its limit at the loads that failed, as far as it was sampled."""

from collections.abc import Iterable, Iterator, Sequence

from siotool.runfile import Run

#: A core that is this busy has no room for more: an event loop works on one.
BUSY = 0.85
#: The share of memory, of its open-file limit, or of its bandwidth, from which on a server is at it.
NEARLY_ALL = 0.9


def limiting_resource(runs: Sequence[Run]) -> str:
    """Return the resource in words; empty where none was at its limit, or nothing was sampled.

    It is looked for in the seconds of the holds that failed, where each figure's median counts.
    """
    found = [name for run in runs for name in _of_run(run)]
    return max(found, key=found.count, default="")


def _of_run(run: Run) -> Iterator[str]:
    server = run.header.server
    spans = [(hold.begin_s, hold.t_s) for hold in run.holds if hold.outcome == "failed"]
    failed = [one for one in run.intervals if any(begin < one.t_s <= end for begin, end in spans)]
    uses = [one.server for one in failed if one.server is not None]
    if server is None:
        return
    most = (max(one.bytes.wire_in, one.bytes.wire_out) / one.duration_s for one in failed)
    if server.bandwidth_bytes_per_s and _median(most) >= NEARLY_ALL * server.bandwidth_bytes_per_s:
        yield "bandwidth"
    if _median(use.loop_utilization for use in uses) >= BUSY:
        yield "the event loop"
    elif server.cores and _median(use.cpu_cores for use in uses) >= BUSY * server.cores:
        yield "the server's core" if server.cores <= 1 else "the server's cores"
    if server.memory_bytes and _median(use.rss_bytes for use in uses) >= NEARLY_ALL * server.memory_bytes:
        yield "memory"
    if server.files_limit and _median(use.fullest for use in uses) >= NEARLY_ALL * server.files_limit:
        yield "open files"


def _median(values: Iterable[float | None]) -> float:
    """The middle of the known values; less than any limit without one."""
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else -1.0
