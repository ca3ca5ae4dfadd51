"""How many connections a fleet holds: the plan's own count, turned round."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.growth import counting
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import middles

FORMULA = """\
[workload]
connections = "500k"
consumption_rate = "2KB/s"
[server]
capacity = "100MB/s"
"""
CHAT = """\
[workload]
connections = "{connections}"
session_length = "20min"
[workload.messages.chat]
kind = "room"
rate = "{rate}"
room_size = "20"
[server]
capacity = "1Gbit/s"
memory = "8GiB"
processes = 4
[topology]
adapter = "redis"
zones = 3
[goals]
survive_zone = true
reconnect_time = "30s"
"""


def inputs(text):
    return compose.complete(planfile.decode(text, "plan.toml"))


def held(plan, servers, **more):
    return counting.holds(plan, counting.values_of(plan, 500, 1), servers, **more)


@pytest.mark.parametrize(
    ("extra", "servers", "connections"),
    [
        pytest.param("", 15, 525_000, id="15 servers of 70 MB/s, 2 kB/s a session"),
        pytest.param("", 1, 35_000, id="fewer servers than today's connections need"),
        pytest.param("", 100, 3_500_000, id="many more"),
        pytest.param("[goals]\nspares = 2\n", 17, 525_000, id="N+2: 15 of 17 carry the load"),
        pytest.param(
            "[topology]\nzones = 2\n[goals]\nsurvive_zone = true\n",
            30,
            525_000,
            id="half of them may be lost",
        ),
        pytest.param(
            "[topology]\nbalancer_connections = '100k'\n",
            15,
            100_000,
            id="one balancer is less than 15 servers",
        ),
        pytest.param("", 0, 0, id="no server holds nobody"),
    ],
)
def test_a_fleet_holds_what_the_formula_says(extra, servers, connections):
    plan = inputs(FORMULA + extra)
    assert held(plan, servers, balancers=1) == pytest.approx(connections, rel=1e-4, abs=1e-3)


def test_peaks_and_spikes_are_within_what_is_held():
    plan = inputs(FORMULA.replace("[server]", 'peak_factor = "2"\nevent_factor = "3"\n[server]'))
    assert held(plan, 15) == pytest.approx(525_000, rel=1e-4)


def test_sessions_that_cost_nothing_are_held_without_end():
    assert held(inputs(FORMULA.replace("2KB/s", "0B/s")), 1) == math.inf


def test_growth_ahead_and_daily_peaks_can_be_left_out():
    text = FORMULA.replace(
        "[server]", 'peak_factor = "2"\nevent_factor = "3"\ngrowth = "100%"\nahead = "365.25d"\n[server]'
    )
    plan = inputs(text)
    connections = [
        evaluate(plan_of, counting.values_of(plan_of, 100, 1)).world.demand.connections
        for plan_of in (plan, counting.today(plan), counting.mean_day(plan))
    ]
    assert connections == pytest.approx([6_000_000, 3_000_000, 500_000])


def test_each_draw_holds_what_it_would_alone():
    plan = inputs(FORMULA.replace('"2KB/s"', '"1KB/s..4KB/s"'))
    values = counting.values_of(plan, 200, 1)
    together = counting.holds(plan, values, 15)
    rates = values["workload.consumption_rate"]
    assert together == pytest.approx(15 * 70e6 / rates, rel=1e-4)


def test_a_fleets_quantiles_of_a_single_count_are_that_count():
    fleet = counting.servers(inputs(FORMULA), 100, 1)
    assert (fleet.p50, fleet.p90, fleet.p95) == (15, 15, 15)


@settings(max_examples=25)
@given(
    connections=st.integers(1_000, 2_000_000),
    rate_per_min=st.floats(0.1, 20),
    servers=st.integers(2, 400),
)
def test_what_is_held_needs_no_more_servers_and_a_little_more_does(connections, rate_per_min, servers):
    plan = inputs(CHAT.format(connections=connections, rate=f"{rate_per_min}/min"))
    # the middle of every range: one world
    values = {key: value for key, value in middles(plan).items() if key != "workload.connections"}
    safe = counting.holds(plan, {**values, "workload.connections": float(connections)}, servers)
    if safe > 0:
        assert evaluate(plan, values | {"workload.connections": safe}).fleet <= servers
    if safe < math.inf:
        more = max(1.0, safe * 1.001)
        assert evaluate(plan, values | {"workload.connections": more}).fleet > servers
