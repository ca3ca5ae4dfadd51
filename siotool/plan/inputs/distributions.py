"""Distributions with exactly the stated quantiles.

A range is fitted on the scale on which the quantity varies evenly:

- *log* for positive quantities, where half and double are equally far (lognormal);
- *logit* for what lies strictly between two bounds, such as a share (logit-normal;
  J. Aitchison, S. M. Shen, "Logistic-normal distributions: some properties and uses",
  Biometrika 67, 1980);
- *linear* for the rest (normal), with values beyond the bounds drawn at the bound, which
  moves neither quantile.

On that scale two points give a normal distribution in closed form. Three points give a
two-piece normal (G. T. Fechner 1897; K. F. Wallis, "The two-piece normal, binormal, or double
Gaussian distribution", Statistical Science 29, 2014, https://arxiv.org/abs/1405.4995), two
halves of different width that meet at the most likely value. The share of the mass left of
the mode is the one root of a monotone function, so bisection always finds it. No optimiser is
involved: the answer depends neither on a starting point nor on the version of a library.

The most likely value is the mode on that scale. On a linear scale a positive quantity could
not always have it: where the density rises up to the mode m, F(low) ≤ F(m) × low / m, so with
5 % below low and 5 % above m at least, m is at most 19 × low, and nothing fits 1..100..1000.
"""

import math
from statistics import NormalDist
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.errors import InputError
from siotool.plan.inputs.ranges import HIGH, LOW, Range

Floats = NDArray[np.float64]

#: A range wider than this factor says nothing, and its tail leaves the range of floats.
WIDEST = 1e12

#: A fit that misses a stated quantile by more than this share of it is refused.
TOLERANCE = 0.01

#: Less than this share of a range's width is rounding.
_ROUNDING = 1e-9

#: Halvings of a range until its middle is known as exactly.
_HALVINGS = 60

UNBOUNDED = (-math.inf, math.inf)

_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(HIGH)


class Distribution(msgspec.Struct, frozen=True):
    """A two-piece normal on a scale; the plain normal is the one with equal halves.

    ``mode``, ``left`` and ``right`` (standard deviations of the halves) are in units of the
    scale; ``mass_left`` is the probability left of the mode; ``bounds`` are those of the
    quantity itself; ``origin`` is where a log scale starts.
    """

    scale: Literal["linear", "log", "logit"]
    mode: float
    left: float
    right: float
    mass_left: float = 0.5
    origin: float = 0.0
    bounds: tuple[float, float] = UNBOUNDED

    @property
    def words(self) -> str:
        """What statisticians call it."""
        name = {"linear": "normal", "log": "lognormal", "logit": "logit-normal"}[self.scale]
        return name if self.left == self.right else f"{name} in two pieces, joined at the most likely value"

    def quantile(self, share: Floats) -> Floats:
        """Return the values that a share 0 < p < 1 of the probability lies below, in SI units."""
        if self.left == self.right:
            return self._value(self.mode + self.left * normal_quantile(share))
        within = np.where(
            share < self.mass_left, share / (2 * self.mass_left), 1 - (1 - share) / (2 * (1 - self.mass_left))
        )
        z = normal_quantile(within)
        return self._value(self.mode + z * np.where(z < 0, self.left, self.right))

    def at(self, share: float) -> float:
        """Return one quantile."""
        return float(self.quantile(np.array([share]))[0])

    def _value(self, y: Floats) -> Floats:
        low, high = self.bounds
        match self.scale:
            case "log":
                value = self.origin + np.exp(np.minimum(y, 700.0))
            case "logit":
                value = low + (high - low) / (1 + np.exp(-np.clip(y, -700.0, 700.0)))
            case "linear":
                value = y
        return np.clip(value, low, high) if self.bounds != UNBOUNDED else value


def fit(stated: Range, bounds: tuple[float, float] = UNBOUNDED, what: str = "the range") -> Distribution:
    """Return the distribution whose 5 % and 95 % quantiles, and mode, are those stated.

    ``bounds`` are the least and the largest value that the quantity can have. Raises
    InputError for a range beyond them, or one too wide to mean anything.
    """
    lower, upper = bounds
    if stated.low < lower or stated.high > upper:
        raise InputError(
            f"{what} is {stated.low:g}..{stated.high:g}; expected it within {lower:g}..{upper:g}",
            "state where it lies in nine cases out of ten",
        )
    scale, origin = _scale(stated, bounds)

    def scaled(value: float) -> float:
        if scale == "log":
            return math.log(value - origin)
        return math.log(value - lower) - math.log(upper - value) if scale == "logit" else value

    low, high = scaled(stated.low), scaled(stated.high)
    if scale != "linear" and high - low > math.log(WIDEST):
        raise InputError(
            f"{what} is {stated.low:g}..{stated.high:g}: too wide to mean anything",
            "state where it lies in nine cases out of ten",
        )
    if stated.likely is None:
        mode, sigma = (low + high) / 2, (high - low) / (2 * _Z)
        made = Distribution(scale, mode, sigma, sigma, origin=origin, bounds=bounds)
    else:
        mode = scaled(stated.likely)
        left, right, mass_left = _two_pieces(mode - low, high - mode)
        made = Distribution(scale, mode, left, right, mass_left, origin, bounds)
    check(made, stated, what)
    return made


