"""Loads classified as bounds: exactly as the package of MLRsearch's authors does it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from MLRsearch.search_goal import SearchGoal as OracleGoal
from MLRsearch.target_spec import TargetSpec
from MLRsearch.target_stat import TargetStat

from siotool.search.bounds import SearchGoal, classify, relevant

SHARES = st.lists(st.sampled_from([0.0, 0.005, 0.01, 0.02, 1.0]), max_size=12)


def oracle(shares: list[float], exceed_ratio: float, duration_sum_s: float) -> str:
    """What MLRsearch makes of trials of a second: both of its estimates agree, or more trials are needed."""
    goal = OracleGoal(loss_ratio=0.01, exceed_ratio=exceed_ratio, duration_sum=duration_sum_s)
    target = TargetSpec(
        loss_ratio=goal.loss_ratio,
        exceed_ratio=goal.exceed_ratio,
        discrete_width=None,
        trial_duration=1.0,
        duration_sum=goal.duration_sum,
        expansion_coefficient=2,
        fail_fast=True,
        preceding=None,
    )
    stat = TargetStat(target)
    for share in shares:
        stat.add(_Trial(share))
    optimistic, pessimistic = stat.estimates()
    return "undecided" if optimistic != pessimistic else "lower" if optimistic else "upper"


class _Trial:
    """What ``TargetStat.add`` reads of a result."""

    intended_duration = duration_with_overheads = 1.0

    def __init__(self, loss_ratio: float) -> None:
        self.loss_ratio = loss_ratio


@given(SHARES, st.sampled_from([0.0, 0.25, 0.5, 0.75]), st.sampled_from([1.0, 4.0, 7.0]))
def test_a_load_is_classified_as_the_authors_of_mlrsearch_do(
    shares: list[float], exceed_ratio: float, duration_sum_s: float
) -> None:
    goal = SearchGoal(loss_ratio=0.01, exceed_ratio=exceed_ratio, duration_sum_s=duration_sum_s)
    assert classify([(1.0, share) for share in shares], goal) == oracle(shares, exceed_ratio, duration_sum_s)


@pytest.mark.parametrize(
    ("found", "bounds"),
    [
        ({}, (None, None)),
        ({10.0: "lower", 20.0: "undecided"}, (10.0, None)),
        ({10.0: "lower", 20.0: "upper", 40.0: "upper"}, (10.0, 20.0)),
        # loss inversion: a lower bound above the smallest upper one is not relevant
        ({10.0: "lower", 20.0: "upper", 40.0: "lower"}, (10.0, 20.0)),
        ({10.0: "upper"}, (None, 10.0)),
    ],
)
def test_relevant_bounds_are_the_smallest_upper_one_and_the_largest_lower_one_below_it(found, bounds) -> None:
    assert relevant(found) == bounds
