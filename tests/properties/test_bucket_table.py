"""Quantiles of many histograms at once are those of each one, merged and read by itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.histogram import LARGEST_S, SMALLEST_S, Histogram, Sparse, merged
from siotool.runs.bucket_table import buckets_of, joined, quantiles

times = st.floats(math.log(SMALLEST_S / 2), math.log(LARGEST_S * 2)).map(math.exp)
groups = st.lists(st.lists(st.lists(times, max_size=8), max_size=4), min_size=1, max_size=5)
shares = st.lists(st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]), min_size=1, max_size=3)


def stored(values: list[float]) -> Sparse:
    histogram = Histogram()
    histogram.record(values)
    return histogram.sparse()


@given(groups, shares, st.randoms(use_true_random=False), st.booleans())
def test_a_group_has_the_quantiles_of_its_merged_histogram(groups, shares, random, split) -> None:
    parts = [(stored(values), number) for number, group in enumerate(groups) for values in group]
    random.shuffle(parts)
    buckets = buckets_of([part for part, _ in parts], [number for _, number in parts])
    if split:  # in two pieces, of which the second may be empty
        halves = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        buckets = joined([buckets_of([p for p, _ in half], [n for _, n in half]) for half in halves])
    found = quantiles(buckets, np.arange(len(groups)), len(groups), shares)
    for share, values in zip(shares, found, strict=True):
        for number, value in enumerate(values):
            whole = merged([part for part, of in parts if of == number])
            expected = whole.quantile(share)
            if expected is None:
                assert np.isnan(value)
            else:
                assert value == pytest.approx(expected, rel=1e-12)


def test_no_parts_are_groups_without_quantiles() -> None:
    (found,) = quantiles(buckets_of([], []), np.arange(3), 3, [0.5])
    assert np.isnan(found).all()
    assert len(found) == 3
