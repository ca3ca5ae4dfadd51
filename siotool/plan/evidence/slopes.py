"""What one more connection adds to a gauge of the server, such as its memory: a robust line.

The line is Theil and Sen's: the median of the slopes between all pairs of points (P. K. Sen,
"Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968). A garbage
collection, a leak or a burst of messages moves a few points and hardly the median. Seconds with
about the same number of connections count as one point, so that the hold phase, which is most
of a run, does not drown the ramp, which holds all there is to learn.
"""

import msgspec
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from siotool.plan.evidence.observe import Floats, Observations
from siotool.plan.evidence.resample import run_factor

#: Points that all runs together are thinned to, and the fewest that each keeps.
_POINTS, _FEWEST = 48, 6
#: Connections must have varied by this share of their peak, over this many points.
_LEAST_SPREAD = 0.5
_LEAST_POINTS = 5


class Line(msgspec.Struct, frozen=True, eq=False):
    """``base`` without connections and ``slope`` for each one, with replicates that belong together.

    ``how`` says what it was learnt from.
    """

    base: float
    slope: float
    base_replicates: Floats
    slope_replicates: Floats
    how: str


def robust_line(
    observations: Observations, column: str, *, cv: float, draws: int, generator: Generator
) -> Line | str:
    """Fit a gauge on open connections, up to the end of the hold phase.

    ``cv`` is the scatter between runs. Returns a sentence with the reason when connections
    varied too little, or the gauge did not rise with them.
    """
    levels = max(_FEWEST, _POINTS // len(observations.origins))
    points = [
        _thinned(observations.connections_end[mine], getattr(observations, column)[mine], levels)
        for number in range(len(observations.origins))
        if (mine := (observations.run == number) & observations.rising).any()
    ]
    x, y = np.concatenate(points, axis=1)
    if len(x) < _LEAST_POINTS or np.ptp(x) < _LEAST_SPREAD * x.max():
        return (
            f"connections stood between {x.min():,.0f} and {x.max():,.0f}, too close to tell what one "
            "more of them adds; ramp up from 0"
        )
    slope, base = _lines(x, y, np.arange(len(x))[None, :])
    if not slope[0] > 0:
        return "it did not rise with the connections; a run with more of them shows what they add"
    chosen = generator.integers(len(x), size=(draws, len(x)))
    slopes, bases = _lines(x, y, chosen)
    factor = run_factor(cv / np.sqrt(len(observations.origins)), draws, generator)
    return Line(
        base=float(max(base[0], 0.0)),
        slope=float(slope[0]),
        base_replicates=np.maximum(bases, 0.0),
        slope_replicates=np.maximum(slopes, 0.0) * factor,
        how=f"median slope over {len(x)} points from {x.min():,.0f} to {x.max():,.0f} connections",
    )


def _thinned(x: Floats, y: Floats, levels: int) -> Floats:
    """Medians of the points of each of a number of equal steps of ``x``; two rows, x and y."""
    step = max(float(x.max()), 1.0) / levels
    level = np.floor(x / step)
    return np.array([(np.median(x[level == one]), np.median(y[level == one])) for one in np.unique(level)]).T


def _lines(x: Floats, y: Floats, chosen: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Theil and Sen's slope and base of each row of chosen points."""
    first, second = np.triu_indices(x.size, 1)
    here, there = chosen[:, first], chosen[:, second]
    run, rise = x[there] - x[here], y[there] - y[here]
    slopes = np.divide(rise, run, out=np.full(run.shape, np.nan), where=np.abs(run) > 1e-9)
    slopes.sort(axis=1)  # pairs with the same number of connections have no slope and go last
    count = np.isfinite(slopes).sum(axis=1)
    rows = np.arange(len(slopes))
    middle = (slopes[rows, np.maximum(count - 1, 0) // 2] + slopes[rows, count // 2]) / 2
    slope = np.where(count > 0, middle, 0.0)
    base = np.median(y[chosen] - slope[:, None] * x[chosen], axis=1)
    return slope, base
