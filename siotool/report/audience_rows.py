"""Deliveries of many intervals by the size of the audience."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import get_args

from siotool.histogram import Histogram, Sparse
from siotool.report.delivery_figures import AudienceFigures
from siotool.runfile import AUDIENCE_SIZES, AudienceDeliveries, AudienceKind, Interval

_COUNTED = ("messages", "expected", "received", "lost", "duplicate", "reordered", "misdelivered")
_TIMED = ("first", "median", "last", "spread")
_ORDER = {kind: number for number, kind in enumerate(get_args(AudienceKind))}


class _SizeTotal:
    """One class of sizes summed up."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(_COUNTED, 0)
        self.times = {name: Histogram() for name in _TIMED}

    def add(self, found: AudienceDeliveries) -> None:
        for name in _COUNTED:
            self.counts[name] += getattr(found, name)
        for name, histogram in self.times.items():
            times: Sparse = getattr(found, name)
            histogram.add(times)


def sum_up_audiences(intervals: Iterable[Interval]) -> list[AudienceFigures]:
    """One row for each kind and size: all, rooms, single users; each from the smallest size on."""
    totals: dict[tuple[AudienceKind, int], _SizeTotal] = {}
    for interval in intervals:
        for found in interval.audiences:
            totals.setdefault((found.to, found.size), _SizeTotal()).add(found)
    ordered = sorted(totals.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1]))
    return [_figures(to, size, total) for (to, size), total in ordered]


def _figures(to: AudienceKind, size: int, total: _SizeTotal) -> AudienceFigures:
    place = bisect_left(AUDIENCE_SIZES, size)
    counts, first, median = total.counts, total.times["first"], total.times["median"]
    last, spread = total.times["last"], total.times["spread"]
    return AudienceFigures(
        to=to,
        size=size,
        size_from=AUDIENCE_SIZES[place - 1] + 1 if size else 0,
        messages=counts["messages"],
        expected=counts["expected"],
        received=counts["received"],
        lost=counts["lost"],
        duplicate=counts["duplicate"],
        reordered=counts["reordered"],
        misdelivered=counts["misdelivered"],
        complete=first.count,
        first_p50_s=first.quantile(0.5),
        first_p99_s=first.quantile(0.99),
        median_p50_s=median.quantile(0.5),
        median_p99_s=median.quantile(0.99),
        last_p50_s=last.quantile(0.5),
        last_p99_s=last.quantile(0.99),
        spread_p50_s=spread.quantile(0.5),
        spread_p99_s=spread.quantile(0.99),
    )
