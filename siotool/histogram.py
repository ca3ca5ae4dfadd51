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


#: Edges of each bucket, give or take the rounding there; what is beyond the range lies at its ends.
_EDGES = [math.exp(_LOG_SMALLEST + index * _LOG_GROWTH) for index in range(SIZE)]
_LOWER = (0.0, *(edge * (1 - 1e-7) for edge in _EDGES[:-1]))
_UPPER = (*(edge * (1 + 1e-7) for edge in _EDGES[:-1]), math.inf)

#: Bucket numbers as a stored histogram has them: steps of up to so many, and a byte for so far and no bucket.
_FARTHEST, _FAR, _FAR_BYTE = 254, 255, b"\xff"
#: Bytes that a count may take.
_WIDTHS = (1, 2, 4, 8)


class Sparse(msgspec.Struct, frozen=True):
    """A histogram as it travels and is stored: only the buckets that hold something.

    ``steps``: a byte for each bucket, by how much its number is above that of the bucket before; the first
    is counted from -1 on. 255 is 254 further without a bucket. ``held``: the count of each bucket, 1 or
    more, in 1, 2, 4 or 8 bytes, the lowest byte first: as many as the largest count needs. ``sum_s``,
    ``min_s`` and ``max_s`` are exact. In JSON, bytes are base64. Decoding any other form raises ValueError.

    An hour's run has 100,000 of them (``tests/bench/hour.py``): in lists, each number is an object to make.
    """

    steps: bytes = b""
    held: bytes = b""
    sum_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no histogram has written."""
        steps, held, sum_s, min_s, max_s = self.steps, self.held, self.sum_s, self.min_s, self.max_s
        if not steps and not held and sum_s == min_s == max_s == 0:
            return
        far = steps.count(_FAR)
        length = len(steps) - far
        # nearly all counts take a byte
        width, rest = (1, 0) if len(held) == length else divmod(len(held), length or 1)
        if not length or steps[-1] == _FAR or rest or width not in _WIDTHS:
            raise ValueError("not a histogram: bucket numbers and counts do not fit")
        last = sum(steps) - far - 1
        if 0 in steps or last >= SIZE:
            raise ValueError("not a histogram: bucket numbers do not ascend, or to beyond the last one")
        counts = held if width == 1 else self._counts(width)
        if 0 in counts:
            raise ValueError("not a histogram: an empty bucket")
        count = sum(counts)
        if count > MOST_COUNTED:
            raise ValueError(f"not a histogram: {count} values are more than can be counted")
        least, most = count * min_s * _LESS, count * max_s * _MORE
        if not (0 <= min_s <= max_s and least <= sum_s <= most < math.inf):
            raise ValueError("not a histogram: sum, smallest and largest do not fit together")
        led = len(steps) - len(steps.lstrip(_FAR_BYTE)) if far else 0
        first = led * _FARTHEST + steps[led] - 1
        if not (_LOWER[first] <= min_s <= _UPPER[first] and _LOWER[last] <= max_s <= _UPPER[last]):
            raise ValueError("not a histogram: smallest and largest are in none of its buckets")

    @property
    def count(self) -> int:
        """Number of values held."""
        if not self.steps:
            return 0
        return sum(self._counts(len(self.held) // (len(self.steps) - self.steps.count(_FAR))))

    def buckets(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Numbers of the buckets, ascending, and their counts."""
        bucket, count, _ = unpacked([self])
        return bucket, count

    def _counts(self, width: int) -> bytes | list[int]:
        """The counts, of so many bytes each, as what can be summed: bytes are numbers as they are."""
        if width == 1:
            return self.held
        counts: list[int] = np.frombuffer(self.held, f"<u{width}").tolist()
        return counts


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
            if not other.steps:
                return
            bucket, count = other.buckets()
            self.counts[bucket] += count
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
        counts = self.counts[index]
        width = next(width for width in _WIDTHS if counts.max() < 1 << 8 * width)
        return Sparse(
            steps=_steps(index),
            held=counts.astype(f"<u{width}").tobytes(),
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


def later(times: Sparse, limit_s: float) -> int:
    """Number of times above a limit, within the histogram's error."""
    bucket, count = times.buckets()
    return int(count[bucket_values(bucket) > limit_s].sum())


def _steps(index: NDArray[np.intp]) -> bytes:
    """Bucket numbers as ``Sparse.steps`` has them; one at least."""
    gaps = np.diff(index, prepend=-1)
    far = (gaps - 1) // _FARTHEST
    steps = np.full(len(gaps) + int(far.sum()), _FAR, dtype=np.uint8)
    steps[np.cumsum(far + 1) - 1] = gaps - far * _FARTHEST
    return steps.tobytes()


def unpacked(parts: Sequence[Sparse]) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.intp]]:
    """Return the buckets of many histograms one after the other: numbers, counts, and how many each has."""
    stored = [part.steps for part in parts]
    held = [part.held for part in parts]
    steps = np.frombuffer(b"".join(stored), np.uint8)
    there = steps != _FAR
    reached = np.concatenate([[0], np.cumsum(np.minimum(steps, _FARTHEST), dtype=np.intp)])
    passed = np.concatenate([[0], np.cumsum(there, dtype=np.intp)])
    end = np.cumsum(np.fromiter(map(len, stored), np.intp, len(parts)))
    begin = np.concatenate([np.zeros(1, dtype=np.intp), end])[:-1]
    lengths = passed[end] - passed[begin]
    bucket = reached[1:][there] - np.repeat(reached[begin] + 1, lengths)
    width = np.fromiter(map(len, held), np.intp, len(parts)) // np.maximum(1, lengths)
    if (width <= 1).all():  # nearly always
        return bucket, np.frombuffer(b"".join(held), np.uint8).astype(np.int64), lengths
    of = np.repeat(width.astype(np.uint8), lengths)
    count = np.empty(len(of), dtype=np.int64)
    for bytes_each in _WIDTHS:
        chosen = [held[number] for number in np.flatnonzero(width == bytes_each).tolist()]
        if chosen:
            count[of == bytes_each] = np.frombuffer(b"".join(chosen), f"<u{bytes_each}")
    return bucket, count, lengths


def merged(parts: Iterable[Sparse | Histogram]) -> Histogram:
    """Return one histogram that holds all the parts."""
    stored = (part.sparse() if isinstance(part, Histogram) else part for part in parts)
    known = [part for part in stored if part.steps]
    whole = Histogram()
    bucket, count, _ = unpacked(known)
    whole.counts += np.bincount(bucket, count, SIZE).astype(np.int64)  # exact: counts fit into a float
    whole.sum_s = math.fsum(part.sum_s for part in known)
    whole.min_s = min((part.min_s for part in known), default=math.inf)
    whole.max_s = max((part.max_s for part in known), default=0.0)
    return whole
