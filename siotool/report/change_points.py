"""Where the level of a metric changed for good, in a series of runs.

PELT finds the changes of the mean that leave the least squares, for a price that each change costs (R.
Killick, P. Fearnhead, I. A. Eckley, "Optimal detection of changepoints with a linear computational cost",
JASA 107, 2012; the package ruptures). The price is ``_PRICE`` σ² log n, σ² being the variance of
one run: of what is seen, from the differences of neighbours, so that a change of the level does not
count as noise, and of what is assumed, for as many runs as in a comparison.
"""

import math
from collections.abc import Sequence

import numpy as np
import ruptures

from siotool.report.comparison.scales import PRIOR_RUNS

#: Fewer runs than this have no trend.
FEWEST = 6
#: A level holds for so many runs at least: one run that is off is no change.
_SHORTEST = 3
_PRICE = 4.0


def change_points(values: Sequence[float], scatter: float) -> list[int]:
    """The numbers of the runs with which a new level begins.

    ``values`` are on the metric's scale, in the order of time; ``scatter`` is the assumed standard
    deviation of one run.
    """
    count = len(values)
    if count < FEWEST:
        return []
    series = np.array(values)
    steps = np.abs(np.diff(series))
    seen = 1.4826 * float(np.median(steps)) / math.sqrt(2)
    variance = (PRIOR_RUNS * scatter**2 + (count - 1) * seen**2) / (PRIOR_RUNS + count - 1)
    found = ruptures.Pelt(model="l2", min_size=_SHORTEST, jump=1).fit(series[:, None])
    ends: list[int] = found.predict(pen=_PRICE * variance * math.log(count))
    return ends[:-1]
