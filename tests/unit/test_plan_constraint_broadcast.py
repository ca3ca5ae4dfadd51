import math

import numpy as np
import pytest

from siotool.plan.constraints.broadcast import BROADCAST, IN_TIME, servers_in_time
from siotool.plan.constraints.cpu import load
from siotool.plan.constraints.event_loop import EVENT_LOOP
from siotool.plan.constraints.turns import turns
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

#: Every cost 0 but the writes, and a message so rare that nothing ever waits.
FREE = {
    f"server.{name}_cost": "0s"
    for name in ("idle", "inbound", "encode", "byte", "adapter", "decode", "connect")
}
KEYS = {"workload.connections": "30k", "server.delivery_cost": "33us", "goals.delivery_time": "200ms"}
#: Draws and single figures are both found to a part in a million.
NEAR = 1e-5


def to(kind, rate="1/d", **more):
    return {"news": {"kind": kind, "rate": rate, **more}}


def world_of(inputs):
    return world(inputs, middles(inputs))


@pytest.fixture(name="limit")
def _limit(both_ways):
    return lambda keys, messages: both_ways(BROADCAST, keys, messages, rel=NEAR)


@pytest.mark.parametrize(
    ("messages", "change", "demand", "capacity"),
    [
        # 30,000 writes of 33 µs take a second, however idle the process is between two broadcasts
        pytest.param(to("announce"), {}, 30_000, 0.2 / 33e-6, id="everybody hears an announcement"),
        pytest.param(
            to("room", "0.000001/d", room_size="500"), {}, 500, 0.2 / 33e-6, id="a room holds fewer"
        ),
        pytest.param(to("echo"), {}, 1, 0.2 / 33e-6, id="an echo reaches one"),
        pytest.param(
            to("announce"), {"server.processes": "4"}, 30_000, 4 * 0.2 / 33e-6, id="processes write at once"
        ),
        pytest.param(
            to("announce"), {"topology.imbalance": "1.5"}, 45_000, 0.2 / 33e-6, id="the fullest is the last"
        ),
        pytest.param(
            to("room", "0.000001/d", room_size="10") | {"all": {"kind": "announce", "rate": "1/d"}},
            {},
            30_000,
            0.2 / 33e-6,
            id="the widest counts",
        ),
    ],
)
def test_where_nothing_waits_the_last_one_waits_for_all_before(messages, change, demand, capacity, limit):
    found = limit(KEYS | FREE | change, messages)
    assert found.demand == pytest.approx(demand)
    assert found.capacity_per_server == pytest.approx(capacity, rel=2e-3)
    assert found.servers == pytest.approx(demand / capacity, rel=2e-3)


def test_waiting_is_part_of_delivery_time(limit, both_ways):
    """The loop at 69 %, broadcasts that alone take 90 % of the goal: 0.9 of a server, it was said."""
    keys = KEYS | FREE | {"workload.connections": "2k", "server.inbound_cost": "90us"}
    keys |= {"server.delivery_cost": "90us"}
    calls = {"call": {"kind": "echo", "rate": "1.9/s"}}
    assert both_ways(EVENT_LOOP, keys, calls | to("announce")).demand == pytest.approx(0.69, abs=0.01)
    rare = limit(keys, calls | to("announce"))
    assert 0.9 < rare.servers < 1, "rare ones wait for calls alone, which are short"
    # ten a minute are 3 % of the loop's time: one in a hundred now waits for another one
    often = limit(keys, calls | to("announce", "10/min"))
    assert 1.1 < often.servers < 2
    # and where everybody speaks, for the sender's process too
    apart = limit(keys | {"topology.adapter": "redis"}, calls | to("broadcast", "5/h"))
    assert apart.servers > often.servers


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        pytest.param({}, to("announce", "20/min"), id="announcements"),
        pytest.param({"server.processes": "4"}, to("announce", "5/s"), id="many of them"),
        pytest.param({"topology.adapter": "redis"}, to("room", "1/min", room_size="900"), id="rooms"),
        pytest.param(
            {"topology.adapter": "redis-sharded", "topology.imbalance": "1.2"},
            to("room", "1/h", room_size="9000") | {"call": {"kind": "echo", "rate": "1/s", "size": "9kB"}},
            id="large rooms and calls",
        ),
        pytest.param({"workload.connections": "900"}, to("announce", "1/min"), id="less than one server"),
    ],
)
def test_the_fewest_servers_that_are_in_time(keys, messages, plan_inputs):
    keys = {"server.profile": "node-ws", "workload.session_length": "20min"} | KEYS | keys
    one = world_of(plan_inputs(keys, messages))
    servers = servers_in_time(one)

    def late(servers, goal=0.2):
        found = turns(one, load(one), max(servers, 1) * one["server.processes"])
        return found.share_later(goal * min(servers, 1) - found.longest.own_s)

    assert late(servers) <= 1 - IN_TIME < late(servers * (1 - 1e-5))


