import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.published.queueing import (
    halfin_whitt_wait,
    largest_batch,
    last_written_s,
    occupancy,
    servers_for_wait,
    square_root_staffing,
    utilization_for,
    wait_probability,
)


@pytest.mark.parametrize(
    ("servers", "load", "waits"),
    [
        pytest.param(2, 1.5, 0.642857, id="two servers, by hand: 9/14"),
        pytest.param(10, 8.0, 0.409180, id="ten servers at 80 %"),
        pytest.param(1, 0.37, 0.37, id="one server: its utilisation"),
        pytest.param(4, 0.0, 0.0, id="nothing to do"),
        pytest.param(4, 4.0, 1.0, id="more than they can do"),
        pytest.param(1000, 1e-3, 0.0, id="a crowd for nothing"),
    ],
)
def test_erlang_c(servers, load, waits):
    assert wait_probability(servers, load) == pytest.approx(waits, abs=5e-7)


@pytest.mark.parametrize(
    ("servers", "utilization", "digits"),
    [
        (1, 0.300, 3),
        (2, 0.4695, 4),
        (4, 0.610, 3),
        (8, 0.718, 3),
        (16, 0.7978, 4),
        (32, 0.8558, 4),
        (64, 0.8975, 4),
    ],
)
def test_utilization_at_which_three_in_ten_wait(servers, utilization, digits):
    exact = utilization_for(servers, 0.30)
    assert exact == pytest.approx(utilization, abs=0.6 * 10**-digits)
    # Netflix's service-capacity-modeling uses a fit of the same: headroom 0.712 / cpu^0.448
    assert 1 - 0.712 / servers**0.448 == pytest.approx(exact, abs=0.0125)


@pytest.mark.parametrize(
    ("quality", "waits"),
    [(2.375, 0.0100), (1.761, 0.0476), (1.16, 0.167), (1.0, 0.223), (0.0, 1.0), (40.0, 0.0)],
)
def test_square_root_staffing_and_how_often_its_tasks_wait(quality, waits):
    assert halfin_whitt_wait(quality) == pytest.approx(waits, abs=6e-4 if waits > 0.1 else 6e-5)


def test_square_root_staffing_is_what_erlang_c_says_of_a_large_load():
    load = 10_000.0
    servers = square_root_staffing(load, 1.0)
    assert servers == 10_100
    assert wait_probability(int(servers), load) == pytest.approx(halfin_whitt_wait(1.0), abs=0.005)
    assert square_root_staffing(np.array([0.0, 100.0]), 2.0).tolist() == [0, 120]


def test_api_gateway_holds_what_little_says():
    # docs.aws.amazon.com/apigateway: 500 new connections per second, at most two hours each
    assert occupancy(500.0, 7200.0) == 3_600_000


@given(load=st.floats(0, 300), wait=st.floats(0.001, 1))
def test_servers_for_a_wait_are_the_fewest(load, wait):
    servers = servers_for_wait(load, wait)
    assert servers > load
    assert wait_probability(servers, load) <= wait * (1 + 1e-12)
    if servers > 1:
        assert servers - 1 <= load or wait_probability(servers - 1, load) > wait * (1 - 1e-12)


@given(servers=st.integers(1, 60), share=st.floats(0.01, 0.99))
def test_erlang_c_agrees_with_its_definition(servers, share):
    load = share * servers
    terms = [math.exp(k * math.log(load) - math.lgamma(k + 1)) for k in range(servers + 1)]
    last = terms[-1] / (1 - share)
    assert wait_probability(servers, load) == pytest.approx(last / (sum(terms[:-1]) + last), rel=1e-9)


def test_the_last_of_a_batch_waits_for_all_before():
    assert last_written_s(30_000.0, 33e-6) == pytest.approx(0.99)  # 30,000 recipients, one second


@pytest.mark.parametrize(
    ("goal_s", "write_s", "recipients"),
    [
        pytest.param(0.2, 33e-6, 6060, id="200 ms at 33 µs each"),
        pytest.param(0.001, 1e-5, 100, id="exactly"),
        pytest.param(0.1, 0.0, math.inf, id="writes that cost nothing"),
    ],
)
def test_a_broadcast_is_limited_by_its_last_recipient(goal_s, write_s, recipients):
    assert largest_batch(goal_s, write_s) == recipients


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: wait_probability(0, 1.0), id="no servers"),
        pytest.param(lambda: servers_for_wait(3.0, 0.0), id="nobody may ever wait"),
        pytest.param(lambda: servers_for_wait(math.inf, 0.5), id="endless load"),
    ],
)
def test_what_has_no_answer_is_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        wrong()
