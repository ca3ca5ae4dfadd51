import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.published.queueing import (
    halfin_whitt_wait,
    largest_batch,
    loop_delay,
    occupancy,
    servers_for_wait,
    square_root_staffing,
    utilization_for,
    wait_probability,
)

FORTY = 40 * 33e-6  # forty deliveries, as one core of Socket.IO does them


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


def test_an_idle_loop_only_writes():
    delay = loop_delay(0.0, 30_000.0, 33e-6)
    assert (delay.utilization, delay.wait_s) == (0, 0)
    assert delay.last_s == delay.quantile_s == pytest.approx(0.99)  # 30,000 recipients, one second
    assert delay.mean_s == pytest.approx(0.495, abs=1e-3)


def test_an_overloaded_loop_never_gets_there():
    delay = loop_delay(1000.0, 40.0, 33e-6)
    assert delay.utilization == pytest.approx(1.32)
    assert {delay.wait_s, delay.mean_s, delay.last_s, delay.quantile_s} == {math.inf}


def test_one_write_at_a_time_is_a_plain_queue():
    # M/D/1 at one half waits half a service on average
    delay = loop_delay(500.0, 1.0, 1e-3)
    assert delay.wait_s == pytest.approx(0.5e-3)
    assert delay.mean_s == pytest.approx(1.5e-3) == delay.last_s


def waits_of(arrivals, services):
    """Lindley: each job's wait, from the gaps between arrivals and the work each brings."""
    steps = np.concatenate([[0.0], np.cumsum(services[:-1] - arrivals[1:])])
    return steps - np.minimum.accumulate(steps)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.85])
def test_broadcasts_wait_as_in_a_simulated_loop(rho):
    generator = np.random.Generator(np.random.PCG64(int(rho * 100)))
    rate = rho / FORTY
    services = np.full(400_000, FORTY)
    waits = waits_of(generator.exponential(1 / rate, services.size), services)
    delay = loop_delay(rate, 40.0, 33e-6)
    assert delay.wait_s == pytest.approx(waits.mean(), rel=0.06)
    seen = np.quantile(waits + FORTY, 0.99)
    assert seen * 0.98 < delay.quantile_s < seen * 1.2  # errs to the safe side


def test_other_work_delays_broadcasts_as_in_a_simulated_loop():
    generator = np.random.Generator(np.random.PCG64(7))
    batches_per_s, others_per_s, task_s = 0.3 / FORTY, 0.4 / 2e-4, 2e-4
    total = batches_per_s + others_per_s
    batch = generator.random(600_000) < batches_per_s / total
    services = np.where(batch, FORTY, generator.exponential(task_s, batch.size))
    waits = waits_of(generator.exponential(1 / total, batch.size), services)
    delay = loop_delay(batches_per_s, 40.0, 33e-6, other_utilization=0.4, other_task_s=task_s)
    assert delay.utilization == pytest.approx(0.7)
    assert delay.wait_s == pytest.approx(waits.mean(), rel=0.06)
    seen = np.quantile(waits[batch] + FORTY, 0.99)
    assert seen * 0.98 < delay.quantile_s < seen * 1.2


def test_draws_agree_with_single_figures():
    rates, sizes = np.array([0.0, 100.0, 300.0, 5000.0]), np.array([40.0, 1.0, 50.0, 40.0])
    drawn = loop_delay(rates, sizes, 33e-6, other_utilization=0.1, other_task_s=1e-4)
    for i, rate in enumerate(rates):
        one = loop_delay(float(rate), float(sizes[i]), 33e-6, other_utilization=0.1, other_task_s=1e-4)
        for field in one.__struct_fields__:
            assert getattr(drawn, field)[i] == pytest.approx(getattr(one, field), rel=1e-12)


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
        pytest.param(lambda: loop_delay(1.0, 1.0, 1e-3, quantile=1.0), id="the slowest of all"),
    ],
)
def test_what_has_no_answer_is_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        wrong()
