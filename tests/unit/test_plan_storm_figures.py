"""Figures of a storm that hang together: what a planted fault in the simulator passed by before."""

import math

import numpy as np
import pytest

from siotool.plan.storm.simulator import Conditions, simulate
from siotool.protocol.backoff import Backoff

STEADY = Backoff(jitter=0)


@pytest.fixture(params=[0.5, 1.0, 2.5], ids="bins of {} s".format)
def sampled(request):
    """A hundred clients for each one computed, some of them refused for the first seconds."""
    conditions = Conditions(accept_per_s=2_000, outage_s=7.0, seed=2)
    return simulate(499_900, 20, conditions, bin_s=request.param, sample=4_999)


def test_the_peak_is_a_bin_of_the_course(sampled):
    peak = int(np.argmax(sampled.attempts_per_s))
    assert sampled.peak_attempts_per_s == sampled.attempts_per_s[peak]
    assert sampled.peak_at_s == peak * sampled.bin_s


def test_what_servers_saw_is_what_came_after_the_outage(sampled):
    first = int(7.0 // sampled.bin_s)
    after = sampled.attempts_per_s[first + 1 :]
    # the bin in which the servers came back had attempts before they were there
    assert max(after) <= sampled.peak_after_outage_per_s <= max(sampled.attempts_per_s[first:])


def test_a_sample_stands_for_all(sampled):
    """Counts are those of the sample, a hundred times over."""
    counts = (sampled.attempts, sampled.served, sampled.failed_in_outage, sampled.refused)
    assert math.gcd(*counts) == 100
    assert sampled.attempts == sum(
        (sampled.served, sampled.failed_in_outage, sampled.refused, sampled.timed_out, sampled.in_line)
    )
    assert sum(sampled.attempts_per_s) * sampled.bin_s == pytest.approx(sampled.attempts)


@pytest.mark.parametrize(("coarseness", "each"), [(1.0, 10), (2.0, 40), (10.0, 1000)])
def test_coarser_by_a_factor_is_fewer_clients_by_its_square(coarseness, each):
    course = simulate(
        100_000, 10, Conditions(accept_per_s=1_000, coarseness=coarseness), sample=10_000, horizon_s=60
    )
    assert course.served == 100_000
    assert math.gcd(*map(round, course.attempts_per_s)) == each


def test_unless_told_otherwise_nothing_is_coarser():
    conditions = Conditions(accept_per_s=50, seed=3)
    assert conditions.coarseness == 1
    told = Conditions(accept_per_s=50, seed=3, coarseness=1)
    assert simulate(2_000, 4, conditions) == simulate(2_000, 4, told)


def test_a_hand_is_there_once_it_had_the_time_for_it():
    """A server of one handshake in ten seconds has done none before ten seconds are over."""
    one = simulate(1, 1, Conditions(accept_per_s=0.1, backoff=STEADY))
    assert one.all_s == pytest.approx(10.0, abs=0.2)
    two = simulate(2, 1, Conditions(accept_per_s=0.1, backoff=STEADY))
    assert two.all_s == pytest.approx(20.0, abs=0.3)


def test_nothing_happens_after_the_horizon():
    """Half of the minute is outage: in the other half 10 handshakes a second are 300."""
    course = simulate(10_000, 1, Conditions(accept_per_s=10, outage_s=30, queue=1e9), horizon_s=60)
    assert course.served == pytest.approx(300, abs=2)
    assert course.all_s is None
    assert len(course.connected) == 60
