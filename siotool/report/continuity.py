"""What is missing, repeated or out of order in a run file: doubts, each with its place.

A line that no run can have written is refused when it is read (``runs.reading.contradiction``). Here
the lines are compared with each other: time has no gap, connections are what was established
less what was closed, and there are as many seconds as were written.
"""

from collections.abc import Iterator
from itertools import pairwise

from siotool.runfile import Interval, Run

#: Times are rounded to milliseconds, and a second may be closed a little late.
_TOLERANCE_S = 0.005


def find_gaps(run: Run) -> Iterator[str]:
    """Doubts about the order and the completeness of a run's intervals; none when all fits."""
    yield from _time(run.intervals)
    yield from _connections(run.intervals)
    written = run.end.intervals if run.end is not None else None
    if written is not None and written != len(run.intervals):
        yield (
            f"{written:,} intervals were written and {len(run.intervals):,} are here: "
            "missing ones are in no figure, repeated ones count twice"
        )


def _time(intervals: list[Interval]) -> Iterator[str]:
    if not intervals:
        return
    first = intervals[0]
    if first.t_s - first.duration_s > _TOLERANCE_S:
        yield f"the first {first.t_s - first.duration_s:.3g} s of the run are missing"
    for before, after in pairwise(intervals):
        gap = after.t_s - after.duration_s - before.t_s
        if gap > _TOLERANCE_S:
            yield f"{gap:.3g} s are missing between {before.t_s:g} s and {before.t_s + gap:g} s"
        elif gap < -_TOLERANCE_S:
            yield f"the interval until {after.t_s:g} s, after {before.t_s:g} s, is repeated or out of order"


def _connections(intervals: list[Interval]) -> Iterator[str]:
    """Connections that do not add up. A lost worker's connections end without being counted."""
    known, workers = 0, None
    attempted = ended = 0
    for interval in intervals:
        counted = interval.connections
        here = {health.worker for health in interval.generator}
        moved = counted.established - sum(counted.closed.values()) - counted.left
        lost = workers is not None and not workers <= here
        if counted.open > known + moved or (counted.open < known + moved and not lost):
            yield (
                f"{counted.open:,} connections are open at {interval.t_s:g} s; by the counts before it is "
                f"{known + moved:,}"
            )
        known, workers = counted.open, here
        attempted += counted.attempted
        ended += counted.established + sum(counted.failed.values())
        if ended > attempted:
            yield f"more connects have ended by {interval.t_s:g} s ({ended:,}) than began ({attempted:,})"
            return
