"""The Universal Scalability Law against published fits, and its refusal to foretell.

Sources: https://github.com/smoeding/usl (R package usl: README.md, tests/coef.R,
tests/confint.R, data raytracer and specsdm91) and https://github.com/codahale/usl4j
(ModelTest.java: the Cisco benchmark of B. Schwartz, "Practical Scalability Analysis").
"""

import math
from functools import cache

import pytest
from scipy.stats import t as student

from siotool.errors import InputError
from siotool.plan.evidence.usl import Law, UslFit, fit_usl, throughput

Points = list[tuple[float, float]]

SPECSDM91: Points = [
    (1, 64.9),
    (18, 995.9),
    (36, 1652.4),
    (72, 1853.2),
    (108, 1828.9),
    (144, 1775.0),
    (216, 1702.2),
]
RAYTRACER: Points = [
    (1, 20),
    (4, 78),
    (8, 130),
    (12, 170),
    (16, 190),
    (20, 200),
    (24, 210),
    (28, 230),
    (32, 260),
    (48, 280),
    (64, 310),
]
# fmt: off
CISCO: Points = list(enumerate([
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08,
    7219.8, 7867.61, 8278.71, 8646.7, 9047.84, 9426.55, 9645.37, 9897.24,
    10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806, 12089.37,
    12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
], start=1))
# fmt: on


def fitted(of: Points, draws: int = 40) -> UslFit:
    return _fitted(tuple(of), draws)


@cache
def _fitted(of: tuple[tuple[float, float], ...], draws: int) -> UslFit:
    nodes, observed = zip(*of, strict=True)
    return fit_usl(nodes, observed, draws=draws)


def test_specsdm91() -> None:
    """README.md of R usl: coefficients and bounds as printed."""
    fit = fitted(SPECSDM91)
    law = fit.law
    assert (round(law.alpha, 7), round(law.beta, 7), round(law.gamma, 4)) == (0.0277285, 0.0001044, 89.9952)
    assert (round(law.peak), round(law.peak_nodes, 2)) == (1884, 96.52)
    assert round(law.limit) == 3246


def test_raytracer_up_to_20_processors() -> None:
    """tests/confint.R of R usl: the middle of its bounds."""
    fit = fitted(RAYTRACER[:6])
    law = fit.law
    assert (round(law.alpha, 5), round(law.beta, 5), round(law.gamma, 5)) == (0.02444, 0.00163, 20.85605)


def test_raytracer_up_to_64_processors_has_no_peak() -> None:
    """An earlier tests/confint.Rout.save of R usl: with all points β is 0 and the peak gone."""
    law = fitted(RAYTRACER).law
    assert (round(law.alpha, 4), law.beta, round(law.gamma, 4)) == (0.0578, 0.0, 21.8488)
    assert law.peak_nodes == math.inf
    assert law.peak == law.limit == pytest.approx(378.2, abs=0.05)


def test_the_synthetic_points() -> None:
    """tests/coef.R of R usl: made with α = β = 0.02 and γ = 1, and found again."""
    made = [(1, 1), (2, 1.8868), (4, 3.0769), (6, 3.5294), (8, 3.5398), (10, 3.3557)]
    law = fitted(made).law
    assert (law.alpha, law.beta, law.gamma) == pytest.approx((0.02, 0.02, 1.0), rel=1e-3)
    assert [round(throughput(Law(0.02, 0.02, 1.0), n), 4) for n, _ in made] == [x for _, x in made]


def test_the_cisco_benchmark() -> None:
    """ModelTest.java of usl4j, within its own tolerance of 0.02 % of the book's figures."""
    fit = fitted(CISCO)
    law = fit.law
    assert law.alpha == pytest.approx(0.02671591, rel=2e-4)
    assert law.beta == pytest.approx(7.690945e-4, rel=2e-4)
    assert law.gamma == pytest.approx(995.6486, rel=2e-4)
    assert math.floor(law.peak_nodes) == 35
    assert law.peak == pytest.approx(12341, rel=2e-4)
    assert fit.lag1 > 0.8  # the residuals resemble their neighbours


def test_blocks_widen_what_neighbouring_residuals_narrow() -> None:
    """Cisco's residuals resemble their neighbours, which textbook intervals do not know."""
    fit = fitted(CISCO, draws=200)
    low, high = fit.intervals["alpha"]
    # 0.00449 is the textbook standard error, of residuals that are independent
    assert high - low > 1.3 * 2 * student.ppf(0.95, len(CISCO) - 3) * 0.00449


@pytest.mark.parametrize(
    ("count", "peak_nodes"),
    [
        pytest.param(5, math.inf, id="5 points: no peak at all"),
        pytest.param(8, 56.4, id="8 points: 56"),
        pytest.param(10, 46.9, id="10 points: 47"),
        pytest.param(14, 22.6, id="14 points: 22.6, with 10,550; yet 12,211 was measured later"),
        pytest.param(32, 35.6, id="32 points: 35.6"),
    ],
)
def test_the_peak_moves_with_where_the_measuring_stopped(count: int, peak_nodes: float) -> None:
    """Why nothing is foretold: of one and the same machine the peak lies anywhere from 22.6 to nowhere."""
    fit = fitted(CISCO[:count])
    assert fit.law.peak_nodes == pytest.approx(peak_nodes, abs=0.05)
    assert fit.trusted_to == count


def test_a_measured_peak_allows_a_look_beyond() -> None:
    """SPEC's benchmark was measured far past its peak: more nodes are known to be worse."""
    fit = fitted(SPECSDM91)
    assert fit.trusted_to == math.inf
    assert throughput(fit.law, 300) < fit.law.peak


@pytest.mark.parametrize(
    ("nodes", "observed", "said"),
    [
        pytest.param([1, 2, 4], [1, 2, 3], "3 different numbers of nodes are too few", id="three points"),
        pytest.param([1, 2, 2, 4, 4], [1, 2, 2, 3, 3], "3 different numbers", id="three, some of them twice"),
        pytest.param([0, 1, 2, 4], [1, 2, 3, 4], "above 0", id="no nodes"),
        pytest.param([1, 2, 4, 8], [1, 2, 0, 4], "above 0", id="no throughput"),
        pytest.param([1, 2, 4, 8], [1, 2, math.nan, 4], "above 0", id="no number"),
    ],
)
def test_what_cannot_be_fitted_is_refused(nodes: list[float], observed: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit_usl(nodes, observed)


def test_the_order_of_points_does_not_matter_and_a_seed_repeats() -> None:
    first, second = fitted(CISCO), fitted(CISCO[::-1])
    assert first.law == second.law
    assert first.intervals == second.intervals
