import math

import pytest

from siotool.plan.constraints import balancer, fixed_places
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

KEYS = {"workload.connections": "3M", "workload.consumption_rate": "1KB/s", "server.capacity": "1GB/s"}


@pytest.mark.parametrize(
    ("constraint", "change", "demand", "capacity"),
    [
        pytest.param(
            balancer.CONNECTIONS, {"topology.balancer_connections": "2M"}, 3e6, 2e6, id="connections it holds"
        ),
        pytest.param(
            balancer.ACCEPTS,
            {"topology.balancer_accept_rate": "1k/s", "workload.session_length": "50min"},
            1000,
            1000,
            id="sessions of 50 min make new ones by Little's law",
        ),
        pytest.param(
            balancer.ACCEPTS,
            {
                "topology.balancer_accept_rate": "1k/s",
                "workload.session_length": "50min",
                "workload.churn": "500/s",
            },
            1500,
            1000,
            id="and churn comes on top",
        ),
        pytest.param(balancer.BYTES, {"topology.balancer_bandwidth": "1GB/s"}, 3e9, 1e9, id="bytes"),
    ],
)
def test_balancers(constraint, change, demand, capacity, both_ways, plan_inputs):
    limit = both_ways(constraint, KEYS | change)
    assert limit.demand == pytest.approx(demand)
    assert limit.capacity_per_server == pytest.approx(capacity)
    assert limit.servers == pytest.approx(demand / capacity)
    assert sizing.size(plan_inputs(KEYS | change)).balancers == -(-demand // capacity)


@pytest.mark.parametrize("constraint", [balancer.CONNECTIONS, balancer.ACCEPTS, balancer.BYTES])
def test_says_nothing_of_what_nobody_gave(constraint, both_ways):
    assert both_ways(constraint, KEYS) is None


def test_bytes_need_a_rate(both_ways):
    keys = {"workload.connections": "3M", "topology.balancer_bandwidth": "1GB/s"}
    assert both_ways(balancer.BYTES, keys) is None


@pytest.mark.parametrize(
    ("constraint", "change", "sentence"),
    [
        (
            balancer.CONNECTIONS,
            {"topology.balancer_connections": "2M"},
            "one balancer holds 2,000,000 connections",
        ),
        (
            balancer.ACCEPTS,
            {"topology.balancer_accept_rate": "2k/s"},
            "one balancer takes 2 k/s new connections",
        ),
        (balancer.BYTES, {"topology.balancer_bandwidth": "1GB/s"}, "one balancer carries 1 GB/s"),
    ],
)
def test_the_sentences(constraint, change, sentence, both_ways, plan_inputs):
    inputs = plan_inputs(KEYS | change)
    one = world(inputs, middles(inputs))
    assert constraint.sentence(one, both_ways(constraint, KEYS | change)) == sentence


def test_they_come_after_the_servers_and_never_decide_their_number(plan_inputs):
    plan = sizing.size(plan_inputs(KEYS | {"topology.balancer_connections": "10"}))
    assert (plan.binding, plan.servers.p95, plan.balancers) == ("bandwidth", 5, 300_000)


PROXY = {"workload.connections": "600k", "topology.balancer": "nginx", "server.processes": "1"}


@pytest.mark.parametrize(
    ("change", "servers"),
    [
        pytest.param({}, 600_000 / 28_232, id="one balancer has 28,232 ports towards a server: 21.25"),
        # six balancers: 600,000 / (6 × 28,232)
        pytest.param({"topology.balancer_connections": "100k"}, 600_000 / 6 / 28_232, id="six: 3.54"),
        pytest.param({"topology.balancer_connections": "1M"}, 600_000 / 28_232, id="one is enough"),
        pytest.param({"topology.balancer_bandwidth": "60MB/s"}, 600_000 / 10 / 28_232, id="ten, by bytes"),
        pytest.param(
            {"topology.balancer_connections": "100k", "topology.balancer_addresses": "2"},
            600_000 / 6 / 2 / 28_232,
            id="six with two addresses each",
        ),
    ],
)
def test_each_balancer_of_the_plan_has_ports_of_its_own(change, servers, both_ways, plan_inputs):
    """Six balancers were counted as one: 22 servers, only to have ports."""
    limit = both_ways(fixed_places.PORTS, KEYS | PROXY | change)
    assert limit.servers == pytest.approx(servers)
    plan = sizing.size(plan_inputs(KEYS | PROXY | change))
    (row,) = (row for row in plan.constraints if row.name == "balancer ports")
    assert row.servers_p95 == math.ceil(servers)


def test_the_sentence_on_ports_names_the_balancers(plan_inputs):
    change = {"topology.balancer_connections": "100k"}
    plan = sizing.size(plan_inputs(KEYS | PROXY | change))
    (row,) = (row for row in plan.constraints if row.name == "balancer ports")
    assert row.sentence == (
        "each of 6 balancers opens 28,232 connections from each of its 1 addresses to one server port"
    )
