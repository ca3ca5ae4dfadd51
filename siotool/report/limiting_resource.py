"""Which resource of a server is at its limit at the loads that failed, as far as it was sampled."""

from collections.abc import Iterator, Sequence

from siotool.runfile import Run, ServerUse

#: A core that is this busy has no room for more: an event loop works on one.
BUSY = 0.85
#: The share of memory, or of its open-file limit, from which on a server is at it.
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
    uses = [
        one.server
        for one in run.intervals
        if one.server is not None and any(begin < one.t_s <= end for begin, end in spans)
    ]
    if server is None or not uses:
        return
    loops = [loop for use in uses if (loop := getattr(use, "event_loop_utilization", None)) is not None]
    if loops and _median(loops) >= BUSY:
        yield "the event loop"
    elif server.cores and _median([use.cpu_cores for use in uses]) >= BUSY * server.cores:
        one = server.cores <= 1 or max(use.processes for use in uses) == 1
        yield "the core of the server's process (its event loop)" if one else "the server's cores"
    yield from _held(uses, server.memory_bytes, server.files_limit)


def _held(uses: Sequence[ServerUse], memory_bytes: int | None, files_limit: int | None) -> Iterator[str]:
    if memory_bytes and _median([use.rss_bytes for use in uses]) >= NEARLY_ALL * memory_bytes:
        yield "memory"
    if files_limit and _median([use.files_open for use in uses]) >= NEARLY_ALL * files_limit:
        yield "open files"


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
