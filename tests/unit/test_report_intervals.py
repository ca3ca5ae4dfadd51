"""Percentiles and means lie in their intervals as often as these say, also where seconds are alike."""

import numpy as np
import pytest

from siotool.histogram import Histogram
from siotool.report.percentiles import SHARES, TimesBySecond
from siotool.report.uncertain import between, with_interval
from siotool.runs.blocks import half_width, widening
from siotool.units import format_duration

#: The normal quantiles of the percentiles that are checked.
NORMAL = {"p50": 0.0, "p90": 1.2816, "p95": 1.6449}


def alike(random, count, phi):
    """Levels of seconds, each like the one before it: an AR(1) series of variance 1."""
    steps = random.normal(size=count) * np.sqrt(1 - phi**2)
    level = [random.normal()]
    for step in steps[1:]:
        level.append(phi * level[-1] + step)
    return np.array(level)


def percentiles(seconds, run=None):
    """Of times that are given second by second."""
    times = TimesBySecond()
    for number, values in enumerate(seconds):
        histogram = Histogram()
        histogram.record(values)
        times.add(histogram.sparse(), number, 0 if run is None else run[number])
    return times.percentiles(times.histogram())


@pytest.mark.parametrize(
    ("phi", "seconds"),
    [
        pytest.param(0.0, 60, id="seconds of their own"),
        pytest.param(0.5, 60, id="seconds somewhat alike"),
        pytest.param(0.8, 120, id="seconds much alike"),
    ],
)
def test_percentiles_of_autocorrelated_times_lie_in_their_intervals(phi, seconds):
    """Half of the variance is that of the second, and it lasts: as many times as there are say little."""
    random = np.random.default_rng(11)
    tries, missed, given = 30, dict.fromkeys(NORMAL, 0), dict.fromkeys(NORMAL, 0)
    for _ in range(tries):
        levels = alike(random, seconds, phi)
        own = random.normal(size=(seconds, 40))
        found = percentiles(0.01 * np.exp(0.5 * (levels[:, None] + own) / np.sqrt(2)))
        for name, normal in NORMAL.items():
            one, truth = found[name], 0.01 * np.exp(0.5 * normal)
            if one.low is not None:
                given[name] += 1
                missed[name] += not one.low <= truth <= one.high
    assert given["p50"] > 0.7 * tries
    assert all(count <= 0.05 * tries + 1.5 for count in missed.values()), missed


def test_an_interval_of_alike_times_is_far_wider_than_that_of_independent_ones():
    random = np.random.default_rng(12)
    levels = alike(random, 300, 0.8)
    together = 0.01 * np.exp(0.5 * (levels[:, None] + random.normal(size=(300, 60))) / np.sqrt(2))
    apart = random.permuted(together.ravel()).reshape(together.shape)
    wide, narrow = (percentiles(times)["p50"] for times in (together, apart))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_independent_times_have_the_interval_of_their_order_statistics():
    """Of 1,000 times the median lies between the 469th and the 532nd with 95 %."""
    values = np.sort(np.random.default_rng(13).exponential(0.01, 1000))
    found = percentiles(np.random.default_rng(14).permuted(values).reshape(200, 5))["p50"]
    assert found.low == pytest.approx(values[468], rel=0.04)
    assert found.high == pytest.approx(values[531], rel=0.04)


def test_times_that_never_differ_are_certain():
    found = percentiles([np.full(200, 0.25)] * 40)
    assert [(one.value, one.low, one.high) for one in found.values()] == [(0.25, 0.25, 0.25)] * len(SHARES)


@pytest.mark.parametrize(
    ("shape", "known"),
    [
        pytest.param((7, 1000), [], id="seven seconds"),
        pytest.param((40, 1), ["p50"], id="40 times: the largest need not be beyond the 95th percentile"),
        pytest.param((100, 2), ["p50", "p90", "p95"], id="200 times reach p95"),
        pytest.param((200, 10), ["p50", "p90", "p95", "p99"], id="2,000 times reach p99"),
        pytest.param((0, 1), [], id="no times"),
    ],
)
def test_what_is_beyond_the_times_that_there_are_has_no_interval(shape, known):
    found = percentiles(np.random.default_rng(15).exponential(0.01, shape))
    assert [name for name, one in found.items() if one.low is not None] == known
    assert all((one.low is None) == (one.high is None) for one in found.values())


def test_runs_at_two_levels_are_two_observations_and_not_hundreds():
    random = np.random.default_rng(16)
    times = np.concatenate([random.exponential(level, (100, 20)) for level in (0.01, 0.05)])
    pooled = percentiles(times, run=[0] * 100 + [1] * 100)["p50"]
    assert pooled.low is None
    assert percentiles(times[:100])["p50"].low is not None


def test_a_level_that_wanders_through_the_run_once_is_no_sixty_observations():
    random = np.random.default_rng(18)
    level = 0.01 * np.exp(np.sin(np.arange(60) / 12))
    found = percentiles(level[:, None] * random.uniform(0.9, 1.1, (60, 100)))
    assert found["p50"].low is None


def test_few_blocks_are_trusted_less():
    """Student's quantile for 9 blocks is 2.306, the normal one 1.960."""
    assert widening(np.array([9.0, 1e6])) == pytest.approx([2.306 / 1.960, 1.0], rel=1e-3)


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_means_of_autocorrelated_seconds_lie_in_their_intervals(phi):
    random = np.random.default_rng(17)
    run = np.zeros(200, dtype=np.intp)
    missed = 0
    for _ in range(150):
        series = alike(random, 200, phi)
        half = half_width(series - series.mean(), run)
        missed += half is not None and abs(series.mean()) > half / 200
    assert missed <= 0.05 * 150 + 3.5


def test_seven_seconds_give_no_interval_of_a_mean():
    assert half_width(np.array([1.0, -1, 1, -1, 1, -1, 0]), np.zeros(7, dtype=np.intp)) is None


@pytest.mark.parametrize(
    ("figures", "written"),
    [
        pytest.param((0.0231, 0.021, 0.026), "23.1 ms (21 to 26)", id="one unit stands once"),
        pytest.param((0.00098, 0.0009, 0.0012), "980 µs (900 µs to 1.2 ms)", id="two units stand both"),
        pytest.param((0.5, None, None), "500 ms", id="without an interval"),
        pytest.param((None, None, None), "–", id="without a figure"),
    ],
)
def test_a_figure_is_written_with_its_interval(figures, written):
    assert with_interval(*figures, format_duration) == written


def test_an_interval_of_its_own_has_its_unit():
    assert between(0.021, 0.026, format_duration) == "21 to 26 ms"
