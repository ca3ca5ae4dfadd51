import math

import pytest

from siotool.plan.constraints.adapter import ADAPTER, ceiling
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

#: One shard delivers 700 messages per second at 70 %; 100 publishes per second are made.
KEYS = {
    "workload.connections": "1k",
    "topology.adapter": "redis",
    "topology.backend_rate": "1k/s",
    "workload.consumption_rate": "1B/s",
    "server.capacity": "1GB/s",
}
#: A ms for a message, and one for each process that it goes to: 70 % of a second are 700 of them.
COSTS = {"topology.backend_publish_cost": "1ms", "topology.backend_delivery_cost": "1ms"}
ROOM = {"chat": {"kind": "room", "rate": "0.1/s", "room_size": "10"}}
NEWS = {"news": {"kind": "announce", "rate": "100/s"}}


def world_of(inputs):
    return world(inputs, middles(inputs))


@pytest.mark.parametrize(
    ("change", "messages", "servers", "demand", "shards"),
    [
        pytest.param({}, ROOM, 6, 600, 600 / 700, id="classic Redis delivers each publish to each process"),
        pytest.param({}, ROOM, 8, 800, math.inf, id="and cannot share that among shards"),
        pytest.param({"server.processes": "2"}, ROOM, 3, 600, 600 / 700, id="processes, not servers"),
        pytest.param({}, ROOM, 0, 100, 100 / 700, id="one process at least"),
        pytest.param(
            {"topology.adapter": "redis-sharded"},
            ROOM,
            100,
            10_000 * (1 - 0.99**10),
            10_000 * (1 - 0.99**10) / 700,
            id="sharded Redis delivers a room's to those that host it, and divides by rooms",
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded"},
            NEWS,
            8,
            800,
            math.inf,
            id="everybody is one channel of one shard",
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded"}, NEWS, 6, 600, 600 / 700, id="which may be enough"
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded"},
            {"dm": {"kind": "direct", "rate": "0.1/s"}},
            8,
            800,
            math.inf,
            id="mode dynamic sends private messages to every process, on one channel",
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded-private"},
            {"dm": {"kind": "direct", "rate": "1/s"}},
            8,
            1000,
            1000 / 700,
            id="mode dynamic-private to one process",
        ),
        pytest.param(
            {"topology.adapter": "redis-streams"}, ROOM, 14, 1400, 2, id="streams divide by namespaces"
        ),
        pytest.param({"topology.adapter": "mongo"}, ROOM, 8, 700, 1, id="mongo leaves the publisher out"),
    ],
)
def test_what_the_backend_delivers(change, messages, servers, demand, shards, both_ways):
    limit = both_ways(ADAPTER, KEYS | change, messages, servers=servers)
    assert limit.demand == pytest.approx(demand)
    assert limit.capacity_per_server == pytest.approx(700)
    assert limit.servers == pytest.approx(shards)


def test_streams_of_messages_add_up_on_one_instance(both_ways):
    """Two that half fill an instance each were told to be two shards of an adapter that has none."""
    two = dict.fromkeys(("one", "other"), ROOM["chat"])
    assert both_ways(ADAPTER, KEYS, two, servers=4).servers == math.inf
    assert both_ways(ADAPTER, KEYS, two, servers=3).servers == pytest.approx(600 / 700)


def test_what_everybody_hears_takes_its_part_of_each_shard(both_ways):
    # 300 deliveries of the announcement are on one shard; the rooms' 10,000 · share fill what is left of 700
    keys = KEYS | {"topology.adapter": "redis-sharded"}
    news = {"news": {"kind": "announce", "rate": "3/s"}}
    limit = both_ways(ADAPTER, keys, ROOM | news, servers=100)
    assert limit.servers == pytest.approx(10_000 * (1 - 0.99**10) / (700 - 300))


