import math

import msgspec
import numpy as np
import pytest

from siotool.histogram import (
    GROWTH,
    LARGEST_S,
    RELATIVE_ERROR,
    SIZE,
    SMALLEST_S,
    Histogram,
    Sparse,
    bucket_value,
    merged,
)


def filled(*values: float) -> Histogram:
    histogram = Histogram()
    histogram.record(values)
    return histogram


def test_an_empty_histogram_knows_nothing() -> None:
    empty = Histogram()
    assert (empty.count, empty.mean_s, empty.quantile(0.5), empty.sparse()) == (0, None, None, Sparse())


def test_recording_nothing_changes_nothing() -> None:
    histogram = filled(0.25)
    histogram.record([])
    assert histogram.sparse() == filled(0.25).sparse()


def test_adding_an_empty_one_changes_nothing() -> None:
    histogram = filled(0.25, 0.5)
    for empty in (Histogram(), Histogram().sparse(), Sparse()):
        histogram.add(empty)
    assert histogram.sparse() == filled(0.25, 0.5).sparse()


def test_adding_to_an_empty_one_keeps_the_smallest_value() -> None:
    assert merged([Sparse(), filled(0.25).sparse(), Histogram()]).min_s == 0.25


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        pytest.param(0.0, 1.0, id="the smallest"),
        pytest.param(0.25, 1.0, id="exactly a quarter is the first of four"),
        pytest.param(0.26, 2.0, id="just above it the second"),
        pytest.param(0.5, 2.0, id="the median of four is the second"),
        pytest.param(0.99, 4.0, id="p99 of four is the last"),
        pytest.param(1.0, 4.0, id="the largest, exactly"),
    ],
)
def test_quantiles_are_nearest_ranks(q: float, expected: float) -> None:
    assert filled(4.0, 2.0, 1.0, 3.0).quantile(q) == pytest.approx(expected, rel=RELATIVE_ERROR + 1e-9)


def test_a_rank_that_is_whole_but_for_rounding_is_that_rank() -> None:
    # 0.07 × 100 is 7.000000000000001 in floating point: the 7th value, not the 8th
    histogram = filled(*[1.0] * 7, *[100.0] * 93)
    assert histogram.quantile(0.07) == pytest.approx(1.0, rel=RELATIVE_ERROR)


def test_extremes_are_exact() -> None:
    histogram = filled(0.0123456, 0.0234567)
    assert histogram.quantile(1.0) == pytest.approx(0.0234567, rel=RELATIVE_ERROR)
    assert (histogram.min_s, histogram.max_s) == (0.0123456, 0.0234567)
    assert filled(0.0123456).quantile(0.5) == 0.0123456


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-9, SMALLEST_S])
def test_what_is_too_short_to_resolve_is_kept_as_short(value: float) -> None:
    histogram = filled(value)
    assert histogram.sparse().i == [0]
    assert histogram.quantile(0.5) == histogram.max_s == max(0.0, value)
    assert histogram.sum_s == max(0.0, value)


def test_what_is_too_long_to_resolve_is_kept_as_long() -> None:
    histogram = filled(2 * LARGEST_S, 10 * LARGEST_S)
    assert histogram.sparse().i == [SIZE - 1]
    assert histogram.count == 2
    assert (histogram.max_s, histogram.sum_s) == (10 * LARGEST_S, 12 * LARGEST_S)


@pytest.mark.parametrize("index", range(1, SIZE, 7))
def test_a_bucket_holds_its_upper_edge_and_not_its_lower(index: int) -> None:
    upper = SMALLEST_S * GROWTH**index
    inside = min(upper, LARGEST_S)
    assert filled(inside).sparse().i == [index]
    assert filled(upper / GROWTH * (1 + 1e-6)).sparse().i == [index]
    for value in (inside, upper / GROWTH):
        assert abs(bucket_value(index) - value) <= value * (RELATIVE_ERROR + 1e-9) or value == LARGEST_S


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_duration_that_is_no_number_is_refused_whole(value: float) -> None:
    histogram = filled(0.25)
    with pytest.raises(ValueError, match="not finite"):
        histogram.record([0.5, value])
    assert histogram.sparse() == filled(0.25).sparse()


def test_arrays_and_lists_are_the_same_to_it() -> None:
    values = np.geomspace(1e-5, 10.0, 99)
    from_array, from_list = Histogram(), Histogram()
    from_array.record(values)
    from_list.record(values.tolist())
    assert from_array.sparse() == from_list.sparse()


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        pytest.param(b'{"i":[3],"n":[]}', "not a histogram", id="a bucket without its count"),
        pytest.param(b'{"i":[5000],"n":[1]}', "`int` <= 11", id="a bucket beyond the last one"),
        pytest.param(b'{"i":[-1],"n":[1]}', "`int` >= 0", id="a bucket before the first one"),
        pytest.param(b'{"i":[4,4],"n":[1,1]}', "not a histogram", id="a bucket twice: add would book one"),
        pytest.param(b'{"i":[5,4],"n":[1,1]}', "not a histogram", id="buckets out of order"),
        pytest.param(b'{"i":[4],"n":[0]}', "`int` >= 1", id="an empty bucket"),
        pytest.param(b'{"i":[4],"n":[-2]}', "`int` >= 1", id="a negative count"),
    ],
)
def test_what_no_histogram_has_written_is_refused(stored: bytes, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.json.decode(stored, type=Sparse)
