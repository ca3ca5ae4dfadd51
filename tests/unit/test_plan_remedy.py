from math import inf

import pytest

from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.evaluation.remedy import of_adapter, remedy
from siotool.plan.inputs.middles import middles

BASE = {
    "workload.connections": "10k",
    "workload.consumption_rate": "1B/s",
    "server.capacity": "1GB/s",
    "server.delivery_cost": "1us",
    "server.adapter_cost": "1ms",
    "server.decode_cost": "0s",
    "server.encode_cost": "0s",
    "server.base_cost": "0%",
}
ROOM = {"chat": {"kind": "room", "rate": "0.1/s", "room_size": "10"}}
NEWS = {"news": {"kind": "announce", "rate": "1k/s"}}


def of(plan_inputs, change, messages):
    inputs = plan_inputs(BASE | change, messages)
    return remedy(evaluate(inputs, middles(inputs)))


@pytest.mark.parametrize(
    ("change", "messages", "words"),
    [
        pytest.param(
            {"topology.adapter": "redis"},
            ROOM,
            ["with redis each one receives 1,000 messages/s", "redis-sharded", "the local flag", "700 µs"],
            id="rooms on classic Redis: a sharded one, less of them, cheaper ones",
        ),
        pytest.param(
            {"topology.adapter": "redis"},
            NEWS,
            ["with redis each one receives 1,000 messages/s", "the local flag", "fewer than 700 messages/s"],
            id="what everybody must hear on classic Redis: sharding would not help",
        ),
        pytest.param(
            {"topology.adapter": "redis-sharded"},
            {"dm": {"kind": "direct", "rate": "0.1/s"}},
            ["with redis-sharded each one receives 1,000 messages/s", "the mode dynamic-private"],
            id="private messages on the sharded one: its private mode",
        ),
        pytest.param(
            {"server.base_cost": "75%", "topology.fetch_rate": "1/s"},
            ROOM,
            ["what each process repeats fills its core"],
            id="calls to all processes are not blamed for one that is full at rest",
        ),
        pytest.param(
            {"server.base_cost": "75%"},
            ROOM,
            ["what each process repeats fills its core"],
            id="a process that is full at rest",
        ),
        pytest.param(
            {"server.open_files": "1k", "server.open_files_reserved": "2k"},
            ROOM,
            ["open files: 0 sockets fit"],
            id="another constraint in its own words",
        ),
        pytest.param({"goals.survive_zone": "true"}, ROOM, ["zone loss: there is one zone"], id="a bad day"),
    ],
)
def test_says_why_and_what_would_work(change, messages, words, plan_inputs):
    said = of(plan_inputs, change, messages)
    assert [word for word in words if word not in said] == [], said


def test_sharding_is_no_remedy_for_what_everybody_hears(plan_inputs):
    assert "redis-sharded" not in of(plan_inputs, {"topology.adapter": "redis"}, NEWS)


def test_a_plan_that_works_needs_none(plan_inputs):
    assert of(plan_inputs, {"topology.adapter": "redis", "server.adapter_cost": "10us"}, ROOM) == ""


def test_every_reason_is_named(plan_inputs):
    change = {
        "server.open_files": "1k",
        "server.open_files_reserved": "2k",
        "server.memory": "1MB",
        "server.memory_base": "2MB",
        "server.memory_per_connection": "1kB",
    }
    said = of(plan_inputs, change, ROOM)
    assert "memory: " in said
    assert "open files: " in said


FIGURES = {
    "publishes_per_s": 40_000.0,
    "each_s": 30e-6,
    "utilization": 0.7,
    "private_share": 0.0,
    "delivery_cores": 10.0,
}


def test_why_no_number_of_nodes_is_enough_and_what_would_work():
    why = of_adapter(ADAPTERS["redis"], **FIGURES, room_size=10.0)
    assert "No number of nodes is enough: with redis each one receives 40,000 messages/s" in why
    assert "120 % of its core, and 70 % may be used" in why
    for way in ("redis-sharded", "dynamic-private", "local flag", "17.5 µs", "23,333"):
        assert way in why
    figures = FIGURES | {"each_s": 17e-6}
    assert of_adapter(ADAPTERS["redis"], **figures, room_size=10.0) == ""


def test_the_remedies_fit_the_adapter():
    everybody = of_adapter(ADAPTERS["redis"], **FIGURES, room_size=inf)
    assert "redis-sharded" not in everybody
    sharded = of_adapter(ADAPTERS["redis-sharded"], **(FIGURES | {"private_share": 0.9}), room_size=5.0)
    assert "the mode dynamic-private" in sharded
    assert "36,000 messages/s" in sharded
    assert "Any adapter" in of_adapter(ADAPTERS["none"], **FIGURES, room_size=inf)


@pytest.mark.parametrize(
    ("change", "messages", "words"),
    [
        pytest.param(
            {},
            {"chat": {"kind": "room", "rate": "1/s", "size": "200B", "room_size": "10"}},
            # almost no node holds the room: received at 10 µs, and neither decoded nor encoded
            ["At 10 µs each that is 100 % of its core, and 70 %", "less than 7 µs", "fewer than 70,000"],
            id="a room, which most nodes leave undecoded",
        ),
        pytest.param(
            {},
            {"news": {"kind": "announce", "rate": "100k/s", "size": "200B"}},
            # 10 + 15 + 10 µs
            ["At 35 µs each that is 350 % of its core", "fewer than 20,000"],
            id="what everybody hears is decoded and encoded everywhere",
        ),
        pytest.param(
            {"server.process_cores": "50%"},
            {"chat": {"kind": "room", "rate": "1/s", "size": "200B", "room_size": "10"}},
            ["100 % of its core, and 35 % may be used", "fewer than 35,000"],
            id="half a core",
        ),
    ],
)
def test_a_message_costs_what_a_node_does_with_it(change, messages, words, plan_inputs):
    """Every message was charged for decoding and encoding, which almost no node does: "fewer than 20,000"."""
    costs = {"workload.connections": "100k", "topology.adapter": "redis"}
    costs |= {"server.adapter_cost": "10us", "server.decode_cost": "15us", "server.encode_cost": "10us"}
    said = of(plan_inputs, costs | change, messages)
    assert [word for word in words if word not in said] == [], said
