from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from siotool.errors import InputError
from siotool.plan.redundancy.availability import servers_for, shortfall_probability


def exactly(servers, needed, down):
    """The same probability as a sum of fractions."""
    p = Fraction(down)
    return sum(
        comb(servers, j) * p**j * (1 - p) ** (servers - j) for j in range(servers - needed + 1, servers + 1)
    )


@pytest.mark.parametrize(
    ("needed", "target", "servers"),
    [
        (15, 0.999, 17),
        (15, 0.9999, 18),
        (15, 0.99999, 19),
        (100, 0.999, 105),
        (100, 0.9999, 107),
        (100, 0.99999, 108),
        (300, 0.999, 310),
        (300, 0.9999, 311),
        (300, 0.99999, 313),
    ],
)
def test_servers_that_are_each_up_99_percent(needed, target, servers):
    assert servers_for(needed, 0.01, target) == servers


def test_three_of_four_at_ninety_percent():
    # reliabilityanalytics.com, "k out of n", 2011
    assert 1 - shortfall_probability(4, 3, 0.1) == pytest.approx(0.9477, abs=1e-12)


@pytest.mark.parametrize(
    ("servers", "needed", "down", "expected"),
    [
        pytest.param(5, 0, 0.5, 0, id="nothing needed is never missed"),
        pytest.param(4, 5, 0.1, 1, id="too few are always too few"),
        pytest.param(5, 5, 0, 0, id="servers that never fail"),
        pytest.param(5, 1, 1, 1, id="servers that never run"),
        pytest.param(1, 1, 0.25, 0.25, id="one server"),
        pytest.param(2, 1, 0.25, 0.0625, id="both down"),
        pytest.param(2, 2, 0.25, 0.4375, id="either down"),
    ],
)
def test_shortfall_by_hand(servers, needed, down, expected):
    assert shortfall_probability(servers, needed, down) == pytest.approx(expected, rel=1e-14)


def test_a_target_met_to_the_last_digit_needs_no_further_server():
    # 1 − 0.1² is 0.99, but not in floats
    assert servers_for(1, 2.4 / 24, 0.99) == 2


def test_no_downtime_needs_no_spare():
    assert servers_for(29, 0, 0.99999) == 29


def test_nothing_needed_needs_nothing():
    assert servers_for(0, 0.5, 0.999) == 0


def test_servers_that_are_hardly_ever_up_are_refused():
    with pytest.raises(InputError, match="more than 100,000,000 servers"):
        servers_for(1, 1 - 1e-9, 0.999)


@given(data=st.data(), servers=st.integers(1, 60), down=st.floats(1e-6, 1, exclude_max=True))
def test_small_fleets_agree_with_exact_fractions(data, servers, down):
    needed = data.draw(st.integers(1, servers))
    expected = float(exactly(servers, needed, down))
    # where the upper tail is summed the result is relative, else the complement is
    assert shortfall_probability(servers, needed, down) == pytest.approx(expected, rel=1e-10, abs=1e-15)


@given(needed=st.integers(1_000, 5_000_000), down=st.floats(1e-5, 0.5), sigmas=st.floats(-5, 7))
def test_large_fleets_agree_with_the_incomplete_beta_function(needed, down, sigmas):
    middle = needed / (1 - down)
    servers = max(needed, round(middle + sigmas * (middle * down / (1 - down)) ** 0.5))
    expected = special.betaincc(needed, servers - needed + 1, 1 - down)
    assert shortfall_probability(servers, needed, down) == pytest.approx(expected, rel=1e-8, abs=1e-12)


@given(needed=st.integers(1, 3_000), down=st.floats(1e-6, 0.9), target=st.floats(0.01, 0.999999))
def test_the_fleet_is_the_smallest_that_meets_the_target(needed, down, target):
    servers = servers_for(needed, down, target)
    missed = (1 - target) * (1 + 1e-9)
    assert servers >= needed
    assert special.betaincc(needed, servers - needed + 1, 1 - down) <= missed * (1 + 1e-9)
    if servers > needed:
        assert special.betaincc(needed, servers - needed, 1 - down) > missed * (1 - 1e-9)


@given(
    needed=st.integers(0, 2_000),
    more=st.integers(0, 50),
    down=st.floats(0, 0.9),
    target=st.floats(0.01, 0.9999),
)
def test_a_larger_need_never_makes_a_smaller_fleet(needed, more, down, target):
    assert servers_for(needed + more, down, target) >= servers_for(needed, down, target)