def with_median(
    low: float,
    median: float,
    high: float,
    bounds: tuple[float, float] = UNBOUNDED,
    what: str = "the range",
) -> Range:
    """Return the range of these quantiles whose distribution has this median, the nearest where none has it.

    Without a most likely value where the median is that of the plain distribution; the median of one in
    two pieces rises with its mode, so bisection finds it. Raises InputError as ``fit`` does.
    """
    if _is_median(fit(Range(low, None, high), bounds, what), median):
        return Range(low, None, high)
    below, above = low, high
    for _ in range(_HALVINGS):
        likely = (below + above) / 2
        made = fit(Range(low, likely, high), bounds, what)
        if _is_median(made, median):
            break
        below, above = (likely, above) if made.at(0.5) < median else (below, likely)
    return Range(low, likely, high)


def _is_median(made: Distribution, median: float) -> bool:
    return math.isclose(made.at(0.5), median, rel_tol=_ROUNDING)


def check(made: Distribution, stated: Range, what: str) -> None:
    """Refuse a distribution whose quantiles are not the stated ones, within ``TOLERANCE``."""
    for name, share, asked in (("5 %", LOW, stated.low), ("95 %", HIGH, stated.high)):
        got = made.at(share)
        if not abs(got - asked) <= max(TOLERANCE * abs(asked), _ROUNDING * (stated.high - stated.low)):
            raise InputError(
                f"{what}: the {name} quantile is stated as {asked:g}, and the fitted one is {got:g}",
                "state the range without a most likely value, or a narrower one",
            )


def normal_quantile(share: Floats) -> Floats:
    """Return the standard normal quantiles of shares 0 < p < 1, one-dimensional, to 15 digits.

    Algorithm AS 241, PPND16 (M. J. Wichura, Applied Statistics 37, 1988). scipy.special has
    the same function, but importing it costs more CPU than drawing all inputs of a plan.
    """
    q = share - 0.5
    r = 0.180625 - q * q
    result: Floats = q * _ratio(r, _CENTRE)
    tail = np.flatnonzero(r < 0)
    if tail.size:
        below = np.minimum(share[tail], 1 - share[tail])
        distance = np.sqrt(-np.log(below))
        near = _ratio(distance - 1.6, _NEAR_TAIL)
        value = np.where(distance <= 5, near, _ratio(distance - 5, _FAR_TAIL)) if distance.max() > 5 else near
        result[tail] = np.copysign(value, q[tail])
    return result


def _scale(stated: Range, bounds: tuple[float, float]) -> tuple[Any, float]:
    lower, upper = bounds
    if math.isfinite(upper - lower) and lower < stated.low and stated.high < upper:
        return "logit", 0.0
    if stated.low > 0 and (lower >= 0 or lower == -math.inf):
        return "log", 0.0
    if math.isfinite(lower) and lower < stated.low:
        return "log", lower
    return "linear", 0.0


def _two_pieces(below: float, above: float) -> tuple[float, float, float]:
    """Return left and right deviation and the mass left of the mode.

    ``below`` and ``above`` are the distances from the mode to the two quantiles. With the
    mass w on the left, where 2w·Φ(−below/left) = 5 %, and continuity at the mode, w = left/(left+right):

        w·t(w) / ((1−w)·t(1−w)) = below/above    with t(w) = −Φ⁻¹(0.025/w)

    whose left side rises from 0 at w = 5 % to infinity at 95 %.
    """

    def steps(mass: float) -> float:
        return -_NORMAL.inv_cdf(min(0.5, LOW / 2 / mass))

    small, large = LOW, HIGH
    while (mass := (small + large) / 2) not in (small, large):
        if mass * steps(mass) * above < (1 - mass) * steps(1 - mass) * below:
            small = mass
        else:
            large = mass
    if below < above:
        right = above / steps(1 - mass)
        return right * mass / (1 - mass), right, mass
    left = below / steps(mass)
    return left, left * (1 - mass) / mass, mass


def _ratio(x: Floats, table: tuple[tuple[float, ...], tuple[float, ...]]) -> Floats:
    above, below = (_polynomial(x, coefficients) for coefficients in table)
    above /= below
    return above


def _polynomial(x: Floats, coefficients: tuple[float, ...]) -> Floats:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result


# Numerators and denominators of AS 241, highest power first.
_CENTRE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_NEAR_TAIL = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
_FAR_TAIL = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)
