"""Ranges become distributions that have the stated quantiles."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.inputs.distributions import (
    UNBOUNDED,
    Distribution,
    check,
    fit,
    normal_quantile,
)
from siotool.plan.inputs.ranges import Range

POSITIVE = (0.0, math.inf)
SHARE = (0.0, 1.0)


@pytest.mark.parametrize(
    ("stated", "bounds", "name"),
    [
        # the ranges that Netflix's service-capacity-modeling fits miss: see its stats.py,
        # https://github.com/Netflix-Skunkworks/service-capacity-modeling
        pytest.param(
            Range(40e3, 50e3, 60e3),
            POSITIVE,
            "lognormal in two pieces, joined at the most likely value",
            id="40k..50k..60k",
        ),
        pytest.param(Range(40e3, None, 60e3), POSITIVE, "lognormal", id="40k..60k"),
        pytest.param(
            Range(100, 500, 1000),
            POSITIVE,
            "lognormal in two pieces, joined at the most likely value",
            id="100..500..1000",
        ),
        pytest.param(Range(100, None, 1000), POSITIVE, "lognormal", id="100..1000"),
        pytest.param(Range(1e3, None, 1e5), POSITIVE, "lognormal", id="1k..100k"),
        pytest.param(
            Range(1, 100, 1000),
            POSITIVE,
            "lognormal in two pieces, joined at the most likely value",
            id="mode beyond 19 × low",
        ),
        pytest.param(
            Range(1, 999.99, 1000),
            POSITIVE,
            "lognormal in two pieces, joined at the most likely value",
            id="mode almost at the end",
        ),
        pytest.param(
            Range(1, 1, 3),
            (1, math.inf),
            "lognormal in two pieces, joined at the most likely value",
            id="mode and bound at the end",
        ),
        pytest.param(Range(3, None, 20), UNBOUNDED, "lognormal", id="positive though unbounded"),
        pytest.param(Range(0.5, None, 0.9), SHARE, "logit-normal", id="a share"),
        pytest.param(
            Range(0.5, 0.6, 0.9),
            SHARE,
            "logit-normal in two pieces, joined at the most likely value",
            id="a share with a mode",
        ),
        pytest.param(
            Range(0.999, 0.9995, 0.9999),
            SHARE,
            "logit-normal in two pieces, joined at the most likely value",
            id="nines",
        ),
        pytest.param(Range(0, None, 0.05), SHARE, "normal", id="a share from zero"),
        pytest.param(
            Range(0, 0, 0.05),
            SHARE,
            "normal in two pieces, joined at the most likely value",
            id="a share most likely zero",
        ),
        pytest.param(Range(0.5, None, 1), SHARE, "lognormal", id="a share up to one"),
        pytest.param(Range(0, None, 1), SHARE, "normal", id="any share"),
        pytest.param(
            Range(-5, 1, 20),
            UNBOUNDED,
            "normal in two pieces, joined at the most likely value",
            id="across zero",
        ),
        pytest.param(Range(-0.05, None, 0.2), (-1, math.inf), "lognormal", id="growth: more than −100 %"),
    ],
)
def test_the_stated_quantiles_come_back(stated, bounds, name):
    law = fit(stated, bounds)
    assert law.words == name
    tiny = 1e-9 * (stated.high - stated.low)
    assert law.at(0.05) == pytest.approx(stated.low, rel=1e-9, abs=tiny)
    assert law.at(0.95) == pytest.approx(stated.high, rel=1e-9, abs=tiny)
    values = law.quantile(np.linspace(1e-12, 1 - 1e-12, 10_001))
    assert np.all(np.diff(values) >= 0)
    assert values[0] >= bounds[0]
    assert values[-1] <= bounds[1]


@pytest.mark.parametrize(
    ("stated", "bounds", "scaled"),
    [
        pytest.param(Range(-5, 1, 20), UNBOUNDED, lambda x: x, id="linear"),
        pytest.param(Range(1, 100, 1000), POSITIVE, np.log, id="logarithmic"),
        pytest.param(Range(0.5, 0.6, 0.9), SHARE, lambda x: np.log(x / (1 - x)), id="logit"),
    ],
)
def test_values_are_densest_at_the_most_likely_one(stated, bounds, scaled):
    shares = np.linspace(0.001, 0.999, 20_001)
    values = scaled(fit(stated, bounds).quantile(shares))
    density = np.diff(shares) / np.diff(values)
    densest = values[np.argmax(density)]
    assert densest == pytest.approx(scaled(stated.likely), abs=0.01 * (values[-1] - values[0]))
    rising = values[1:-1] < scaled(stated.likely)
    assert np.all(np.diff(density)[rising[: density.size - 1]] > -1e-6)
    assert np.all(np.diff(density)[~rising[: density.size - 1]] < 1e-6)


def test_a_two_piece_normal_is_the_published_one():
    # Wallis, https://arxiv.org/abs/1405.4995: mass left of the mode is σ₁/(σ₁+σ₂), the mean
    # mode + √(2/π)(σ₂−σ₁), and F(x) = 2σ₁/(σ₁+σ₂) Φ((x−mode)/σ₁) up to the mode
    law = fit(Range(-5, 1, 20))
    assert law.mass_left == pytest.approx(law.left / (law.left + law.right), rel=1e-9)
    assert 2 * law.mass_left * NormalDist(1, law.left).cdf(-5) == pytest.approx(0.05, rel=1e-9)
    assert 2 * (1 - law.mass_left) * (1 - NormalDist(1, law.right).cdf(20)) == pytest.approx(0.05, rel=1e-9)


def test_a_mode_in_the_middle_gives_the_distribution_without_one():
    with_mode, without = fit(Range(1e3, 1e4, 1e5), POSITIVE), fit(Range(1e3, None, 1e5), POSITIVE)
    shares = np.linspace(0.001, 0.999, 999)
    assert with_mode.quantile(shares) == pytest.approx(without.quantile(shares), rel=1e-9)


@pytest.mark.parametrize(
    ("stated", "bounds", "message"),
    [
        pytest.param(Range(-1, None, 5), POSITIVE, "load is -1..5; expected it within 0..inf", id="negative"),
        pytest.param(
            Range(0.5, None, 1.2), SHARE, "load is 0.5..1.2; expected it within 0..1", id="above one"
        ),
        pytest.param(Range(1e-9, None, 1e9), POSITIVE, "too wide to mean anything", id="too wide"),
    ],
)
def test_a_range_that_cannot_be_is_refused_by_name(stated, bounds, message):
    with pytest.raises(InputError, match=r"^load") as refused:
        fit(stated, bounds, "load")
    assert message in refused.value.message
    assert refused.value.hint


def test_a_fit_that_misses_a_quantile_is_refused():
    # the 1k..10k..100k of Netflix's README, whose fitted 95 % quantile is 28 339
    sigma = math.log(28_339 / 10_000) / NormalDist().inv_cdf(0.95)
    missed = Distribution("log", math.log(10_000), math.log(10) / NormalDist().inv_cdf(0.95), sigma)
    with pytest.raises(
        InputError, match=r"the 95 % quantile is stated as 100000, and the fitted one is 28339"
    ):
        check(missed, Range(1e3, 1e4, 1e5), "throughput")


def test_normal_quantiles_are_exact_to_the_far_tail():
    shares = np.concatenate(
        [np.logspace(-300, -1, 500), np.linspace(0.001, 0.999, 999), 1 - np.logspace(-15, -1, 200)]
    )
    exact = [NormalDist().inv_cdf(share) for share in shares]
    assert normal_quantile(shares) == pytest.approx(exact, rel=1e-14, abs=1e-15)