@pytest.mark.parametrize(
    ("change", "processes", "rate"),
    [
        pytest.param({"topology.backend_rate": "1k/s"}, 4.0, 1000, id="as typed"),
        pytest.param({"topology.adapter": "redis"}, 4.0, 650_000, id="as published"),
        pytest.param({"topology.adapter": "postgres"}, 4.0, None, id="nobody has published it"),
        pytest.param(COSTS, 4.0, 800, id="400 deliveries of 100 publishes fill half of it"),
        pytest.param(COSTS, 9.0, 900, id="more of it goes to deliveries where each publish has more"),
    ],
)
def test_the_most_that_one_shard_delivers(change, processes, rate, plan_inputs):
    inputs = plan_inputs({"workload.connections": "1k", "topology.adapter": "redis"} | change, ROOM)
    assert ceiling(world_of(inputs), processes) == (rate if rate is None else pytest.approx(rate))


@pytest.mark.parametrize(
    ("change", "messages", "servers", "demand", "capacity", "shards"),
    [
        pytest.param({}, ROOM, 1, 100, 350, 0.2 / 0.7, id="one process: as much to take as to deliver"),
        pytest.param({}, ROOM, 4, 400, 560, 0.5 / 0.7, id="four: a fifth of the work is to take it"),
        pytest.param({}, ROOM, 8, 800, 0.7 * 800 / 0.9, math.inf, id="eight are more than one instance does"),
        pytest.param(
            {"topology.adapter": "mongo"}, ROOM, 4, 300, 525, 0.4 / 0.7, id="the publisher hears nothing"
        ),
        pytest.param(
            {"topology.adapter": "cluster"}, ROOM, 1, 0, 700, 0.1 / 0.7, id="what nobody hears is taken too"
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded"},
            ROOM,
            100,
            10_000 * (1 - 0.99**10),
            0.7 * 10_000 * (1 - 0.99**10) / (0.1 + 10 * (1 - 0.99**10)),
            (0.1 + 10 * (1 - 0.99**10)) / 0.7,
            id="shards by room divide what is taken as what is delivered",
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded"},
            NEWS,
            8,
            800,
            0.7 * 800 / 0.9,
            math.inf,
            id="but one channel is on one shard with both",
        ),
        pytest.param(
            {"topology.adapter": "redis-streams"},
            ROOM,
            8,
            800,
            0.7 * 800 / 0.9,
            0.9 / 0.7,
            id="so do streams",
        ),
        pytest.param(
            {"topology.backend_rate": "1k/s", "topology.backend_delivery_cost": "9ms"},
            ROOM,
            4,
            400,
            560,
            0.5 / 0.7,
            id="a rate goes before the cost of a delivery, and the publish's comes on top",
        ),
        pytest.param(
            {"topology.backend_delivery_cost": ""},
            ROOM,
            4,
            400,
            0.7 * 400 / (0.1 + 400 / 650_000),
            (0.1 + 400 / 650_000) / 0.7,
            id="on top of what is published, too",
        ),
        pytest.param(
            {"topology.backend_publish_cost": "0s", "topology.backend_delivery_cost": "0s"},
            ROOM,
            4,
            400,
            math.inf,
            0,
            id="what costs nothing fills nothing",
        ),
        pytest.param(
            {"topology.backend_delivery_cost": "", "topology.adapter": "postgres"},
            ROOM,
            4,
            400,
            math.inf,
            1,
            id="the cost of taking alone says not what a shard delivers",
        ),
    ],
)
def test_a_message_costs_the_backend_once_and_for_each_process(
    change, messages, servers, demand, capacity, shards, both_ways
):
    keys = {
        key: text for key, text in (KEYS | {"topology.backend_rate": ""} | COSTS | change).items() if text
    }
    limit = both_ways(ADAPTER, keys, messages, servers=servers)
    assert limit.demand == pytest.approx(demand, rel=1e-6)
    assert limit.capacity_per_server == pytest.approx(capacity, rel=1e-6)
    assert limit.servers == pytest.approx(shards, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        pytest.param({}, None, id="nothing is sent"),
        pytest.param({"topology.adapter": "none", "topology.backend_rate": ""}, ROOM, id="no backend"),
        pytest.param({"topology.adapter": "none"}, ROOM, id="no backend, though somebody says what it can"),
        pytest.param(
            {"topology.adapter": "none", "topology.backend_rate": ""} | COSTS, ROOM, id="or what it costs"
        ),
    ],
)
def test_says_nothing_where(change, messages, both_ways):
    keys = {key: text for key, text in (KEYS | change).items() if text}
    assert both_ways(ADAPTER, keys, messages, servers=3) is None


