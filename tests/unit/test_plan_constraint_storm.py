import math

import pytest

from siotool.plan import sizing
from siotool.plan.constraints.storm import STORM, accept_rate
from siotool.plan.demand import world
from siotool.plan.figures.inputs import middle

#: 100,000 connections; 500 handshakes per second and server; 25 s are left after the last wait of 5 s.
KEYS = {"workload.connections": "100k", "server.accept_rate": "500/s", "goals.reconnect_time": "30s"}


def world_of(inputs):
    return world(inputs, {key: middle(figure.value) for key, figure in inputs.numbers()})


@pytest.mark.parametrize(
    ("change", "servers"),
    [
        # one of N is lost: 100,000/N over N − 1 servers in 25 s, so N (N − 1) ≥ 8
        pytest.param({}, 4, id="a server's clients, taken in by the others"),
        # a third comes back to the two thirds that are left: 100,000/3 ≤ 500 · 25 · N · 2/3
        pytest.param({"goals.storm": "zone", "topology.zones": "3"}, 4, id="a zone's clients"),
        pytest.param({"goals.storm": "all"}, 8, id="all of them, taken in by all"),
        pytest.param({"goals.storm": "all", "workload.connections": "0"}, 0, id="nobody comes back"),
        pytest.param({"goals.storm": "all", "goals.reconnect_time": "5s"}, math.inf, id="less than a wait"),
        pytest.param({"goals.storm": "zone"}, math.inf, id="the only zone"),
    ],
)
def test_servers_that_take_the_lost_in(change, servers, both_ways):
    limit = both_ways(STORM, KEYS | change)
    assert limit.servers == servers
    assert limit.capacity_per_server == pytest.approx(limit.demand / servers if servers else 0)


@pytest.mark.parametrize(
    ("change", "rate"),
    [
        pytest.param({"server.accept_rate": "500/s"}, 500, id="as typed"),
        pytest.param({"server.connect_cost": "1ms"}, 300, id="the 30 % that are kept free, at 1 ms each"),
        pytest.param({"server.connect_cost": "1ms", "server.processes": "4"}, 1200, id="on each core"),
        pytest.param(
            {"server.connect_cost": "1ms", "server.accept_rate": "500/s"}, 500, id="typed over computed"
        ),
        pytest.param({"server.connect_cost": "1ms", "server.utilization": "100%"}, 0, id="nothing kept free"),
        pytest.param({"server.connect_cost": "0s"}, 1e9, id="a cost of nothing stays a number"),
        pytest.param({}, None, id="nobody said"),
    ],
)
def test_handshakes_a_server_completes(change, rate, plan_inputs):
    found = accept_rate(world_of(plan_inputs({"workload.connections": "1k"} | change)))
    assert found == (rate if rate is None else pytest.approx(rate))


@pytest.mark.parametrize("missing", ["server.accept_rate", "goals.reconnect_time"])
def test_says_nothing_without(missing, both_ways):
    assert both_ways(STORM, {key: text for key, text in KEYS.items() if key != missing}) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "a lost server's clients are back within 30 s, 500 /s taken in by each server"),
        (
            {"goals.reconnect_time": "5s"},
            "a lost server's clients cannot be back within 5 s: their own last wait takes as long",
        ),
        (
            {"goals.storm": "zone"},
            "a lost zone's clients cannot be back within 30 s: "
            "there is one zone, and nothing is left when it fails",
        ),
        (
            {
                "goals.storm": "all",
                "server.accept_rate": "",
                "server.connect_cost": "1ms",
                "server.utilization": "100%",
            },
            "all clients cannot be back within 30 s: "
            "a server at its utilization has no CPU left for handshakes",
        ),
    ],
)
def test_the_sentence_names_the_reason(change, sentence, both_ways, plan_inputs):
    keys = {key: text for key, text in (KEYS | change).items() if text}
    limit = both_ways(STORM, keys)
    assert STORM.sentence(world_of(plan_inputs(keys)), limit) == sentence
    if math.isinf(limit.servers):
        complete = keys | {"workload.consumption_rate": "1B/s", "server.capacity": "1GB/s"}
        assert sizing.size(plan_inputs(complete)).remedy == f"reconnect storm: {sentence}."


def test_a_free_handshake_among_draws_is_no_nan(plan_inputs):
    """Infinitely many handshakes in no time were not a number."""
    keys = {
        "workload.connections": "1k",
        "workload.consumption_rate": "1B/s",
        "server.capacity": "1GB/s",
        "server.connect_cost": "0s..1ms",
        "goals.reconnect_time": "5s",
    }
    assert sizing.size(plan_inputs(keys), draws=200).servers.p50 is None
