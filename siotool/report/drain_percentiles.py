"""How long users took to get what they had missed: percentiles, with intervals over the times of return."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from siotool.histogram import merged
from siotool.report.outages import DROPPED, of_blocks, spans_of
from siotool.report.percentiles import Percentile, TimesBySecond
from siotool.runfile import Interval, Run

#: A whole number of seconds ago is so much more, on average.
_HALF = 0.5


def drain_percentiles(runs: Sequence[Run]) -> dict[str, Percentile]:
    """Percentiles with their intervals; empty with too few blocks, or where no run has the times of return.

    Users that came back in one second are one block, and so are all of an outage, who wait for the same
    server. Where each was dropped by its own scenario, that was no outage: the seconds are blocks.
    """
    times, sizes = TimesBySecond(), Counter[int]()
    number, dated = 0, 0
    for run_number, run in enumerate(runs):
        intervals = [interval for interval in run.intervals if not interval.draining]
        blocks, ends = _blocks(intervals, number), [interval.t_s for interval in intervals]
        for interval in run.intervals if ends else ():
            for ago, found in interval.losses.drained_ago:
                at = min(bisect_left(ends, interval.t_s - ago - _HALF), len(ends) - 1)
                times.add(found, blocks[at], run_number)
                sizes[blocks[at]] += found.count
                dated += found.count
        number += len(intervals)
    # older run files do not have them
    if dated < merged(one.losses.drained for run in runs for one in run.intervals).count:
        return {}
    return of_blocks(times, sizes)


def _blocks(intervals: Sequence[Interval], first_number: int) -> list[int]:
    blocks = list(range(first_number, first_number + len(intervals)))
    for first, after in spans_of(intervals):
        reasons: Counter[str] = Counter()
        for interval in intervals[first:after]:
            reasons.update(interval.connections.closed)
        if reasons[DROPPED] < reasons.total():
            blocks[first:after] = [blocks[first]] * (after - first)
    return blocks
