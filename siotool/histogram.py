"""A mergeable latency histogram with a bounded relative error, filled in bulk.

Buckets grow geometrically by ``GROWTH``, so any quantile read from a bucket's middle is
within 1 % of the true sample (the scheme of DDSketch, Masson et al., VLDB 2019, without
its bucket collapsing: the range is fixed). Values are seconds.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import lt
from typing import Annotated

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


#: Edges of each bucket, give or take the rounding there; what is beyond the range lies at its ends.
_EDGES = [math.exp(_LOG_SMALLEST + index * _LOG_GROWTH) for index in range(SIZE)]
_LOWER = (0.0, *(edge * (1 - 1e-7) for edge in _EDGES[:-1]))
_UPPER = (*(edge * (1 + 1e-7) for edge in _EDGES[:-1]), math.inf)


class Sparse(msgspec.Struct, frozen=True):
    """A histogram as it travels and is stored: only the buckets that hold something.

    ``i`` bucket numbers (strictly ascending), ``n`` their counts, each 1 or more; ``sum_s``,
    ``min_s`` and ``max_s`` are exact. Decoding any other form raises ValueError.
    """

    i: list[Annotated[int, msgspec.Meta(ge=0, lt=SIZE)]] = []
    n: list[Annotated[int, msgspec.Meta(ge=1)]] = []
    sum_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no histogram has written, beyond what the types of its fields say."""
        i, n, sum_s, min_s, max_s = self.i, self.n, self.sum_s, self.min_s, self.max_s
        if not i and not n and sum_s == min_s == max_s == 0:
            return
        if len(i) != len(n):
            raise ValueError("not a histogram: bucket numbers and counts do not fit")
        if not all(map(lt, i, i[1:])):
            raise ValueError("not a histogram: bucket numbers do not ascend")
        count = sum(n)
        if count > MOST_COUNTED:
            raise ValueError(f"not a histogram: {count} values are more than can be counted")
        least, most = count * min_s * _LESS, count * max_s * _MORE
        if not (0 <= min_s <= max_s and least <= sum_s <= most < math.inf):
            raise ValueError("not a histogram: sum, smallest and largest do not fit together")
        if i and not (_LOWER[i[0]] <= min_s <= _UPPER[i[0]] and _LOWER[i[-1]] <= max_s <= _UPPER[i[-1]]):
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


def bucket_values(index: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the middle of each of some buckets, in seconds."""
    upper = np.exp(_LOG_SMALLEST + index * _LOG_GROWTH)
    return np.where(index == 0, SMALLEST_S, 2 * upper / (1 + GROWTH))


def merged(parts: Iterable[Sparse | Histogram]) -> Histogram:
    """Return one histogram that holds all the parts."""
    stored = (part.sparse() if isinstance(part, Histogram) else part for part in parts)
    known = [part for part in stored if part.n]
    whole = Histogram()
    size = sum(len(part.n) for part in known)
    bucket = np.fromiter(chain.from_iterable(part.i for part in known), np.intp, size)
    count = np.fromiter(chain.from_iterable(part.n for part in known), np.int64, size)
    whole.counts += np.bincount(bucket, count, SIZE).astype(np.int64)  # exact: counts fit into a float
    whole.sum_s = math.fsum(part.sum_s for part in known)
    whole.min_s = min((part.min_s for part in known), default=math.inf)
    whole.max_s = max((part.max_s for part in known), default=0.0)
    return whole
