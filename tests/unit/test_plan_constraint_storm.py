import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.plan.constraints.handshakes import at_rest, left
from siotool.plan.constraints.storm import STORM
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

#: 100,000 connections; 500 handshakes per second and server; 25 s are left after the last wait of 5 s.
KEYS = {"workload.connections": "100k", "server.accept_rate": "500/s", "goals.reconnect_time": "30s"}


def world_of(inputs):
    return world(inputs, middles(inputs))


@pytest.mark.parametrize(
    ("change", "servers"),
    [
        # one of N is lost: 100,000/N over N − 1 servers in 25 s, so N (N − 1) ≥ 8
        pytest.param({}, 4, id="a server's clients, taken in by the others"),
        # a third comes back to the two thirds that are left: 100,000/3 ≤ 500 · 25 · N · 2/3, in equal zones
        pytest.param({"goals.storm": "zone", "topology.zones": "3"}, 6, id="a zone's clients"),
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
        pytest.param({"server.connect_cost": "1ms"}, 1000, id="a whole core, whatever the utilization"),
        pytest.param({"server.connect_cost": "1ms", "server.processes": "4"}, 4000, id="each core"),
        pytest.param(
            {"server.connect_cost": "1ms", "server.accept_rate": "500/s"}, 500, id="typed over computed"
        ),
        pytest.param(
            {"server.connect_cost": "1ms", "server.tls": "true", "server.tls_connect_cost": "3ms"},
            250,
            id="its TLS is part of it",
        ),
        pytest.param(
            {"server.connect_cost": "1ms", "server.tls_connect_cost": "3ms"}, 1000, id="TLS ends elsewhere"
        ),
        pytest.param({"server.connect_cost": "0s"}, 1e9, id="a cost of nothing stays a number"),
        pytest.param({}, None, id="nobody said"),
    ],
)
def test_handshakes_of_a_server_at_rest(change, rate, plan_inputs):
    """Only 1 − utilization of the CPU counted, and nothing of TLS."""
    found = at_rest(world_of(plan_inputs({"workload.connections": "1k"} | change)))
    assert found == (rate if rate is None else pytest.approx(rate))


#: 100,000 idle connections of 10 µs/s: one core. A handshake takes 1 ms, of a whole core.
LOADED = {
    "workload.connections": "100k",
    "server.idle_cost": "10us",
    "server.connect_cost": "1ms",
    "goals.reconnect_time": "30s",
}
#: Without a profile's costs.
FREE = {f"server.{name}_cost": "0s" for name in ("inbound", "encode", "delivery", "byte", "decode")}
#: 10,000 publishes per second.
ROOMS = {"chat": {"kind": "room", "rate": "0.1/s", "room_size": "5"}}


@pytest.mark.parametrize(
    ("change", "survivors", "share"),
    [
        pytest.param({}, 4, 0.75, id="a quarter of a core each"),
        pytest.param({"server.utilization": "30%"}, 4, 0.75, id="a storm may use all of the core"),
        pytest.param({"server.processes": "2"}, 4, 0.875, id="on eight cores"),
        pytest.param({"topology.imbalance": "1.6"}, 4, 0.6, id="the fullest has more"),
        pytest.param({"workload.churn": "1k/s"}, 4, 0.5, id="those who come and go as always"),
        pytest.param({"server.base_cost": "5%"}, 4, 0.70, id="what a process takes at rest"),
        pytest.param({"server.idle_cost": "40us"}, 4, 0, id="exactly full"),
        pytest.param({"server.idle_cost": "90us"}, 4, 0, id="more than full is no less than nothing"),
        pytest.param({"server.idle_cost": "0s"}, 4, 1, id="nothing known to do"),
    ],
)
def test_what_the_load_that_returns_leaves(change, survivors, share, plan_inputs):
    assert left(world_of(plan_inputs(LOADED | change)), survivors) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "messages", "servers"),
    [
        # 25 s of 1,000/s: 100,000 lost and 1 core of load: 4/N + 1/N <= 1
        pytest.param({"goals.storm": "all"}, None, 5, id="all"),
        pytest.param({"goals.storm": "all", "server.utilization": "90%"}, None, 5, id="at any utilization"),
        # a third in two zones of S, that is 4/3/S + 1/S <= 1: S >= 7/3, two in each zone
        pytest.param({"goals.storm": "zone", "topology.zones": "3"}, None, 6, id="a zone"),
        # 1/30 of all, in two zones of 3: a fleet of one was said to leave 2/3 of a server
        pytest.param(
            {"goals.storm": "zone", "topology.zones": "3", "workload.connections": "10k"},
            None,
            3,
            id="a zone of a small fleet",
        ),
        # 4/N/(N − 1) + 1/(N − 1) <= 1: N = 3 has 0.667 + 0.5, N = 4 has 0.333 + 0.333
        pytest.param({}, None, 4, id="a server"),
        # of 1.5 times its share each: 4 · 1.5/N + 1.5/N <= 1
        pytest.param({"goals.storm": "all", "topology.imbalance": "1.5"}, None, 8, id="all, unevenly"),
        # the fullest, 1.5/N of all, and the fullest survivor takes 1.5 times its share of these
        # 4 · 2.25/N/(N − 1) + 1.5/(N − 1) <= 1: N = 4 has 0.75 + 0.5, N = 5 has 0.45 + 0.375
        pytest.param({"topology.imbalance": "1.5"}, None, 5, id="the fullest server"),
        # 7 ms with its TLS: 28/N + 1/N <= 1
        pytest.param(
            {"goals.storm": "all", "server.tls": "true", "server.tls_connect_cost": "6ms"},
            None,
            29,
            id="TLS in the process",
        ),
        # every process receives 10,000 publishes of 50 µs: half of a core each: 5/N <= 0.5
        pytest.param(
            FREE | {"goals.storm": "all", "topology.adapter": "redis", "server.adapter_cost": "50us"},
            ROOMS,
            10,
            id="what each process repeats",
        ),
        pytest.param(
            FREE | {"goals.storm": "all", "topology.adapter": "redis", "server.adapter_cost": "100us"},
            ROOMS,
            math.inf,
            id="what each process repeats fills it",
        ),
    ],
)
def test_servers_that_take_the_lost_in_beside_their_load(change, messages, servers, both_ways):
    """The spare was 1 − utilization however full the survivors were."""
    assert both_ways(STORM, LOADED | change, messages).servers == servers


