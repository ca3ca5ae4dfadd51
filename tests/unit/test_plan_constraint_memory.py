import pytest

from siotool.plan.constraints.memory import HEAP, MEMORY
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

KEYS = {
    "workload.connections": "1M",
    "server.memory": "16GB",
    "server.memory_base": "60MB",
    "server.memory_per_connection": "36kB",
    "server.kernel_memory_per_connection": "4kB",
    "server.heap": "2GB",
    "server.heap_per_connection": "10kB",
}


def world_of(inputs):
    return world(inputs, middles(inputs))


@pytest.mark.parametrize(
    ("change", "demand", "capacity"),
    [
        # (16 GB × 70 % − 60 MB) / 40 kB
        pytest.param(
            {}, 1e6, (11.2e9 - 60e6) / 40e3, id="what the process and the kernel take, over the rest"
        ),
        pytest.param({"server.processes": "4"}, 1e6, (11.2e9 - 240e6) / 40e3, id="each process has its base"),
        pytest.param({"topology.imbalance": "1.2"}, 1.2e6, (11.2e9 - 60e6) / 40e3, id="the fullest decides"),
        pytest.param(
            {"server.kernel_memory_per_connection": "0B"}, 1e6, (11.2e9 - 60e6) / 36e3, id="a kernel for free"
        ),
    ],
)
def test_connections_that_fit_in_memory(change, demand, capacity, both_ways):
    limit = both_ways(MEMORY, KEYS | change)
    assert limit.demand == pytest.approx(demand)
    assert limit.capacity_per_server == pytest.approx(capacity)
    assert limit.servers == pytest.approx(demand / capacity)


def test_the_heap_is_each_process_s_own(both_ways):
    limit = both_ways(HEAP, KEYS | {"server.processes": "4"})
    assert limit.capacity_per_server == pytest.approx(4 * 2e9 * 0.7 / 10e3)
    assert limit.servers == pytest.approx(1e6 / (4 * 2e9 * 0.7 / 10e3))


@pytest.mark.parametrize(
    ("constraint", "missing"),
    [
        (MEMORY, "server.memory"),
        (MEMORY, "server.memory_per_connection"),
        (HEAP, "server.heap"),
        (HEAP, "server.heap_per_connection"),
    ],
)
def test_says_nothing_without(constraint, missing, both_ways):
    assert both_ways(constraint, {key: text for key, text in KEYS.items() if key != missing}) is None


def test_processes_that_fill_the_memory_leave_room_for_no_one(both_ways, plan_inputs):
    keys = KEYS | {"server.processes": "200", "workload.consumption_rate": "1B/s", "server.capacity": "1GB/s"}
    limit = both_ways(MEMORY, keys)
    assert (limit.capacity_per_server, limit.servers) == (0, float("inf"))
    plan = sizing.size(plan_inputs(keys))
    assert plan.servers.p95 is None
    assert plan.remedy == "memory: 40 kB a connection: 0 fit in one server."


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        pytest.param(MEMORY, "40 kB a connection: 278,500 fit in one server", id="memory"),
        pytest.param(
            HEAP, "10 kB of heap a connection: 140,000 fit under the heap limits of one server", id="heap"
        ),
    ],
)
def test_the_sentences(constraint, sentence, both_ways, plan_inputs):
    assert constraint.sentence(world_of(plan_inputs(KEYS)), both_ways(constraint, KEYS)) == sentence


def test_what_costs_nothing_is_not_listed_with_an_infinite_capacity(plan_inputs):
    keys = {
        "workload.consumption_rate": "1B/s",
        "server.capacity": "1GB/s",
        "server.heap_per_connection": "0B",
    }
    for spread in ({}, {"workload.connections": "1M..2M"}):
        plan = sizing.size(plan_inputs(KEYS | keys | spread), draws=200)
        assert [row.name for row in plan.constraints] == ["bandwidth", "memory"]
        assert plan.next_constraint == "bandwidth"
