"""What holds for any storm."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.plan.constraints.storm_bound import (
    failure,
    fewest_servers_for_storm,
    recovery_at_least_s,
)
from siotool.plan.storm.simulator import Conditions, never, simulate
from siotool.plan.storm.waits import schedule
from siotool.protocol.backoff import OFFICIAL, Backoff, delay_s

chances = st.floats(0, 1, exclude_max=True)
backoffs = st.builds(
    Backoff,
    delay_s=st.floats(0.001, 100),
    delay_max_s=st.floats(0.001, 2_000_000),
    jitter=st.floats(0, 1),
    factor=st.sampled_from([2.0, 2.0, 1.0, 1.5, 3.0]),
)
conditions = st.builds(
    Conditions,
    accept_per_s=st.floats(0.5, 1000),
    backoff=st.builds(
        Backoff, delay_s=st.floats(0.01, 3), delay_max_s=st.floats(0.1, 30), jitter=st.floats(0, 1)
    ),
    outage_s=st.sampled_from([0.0, 0.01, 3.0, 17.77]),
    blackhole=st.booleans(),
    queue=st.sampled_from([0.0, 0.5, 3.0, 100.0, math.inf]),
    seed=st.integers(0, 2**32),
)


@given(backoffs, st.lists(st.tuples(st.integers(0, 1200) | st.integers(1200, 10**9), chances), min_size=1))
def test_many_waits_at_once_are_the_waits_one_by_one(backoff, tries):
    failures, random = zip(*tries, strict=True)
    at_once = schedule(backoff)(np.array(failures), np.array(random))
    singly = [round(delay_s(count, chance, backoff) * 1000) for count, chance in tries]
    assert at_once.tolist() == singly


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.floats(0.3, 5), conditions, st.sampled_from([0.05, 0.4, 1.0, 60.0]))
def test_no_client_and_no_attempt_is_lost(clients, servers, meets, bin_s):
    storm = simulate(clients, servers, meets, horizon_s=60, bin_s=bin_s)
    fates = (storm.served, storm.failed_in_outage, storm.refused, storm.timed_out, storm.in_line)
    assert storm.attempts == sum(fates)
    assert sum(storm.attempts_per_s) * bin_s == pytest.approx(storm.attempts)
    assert storm.connected == sorted(storm.connected)
    assert storm.served + storm.in_line <= clients
    assert min(fates) >= 0
    assert (storm.served == clients) == (storm.all_s is not None)
    times = [never(t) for t in (storm.half_s, storm.ninety_s, storm.ninety_nine_s, storm.all_s)]
    assert times == sorted(times)
    assert storm == simulate(clients, servers, meets, horizon_s=60, bin_s=bin_s)


@settings(max_examples=25, deadline=None)
@given(st.integers(50, 2000), st.integers(1, 5), conditions)
def test_no_storm_is_over_before_the_work_is_done(clients, servers, meets):
    storm = simulate(clients, servers, meets, horizon_s=60)
    step_s = 0.05  # a step may serve one client of the next
    assert never(storm.ninety_nine_s) >= meets.outage_s
    assert never(storm.ninety_nine_s) + step_s >= recovery_at_least_s(
        clients - 1 / 0.99, servers, meets.accept_per_s, meets.outage_s
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 50), st.floats(5, 20), st.integers(0, 1000))
def test_more_servers_bring_nobody_back_later(clients, rate, seed):
    """With room for all, and patience: first come, first served."""
    meets = Conditions(rate, queue=math.inf, seed=seed)
    few, more = (simulate(clients, servers, meets) for servers in (1, 2))
    assert more.all_s <= few.all_s + 0.1
    assert more.half_s <= few.half_s + 0.1


@given(
    st.floats(1, 1e8),
    st.floats(0.1, 1e5),
    st.floats(5.1, 3600),
    st.sampled_from(["server", "zone", "all"]),
    st.integers(2, 6),
    st.sampled_from([1.0, 1.0, 1.3, 4.0]),
)
def test_the_fewest_servers_meet_the_goal_and_one_less_does_not(
    connections, rate, goal_s, lost, zones, imbalance
):
    servers = fewest_servers_for_storm(connections, rate, goal_s, lost, zones, imbalance)
    assert servers == math.ceil(servers)

    def time(count):
        gone = failure(connections, count, lost, zones, imbalance)
        return recovery_at_least_s(gone.lost / 0.99, gone.even, rate) + OFFICIAL.delay_max_s

    noise = 1e-6 * goal_s
    assert time(servers) <= goal_s + noise
    fewer = servers - (zones if lost == "zone" else 1)
    assert fewer < 1 or time(fewer) > goal_s - noise


@given(
    st.floats(1, 1e8),
    st.floats(0.1, 1e5),
    st.floats(5.1, 3600),
    st.sampled_from(["server", "zone", "all"]),
    st.floats(1, 3),
)
def test_more_demand_never_needs_fewer_servers(connections, rate, goal_s, lost, more):
    base = fewest_servers_for_storm(connections, rate, goal_s, lost, 3)
    assert fewest_servers_for_storm(connections * more, rate, goal_s, lost, 3) >= base
    assert fewest_servers_for_storm(connections, rate * more, goal_s, lost, 3) <= base
    assert fewest_servers_for_storm(connections, rate, goal_s * more, lost, 3) <= base
