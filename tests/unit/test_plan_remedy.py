import pytest

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.evaluation.remedy import remedy
from siotool.plan.inputs.figure import middle

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
    return remedy(evaluate(inputs, {key: middle(figure.value) for key, figure in inputs.numbers()}))


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
