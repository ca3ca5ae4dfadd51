"""Percentiles that the generator itself may have made: its loop was late as often as that, by as much.

The loop's lateness is known of 200 moments a second (``WorkerHealth.late``), which have nothing to do with
what arrives. So what arrives had to wait as long as often. Where at its q-quantile the lateness is more
than a share of an operation's q-quantile, that may be so much too large.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from siotool.histogram import Histogram, merged
from siotool.report.contents import OperationFigures
from siotool.runfile import Run
from siotool.units import format_duration

#: A percentile may be off by this share, and by so much: timers are no more exact than milliseconds.
OFF_SHARE, OFF_LEAST_S = 0.05, 0.002
#: Of the share of operations beyond a percentile, so much is enough: each meets the loop twice, when it is
#: sent and when it is answered, or delivered.
_ENOUGH = 0.5
#: From here on it makes the run suspect, but for what happens once in a thousand times.
DOUBTED_S, DOUBTED_SHARE = 0.02, 0.99
#: So many operations are named.
_NAMED = 3
_PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99_9", 0.999))


class LatenessWords(NamedTuple):
    """What the loop's lateness may have made of percentiles, in words: a doubt, or a remark; or neither."""

    doubts: list[str]
    remarks: list[str]


def lateness_words(runs: Sequence[Run], operations: Sequence[OperationFigures]) -> LatenessWords:
    """Hold every percentile against the lateness of as large a share of the time."""
    found = list(_off(runs, operations))
    doubted = [one for one in found if one.doubted]
    return LatenessWords(_said(doubted), [] if doubted else _said(found))


class _Off(NamedTuple):
    """A percentile that may be off, and by how much."""

    share: float
    late_s: float
    #: Which operation it is of, and how many of those there are.
    operation: str
    operations: int
    #: Which percentile of what, and its value.
    named: str

    @property
    def doubted(self) -> bool:
        return self.late_s > DOUBTED_S and self.share <= DOUBTED_SHARE


def _said(found: list[_Off]) -> list[str]:
    """The lowest percentile of each of the most frequent operations, and how many others there are."""
    lowest: dict[str, _Off] = {}
    for one in sorted(found, key=lambda one: (-one.operations, one.share)):
        lowest.setdefault(one.operation, one)
    named = list(lowest.values())[:_NAMED]
    if not named:
        return []
    first, also = named[0], [one.named for one in named[1:]]
    if rest := len(found) - len(named):
        also.append(f"{rest} other percentile{'s' if rest > 1 else ''}")
    often = f"{100 * _ENOUGH * (1 - first.share):.2g} % of the time"
    late = f"the generator's loop was {format_duration(first.late_s)} late or more"
    so_may = f"; so may {', '.join(also)}" if also else ""
    return [f"{first.named} may be too large: for {often} {late}{so_may}"]


def _off(runs: Sequence[Run], operations: Sequence[OperationFigures]) -> Iterator[_Off]:
    late = loop_lateness(runs)
    for row in operations:
        for name, share in _PERCENTILES:
            value, late_s = getattr(row, f"{name}_s"), late.quantile(1 - _ENOUGH * (1 - share))
            few = min(late.count, row.count) * (1 - share) < 1
            if value is None or late_s is None or few:
                continue
            if late_s > max(OFF_LEAST_S, OFF_SHARE * value):
                operation = f"{row.op} {row.name}"
                named = f"{name.replace('_', '.')} of {operation} ({format_duration(value)})"
                yield _Off(share, late_s, operation, row.count, named)


def loop_lateness(runs: Sequence[Run]) -> Histogram:
    """How late the loops of all workers were, while there was load."""
    return merged(
        worker.late
        for run in runs
        for interval in run.intervals
        if not interval.draining
        for worker in interval.generator
    )
