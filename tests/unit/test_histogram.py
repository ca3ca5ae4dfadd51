import math
from base64 import b64encode

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
    unpacked,
)


def filled(*values: float) -> Histogram:
    histogram = Histogram()
    histogram.record(values)
    return histogram


def buckets(histogram: Histogram) -> list[int]:
    found: list[int] = histogram.sparse().buckets()[0].tolist()
    return found


def counted(counts: dict[int, int]) -> Histogram:
    """So many values in each bucket."""
    histogram = Histogram()
    for bucket, count in counts.items():
        histogram.counts[bucket] = count
        histogram.sum_s += count * bucket_value(bucket)
    histogram.min_s, histogram.max_s = bucket_value(min(counts)), bucket_value(max(counts))
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
    assert buckets(histogram) == [0]
    assert histogram.quantile(0.5) == histogram.max_s == max(0.0, value)
    assert histogram.sum_s == max(0.0, value)


def test_what_is_too_long_to_resolve_is_kept_as_long() -> None:
    histogram = filled(2 * LARGEST_S, 10 * LARGEST_S)
    assert buckets(histogram) == [SIZE - 1]
    assert histogram.count == 2
    assert (histogram.max_s, histogram.sum_s) == (10 * LARGEST_S, 12 * LARGEST_S)


@pytest.mark.parametrize("index", range(1, SIZE, 7))
def test_a_bucket_holds_its_upper_edge_and_not_its_lower(index: int) -> None:
    upper = SMALLEST_S * GROWTH**index
    inside = min(upper, LARGEST_S)
    assert buckets(filled(inside)) == [index]
    assert buckets(filled(upper / GROWTH * (1 + 1e-6))) == [index]
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
    ("counts", "steps", "held"),
    [
        pytest.param({0: 1}, [1], [1], id="the first bucket is one step from before it"),
        pytest.param({3: 1, 5: 255}, [4, 2], [1, 255], id="a byte for each step and each count"),
        pytest.param({253: 1}, [254], [1], id="the longest step"),
        pytest.param({254: 1}, [255, 1], [1], id="one more: a stride without a bucket, and a step"),
        pytest.param({0: 1, 508: 2}, [1, 255, 254], [1, 2], id="a stride between two buckets"),
        pytest.param({0: 1, 509: 2}, [1, 255, 255, 1], [1, 2], id="two strides"),
        pytest.param({7: 1, 8: 256}, [8, 1], [1, 0, 0, 1], id="256 takes two bytes, and so do all counts"),
        pytest.param({7: 65536}, [8], [0, 0, 1, 0], id="65,536 takes four"),
        pytest.param({7: 2**32 + 2}, [8], [2, 0, 0, 0, 1, 0, 0, 0], id="2**32 takes eight"),
        pytest.param({SIZE - 1: 1}, [*[255] * 4, SIZE - 4 * 254], [1], id="the last bucket"),
    ],
)
def test_buckets_are_stored_as_steps_and_counts(counts, steps, held) -> None:
    stored = counted(counts).sparse()
    assert (list(stored.steps), list(stored.held)) == (steps, held)
    bucket, count = stored.buckets()
    assert dict(zip(bucket.tolist(), count.tolist(), strict=True)) == counts
    assert stored.count == sum(counts.values())


def test_many_are_unpacked_as_each_one_by_itself() -> None:
    """Counts of every width, strides, and empty ones, side by side."""
    each = [{0: 1}, {}, {300: 7, 301: 70_000}, {9: 2**40}, {}, {254: 300, 900: 1}, {1: 2}, {}]
    parts = [counted(one).sparse() if one else Sparse() for one in each]
    bucket, count, lengths = unpacked(parts)
    assert lengths.tolist() == [len(one) for one in each]
    assert bucket.tolist() == [number for one in each for number in one]
    assert count.tolist() == [times for one in each for times in one.values()]
    assert [len(found) for found in unpacked([])] == [0, 0, 0]


def stored_as(steps: list[int], held: list[int], *times_s: float) -> bytes:
    fields = {"steps": b64encode(bytes(steps)).decode(), "held": b64encode(bytes(held)).decode()}
    return msgspec.json.encode(fields | dict(zip(("sum_s", "min_s", "max_s"), times_s, strict=False)))


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        pytest.param(stored_as([4], []), "do not fit", id="a bucket without its count"),
        pytest.param(stored_as([], [4]), "do not fit", id="a count without its bucket"),
        pytest.param(stored_as([4], [1, 0, 0]), "do not fit", id="a count in three bytes"),
        pytest.param(stored_as([4, 255], [1]), "do not fit", id="a stride to no bucket"),
        pytest.param(stored_as([255], []), "do not fit", id="nothing but a stride"),
        pytest.param(stored_as([*[255] * 4, SIZE - 4 * 254 + 1], [1]), "beyond", id="beyond the last bucket"),
        pytest.param(stored_as([4, 0], [1, 1]), "do not ascend", id="a bucket twice: add would book one"),
        pytest.param(stored_as([4], [0]), "an empty bucket", id="an empty bucket"),
        pytest.param(stored_as([4, 1], [1, 0, 0, 0]), "an empty bucket", id="an empty bucket of two bytes"),
        pytest.param(
            stored_as([1], [1, 0, 0, 0, 0, 0, 32, 0]), "can be counted", id="more than a float counts"
        ),
        pytest.param(stored_as([1], [1], 2e-6, 1e-6, 1e-6), "fit together", id="a sum of other values"),
        pytest.param(stored_as([1], [1], -1.0, -1.0, 0.0), "fit together", id="less than no time"),
        pytest.param(stored_as([1], [1], 1.0, 1.0, 1.0), "none of its buckets", id="another bucket"),
        pytest.param(stored_as([9], [1]), "none of its buckets", id="a bucket without its time"),
        pytest.param(b'{"steps":[4],"held":[1]}', "Expected `bytes`", id="lists, as of format 2"),
        pytest.param(b'{"steps":"?","held":"AQ=="}', "base64", id="bytes that are not base64"),
    ],
)
def test_what_no_histogram_has_written_is_refused(stored: bytes, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.json.decode(stored, type=Sparse)