def test_counting_servers_one_by_one_finds_as_many(plan_inputs, limit):
    keys = {"server.profile": "node-ws", "topology.adapter": "redis"} | KEYS
    messages = to("broadcast", "1/h") | {"room": {"kind": "room", "rate": "5/min", "room_size": "80"}}
    one = world_of(plan_inputs(keys, messages))

    def time(servers):
        found = turns(one, load(one), float(servers))
        return found.longest.own_s + found.wait_within(IN_TIME)

    fewest = next(n for n in range(1, 1000) if time(n) <= 0.2)
    assert math.ceil(limit(keys, messages).servers) == fewest


def test_draws_of_something_else_change_nothing(plan_inputs):
    """A search that was cut short for all draws left a single figure a hundredth too large."""
    keys = {"server.profile": "node-ws", "topology.adapter": "redis"} | KEYS
    inputs = plan_inputs(keys, to("broadcast", "1/h"))
    values = middles(inputs)
    drawn = values | {"server.memory_base": np.array([1e6, 2e6, 3e6])}
    assert servers_in_time(world(inputs, drawn)) == servers_in_time(world(inputs, values))


def test_a_write_that_costs_nothing_is_never_late(limit):
    assert limit(KEYS | FREE | {"server.delivery_cost": "0s"}, to("announce")).servers == 0


def test_nobody_needs_no_server(limit):
    keys = KEYS | {"workload.connections": "0", "server.base_cost": "50%"}
    assert limit(keys, to("announce")).servers == 0


@pytest.mark.parametrize(
    ("change", "rate", "why"),
    [
        pytest.param(
            {"server.adapter_cost": "40us"},
            "1/s",
            "each process is always busy with its own work and the publishes of all others",
            id="what each receives fills it",
        ),
        pytest.param(
            {"server.adapter_cost": "32us", "goals.delivery_time": "1ms"},
            "1/s",
            "each process spends 96 % of its core on its own work and the publishes of all others, and one "
            "broadcast in 100 waits more than 2.",
            id="what each receives keeps it waiting",
        ),
        pytest.param(
            {"goals.delivery_time": "20us"},
            "1/d",
            "writing to one session alone takes 33 µs",
            id="one write takes longer",
        ),
    ],
)
def test_no_number_of_servers_is_enough(change, rate, why, limit, plan_inputs):
    """With the classic adapter each process hears of all publishes, however many processes there are."""
    keys = KEYS | FREE | {"topology.adapter": "redis"} | change
    messages = to("room", rate, room_size="10")
    found = limit(keys, messages)
    assert (found.servers, found.capacity_per_server) == (math.inf, 0)
    one = world_of(plan_inputs(keys, messages))
    assert why in BROADCAST.sentence(one, found)
    formula = {"workload.consumption_rate": "1B/s", "server.capacity": "1TB/s"}
    plan = sizing.size(plan_inputs(keys | formula, messages))
    assert plan.servers.p95 is None
    assert "broadcast time: no number of servers delivers within" in plan.remedy


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        pytest.param(KEYS, None, id="nothing is sent"),
        pytest.param({k: v for k, v in KEYS.items() if "goals" not in k}, to("announce"), id="no goal"),
    ],
)
def test_says_nothing_where(keys, messages, limit):
    assert limit(keys, messages) is None


@pytest.mark.parametrize(
    ("keys", "messages", "sentence"),
    [
        pytest.param(
            {},
            to("announce", "6/min"),
            "on 7 servers, the last of 4,286 sessions of a process is written to within 183 ms, 99 times in "
            "100: 41.9 ms of waiting and 141 ms of writing",
            id="waiting and writing apart",
        ),
        pytest.param(
            {"topology.adapter": "redis", "server.processes": "2"},
            to("broadcast", "1/h"),
            "on 10 servers, the last of 1,500 sessions of a process is written to within 181 ms, 99 times in "
            "100: 132 ms of waiting at two processes and 49.5 ms of writing",
            id="waiting at two processes",
        ),
    ],
)
def test_its_sentence(keys, messages, sentence, limit, plan_inputs):
    keys = KEYS | FREE | keys
    one = world_of(plan_inputs(keys, messages))
    assert BROADCAST.sentence(one, limit(keys, messages)) == sentence
