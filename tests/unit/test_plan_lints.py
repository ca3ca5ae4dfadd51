"""What a plan warns of: each warning where it belongs, silence elsewhere."""

import pytest

from siotool.plan.evaluation import lints
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.growth import counting
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import middles

CHAT = """\
[workload]
connections = "200k"
[workload.messages.chat]
kind = "{kind}"
rate = "{rate}"
size = "{size}"
room_size = "50"
binary = {binary}
[transport]
upgrade = false
recovery = {recovery}
[server]
capacity = "1Gbit/s"
processes = 4
heap = "{heap}"
[topology]
adapter = "{adapter}"
{topology}
"""


def warnings(**change):
    keys = {
        "kind": "room",
        "rate": "6/h",
        "size": "200B",
        "binary": "false",
        "recovery": "false",
        "heap": "4GiB",
        "adapter": "redis-sharded",
        "topology": "",
    } | change
    inputs = compose.complete(planfile.decode(CHAT.format(**keys), "plan.toml"))
    values = middles(inputs)
    return lints.lint(evaluate(inputs, values))


def test_a_plan_without_a_catch_is_silent():
    assert warnings() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"adapter": "none"}, "no adapter", id="processes that do not hear each other"),
        pytest.param(
            {"adapter": "cluster", "rate": "1/min"}, "serves one machine", id="a cluster over machines"
        ),
        pytest.param(
            {"adapter": "redis", "topology": "shards = 2"}, "2 shards do not help redis", id="idle shards"
        ),
        pytest.param(
            {"adapter": "redis", "rate": "1/min", "size": "1kB"},
            "Redis drops a node",
            id="a node that reads too slowly",
        ),
        pytest.param(
            {"topology": "shards = 1\nbackend_rate = '1k/s'"},
            "1,000 is its maximum",
            id="a backend too small",
        ),
        pytest.param(
            {"topology": "shards = 1\nbackend_publish_cost = '5ms'\nbackend_delivery_cost = '1ms'"},
            "is its maximum.",
            id="a backend too small by its costs",
        ),
        pytest.param({"adapter": "postgres", "size": "9kB"}, "becomes a row", id="more than NOTIFY carries"),
        pytest.param({"adapter": "postgres", "binary": "true"}, "(binary)", id="binary in postgres"),
        pytest.param(
            {"kind": "broadcast", "rate": "1/d", "topology": "shards = 4"},
            "one channel of one shard",
            id="a broadcast to everybody uses one shard",
        ),
        pytest.param(
            {"recovery": "true", "adapter": "redis"}, "pub/sub keeps nothing", id="recovery without memory"
        ),
        pytest.param(
            {"recovery": "true", "adapter": "redis-streams"},
            "Recovery reaches back 30 s",
            id="a short stream",
        ),
        pytest.param(
            {"recovery": "true", "adapter": "mongo"}, "capped collection of 1 MB", id="a small collection"
        ),
        pytest.param(
            {"recovery": "true", "adapter": "none", "heap": "100MB", "size": "100kB"},
            "of heap",
            id="recovery fills the heap",
        ),
    ],
)
def test_warns(change, said):
    found = warnings(**change)
    assert sum(said in warning for warning in found) == 1, found


@pytest.mark.parametrize("adapter", ["redis", "postgres", "none", "mongo", "redis-streams", "cluster"])
def test_nothing_is_said_twice(adapter):
    found = warnings(adapter=adapter, recovery="true")
    assert len(found) == len(set(found))
    assert sum("onnection state recovery with" in warning for warning in found) <= 2
    assert sum("get nothing from each other" in w or "no adapter" in w for w in found) <= 1


def test_shards_that_nobody_decided_on_are_as_many_as_are_needed():
    loud = {"rate": "1/s", "topology": "backend_rate = '100k/s'"}
    assert not any("is its maximum" in warning for warning in warnings(**loud))
    assert any(
        "is its maximum" in w for w in warnings(rate="1/s", topology="backend_rate = '100k/s'\nshards = 1")
    )


@pytest.mark.parametrize(("imbalance", "returning"), [(1, "50,000"), (1.2, "60,000"), (9, "200,000")])
def test_the_sessions_that_come_back_at_once_are_the_fullest_servers(imbalance, returning):
    """They were the mean server's."""
    four = f"imbalance = {imbalance}\n[goals]\nspares = 3"
    found = warnings(adapter="redis-streams", recovery="true", rate="1/h", topology=four)
    assert any(w.startswith(f"{returning} sessions that come back at once") for w in found), found


def test_one_process_needs_no_adapter():
    inputs = compose.complete(
        planfile.decode(
            CHAT.format(
                kind="room",
                rate="1/min",
                size="200B",
                binary="false",
                recovery="false",
                heap="4GiB",
                adapter="redis",
                topology="",
            )
            .replace('"200k"', '"100"')
            .replace("processes = 4", "processes = 1"),
            "plan.toml",
        )
    )
    values = counting.values_of(inputs, 100, 1) | middles(inputs)
    found = lints.lint(evaluate(inputs, values))
    assert any("One process needs no adapter" in warning for warning in found)


TWO_KINDS = """\
[workload]
connections = "1k"
[workload.messages.typing]
kind = "room"
rate = "1/s"
room_size = "10"
[workload.messages.photo]
kind = "room"
rate = "1/d"
size = "1MB"
room_size = "10"
[transport]
upgrade = false
recovery = {recovery}
[server]
capacity = "1Gbit/s"
[topology]
adapter = "{adapter}"
"""


def of_two_kinds(adapter, recovery="false"):
    text = TWO_KINDS.format(adapter=adapter, recovery=recovery)
    inputs = compose.complete(planfile.decode(text, "plan.toml"))
    return " ".join(lints.lint(evaluate(inputs, middles(inputs))))


def test_each_kind_of_message_weighs_as_often_as_it_is_sent():
    """Every publish was taken for a photo: 1,000 INSERTs/s, and 12 GB of messages in 2 minutes."""
    # 1,000 photos a day
    assert "0.0116 INSERTs/s" in of_two_kinds("postgres")
    # 1,000 × (64 + 13 + 495) B + 0.01157 × (1,000,012 + 495) B = 583.6 kB/s
    said = of_two_kinds("mongo", recovery="true")
    assert "1 MB holds 1.71 s of messages, not 2 min: it needs 70 MB" in said
    # 214 kB/s: 8 MiB after 39 s, and then a minute more
    assert "stops reading" not in of_two_kinds("redis")
