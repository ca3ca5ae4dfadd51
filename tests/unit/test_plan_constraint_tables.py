import math

import pytest

from siotool.plan.constraints.fixed_places import CONNECTIONS, CONNTRACK, FILES, PORTS
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

MILLION = {"workload.connections": "1M"}
FILE_KEYS = MILLION | {"server.open_files": "65536"}
PORT_KEYS = MILLION | {"topology.balancer_ports": "28232"}
TRACK_KEYS = MILLION | {"topology.conntrack": "262144"}
HELD_KEYS = MILLION | {"server.connections": "60k"}


@pytest.mark.parametrize(
    ("constraint", "keys", "demand", "places"),
    [
        pytest.param(FILES, FILE_KEYS, 1e6, 64_512, id="1,024 files are not for connections"),
        pytest.param(
            FILES,
            FILE_KEYS | {"server.open_files_reserved": "0"},
            1e6,
            65_536,
            id="unless nothing is reserved",
        ),
        pytest.param(
            FILES, FILE_KEYS | {"server.processes": "4"}, 1e6, 4 * 64_512, id="the limit is one process's"
        ),
        pytest.param(
            FILES, FILE_KEYS | {"transport.polling": "20%"}, 1.2e6, 64_512, id="polling opens a second socket"
        ),
        pytest.param(PORTS, PORT_KEYS, 1e6, 28_232, id="one address, one server port"),
        pytest.param(
            PORTS,
            PORT_KEYS | {"topology.balancer_addresses": "3", "server.processes": "2"},
            1e6,
            6 * 28_232,
            id="each address reaches each process's port anew",
        ),
        pytest.param(
            PORTS, PORT_KEYS | {"topology.balancer": "nlb"}, 1e6, 28_232, id="typed ports over an NLB's own"
        ),
        pytest.param(PORTS, MILLION | {"topology.balancer": "nlb"}, 1e6, 55_000, id="an NLB's own"),
        pytest.param(CONNTRACK, TRACK_KEYS, 1e6, 262_144, id="a table is a server's, not a process's"),
        pytest.param(
            CONNTRACK,
            TRACK_KEYS | {"server.processes": "8", "topology.imbalance": "1.1"},
            1.1e6,
            262_144,
            id="however many processes it has",
        ),
        pytest.param(CONNECTIONS, HELD_KEYS, 1e6, 60_000, id="as many as were decided on"),
        pytest.param(
            CONNECTIONS, HELD_KEYS | {"transport.polling": "50%"}, 1e6, 60_000, id="sessions, not sockets"
        ),
    ],
)
def test_places(constraint, keys, demand, places, both_ways):
    limit = both_ways(constraint, keys)
    assert limit.demand == pytest.approx(demand)
    assert limit.capacity_per_server == places
    assert limit.servers == pytest.approx(demand / places)


@pytest.mark.parametrize("constraint", [FILES, PORTS, CONNTRACK, CONNECTIONS])
def test_says_nothing_without_a_limit(constraint, both_ways):
    assert both_ways(constraint, MILLION) is None


def test_a_limit_below_what_is_reserved_leaves_no_place(both_ways, plan_inputs):
    keys = MILLION | {"server.open_files": "1024"}
    assert both_ways(FILES, keys).servers == math.inf
    complete = keys | {"workload.consumption_rate": "1B/s", "server.capacity": "1GB/s"}
    assert sizing.size(plan_inputs(complete)).remedy == (
        "open files: 0 sockets fit under the open-file limits of one server, "
        "1,024 of each process kept for other files."
    )


@pytest.mark.parametrize(
    ("constraint", "keys", "sentence"),
    [
        (
            FILES,
            FILE_KEYS,
            "64,512 sockets fit under the open-file limits of one server, "
            "1,024 of each process kept for other files",
        ),
        (
            PORTS,
            PORT_KEYS,
            "a balancer opens 28,232 connections from each of its 1 addresses to one server port",
        ),
        (CONNTRACK, TRACK_KEYS, "one server tracks 262,144 connections at once"),
        (CONNECTIONS, HELD_KEYS, "one server may hold 60,000 connections"),
    ],
)
def test_the_sentences(constraint, keys, sentence, both_ways, plan_inputs):
    inputs = plan_inputs(keys)
    one = world(inputs, middles(inputs))
    assert constraint.sentence(one, both_ways(constraint, keys)) == sentence
