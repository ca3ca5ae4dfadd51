"""Least squares whose answers are not below 0: costs are not.

The active-set method of C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", 1974, ch. 23.
scipy.optimize.nnls answers the same (a test compares them); to import it takes a fifth of a second of CPU,
which every report would pay.
"""

import numpy as np
from numpy.typing import NDArray

from siotool.runs.seconds import Floats

#: Rounds for each column; more are never needed but where columns are alike within rounding.
_ROUNDS = 5


def nonnegative_least_squares(table: Floats, values: Floats) -> Floats:
    """Return the factors of the columns, each 0 at least, whose sum is nearest to ``values``."""
    count = table.shape[1]
    found, free = np.zeros(count), np.zeros(count, dtype=bool)
    little = 10 * np.finfo(float).eps * max(table.shape) * float(np.abs(table).sum(axis=0).max(initial=0.0))
    least = little * max(1.0, float(np.abs(values).max(initial=0.0)))
    for _ in range(_ROUNDS * count):
        gradient = np.where(free, -np.inf, table.T @ (values - table @ found))
        if not gradient.max(initial=-np.inf) > least:
            break
        free[np.argmax(gradient)] = True
        while (wanted := _unbounded(table, values, free))[free].min(initial=1.0) <= 0:
            over = free & (wanted <= 0)
            found = found + (wanted - found) * _step(found[over], wanted[over])
            free &= found > little * found.max(initial=0.0)
            found[~free] = 0.0
        found = wanted
    return found


def _unbounded(table: Floats, values: Floats, free: NDArray[np.bool_]) -> Floats:
    """The answer of the free columns alone, which may be below 0; 0 for the others."""
    wanted = np.zeros(table.shape[1])
    wanted[free] = np.linalg.lstsq(table[:, free], values, rcond=None)[0]
    return wanted


def _step(found: Floats, wanted: Floats) -> float:
    """How far one may go from ``found`` to ``wanted`` before the first of them is 0."""
    way = found - wanted
    return float(np.divide(found, way, out=np.zeros_like(found), where=way > 0).min())
