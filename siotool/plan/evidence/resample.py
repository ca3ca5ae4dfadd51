"""How uncertain a fitted line is: the block wild bootstrap.

Neighbouring seconds of a run resemble each other, so errors are redrawn in blocks; the heavy
seconds scatter more than the light ones, so every error stays where it is and only its sign is
redrawn (X. Shao, "The Dependent Wild Bootstrap", JASA 105, 2010; C. F. J. Wu, "Jackknife,
bootstrap and other resampling methods", Annals of Statistics 14, 1986). Unlike drawing seconds,
this never draws a set without the few seconds of a ramp, from which nothing could be learnt.
A run as a whole may cost more or less than the next, on which its seconds agree: ``run_cv`` is
that scatter, and what a fit says of each run is redrawn by it as well.

Errors are first divided by √(1 − leverage), as the fit passes closest to the seconds that decide
it (HC2: J. G. MacKinnon, H. White, Journal of Econometrics 29, 1985).
"""

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from siotool.runs.seconds import Floats

#: Between runs of one server costs scatter by about this much when nothing is known of it.
PRIOR_RUN_CV = 0.10
#: How many repeated runs the prior counts for.
_PRIOR_WEIGHT = 2.0


def lag1(errors: Floats, run: NDArray[np.intp]) -> float:
    """Autocorrelation of neighbouring errors within runs, between −1 and 1; 0 when there are none."""
    centred = errors - errors.mean()
    same = run[1:] == run[:-1]
    total = float((centred**2).sum())
    if total <= 0 or not same.any():
        return 0.0
    return float(np.clip((centred[1:] * centred[:-1])[same].sum() / total, -1.0, 1.0))


def block_length(count: int, correlation: float) -> int:
    """Rows in a block, for ``count`` rows whose neighbours correlate like this.

    (6 ρ² / (1 − ρ²)²)^⅓ n^⅓, the best for an autoregressive series (E. Carlstein, Annals of
    Statistics 14, 1986); at least 1, and at most a third of the rows.
    """
    rho = min(max(correlation, 0.0), 0.97)
    best = math.cbrt(6 * rho**2 / (1 - rho**2) ** 2 * count)
    return max(1, min(math.ceil(best), count // 3))


def redrawn_sums(
    errors: Floats,
    leverage: Floats,
    run: NDArray[np.intp],
    draws: int,
    generator: Generator,
    onto: Floats,
) -> Floats:
    """Return what errors that might have been as well sum up to; shape (draws, columns of ``onto``).

    ``onto`` has a row for each error, by which that counts in each sum; with ones along its diagonal the sums
    are the errors themselves. Errors of an hour are never drawn one by one: all of a block have one sign.
    """
    spread = errors / np.sqrt(np.maximum(1 - leverage, 0.05))
    length = block_length(len(errors), lag1(errors, run))
    result = np.zeros((draws, onto.shape[1]))
    for number in np.unique(run):
        mine = np.flatnonzero(run == number)
        begin = generator.integers(length, size=draws)
        signs = _signs(generator, draws, len(mine) // length + 2)
        each = spread[mine, None] * onto[mine]
        for first in np.unique(begin):
            block = (np.arange(len(mine)) + first) // length
            sums = np.add.reduceat(each, np.flatnonzero(np.diff(block, prepend=-1)), axis=0)
            these = begin == first
            result[these] += signs[these, : len(sums)] @ sums
    return result


def _signs(generator: Generator, rows: int, columns: int) -> Floats:
    return 2 * generator.integers(2, size=(rows, columns)).astype(np.float64) - 1


def run_cv(ratios: Floats, groups: NDArray[np.intp]) -> tuple[float, int]:
    """Return the scatter between runs as a share, and how many repeats it was learnt from.

    ``ratios``: each run's mean over what the fit says of it; runs of the same group repeat each
    other. With few repeats the answer stays near a prior of 10 % that counts for two of them.
    """
    logs = np.log(np.maximum(ratios, 1e-9))
    squares, repeats = 0.0, 0
    for group in np.unique(groups):
        mine = logs[groups == group]
        squares += float(((mine - mine.mean()) ** 2).sum())
        repeats += len(mine) - 1
    variance = (_PRIOR_WEIGHT * PRIOR_RUN_CV**2 + squares) / (_PRIOR_WEIGHT + repeats)
    return math.sqrt(variance), repeats


def run_factor(cv: float, shape: int | tuple[int, int], generator: Generator) -> Floats:
    """Return factors with median 1 and this coefficient of variation, lognormal."""
    return np.exp(generator.normal(0.0, math.sqrt(math.log1p(cv**2)), shape))
