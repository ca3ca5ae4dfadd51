"""What holds for any durations: the error bound of quantiles, and that merging loses nothing."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.histogram import LARGEST_S, RELATIVE_ERROR, SMALLEST_S, Histogram, Sparse, merged

durations = st.floats(SMALLEST_S, LARGEST_S)
# evenly over the magnitudes too: plain floats are hardly ever milliseconds
spread = st.floats(math.log(SMALLEST_S), math.log(LARGEST_S)).map(
    lambda x: min(max(math.exp(x), SMALLEST_S), LARGEST_S)
)
samples = st.lists(durations | spread, min_size=1, max_size=200)
shares = st.floats(0, 1) | st.sampled_from([0.5, 0.9, 0.95, 0.99])


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.record(values)
    return histogram


@given(samples, shares)
def test_a_quantile_is_within_one_percent_of_the_nearest_rank(values: list[float], q: float) -> None:
    expected = float(np.quantile(values, q, method="inverted_cdf"))
    rank = q * len(values)
    if 0 < abs(rank - round(rank)) < 1e-6:  # which rank is meant is a matter of rounding
        return
    assert filled(values).quantile(q) == pytest.approx(expected, rel=RELATIVE_ERROR + 1e-9)


@given(samples)
def test_count_sum_and_extremes_are_exact(values: list[float]) -> None:
    histogram = filled(values)
    assert histogram.count == len(values)
    assert histogram.sum_s == pytest.approx(math.fsum(values), rel=1e-12)
    assert histogram.mean_s == pytest.approx(math.fsum(values) / len(values), rel=1e-12)
    assert (histogram.min_s, histogram.max_s) == (min(values), max(values))


@given(st.lists(samples, max_size=6), st.booleans())
def test_parts_merged_are_the_whole(parts: list[list[float]], as_stored: bool) -> None:
    histograms = [filled(part) for part in parts]
    whole = filled([value for part in parts for value in part])
    together = merged([h.sparse() for h in histograms] if as_stored else histograms)
    assert (together.counts == whole.counts).all()
    assert (together.min_s, together.max_s) == (whole.min_s, whole.max_s)
    assert together.sum_s == pytest.approx(whole.sum_s, rel=1e-12)


@given(st.lists(durations | spread, max_size=100))
def test_the_stored_form_loses_nothing(values: list[float]) -> None:
    stored = filled(values).sparse()
    again = msgspec.json.decode(msgspec.json.encode(stored), type=Sparse)
    assert again == stored
    assert merged([again]).sparse() == stored


@given(samples)
def test_quantiles_never_fall(values: list[float]) -> None:
    histogram = filled(values)
    quantiles = [histogram.quantile(q / 20) for q in range(21)]
    assert quantiles == sorted(quantiles)
    assert quantiles[0] == pytest.approx(min(values), rel=RELATIVE_ERROR + 1e-9)
    assert histogram.min_s <= quantiles[0] <= quantiles[-1] <= histogram.max_s
