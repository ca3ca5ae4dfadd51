"""How many of the first phases a server was still warming up in: a test, instead of a guess.

A server that compiles as it runs costs more at first. The errors of a fit, in the order in which the
phases were, show it: the first of them lie above the rest. The test is Welch's (B. L. Welch, "The
generalization of Student's problem when several different population variances are involved",
Biometrika 34, 1947), one-sided, for each number of first phases up to a third of all; the level is
shared out among these tests (Bonferroni).
"""

import numpy as np
from scipy import stats

from siotool.runs.seconds import Floats

#: Chance of discarding phases of a server that was warm.
_LEVEL = 0.01
#: A difference below this is not worth discarding a phase for.
_LEAST = 0.05
#: The first phases are at least so many, and at most this share of all.
_FEWEST, _MOST_SHARE = 2, 1 / 3


def still_warming(errors: Floats) -> int:
    """The number of first phases to discard; ``errors`` are observed over fitted, less one, in order."""
    most = int(len(errors) * _MOST_SHARE)
    found, least_p = 0, _LEVEL / max(1, most - _FEWEST + 1)
    for first in range(_FEWEST, most + 1):
        early, late = errors[:first], errors[first:]
        if early.mean() - late.mean() < _LEAST or not (np.ptp(early) > 0 or np.ptp(late) > 0):
            continue
        p = float(stats.ttest_ind(early, late, equal_var=False, alternative="greater").pvalue)
        if p < least_p:
            found, least_p = first, p
    return found
