import math

import pytest

from siotool.errors import InputError
from siotool.plan.documents import plan_words
from siotool.plan.evaluation.evaluate import binding, count, evaluate, redundancy
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

#: Bandwidth asks for 28.57 servers; memory, where given, for 1,000,000 / (7 GB / 20 kB) = 2.857.
KEYS = {"workload.connections": "1M", "workload.consumption_rate": "2KB/s", "server.capacity": "100MB/s"}
MEMORY = {"server.memory": "10GB", "server.memory_per_connection": "20kB"}


def of(plan_inputs, keys, messages=None):
    inputs = plan_inputs(keys, messages)
    return evaluate(inputs, middles(inputs))


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


#: 8.57 servers' worth of bandwidth; a storm of 300,000 clients at 500/s, in 25 s.
STORM = {
    "workload.connections": "300k",
    "workload.consumption_rate": "2KB/s",
    "server.capacity": "100MB/s",
    "server.accept_rate": "500/s",
    "goals.reconnect_time": "30s",
    "topology.zones": "3",
}


@pytest.mark.parametrize(
    ("change", "worst", "fleet", "binding"),
    [
        # a third comes back to two thirds: 8 · N · 2/3 >= 24 · 8/3, N = 12; bandwidth has 9, on two zones 15
        pytest.param({"goals.storm": "zone"}, "ordinary day", 12, "reconnect storm", id="a storm of a zone"),
        pytest.param(
            {"goals.storm": "zone", "goals.survive_zone": "true"},
            "zone loss",
            15,
            "bandwidth",
            id="which the others survive with more",
        ),
        pytest.param(
            {"goals.storm": "zone", "goals.survive_zone": "true", "server.accept_rate": "300/s"},
            "ordinary day",
            21,
            "reconnect storm",
            id="one that asks for 20, which are 21 in equal zones",
        ),
        # N (N − 1) >= 120, that is 12
        pytest.param(
            {"server.accept_rate": "100/s", "goals.spares": "1"},
            "ordinary day",
            12,
            "reconnect storm",
            id="a server, and a spare",
        ),
        pytest.param(
            {"server.accept_rate": "100/s", "goals.spares": "2"},
            "N+2",
            13,
            "reconnect storm",
            id="and two spares",
        ),
        pytest.param(
            {"server.accept_rate": "150/s", "goals.spares": "1"},
            "ordinary day",
            10,
            "reconnect storm",
            id="a storm that asks for 10 beside a load that asks for 9 and a spare",
        ),
    ],
)
def test_a_storm_and_the_day_it_is_of_are_not_added_up(change, worst, fleet, binding, plan_inputs):
    plan = sizing.size(plan_inputs(STORM | change))
    assert (plan.servers.p95, plan.worst_day, plan.binding) == (fleet, worst, binding)
    assert [row.name for row in plan.constraints if row.binding_probability] == [binding]
    in_service = next(row.servers_p95 for row in plan.constraints if row.name == binding)
    purpose = "recover from a reconnect storm in time" if binding == "reconnect storm" else "carry the demand"
    assert f"It takes {in_service} in service to {purpose}" in plan_words.answer(plan)


def test_what_decides_in_draws_is_what_makes_the_fleet(plan_inputs):
    """The storm asks for 12 servers and bandwidth for 9, which the loss of a zone makes 15."""
    keys = STORM | {"goals.storm": "zone", "goals.survive_zone": "true"}
    plan = sizing.size(plan_inputs(keys | {"server.capacity": "99MB/s..101MB/s"}), draws=200)
    assert plan.servers.p95 == 15
    assert {row.name for row in plan.constraints if row.binding_probability} == {"bandwidth"}
    single = sizing.size(plan_inputs(keys))
    assert (single.next_constraint, single.apart) == ("reconnect storm", pytest.approx(15 / 12))


def test_a_server_that_a_storm_sets_aside_is_one_set_aside(plan_inputs):
    """A storm's fleet outlives the loss of a server, spares or not."""
    said = "no server is set aside for one that is out of service"
    for change in ({"goals.spares": "1"}, {}):
        plan = sizing.size(plan_inputs(STORM | change | {"server.accept_rate": "100/s"}))
        assert not any(said in warning for warning in plan.warnings)
    assert any(said in warning for warning in sizing.size(plan_inputs(STORM)).warnings)


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
    found = redundancy(inputs, middles(inputs))
    assert (found.zones, found.spare_servers, found.deploy_out, found.adapter_shards) == (3, 1, 0, None)
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
    assert "need more than 100,000,000 servers" in caught.value.message
    assert "units" in caught.value.hint


@pytest.mark.parametrize(("servers", "found"), [(3.0, 3), (0.0, 0), (math.inf, None)])
def test_a_count_is_whole_or_none(servers, found):
    assert count(servers) == found


@pytest.mark.parametrize("missing", ["workload.consumption_rate", "server.capacity"])
def test_the_formula_needs_its_figures(missing, plan_inputs):
    with pytest.raises(InputError, match=f"the plan has no {missing}"):
        sizing.size(plan_inputs({key: text for key, text in KEYS.items() if key != missing}))
