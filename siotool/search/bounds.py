"""Loads classified as lower or upper bounds, in the words of MLRsearch (draft-ietf-bmwg-mlrsearch).

A trial is one block. It is bad when its missed share is above the goal loss ratio. A load is an upper
bound when bad trials make more than the exceed ratio of the duration sum whatever comes, a lower bound
when they cannot any more; until then it needs more trials. The relevant upper bound is the smallest
load that is one; the relevant lower bound is the largest one below it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

Bound = Literal["lower", "upper", "undecided"]


class SearchGoal(msgspec.Struct, frozen=True):
    """``loss_ratio`` that a trial may have; ``exceed_ratio`` of ``duration_sum_s`` may be bad trials."""

    loss_ratio: float
    exceed_ratio: float
    duration_sum_s: float


def classify(trials: Iterable[tuple[float, float]], goal: SearchGoal) -> Bound:
    """Classify a load by its trials: (duration in seconds, missed share)."""
    good = bad = 0.0
    for duration_s, share in trials:
        if share > goal.loss_ratio:
            bad += duration_s
        else:
            good += duration_s
    whole = max(good + bad, goal.duration_sum_s)
    if bad > goal.exceed_ratio * whole:
        return "upper"
    return "lower" if whole - good <= goal.exceed_ratio * whole else "undecided"


def relevant(found: Mapping[float, Bound]) -> tuple[float | None, float | None]:
    """Return the relevant lower and upper bound among classified loads; None for one that is not there."""
    upper = min((load for load, bound in found.items() if bound == "upper"), default=None)
    lower = [load for load, bound in found.items() if bound == "lower" and (upper is None or load < upper)]
    return max(lower, default=None), upper
