"""Quantiles of many histograms at once: one of each group, such as the seconds that a point stands for.

A histogram of a second has a hundred buckets, a run of an hour some millions: merged and read one by
one, they take seconds of CPU.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from siotool.histogram import SIZE, Sparse, bucket_values

Floats = NDArray[np.float64]


def quantiles(
    parts: Sequence[Sparse], group: Sequence[int], groups: int, shares: Sequence[float]
) -> list[Floats]:
    """Return each share's quantile in seconds, for each of so many ``groups``; NaN for an empty one.

    ``group`` is the number of the group of each of the ``parts``. A quantile is that of the merged
    histogram (``siotool.histogram.Histogram.quantile``: nearest rank).
    """
    known = [(part, number) for part, number in zip(parts, group, strict=True) if part.n]
    lengths = [len(part.n) for part, _ in known]
    size = sum(lengths)
    bucket = np.fromiter(chain.from_iterable(part.i for part, _ in known), np.intp, size)
    count = np.fromiter(chain.from_iterable(part.n for part, _ in known), np.int64, size)
    of = np.array([number for _, number in known], dtype=np.intp)
    low, high = np.full(groups, np.inf), np.zeros(groups)
    np.minimum.at(low, of, [part.min_s for part, _ in known])
    np.maximum.at(high, of, [part.max_s for part, _ in known])
    key = np.repeat(of, lengths) * SIZE + bucket
    order = np.argsort(key, kind="stable")
    key, reached = key[order], np.cumsum(count[order])
    total = np.bincount(np.repeat(of, lengths), count, groups).astype(np.int64)
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
