"""How many of the first phases a server was still warming up in: a test, instead of a guess.

A server that compiles as it runs costs more at first. So the first phases are predicted from a fit to the
others, which knows nothing of them: where they took more than that, by more than the others scatter, the
server was warming up. The test is Student's t of the mean of the first against the scatter of the others,
one-sided, for each number of first phases up to a third of all; the level is shared out among these tests
(Bonferroni).
"""

from collections.abc import Callable

import numpy as np
from scipy import stats

from siotool.runs.seconds import Floats

#: Chance of discarding phases of a server that was warm.
_LEVEL = 0.01
#: A difference below this is not worth discarding a phase for.
_LEAST = 0.05
#: The first phases are at least so many, and at most this share of all.
_FEWEST, _MOST_SHARE = 2, 1 / 3


def still_warming(count: int, without: Callable[[int], tuple[Floats, Floats]]) -> int:
    """The number of first phases to discard, of so many.

    ``without``: the errors, observed over fitted less one, of the first phases and of the others, where the
    fit is to the others; of the first less what their prediction alone is uncertain by.
    """
    most = int(count * _MOST_SHARE)
    found, least_p = 0, _LEVEL / max(1, most - _FEWEST + 1)
    for first in range(_FEWEST, most + 1):
        early, late = without(first)
        above, spread = float(early.mean() - late.mean()), float(late.std(ddof=1))
        if above < _LEAST or not spread > 0:
            continue
        p = float(stats.t.sf(above / (spread * np.sqrt(1 / first + 1 / len(late))), len(late) - 1))
        if p < least_p:
            found, least_p = first, p
    return found
