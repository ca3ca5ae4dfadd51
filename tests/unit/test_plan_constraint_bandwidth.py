import msgspec
import pytest

from siotool.plan.constraints import bandwidth
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.inputs.provenance import Provenance

ARTICLE = {"workload.connections": "1M", "workload.consumption_rate": "2KB/s", "server.capacity": "100MB/s"}
IDLE = {"workload.connections": "1M", "transport.upgrade": "false"}
#: Messages that are never sent: what is left on the wire are heartbeats.
SILENT = {"none": {"kind": "echo", "rate": "0/s"}}


def of(plan_inputs, keys, messages=None):
    inputs = plan_inputs(keys, messages)
    return world(inputs, middles(inputs))


def test_the_formula_without_downtime(both_ways):
    limit = both_ways(bandwidth.BANDWIDTH, ARTICLE)
    assert limit.demand == 2e9
    assert limit.capacity_per_server == pytest.approx(70e6)
    assert limit.servers == pytest.approx(2e9 / 70e6)


def test_its_sentence(both_ways, plan_inputs):
    limit = both_ways(bandwidth.BANDWIDTH, ARTICLE)
    assert bandwidth.BANDWIDTH.sentence(of(plan_inputs, ARTICLE), limit) == (
        "2 GB/s of all sessions over 70 MB/s per server, 70 % of its capacity"
    )


def test_without_a_rate_the_messages_make_it(both_ways, plan_inputs):
    keys = {"workload.connections": "10k", "server.capacity": "1MB/s"}
    messages = {"chat": {"kind": "room", "rate": "1/s", "size": "200B", "room_size": "5"}}
    demand = of(plan_inputs, keys, messages).demand
    limit = both_ways(bandwidth.BANDWIDTH, keys, messages)
    assert limit.demand == pytest.approx(demand.travel.to_client.tcp + demand.travel.to_server.tcp, rel=1e-12)
    # each session sends one message and is sent five: more than their payloads, less than twice them
    assert 6 * 200 < limit.demand / 10_000 < 12 * 200


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(
            {"workload.connections": "1k", "server.capacity": "1MB/s"}, id="no rate and no messages"
        ),
        pytest.param({"workload.connections": "1k", "workload.consumption_rate": "1B/s"}, id="no capacity"),
    ],
)
def test_says_nothing_of_what_nobody_gave(keys, both_ways):
    assert both_ways(bandwidth.BANDWIDTH, keys) is None


@pytest.mark.parametrize(
    ("measured", "counts"),
    [
        pytest.param((), True, id="typed: the formula's own"),
        pytest.param(
            ("server.capacity",), True, id="a capacity beside a typed rate: the loop knows no delivery"
        ),
        pytest.param(
            ("server.capacity", "workload.consumption_rate"),
            False,
            id="a run's own: its event loop counts, and a line charges the server's rest for each byte",
        ),
    ],
)
def test_a_measured_capacity_stands_for_the_cpu(plan_inputs, measured, counts):
    inputs = plan_inputs(ARTICLE)
    figures = {
        key: msgspec.structs.replace(one, provenance=Provenance("measured", "run"))
        if key in measured
        else one
        for key, one in inputs.figures.items()
    }
    known = msgspec.structs.replace(inputs, figures=figures)
    limit = bandwidth.BANDWIDTH.limit(world(known, middles(known)))
    assert (limit is not None) == counts


@pytest.mark.parametrize(
    ("constraint", "key", "each"),
    [
        # TLS 1.3 over IPv4 with timestamps: a ping of 77 B and the acknowledgement of its pong, 52 B
        pytest.param(bandwidth.OUT, "server.bandwidth_out", (77 + 52) / 25, id="a ping goes out every 25 s"),
        # RFC 6455 masks what clients send: 4 B more; the pong carries the ping's acknowledgement
        pytest.param(bandwidth.IN, "server.bandwidth_in", 81 / 25, id="and a pong comes in"),
    ],
)
def test_a_million_idle_sessions_cost_their_heartbeats(constraint, key, each, both_ways):
    limit = both_ways(constraint, IDLE | {key: "10Mbit/s"}, SILENT)
    assert limit.demand == pytest.approx(1e6 * each)
    assert limit.capacity_per_server == pytest.approx(10e6 / 8 * 0.7)
    assert limit.servers == pytest.approx(1e6 * each / (10e6 / 8 * 0.7))


@pytest.mark.parametrize("constraint", [bandwidth.OUT, bandwidth.IN])
def test_a_direction_needs_its_capacity_and_messages(constraint, both_ways):
    both = {"server.bandwidth_in": "1Gbit/s", "server.bandwidth_out": "1Gbit/s"}
    assert both_ways(constraint, IDLE, SILENT) is None
    assert both_ways(constraint, ARTICLE | both) is None


def test_the_sentence_of_a_direction_says_what_is_counted(both_ways, plan_inputs):
    keys = IDLE | {"server.bandwidth_out": "10Mbit/s"}
    limit = both_ways(bandwidth.OUT, keys, SILENT)
    assert bandwidth.OUT.sentence(of(plan_inputs, keys, SILENT), limit) == (
        "5.16 MB/s on the wire, headers and acknowledgements of TCP included, over 875 kB/s per server"
    )
