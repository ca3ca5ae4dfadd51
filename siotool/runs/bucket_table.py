"""Quantiles of many histograms at once: one of each group, such as the seconds that a point stands for.

A histogram of a second has a hundred buckets, a run of an hour some millions: merged and read one by
one, they take seconds of CPU.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.histogram import SIZE, Sparse, bucket_values, unpacked

Floats = NDArray[np.float64]


class Buckets(msgspec.Struct, frozen=True, eq=False):
    """Histograms one after the other: of each bucket its number, how many times, and of which group.

    ``part`` has the group of each histogram, ``least`` and ``most`` its smallest and largest time in
    seconds; ``sum_s`` is of all, exact.
    """

    bucket: NDArray[np.intp]
    times: NDArray[np.int64]
    group: NDArray[np.intp]
    part: NDArray[np.intp]
    least: Floats
    most: Floats
    sum_s: float


def buckets_of(parts: Sequence[Sparse], group: Sequence[int]) -> Buckets:
    """Return the buckets of histograms, of which each is of a group."""
    known = [(part, number) for part, number in zip(parts, group, strict=True) if part.steps]
    bucket, times, lengths = unpacked([part for part, _ in known])
    of = np.array([number for _, number in known], dtype=np.intp)
    return Buckets(
        bucket,
        times,
        np.repeat(of, lengths),
        of,
        np.array([part.min_s for part, _ in known], dtype=np.float64),
        np.array([part.max_s for part, _ in known], dtype=np.float64),
        math.fsum(part.sum_s for part, _ in known),
    )


def joined(made: Sequence[Buckets]) -> Buckets:
    """Return several as one; at least one is given."""
    columns = ("bucket", "times", "group", "part", "least", "most")
    arrays = {name: np.concatenate([getattr(one, name) for one in made]) for name in columns}
    return Buckets(**arrays, sum_s=math.fsum(one.sum_s for one in made))


def quantiles(buckets: Buckets, into: NDArray[np.intp], groups: int, shares: Sequence[float]) -> list[Floats]:
    """Return each share's quantile in seconds, for each of so many ``groups``; NaN for an empty one.

    ``into`` has the number of the group, for each group of the buckets. A quantile is that of the merged
    histogram (``siotool.histogram.Histogram.quantile``: nearest rank).
    """
    low, high = np.full(groups, np.inf), np.zeros(groups)
    np.minimum.at(low, into[buckets.part], buckets.least)
    np.maximum.at(high, into[buckets.part], buckets.most)
    of, bucket, count = into[buckets.group], buckets.bucket, buckets.times
    key = of * SIZE + bucket
    order = np.argsort(key, kind="stable")
    key, reached = key[order], np.cumsum(count[order])
    total = np.bincount(of, count, groups).astype(np.int64)
    before = np.cumsum(total) - total
    full = total > 0
    found = []
    for share in shares:
        rank = np.maximum(1, np.ceil(share * total[full] - 1e-9)).astype(np.int64)
        at = key[np.searchsorted(reached, before[full] + rank)] % SIZE
        values = np.full(groups, np.nan)
        values[full] = np.clip(bucket_values(at), low[full], high[full])
        found.append(values)
    return found
