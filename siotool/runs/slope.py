"""What one more connection adds to a gauge of a server, such as its memory: a robust line.

The line is Theil and Sen's: the median of the slopes between all pairs of points (P. K. Sen,
"Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968). A garbage
collection, a leak or a burst of messages moves a few points and hardly the median. Seconds with
about the same number of connections count as one point: the hold phase is most of a run, but only
the ramp shows the slope.

A new server's memory grows by itself, by megabytes that no connection causes: a Node.js server of
58 MB grew by 7 to 19 MB under 60 to 300 users, in all scenarios, and gave some of it back
(tests/targets/node under siotool loadtest, November 2026). So a slope counts only where the gauge
rose by much more than it moves by itself.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.runs.seconds import Floats, Seconds

#: A slope counts when the interval that it may lie in is narrower than this share of it.
WIDEST = 0.25
#: What a server's memory may grow by, in bytes, without any connection.
OWN_MEMORY_BYTES = 10e6
#: Points that all runs together are thinned to, and the fewest that each keeps.
_POINTS, _FEWEST = 48, 6
#: Connections must have varied by this share of their peak, over this many points.
_LEAST_SPREAD = 0.5
_LEAST_POINTS = 5
#: The quantile of the distances from the line that counts, so that garbage collections do not.
_WITHIN = 0.8


class MedianLine(msgspec.Struct, frozen=True, eq=False):
    """``base`` without connections, ``slope`` for each one, and the ``points`` (x, y) of both."""

    base: float
    slope: float
    points: Floats

    @property
    def how(self) -> str:
        """How it was fitted, in words."""
        x = self.points[0]
        return f"median slope over {len(x)} points from {x.min():,.0f} to {x.max():,.0f} connections"


def fit_gauge(seconds: Seconds, column: str, own: float = 0.0) -> MedianLine | str:
    """Fit a gauge of the servers on open connections, over each run up to the end of its hold phase.

    ``own`` is what the gauge may rise by without any connection (``OWN_MEMORY_BYTES``).
    Returns a sentence with the reason when there is nothing to learn.
    """
    rows = seconds.only(np.isfinite(seconds[column]) & ~seconds.closing & seconds.rising)
    return fit([(part["connections_end"], part[column]) for part in rows.each()], own)


def fit(runs: Sequence[tuple[Floats, Floats]], own: float = 0.0) -> MedianLine | str:
    """Fit a gauge on open connections; ``runs`` has the two of each.

    Returns a sentence with the reason when there is nothing to learn: connections varied too
    little, the gauge did not rise with them, or not by enough to tell.
    """
    levels = max(_FEWEST, _POINTS // max(1, len(runs)))
    thinned = [_thinned(x, y, levels) for x, y in runs if len(x)]
    if not thinned:
        return "not measured"
    x, y = points = np.concatenate(thinned, axis=1)
    if len(x) < _LEAST_POINTS or np.ptp(x) < _LEAST_SPREAD * x.max():
        return (
            f"connections were between {x.min():,.0f} and {x.max():,.0f}, too close to show what one "
            "more adds; ramp up from 0"
        )
    slopes, bases = lines(x, y, np.arange(len(x))[None, :])
    slope, base = float(slopes[0]), float(bases[0])
    if not slope > 0:
        return "it did not rise with the connections; a run with more of them shows what they add"
    every_x, every_y = (np.concatenate([run[side] for run in runs]) for side in (0, 1))
    moved = 2 * float(np.quantile(np.abs(every_y - base - slope * every_x), _WITHIN))
    width = max(moved, own) / float(np.ptp(x))
    if width >= WIDEST * slope:
        more = np.ceil(np.ptp(x) * width / (WIDEST * slope) / 100) * 100
        return (
            f"it may have moved by itself by {_share(width / slope)} of what {np.ptp(x):,.0f} "
            f"connections seem to add; about {more:,.0f} connections would show what one adds"
        )
    return MedianLine(base=max(base, 0.0), slope=slope, points=points)


def lines(x: Floats, y: Floats, chosen: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return Theil and Sen's slope and base of each row of ``chosen`` points."""
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


def _thinned(x: Floats, y: Floats, levels: int) -> Floats:
    """Medians of the points of each of a number of equal steps of ``x``; two rows, x and y."""
    step = max(float(x.max()), 1.0) / levels
    level = np.floor(x / step)
    return np.array([(np.median(x[level == one]), np.median(y[level == one])) for one in np.unique(level)]).T


def _share(share: float) -> str:
    return f"{share * 100:.0f} %" if share < 10 else f"{share:,.0f} times"