def test_a_fleet_that_cannot_be_asks_for_no_shards(both_ways):
    assert both_ways(ADAPTER, KEYS, ROOM, servers=math.inf).servers == pytest.approx(100 / 700)


@pytest.mark.parametrize(
    ("change", "servers", "sentence"),
    [
        ({}, 6, "600 /s to the processes, 700 /s a shard"),
        ({}, 8, "redis delivers 800 /s to the processes, and shards do not divide it: 700 /s is the most"),
        ({"topology.backend_rate": ""} | COSTS, 4, "400 /s to the processes, 560 /s a shard"),
        (
            {"topology.backend_rate": "", "topology.backend_delivery_cost": "0s"},
            4,
            "400 /s to the processes, which cost a shard nothing",
        ),
    ],
)
def test_the_sentence(change, servers, sentence, both_ways, plan_inputs):
    keys = {key: text for key, text in (KEYS | change).items() if text}
    limit = both_ways(ADAPTER, keys, ROOM, servers=servers)
    assert ADAPTER.sentence(world_of(plan_inputs(keys, ROOM)), limit) == sentence


@pytest.mark.parametrize("adapter", ["redis-streams", "mongo", "cluster", "postgres"])
def test_a_backend_that_nobody_has_measured_has_its_row(adapter, plan_inputs):
    """Four adapters had no row at all, as if their backends carried anything."""
    keys = {key: text for key, text in KEYS.items() if key != "topology.backend_rate"}
    inputs = plan_inputs(keys | {"topology.adapter": adapter, "goals.spares": "20"}, ROOM)
    plan = sizing.size(inputs, draws=200)
    row = next(c for c in plan.constraints if c.name == "adapter")
    assert row.demand > 1000
    assert row.capacity_per_server is None
    assert row.servers_p95 == 1
    assert "is not published" in row.sentence
    assert "set topology.backend_rate" in row.sentence


def test_an_adapter_that_no_shards_satisfy_makes_no_fleet(plan_inputs):
    """The plan answered with 24 servers and exit 0 beside a row of infinitely many shards."""
    plan = sizing.size(
        plan_inputs(KEYS | {"goals.spares": "20", "server.delivery_cost": "1us"}, ROOM), draws=200
    )
    assert plan.shards is None
    assert (plan.servers.p50, plan.servers.p95, plan.corrected.servers) == (None, None, None)
    assert all(day.servers is None for day in plan.bad_days)
    assert plan.binding == "adapter"
    assert next(c for c in plan.constraints if c.name == "adapter").binding_probability == 1
    for words in (
        "redis delivers",
        "no fleet",
        "redis-sharded",
        "publishes instead of 100 /s",
        "backend_rate",
    ):
        assert words in plan.remedy, plan.remedy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({}, "a backend that delivers", id="a rate alone"),
        pytest.param({"topology.backend_publish_cost": "1us"}, "a backend that a message costs", id="both"),
    ],
)
def test_a_rate_is_no_remedy_where_a_cost_that_was_typed_counts_beside_it(change, words, plan_inputs):
    """Trap: with the rate that was named, and the cost, still no number of shards was enough."""
    keys = KEYS | {"goals.spares": "20", "server.delivery_cost": "1us"} | change
    assert words in sizing.size(plan_inputs(keys, ROOM), draws=200).remedy


def test_sharding_is_no_remedy_where_it_would_not_help(plan_inputs):
    plan = sizing.size(
        plan_inputs(KEYS | {"goals.spares": "20", "server.delivery_cost": "1us"}, NEWS), draws=200
    )
    assert plan.servers.p95 is None
    assert "redis-sharded" not in plan.remedy


def test_a_world_without_a_fleet_proves_itself_where_the_middle_has_one(plan_inputs):
    keys = KEYS | {"goals.spares": "3", "topology.backend_rate": "300/s..3k/s"}
    plan = sizing.size(plan_inputs(keys, ROOM), draws=500)
    assert plan.servers.p50 is not None
    assert plan.servers.p95 is None
    assert "redis delivers" in plan.remedy
