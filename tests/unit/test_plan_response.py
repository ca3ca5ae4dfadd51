"""Servers against one input while the others stay at their medians."""

import pytest

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.figure import Inputs
from siotool.plan.uncertainty import worlds as uncertainty
from siotool.plan.uncertainty.response import POINTS, responses

PLAN = """
[workload]
connections = "50k..80k..200k"
consumption_rate = "1kB/s..4kB/s"
[server]
capacity = "100MB/s"
utilization = "60%..80%"
[goals]
spares = 1
"""


@pytest.fixture(scope="module")
def inputs():
    return compose.complete(planfile.decode(PLAN, "plan.toml"))


@pytest.fixture(scope="module")
def laws(inputs: Inputs):
    return uncertainty.uncertain(inputs, seed=1)


def test_each_point_is_the_plan_with_that_one_input_changed(inputs, laws):
    names = ["workload.connections", "server.utilization"]
    found = responses(inputs, laws, names)
    assert [one.key for one in found] == names
    for one in found:
        assert len(one.values) == len(one.servers) == len(one.exact) == POINTS
        for value, servers, exact in zip(one.values, one.servers, one.exact, strict=True):
            alone = evaluate(inputs, {**laws.medians(), one.key: value})
            assert servers == pytest.approx(float(alone.fleet))
            assert exact == pytest.approx(float(alone.bounds[0].limit.servers))


def test_a_curve_goes_from_the_5_to_the_95_percent_quantile_through_the_median(inputs, laws):
    (one,) = responses(inputs, laws, ["workload.connections"])
    assert one.values == sorted(one.values)
    assert one.values[0] == pytest.approx(50_000)
    assert one.values[-1] == pytest.approx(200_000)
    assert one.values[POINTS // 2] == pytest.approx(laws.medians()["workload.connections"])


def test_more_demand_never_takes_fewer_servers_and_more_use_never_more(inputs, laws):
    demand, use = responses(inputs, laws, ["workload.connections", "server.utilization"])
    assert demand.servers == sorted(demand.servers)
    assert use.servers == sorted(use.servers, reverse=True)


def test_where_no_fleet_is_enough_there_is_no_number():
    # a fixed cost of each process that alone fills its core, towards the end of its range
    text = """
        [workload]
        connections = "10k"
        [workload.messages.chat]
        kind = "echo"
        rate = "1/min"
        [server]
        capacity = "1Gbit/s"
        base_cost = "1%..90%"
    """
    inputs = compose.complete(planfile.decode(text, "plan.toml"))
    (one,) = responses(inputs, uncertainty.uncertain(inputs, seed=1), ["server.base_cost"])
    assert one.servers[0] is not None
    assert one.servers[-1] is None
    assert one.exact[-1] is None


def test_no_names_no_curves_and_what_does_not_vary_has_none(inputs, laws):
    assert responses(inputs, laws, []) == []
    with pytest.raises(KeyError):
        responses(inputs, laws, ["server.capacity"])
