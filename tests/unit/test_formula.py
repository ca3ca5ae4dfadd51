import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.formula import Figures, servers_exact, whole_servers

ARTICLE = Figures(
    connections=1_000_000,
    consumption_rate_bytes_per_s=2_000,
    downtime_s=1_800,
    workday_s=86_400,
    capacity_bytes_per_s=100_000_000,
    utilization=0.7,
)


def test_the_example_that_must_hold():
    exact = servers_exact(ARTICLE)
    assert exact == pytest.approx(2e9 * (1 - 0.5 / 24) / 70e6, rel=1e-15)
    assert math.floor(exact * 1000) == 27_976
    assert whole_servers(exact) == 28


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, 14.3), (0.5, 13.4), (1, 12.5), (2, 10.7), (4, 7.1)],
)
def test_more_downtime_lowers_the_formula(hours, expected):
    figures = Figures(1_000_000, 1_000, hours * 3600, 8 * 3600, 100e6, 0.7)
    assert servers_exact(figures) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("exact", "servers"),
    [
        pytest.param(0.0, 0, id="no demand needs no server"),
        pytest.param(1e-12, 1, id="the smallest demand needs one"),
        pytest.param(28.0, 28, id="a whole number stays"),
        pytest.param(28.000000000000004, 28, id="rounding noise buys no server"),
        pytest.param(28.0001, 29, id="an excess that is real does"),
        pytest.param(1_000_000.0000001, 1_000_000, id="noise grows with the number"),
    ],
)
def test_whole_servers(exact, servers):
    assert whole_servers(exact) == servers


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"connections": -1.0}, "connections is -1", id="negative connections"),
        pytest.param({"connections": math.inf}, "connections is inf", id="infinite connections"),
        pytest.param({"connections": math.nan}, "connections is nan", id="connections not a number"),
        pytest.param({"consumption_rate_bytes_per_s": -2e3}, "rate is -2 kB/s", id="negative rate"),
        pytest.param({"downtime_s": -60.0}, "downtime is", id="negative downtime"),
        pytest.param({"downtime_s": 86_400.0}, "not shorter than the workday 24 h", id="down all day"),
        pytest.param({"workday_s": 0.0}, "workday is 0", id="no workday"),
        pytest.param({"workday_s": math.nan}, "workday is nan", id="workday not a number"),
        pytest.param({"capacity_bytes_per_s": 0.0}, "capacity is 0 B/s", id="no capacity"),
        pytest.param({"capacity_bytes_per_s": math.inf}, "capacity is inf", id="infinite capacity"),
        pytest.param({"utilization": 0.0}, "utilization is 0; expected more than 0", id="utilization 0"),
        pytest.param({"utilization": 1.01}, "at most 1 (100%)", id="utilization above 100 %"),
        pytest.param({"utilization": 70.0}, "at most 1 (100%)", id="percent sign forgotten"),
        pytest.param({"utilization": math.nan}, "utilization is nan", id="utilization not a number"),
    ],
)
def test_figures_that_mean_nothing_are_refused(change, words):
    with pytest.raises(InputError) as caught:
        msgspec.structs.replace(ARTICLE, **change)
    assert words in caught.value.message


def test_all_of_the_capacity_may_be_used():
    assert msgspec.structs.replace(ARTICLE, utilization=1.0).usable_bytes_per_s == 1e8


@given(
    connections=st.floats(0, 1e9), rate=st.floats(0, 1e6), down=st.floats(0, 0.99), share=st.floats(0.01, 1)
)
def test_the_formula_is_the_product_of_its_terms(connections, rate, down, share):
    figures = Figures(connections, rate, down * 3600, 3600, 1e8, share)
    expected = connections * rate * (1 - down) / (1e8 * share)
    assert servers_exact(figures) == pytest.approx(expected, rel=1e-12)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_larger_quotient_never_needs_fewer_servers(one, other):
    low, high = sorted((one, other))
    assert whole_servers(low) <= whole_servers(high)
