import math

import pytest

from siotool.errors import InputError
from siotool.plan import sizing
from siotool.plan.evaluate import binding, count, evaluate, redundancy
from siotool.plan.figures.inputs import middle

#: Bandwidth asks for 28.57 servers; memory, where given, for 1,000,000 / (7 GB / 20 kB) = 2.857.
KEYS = {"workload.connections": "1M", "workload.consumption_rate": "2KB/s", "server.capacity": "100MB/s"}
MEMORY = {"server.memory": "10GB", "server.memory_per_connection": "20kB"}


def values_of(inputs):
    return {key: middle(figure.value) for key, figure in inputs.numbers()}


def of(plan_inputs, keys, messages=None):
    inputs = plan_inputs(keys, messages)
    return evaluate(inputs, values_of(inputs))


def test_the_constraint_that_asks_for_most_decides(plan_inputs):
    found = of(plan_inputs, KEYS | MEMORY)
    assert [bound.constraint.name for bound in binding(found.bounds)] == ["bandwidth", "memory"]
    assert found.needed == found.fleet == 29


def test_the_binding_one_the_next_one_and_how_far_they_are_apart(plan_inputs):
    plan = sizing.size(plan_inputs(KEYS | MEMORY))
    assert (plan.binding, plan.next_constraint) == ("bandwidth", "memory")
    assert plan.apart == pytest.approx(10)
    assert [row.binding_probability for row in plan.constraints] == [1, 0]
    other = sizing.size(plan_inputs(KEYS | MEMORY | {"server.memory_per_connection": "2MB"}))
    assert (other.binding, other.next_constraint) == ("memory", "bandwidth")
    assert other.apart == pytest.approx(10)


def test_a_lone_constraint_has_no_next_one(plan_inputs):
    plan = sizing.size(plan_inputs(KEYS))
    assert (plan.next_constraint, plan.apart) == (None, None)


@pytest.mark.parametrize(
    ("change", "worst", "fleet"),
    [
        pytest.param({}, "ordinary day", 29, id="nothing to survive"),
        pytest.param({"goals.spares": "2"}, "N+2", 31, id="two may be missing"),
        pytest.param({"goals.downtime": "30min"}, "k of n", 33, id="29 of 33 are up 99.9 % of the time"),
        pytest.param(
            {"goals.survive_zone": "true", "topology.zones": "3"}, "zone loss", 45, id="29 on two zones"
        ),
        pytest.param({"goals.max_unavailable": "5"}, "rolling deploy", 34, id="five out at once"),
        pytest.param(
            {
                "goals.spares": "2",
                "goals.max_unavailable": "5",
                "goals.survive_zone": "true",
                "topology.zones": "3",
            },
            "zone loss",
            45,
            id="the worst of them",
        ),
        pytest.param({"topology.zones": "3"}, "ordinary day", 29, id="zones that need not be survived"),
        pytest.param({"topology.shards": "3"}, "ordinary day", 29, id="a lost shard takes no server out"),
    ],
)
def test_bad_days(change, worst, fleet, plan_inputs):
    plan = sizing.size(plan_inputs(KEYS | change))
    assert plan.servers.p95 == fleet
    assert plan.worst_day == worst
    assert max(day.servers for day in plan.bad_days) == fleet


def test_the_goals_of_the_plan_are_its_bad_days(plan_inputs):
    inputs = plan_inputs(
        KEYS
        | {
            "goals.survive_zone": "true",
            "topology.zones": "3",
            "goals.downtime": "30min",
            "goals.spares": "1",
        }
    )
    found = redundancy(inputs, values_of(inputs))
    assert (found.zones, found.spare_servers, found.deploy, found.adapter_shards) == (3, 1, None, None)
    assert found.downtime_share == pytest.approx(0.5 / 24)


def test_no_fleet_survives_the_loss_of_its_only_zone(plan_inputs):
    plan = sizing.size(plan_inputs(KEYS | {"goals.survive_zone": "true"}))
    assert plan.servers.p95 is None
    assert plan.remedy == "zone loss: there is one zone; nothing is left when it fails."


def test_shards_and_balancers_follow_from_the_fleet(plan_inputs):
    keys = KEYS | {
        "topology.adapter": "redis",
        "topology.backend_rate": "100k/s",
        "topology.balancer_connections": "300k",
        "goals.spares": "1",
    }
    messages = {"news": {"kind": "announce", "rate": "20/s"}}
    found = of(plan_inputs, keys, messages)
    assert found.balancers == 4
    assert found.fleet > found.needed
    rows = {bound.constraint.name: bound.limit for bound in found.bounds}
    assert rows["adapter"].demand == pytest.approx(20 * found.fleet)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            {"server.capacity": "1B/s"}, "bandwidth: a demand of 2 GB/s and 0.7 B/s per server", id="bytes"
        ),
        pytest.param(
            {"server.memory": "1kB", "server.memory_per_connection": "699B", "workload.connections": "1G"},
            "memory: a demand of 1e+09 connections and 1.001 connections per server",
            id="connections",
        ),
    ],
)
def test_a_fleet_beyond_reason_is_a_slip(change, said, plan_inputs):
    with pytest.raises(InputError) as caught:
        of(plan_inputs, KEYS | {"server.capacity": "1TB/s"} | change)
    assert caught.value.message.startswith(said)
    assert "make more than 100,000,000 servers" in caught.value.message
    assert "units" in caught.value.hint


@pytest.mark.parametrize(("servers", "found"), [(3.0, 3), (0.0, 0), (math.inf, None)])
def test_a_count_is_whole_or_none(servers, found):
    assert count(servers) == found


@pytest.mark.parametrize("missing", ["workload.consumption_rate", "server.capacity"])
def test_the_formula_needs_its_figures(missing, plan_inputs):
    with pytest.raises(InputError, match=f"the plan has no {missing}"):
        sizing.size(plan_inputs({key: text for key, text in KEYS.items() if key != missing}))
