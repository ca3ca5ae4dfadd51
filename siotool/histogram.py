"""A mergeable latency histogram with a bounded relative error, filled in bulk.

Buckets grow geometrically by ``GROWTH``, so any quantile read from a bucket's middle is
within 1 % of the true sample (the scheme of DDSketch, Masson et al., VLDB 2019, without
its bucket collapsing: the range is fixed). Values are seconds.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

#: Relative error that a quantile may have.
RELATIVE_ERROR = 0.01
GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
#: Values below the first bucket are kept there; values above the last one, there.
SMALLEST_S = 1e-6
LARGEST_S = 3600.0
_LOG_GROWTH = math.log(GROWTH)
_LOG_SMALLEST = math.log(SMALLEST_S)
SIZE = math.ceil((math.log(LARGEST_S) - _LOG_SMALLEST) / _LOG_GROWTH) + 1


#: Counts stay exact in a float.
MOST_COUNTED = 2**53
#: What rounding may do to a sum of so many values.
_LESS, _MORE = 1 - 1e-6, 1 + 1e-6


class Sparse(msgspec.Struct, frozen=True):
    """A histogram as it travels and is stored: only the buckets that hold something.

    ``i`` bucket numbers (strictly ascending), ``n`` their counts, each 1 or more; ``sum_s``,
    ``min_s`` and ``max_s`` are exact. Raises ValueError for any other form.
    """

    i: list[int] = []
    n: list[int] = []
    sum_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no histogram has written, such as a number beyond the last bucket."""
        i, n = self.i, self.n
        if len(i) != len(n) or (i and not (i[0] >= 0 and i[-1] < SIZE and min(n) > 0)):
            raise ValueError("not a histogram: bucket numbers and counts do not fit")
        if sorted(set(i)) != i:
            raise ValueError("not a histogram: bucket numbers do not ascend")
        count = sum(n)
        if count > MOST_COUNTED:
            raise ValueError(f"not a histogram: {count} values are more than can be counted")
        least, most = count * self.min_s * _LESS, count * self.max_s * _MORE
        if not (0 <= self.min_s <= self.max_s and least <= self.sum_s <= most < math.inf):
            raise ValueError("not a histogram: sum, smallest and largest do not fit together")
        if i and not (_holds(i[0], self.min_s) and _holds(i[-1], self.max_s)):
            raise ValueError("not a histogram: smallest and largest are in none of its buckets")


class Histogram:
    """Counts of durations in seconds; adding two of them loses nothing."""

    __slots__ = ("counts", "max_s", "min_s", "sum_s")

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(SIZE, dtype=np.int64)
        self.sum_s = 0.0
        self.min_s = math.inf
        self.max_s = 0.0

    @property
    def count(self) -> int:
        """Number of values held."""
        return int(self.counts.sum())

    @property
    def mean_s(self) -> float | None:
        """Exact mean in seconds; None when empty."""
        count = self.count
        return self.sum_s / count if count else None

    def record(self, values: Sequence[float] | NDArray[np.float64]) -> None:
        """Add many durations at once, in seconds; negative ones count as zero.

        Raises ValueError, and adds nothing, when one is not finite.
        """
        array = np.maximum(np.asarray(values, dtype=np.float64), 0.0)
        if array.size == 0:
            return
        total = float(array.sum())
        if not math.isfinite(total):
            raise ValueError("a duration is not finite")
        clipped = np.clip(array, SMALLEST_S, LARGEST_S)
        index = np.ceil((np.log(clipped) - _LOG_SMALLEST) / _LOG_GROWTH - 1e-9).astype(np.int64)
        self.counts += np.bincount(index, minlength=SIZE)
        self.sum_s += total
        self.min_s = min(self.min_s, float(array.min()))
        self.max_s = max(self.max_s, float(array.max()))

    def add(self, other: "Histogram | Sparse") -> None:
        """Merge another histogram into this one."""
        if isinstance(other, Histogram):
            self.counts += other.counts
        else:
            if not other.n:
                return
            self.counts[np.asarray(other.i)] += np.asarray(other.n, dtype=np.int64)
        self.sum_s += other.sum_s
        self.min_s = min(self.min_s, other.min_s)
        self.max_s = max(self.max_s, other.max_s)

    def quantile(self, q: float) -> float | None:
        """Value below which a share ``q`` of the samples lies, in seconds (nearest rank).

        Within ``RELATIVE_ERROR`` of the sample at that rank; None when empty.
        """
        count = self.count
        if count == 0:
            return None
        rank = max(1, math.ceil(q * count - 1e-9))
        index = int(np.searchsorted(np.cumsum(self.counts), rank))
        return min(max(bucket_value(index), self.min_s), self.max_s)

    def sparse(self) -> Sparse:
        """Return the stored form."""
        index = np.flatnonzero(self.counts)
        if index.size == 0:
            return Sparse()
        return Sparse(
            i=index.tolist(),
            n=self.counts[index].tolist(),
            sum_s=self.sum_s,
            min_s=self.min_s,
            max_s=self.max_s,
        )


def _holds(index: int, value: float) -> bool:
    """Whether a value may lie in a bucket, give or take the rounding at its edges."""
    clipped = min(max(value, SMALLEST_S), LARGEST_S)
    exact = (math.log(clipped) - _LOG_SMALLEST) / _LOG_GROWTH
    return exact - 1e-6 <= index <= exact + 1 + 1e-6


def bucket_edges(index: int) -> tuple[float, float]:
    """Smallest and largest value of a bucket in seconds; those beyond the range lie in its ends too."""
    upper = math.exp(_LOG_SMALLEST + index * _LOG_GROWTH)
    return (upper / GROWTH if index else 0.0), upper


def bucket_value(index: int) -> float:
    """Middle of a bucket in seconds: at most ``RELATIVE_ERROR`` from anything in it."""
    if index == 0:
        return SMALLEST_S
    upper = math.exp(_LOG_SMALLEST + index * _LOG_GROWTH)
    return 2 * upper / (1 + GROWTH)


def merged(parts: Iterable[Sparse | Histogram]) -> Histogram:
    """Return one histogram that holds all the parts."""
    whole = Histogram()
    for part in parts:
        whole.add(part)
    return whole
