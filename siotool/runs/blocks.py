"""How many independent observations the seconds of a run are worth, and how sure a mean over them is.

Neighbouring seconds resemble each other: a queue, a garbage collection, a warm processor last longer
than one. So a mean over n seconds scatters as one over fewer. How many fewer is the sum of the
autocorrelations, over the lags up to which pairs of neighbouring ones are positive, made to fall
(C. J. Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7, 1992, §3.3: the initial
monotone sequence). Autocorrelations of a short series come out too small, by that sum over the length
(F. H. C. Marriott, J. A. Pope, "Bias in the estimation of autocorrelations", Biometrika 41, 1954). The
sum is an estimate too: half of its standard error is added (N. Madras, A. D. Sokal, Journal of
Statistical Physics 50, 1988, appendix C). Below ``FEWEST`` independent blocks nothing is said.

What differs between a run and the next (a restart, another machine) is in no interval of one run.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from siotool.runs.seconds import Floats, Seconds

#: The probability with which an interval holds what it is of.
CONFIDENCE = 0.95
#: Fewer independent blocks show no scatter.
FEWEST = 8.0
#: Standard errors that are added to the sum of the autocorrelations.
_CAUTION = 0.5
#: The largest share of the series that its window of lags counts for, in the correction of its bias.
_WIDEST = 0.8
#: Deviations below this share of the largest value are rounding.
_NOISE = 1e-9


def inflation(errors: Floats, run: NDArray[np.intp]) -> Floats:
    """How many times the variance of each row's sum exceeds that of independent parts; 1 or more.

    Each row of ``errors`` sums up to about 0. ``run`` is the number of the run that a column
    belongs to: no column resembles one of another run.
    """
    count = errors.shape[1]
    sums = np.zeros((len(errors), count))
    for number in np.unique(run):
        mine = errors[:, run == number]
        # twice as long, so that the end does not meet the begin
        spectrum = np.fft.rfft(mine, 2 * mine.shape[1], axis=1)
        sums[:, : mine.shape[1]] += np.fft.irfft((spectrum * spectrum.conj()).real, axis=1)[
            :, : mine.shape[1]
        ]
    return np.array([_inflation(row, count) for row in sums])


def _inflation(sums: Floats, count: int) -> float:
    """Geyer's estimate from autocovariances by lag, 0 first, each a sum over the series."""
    if not sums[0] > 0:
        return 1.0
    even = len(sums) // 2 * 2
    pairs = (sums[:even:2] + sums[1:even:2]) / sums[0]
    negative = np.flatnonzero(pairs <= 0)
    window = int(negative[0]) if len(negative) else len(pairs)
    falling = np.minimum.accumulate(pairs[:window])
    found = (2 * float(falling.sum()) - 1) / (1 - min(2 * window / count, _WIDEST))
    found = max(found, 1.0)
    error = np.sqrt(2 * (4 * min(found, count / 8) + 1) / count)
    return float(found * (1 + _CAUTION * error))


def sums_of_squares(errors: Floats) -> Floats:
    """Variance of the sum of each row of ``errors``, if its columns were independent."""
    count = errors.shape[1]
    return np.asarray((errors**2).sum(axis=1) * count / (count - 1))


def widening(blocks: Floats) -> Floats:
    """Student's quantile for so many independent blocks, over the normal one: 1 for very many."""
    tail = (1 + CONFIDENCE) / 2
    return np.asarray(stdtrit(np.maximum(blocks - 1, 1.0), tail) / stdtrit(1e9, tail))


def half_width(errors: Floats, run: NDArray[np.intp]) -> float | None:
    """Half of the interval of a sum whose parts deviate by ``errors``; None with too few blocks."""
    if errors.size < FEWEST:
        return None
    rows = errors[None, :]
    times = float(inflation(rows, run)[0])
    blocks = errors.size / times
    if blocks < FEWEST:
        return None
    variance = float(sums_of_squares(rows)[0]) * times
    return float(stdtrit(blocks - 1, (1 + CONFIDENCE) / 2) * np.sqrt(variance))


def mean_interval(seconds: Seconds, column: str, of: str = "duration_s") -> tuple[float, float] | None:
    """The interval of a mean of a column, weighed by time; or of its mean per something else.

    ``of`` names what the mean is per: ``duration_s`` for one over time, ``connections`` for one per
    connection. Linearised as a ratio (W. G. Cochran, "Sampling Techniques", 3rd ed., 1977, ch. 6).
    None with too few seconds, or too few that are independent.
    """
    duration = seconds["duration_s"]
    weight = duration if of == "duration_s" else seconds[of] * duration
    amount = seconds[column] * duration
    known = np.isfinite(amount) & np.isfinite(weight)
    amount, weight, run = amount[known], weight[known], seconds.run[known]
    whole = float(weight.sum())
    if whole <= 0:
        return None
    ratio = float(amount.sum()) / whole
    errors = amount - ratio * weight
    errors[np.abs(errors) < _NOISE * np.abs(amount).max()] = 0.0  # what rounding leaves resembles itself
    half = half_width(errors, run)
    return None if half is None else (ratio - half / whole, ratio + half / whole)