def by_counting(one, rate, lost, zones, imbalance, most=5000):
    """The fewest servers, found by trying one after the other: the oracle."""
    connections, work_s = one.demand.connections, one["goals.reconnect_time"] - 5
    for count in range(zones, most, zones) if lost == "zone" else range(1, most):
        gone, survivors = {
            "server": (min(imbalance * connections / count, connections), count - 1),
            "zone": (connections / zones, count * (zones - 1) / zones),
            "all": (connections, count),
        }[lost]
        each = rate * left(one, survivors) if survivors else 0
        if each and imbalance * gone / survivors / each <= work_s * (1 + 1e-9):
            return count
    return math.inf


@pytest.mark.parametrize("lost", ["server", "zone", "all"])
@pytest.mark.parametrize(
    ("adapter", "kind"),
    [("none", "room"), ("redis", "room"), ("cluster", "direct"), ("redis-sharded", "room")],
)
def test_the_count_is_what_trying_finds(lost, adapter, kind, plan_inputs):
    costs = itertools.product(("10us", "40us"), ("1ms", "20ms"), ("1", "1.3", "3"), ("3k", "90k"))
    for delivery, handshake, imbalance, connections in costs:
        keys = LOADED | {
            "workload.connections": connections,
            "workload.session_length": "10min",
            "server.delivery_cost": delivery,
            "server.adapter_cost": "20us",
            "server.connect_cost": handshake,
            "server.processes": "2",
            "topology.adapter": adapter,
            "topology.imbalance": imbalance,
            "topology.zones": "3",
            "goals.storm": lost,
        }
        one = world_of(plan_inputs(keys, {"chat": {"kind": kind, "rate": "1/min", "room_size": "30"}}))
        wanted = by_counting(one, at_rest(one), lost, 3, float(imbalance))
        assert STORM.limit(one).servers == wanted, keys


MORE = {
    "workload.connections": "{:.0f}",
    "server.idle_cost": "{}us",
    "server.connect_cost": "{}ms",
    "topology.imbalance": "{}",
    "workload.churn": "{}/s",
}


@given(
    lost=st.sampled_from(["server", "zone", "all"]),
    adapter=st.sampled_from(["none", "redis", "cluster"]),
    figures=st.tuples(
        st.floats(1, 1e5), st.floats(0, 200), st.floats(0.01, 50), st.floats(1, 3), st.floats(0, 50)
    ),
    changed=st.sampled_from(sorted(MORE)),
    times=st.floats(1, 5),
)
def test_more_load_never_asks_for_fewer_servers(lost, adapter, figures, changed, times, plan_inputs):
    least = dict(zip(MORE, figures, strict=True))

    def servers(values):
        keys = {
            **{key: text.format(values[key]) for key, text in MORE.items()},
            "topology.adapter": adapter,
            "topology.zones": "3",
            "goals.storm": lost,
            "goals.reconnect_time": "30s",
        }
        return STORM.limit(world_of(plan_inputs(keys, ROOMS))).servers

    assert servers(least | {changed: times * least[changed]}) >= servers(least)


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
            LOADED | {"goals.storm": "all", "server.accept_rate": ""},
            "all clients are back within 30 s, 800 /s taken in by each server: 80 % of what it does "
            "when idle",
        ),
        (
            LOADED | {"goals.storm": "all", "server.accept_rate": "", "server.base_cost": "100%"},
            "all clients cannot be back within 30 s: with any number of servers left, what each process "
            "spends on its own work and the publishes of all others leaves no CPU for handshakes",
        ),
    ],
)
def test_the_sentence_names_the_reason(change, sentence, both_ways, plan_inputs):
    keys = {key: text for key, text in (KEYS | change).items() if text}
    limit = both_ways(STORM, keys)
    assert STORM.sentence(world_of(plan_inputs(keys)), limit) == sentence
    if math.isinf(limit.servers):
        complete = keys | {"workload.consumption_rate": "1B/s", "server.capacity": "1GB/s"}
        plan = sizing.size(plan_inputs(complete))
        assert plan.servers.p95 is None
        assert plan.remedy.endswith(f"reconnect storm: {sentence}.")


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
