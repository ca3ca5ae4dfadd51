"""A plan that no number of servers satisfies: everything made from a fleet says so, and invents none."""

import datetime

import pytest

from siotool.errors import InputError
from siotool.plan.growth.autoscale import scaling
from siotool.plan.growth.outlook import outlook
from siotool.plan.money import pricing
from siotool.plan.money.prices import Shape
from siotool.plan.sizing import sizing
from siotool.plan.storm import study

#: 2,000 sockets of a server are reserved, and it has 1,000.
NO_FLEET = {
    "workload.connections": "10k",
    "workload.consumption_rate": "1KB/s",
    "server.capacity": "1GB/s",
    "server.open_files": "1k",
    "server.open_files_reserved": "2k",
    "workload.growth": "50%",
    "server.accept_rate": "50/s",
}


@pytest.fixture
def planned(plan_inputs):
    inputs = plan_inputs(NO_FLEET)
    plan = sizing.size(inputs)
    assert plan.servers.p95 is None
    return plan, inputs


def test_nothing_outgrows_it_and_nothing_has_a_price(planned):
    start = datetime.date(2026, 1, 1)
    assert outlook(*planned, start, lead_time_s=0.0, draws=50, seed=1) is None
    assert pricing.cost(*planned, None, None) is None


def test_an_autoscaler_is_told_nothing(planned):
    with pytest.raises(InputError, match="no fleet to scale"):
        scaling(*planned, "chat", "default", draws=50, seed=1)


def test_no_server_of_it_is_lost(planned):
    _, inputs = planned
    with pytest.raises(InputError, match="no fleet to lose servers of") as refused:
        study.study(inputs, study.StormOptions(), draws=50, seed=1)
    assert "--servers 10" in refused.value.hint
    assert study.study(inputs, study.StormOptions(servers=10), draws=50, seed=1).servers == 10


def test_ranges_scale_by_what_holds_in_most_of_the_draws(plan_inputs):
    """Pods of the mean would be too full in half of the worlds."""
    keys = {"workload.connections": "100k", "workload.consumption_rate": "2KB/s"}
    known = plan_inputs(keys | {"server.capacity": "100MB/s"})
    doubted = plan_inputs(keys | {"server.capacity": "50MB/s..150MB/s"})
    of_known, of_doubted = (
        scaling(sizing.size(inputs), inputs, "chat", "default", draws=400, seed=1)
        for inputs in (known, doubted)
    )
    assert of_doubted.connections_per_pod < 0.8 * of_known.connections_per_pod
    assert of_doubted.max_replicas > of_known.max_replicas


def test_a_shape_without_a_core_runs_no_event_loop(plan_inputs):
    shape = Shape("tiny", cores=0.5, memory_bytes=1e9, bandwidth_bytes_per_s=1e8)
    with pytest.raises(InputError, match=r"prices\.toml: shapes\.tiny has 0\.5 cores"):
        pricing.as_shape(plan_inputs(NO_FLEET), shape, "prices.toml")
