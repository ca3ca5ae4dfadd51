"""The capacity that a search found, as the planner's figure of one server."""

import pytest

from siotool.cli.measured_capacity import Searched, with_search
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range
from siotool.report.capacity_estimate import CapacityEstimate

KEY = "server.connections"


@pytest.mark.parametrize(
    ("low", "high"),
    [
        pytest.param(190.0, 210.0, id="in the middle"),
        pytest.param(150.0, 205.0, id="near its upper end: as the most likely value it had a lower middle"),
        pytest.param(195.0, 260.0, id="near its lower end"),
    ],
)
def test_the_middle_of_a_searched_capacity_is_near_to_what_was_found(low: float, high: float) -> None:
    estimate = CapacityEstimate(1e6, None, None, "search", "a search")
    inputs = with_search(Inputs(), Searched(estimate, 1e3, 200.0, low, high, False, "found"), 0.7)
    places = inputs.figures[KEY].value
    assert isinstance(places, Range)
    assert (places.low, places.high) == pytest.approx((0.7 * low, 0.7 * high))
    assert abs(middle_of(inputs, KEY) - 140) <= 1.001 * abs(most_likely(low, high) - 140)


def most_likely(low: float, high: float) -> float:
    """The middle where what was found is taken for the most likely value."""
    places = Range(0.7 * low, 140.0, 0.7 * high)
    return middle_of(Inputs({KEY: Figure(places, Provenance("measured", ""))}), KEY)
