"""Deliveries of many intervals by the size of the audience."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import get_args

from siotool.report.delivery_figures import AudienceFigures
from siotool.report.percentiles import TimesBySecond
from siotool.runfile import AUDIENCE_SIZES, AudienceDeliveries, AudienceKind, Run

_COUNTED = ("messages", "expected", "received", "lost", "duplicate", "reordered", "misdelivered")
_TIMED = ("first", "median", "last", "spread")
_SHOWN = ("p50", "p99")
_ORDER = {kind: number for number, kind in enumerate(get_args(AudienceKind))}


class _AudienceTotal:
    """The messages to audiences of one kind and size, and the seconds in which they were closed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.times = {name: TimesBySecond() for name in _TIMED}

    def add(self, found: AudienceDeliveries, second: int, run: int) -> None:
        for name in _COUNTED:
            self.counts[name] += attrgetter(name)(found)
        for name, times in self.times.items():
            times.add(attrgetter(name)(found), second, run)


def sum_up_audiences(runs: Sequence[Run], clock_error_s: float | None = None) -> list[AudienceFigures]:
    """One row for each kind and size: all, rooms, single users; each from the smallest size on.

    ``clock_error_s``: by how much the clocks of its machines may differ.
    """
    by_size: dict[tuple[AudienceKind, int], _AudienceTotal] = {}
    intervals = ((number, interval) for number, run in enumerate(runs) for interval in run.intervals)
    for second, (run, interval) in enumerate(intervals):
        for found in interval.audiences:
            by_size.setdefault((found.to, found.size), _AudienceTotal()).add(found, second, run)
    ordered = sorted(by_size.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1]))
    return [_figures(to, size, total, clock_error_s) for (to, size), total in ordered]


def _figures(
    to: AudienceKind, size: int, total: _AudienceTotal, clock_error_s: float | None
) -> AudienceFigures:
    place = bisect_left(AUDIENCE_SIZES, size)
    wholes = {name: times.histogram() for name, times in total.times.items()}
    known = {
        f"{name}_{at}": found
        for name, times in total.times.items()
        for at, found in times.percentiles(wholes[name]).items()
        if at in _SHOWN
    }
    return AudienceFigures(
        to=to,
        size=size,
        size_from=AUDIENCE_SIZES[place - 1] + 1 if size else 0,
        messages=total.counts["messages"],
        expected=total.counts["expected"],
        received=total.counts["received"],
        lost=total.counts["lost"],
        duplicate=total.counts["duplicate"],
        reordered=total.counts["reordered"],
        misdelivered=total.counts["misdelivered"],
        complete=wholes["first"].count,
        **{f"{at}_s": found.value for at, found in known.items()},
        **{f"{at}_low_s": found.low for at, found in known.items()},
        **{f"{at}_high_s": found.high for at, found in known.items()},
        clock_error_s=clock_error_s,
    )
