import pytest

from siotool.plan.constraints.broadcast import BROADCAST
from siotool.plan.demand import world
from siotool.plan.figures.inputs import middle

KEYS = {"workload.connections": "30k", "server.delivery_cost": "33us", "goals.delivery_time": "200ms"}


def to(kind, **more):
    return {"news": {"kind": kind, "rate": "1/min", **more}}


@pytest.mark.parametrize(
    ("messages", "change", "demand", "capacity"),
    [
        # 30,000 writes of 33 µs take a second, however idle the process is between two broadcasts
        pytest.param(to("announce"), {}, 30_000, 0.2 / 33e-6, id="everybody hears an announcement"),
        pytest.param(to("broadcast"), {}, 30_000, 0.2 / 33e-6, id="and a broadcast"),
        pytest.param(to("room", room_size="500"), {}, 500, 0.2 / 33e-6, id="a room holds fewer"),
        pytest.param(
            to("room", room_size="90k"), {}, 30_000, 0.2 / 33e-6, id="a room holds no more than all"
        ),
        pytest.param(to("echo"), {}, 1, 0.2 / 33e-6, id="an echo reaches one"),
        pytest.param(
            to("announce"), {"server.processes": "4"}, 30_000, 4 * 0.2 / 33e-6, id="processes write at once"
        ),
        pytest.param(
            to("announce"), {"topology.imbalance": "1.5"}, 45_000, 0.2 / 33e-6, id="the fullest is the last"
        ),
        pytest.param(
            to("room", room_size="10") | to("announce"), {}, 30_000, 0.2 / 33e-6, id="the widest counts"
        ),
    ],
)
def test_the_last_one_waits_for_all_before(messages, change, demand, capacity, both_ways):
    limit = both_ways(BROADCAST, KEYS | change, messages)
    assert limit.demand == pytest.approx(demand)
    assert limit.capacity_per_server == pytest.approx(capacity)
    assert limit.servers == pytest.approx(demand / capacity)


def test_a_write_that_costs_nothing_is_never_late(both_ways):
    assert both_ways(BROADCAST, KEYS | {"server.delivery_cost": "0s"}, to("announce")).servers == 0


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        pytest.param(KEYS, None, id="nothing is sent"),
        pytest.param({k: v for k, v in KEYS.items() if "goals" not in k}, to("announce"), id="no goal"),
    ],
)
def test_says_nothing_where(keys, messages, both_ways):
    assert both_ways(BROADCAST, keys, messages) is None


def test_its_sentence(both_ways, plan_inputs):
    inputs = plan_inputs(KEYS, to("announce"))
    one = world(inputs, {key: middle(figure.value) for key, figure in inputs.numbers()})
    assert BROADCAST.sentence(one, both_ways(BROADCAST, KEYS, to("announce"))) == (
        "6,061 sessions of one server are written to within 200 ms, 33 µs each"
    )
