"""Deliveries of many intervals by the size of the audience."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import get_args

from siotool.histogram import merged
from siotool.report.delivery_figures import AudienceFigures
from siotool.runfile import AUDIENCE_SIZES, AudienceDeliveries, AudienceKind, Interval

_COUNTED = ("messages", "expected", "received", "lost", "duplicate", "reordered", "misdelivered")
_TIMED = ("first", "median", "last", "spread")
_ORDER = {kind: number for number, kind in enumerate(get_args(AudienceKind))}


def sum_up_audiences(
    intervals: Iterable[Interval], clock_error_s: float | None = None
) -> list[AudienceFigures]:
    """One row for each kind and size: all, rooms, single users; each from the smallest size on.

    ``clock_error_s``: by how much the clocks of its machines may differ.
    """
    by_size: dict[tuple[AudienceKind, int], list[AudienceDeliveries]] = {}
    for interval in intervals:
        for found in interval.audiences:
            by_size.setdefault((found.to, found.size), []).append(found)
    ordered = sorted(by_size.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1]))
    return [_figures(to, size, found, clock_error_s) for (to, size), found in ordered]


def _figures(
    to: AudienceKind, size: int, found: Sequence[AudienceDeliveries], clock_error_s: float | None
) -> AudienceFigures:
    place = bisect_left(AUDIENCE_SIZES, size)
    counts = {name: sum(map(attrgetter(name), found)) for name in _COUNTED}
    first, median, last, spread = (merged(map(attrgetter(name), found)) for name in _TIMED)
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
        clock_error_s=clock_error_s,
    )
