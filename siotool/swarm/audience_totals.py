"""Deliveries of one interval by the size of the audience, and how far apart its members got them."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from siotool.histogram import Histogram, Sparse
from siotool.runfile import AUDIENCE_SIZES, AudienceDeliveries, AudienceKind
from siotool.swarm.worker_report import unpacked_delays

#: Whom a message is for, and the largest size of its class of sizes.
AudienceClass = tuple[AudienceKind, int]


def class_of(audience: int, receivers: int) -> AudienceClass:
    """The class of a message to so many receivers of an audience (0: all)."""
    place = bisect_left(AUDIENCE_SIZES, receivers)
    size = AUDIENCE_SIZES[place] if place < len(AUDIENCE_SIZES) else receivers
    return ("room" if audience else "all"), size


class _Disorder(Protocol):
    """What came of a message that was not to come."""

    @property
    def duplicate(self) -> int: ...

    @property
    def reordered(self) -> int: ...

    @property
    def misdelivered(self) -> int: ...


class _Totals:
    """Counts of one class."""

    def __init__(self) -> None:
        self.messages = self.received = self.lost = 0
        self.duplicate = self.reordered = self.misdelivered = 0
        self.first: list[float] = []
        self.median: list[float] = []
        self.last: list[float] = []
        self.spread: list[float] = []

    def add(self, found: _Disorder) -> None:
        """Count what was not to come."""
        self.duplicate += found.duplicate
        self.reordered += found.reordered
        self.misdelivered += found.misdelivered


class AudienceTotals:
    """All classes of one interval."""

    def __init__(self) -> None:
        self._classes: dict[AudienceClass, _Totals] = {}

    def of(self, found: AudienceClass) -> _Totals:
        """Where a class is counted."""
        totals = self._classes.get(found)
        if totals is None:
            totals = self._classes[found] = _Totals()
        return totals

    def skew(self, found: AudienceClass, delays: Sequence[bytes]) -> None:
        """Take the delays of a message that reached everyone who was to get it.

        The median is the time by which half of the receivers had it.
        """
        times = np.sort(unpacked_delays(delays)).tolist()
        totals = self.of(found)
        totals.first.append(max(0.0, times[0]))
        totals.median.append(max(0.0, times[(len(times) - 1) // 2]))
        totals.last.append(max(0.0, times[-1]))
        totals.spread.append(times[-1] - times[0])

    def close(self) -> list[AudienceDeliveries]:
        """Return them, the smallest audiences first."""
        return [
            AudienceDeliveries(
                to=kind,
                size=size,
                messages=totals.messages,
                expected=totals.received + totals.lost,
                received=totals.received,
                lost=totals.lost,
                duplicate=totals.duplicate,
                reordered=totals.reordered,
                misdelivered=totals.misdelivered,
                first=_sparse(totals.first),
                median=_sparse(totals.median),
                last=_sparse(totals.last),
                spread=_sparse(totals.spread),
            )
            for (kind, size), totals in sorted(self._classes.items())
        ]


def _sparse(values: list[float]) -> Sparse:
    histogram = Histogram()
    histogram.record(values)
    return histogram.sparse()
