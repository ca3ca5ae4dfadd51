"""The most per second of a run: a count over the splinter of a second in which a run ended is no rate."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

#: The share of a usual interval that one must have for a rate.
LEAST = 0.5


def usual_s(durations_s: ArrayLike) -> float:
    """How long intervals of a run usually are, in seconds; 1 without any."""
    found = np.asarray(durations_s, dtype=float)
    return float(np.median(found)) if found.size else 1.0


def peak_per_s(counted: Iterable[tuple[int, float]], usual: float) -> float:
    """Return the largest rate of counts and the seconds that each took; 0 without any.

    What took less than half of a ``usual`` interval counts as if it had taken a usual one.
    """
    rates = (count / (seconds if seconds >= LEAST * usual else usual) for count, seconds in counted)
    return max(rates, default=0.0)
