"""What a measured backend carries at a plan's own number of processes."""

from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.constraints.adapter import ADAPTER
from siotool.plan.demand.service import world
from siotool.plan.evidence.adapter_inputs import inputs_of_adapter
from siotool.plan.evidence.adapter_measure import measure_adapter
from siotool.plan.evidence.adapter_profile import TURNS as OF_TURNS
from siotool.plan.evidence.adapter_summary import said_of_adapter
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.inputs.ranges import Replicates
from tests.unit.fleets_of_adapters import BACKEND, TURNS, fleet_of
from tests.unit.test_adapter_costs import MEASURED, OF_BACKEND

#: 60 sessions that send to all.
_PLAN = """[workload]
connections = "60"
[workload.messages.say]
kind = "broadcast"
rate = "{rate}/s"
size = "{size}B"
[server]
utilization = "70%"
{more}
"""
#: What a full backend has for messages.
ROOM = 1 - BACKEND["base"] - (BACKEND["turn"] + BACKEND["turn_for_others"]) * TURNS


@cache
def profile_of(nodes=(1, 2, 3, 4)):
    return measure_adapter(ADAPTERS["redis"], fleet_of(ADAPTERS["redis"], nodes), (), MEASURED, 1)


def planned(profile, rate, size, more=""):
    typed = planfile.decode(_PLAN.format(rate=rate, size=size, more=more), "plan.toml")
    return compose.complete(
        compose.with_measured(typed, inputs_of_adapter(profile, typed, size, 1, alone=True))
    )


def load(inputs, servers, values=None):
    """Share of one shard that the plan's messages take with so many servers."""
    made = world(inputs, middles(inputs) if values is None else values)
    limit = ADAPTER.limit(msgspec.structs.replace(made, servers=float(servers)))
    return limit.demand / limit.capacity_per_server * made["server.utilization"]


def taken_of(rate, size, servers):
    """CPU that the planted costs have for the plan's messages."""
    once, each = (BACKEND[name] + size * BACKEND["byte"] for name in ("message", "receiver"))
    return 60 * rate * (once + servers * each)


def test_a_fleet_smaller_than_the_largest_measured_one_is_not_planned_with_its_receivers():
    """Trap: a message's own cost was shared by as many receivers as the largest fleet had, whatever the
    plan's number of processes: a publish to 2 servers was 22 µs in the place of 32.
    """
    inputs = planned(profile_of((1, 3, 4)), rate=100 / 60, size=0)
    for servers in (1, 2, 4, 8):
        assert load(inputs, servers) == pytest.approx(taken_of(100 / 60, 0, servers) / ROOM, rel=0.06), (
            servers
        )


@given(
    rate=st.floats(0.01, 50),
    size=st.integers(0, 4000),
    few=st.integers(1, 60),
    more=st.integers(1, 60),
)
@settings(max_examples=25, deadline=None)
def test_the_backends_load_is_the_profiles_own_sum_at_each_number_of_processes(rate, size, few, more):
    """In each replicate, and so it grows with the processes."""
    profile = profile_of()
    inputs = planned(profile, rate, size)
    drawn = {key: np.array(inputs.figures[key].value.values) for key in OF_BACKEND}
    values = middles(inputs) | drawn
    rows = {
        name: np.array(row)
        for name, row in zip(profile.backend.names, profile.backend.replicates, strict=True)
    }

    def own(servers):
        byte = rows["byte"] * size
        return 60 * rate * (rows["message"] + byte + servers * (rows["receiver"] + byte))

    loads = {servers: load(inputs, servers, values) for servers in (few, few + more)}
    assert (loads[few] < loads[few + more]).all()
    # servers of one start are faster or slower together: the same factor for all
    assert loads[few + more] / loads[few] == pytest.approx(own(few + more) / own(few), rel=1e-9)
    busy = rows["base"] + profile.backend.turns_most * sum(rows[name] for name in OF_TURNS)
    for servers, found in loads.items():
        assert np.median(found) == pytest.approx(np.median(own(servers) / (1 - busy)), rel=0.06)


def test_a_message_that_is_not_told_apart_is_sure_at_the_measured_receivers_only():
    """Fleets of one size: what a message costs once is inside what its four receivers cost."""
    profile = profile_of((4,))
    assert "message" not in profile.backend.names
    inputs = planned(profile, rate=1, size=0)
    values = middles(inputs) | {key: np.array(inputs.figures[key].value.values) for key in OF_BACKEND}

    def width(servers):
        low, high = np.quantile(load(inputs, servers, values), (0.05, 0.95))
        assert low < taken_of(1, 0, servers) / ROOM < high, servers
        return high / low

    assert width(4) < 1.3
    assert width(1) > 1.6
    assert width(16) > 1.6
    assert "nothing and all" in inputs.figures["topology.backend_publish_cost"].provenance.detail
    own = inputs_of_adapter(profile, Inputs(), 0, 1, alone=True)
    assert any("not told apart" in said for said in said_of_adapter(profile, own))


def test_a_cost_of_the_backend_that_may_be_0_is_said():
    profile = profile_of()
    rows = dict(zip(profile.backend.names, map(list, profile.backend.replicates), strict=True))
    for name in ("receiver", "byte"):
        rows[name][:40] = [0.0] * 40
    unsure = msgspec.structs.replace(
        profile, backend=msgspec.structs.replace(profile.backend, replicates=list(rows.values()))
    )
    own = inputs_of_adapter(unsure, Inputs(), 0, 1, alone=True)
    assert own.figures["topology.backend_delivery_cost"].value.low == 0
    said = [one for one in said_of_adapter(unsure, own) if one.startswith("backend")]
    assert len(said) == 1
    assert said[0].startswith("backend receiver may be 0: at most")


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        pytest.param("", OF_BACKEND, id="what was measured"),
        pytest.param('[topology]\nbackend_rate = "1k/s"', set(), id="a rate that is typed goes before it"),
        pytest.param(
            '[topology]\nbackend_publish_cost = "1us"',
            {"topology.backend_delivery_cost"},
            id="a cost that is typed before its own alone",
        ),
    ],
)
def test_what_is_typed_of_a_backend_goes_before_what_was_measured(more, kept):
    inputs = planned(profile_of(), 1, 100, more)
    found = {key for key in OF_BACKEND if key in inputs and isinstance(inputs.figures[key].value, Replicates)}
    assert found == kept
    if "rate" in more:
        assert load(inputs, 3) == pytest.approx(60 * 3 / 1000)


@pytest.mark.parametrize(
    ("free", "more", "said"),
    [
        pytest.param(40, "", ["backend receiver may be 0: at most"], id="what was measured"),
        pytest.param(40, '[topology]\nbackend_rate = "1k/s"', [], id="a rate was typed"),
        pytest.param(40, '[topology]\nbackend_delivery_cost = "1us"', [], id="that cost was typed"),
        pytest.param(
            400, '[topology]\nbackend_publish_cost = "1us"', ["a message may cost the backend nothing"],
            id="nothing was measured, and the other cost typed",
        ),
    ],
)  # fmt: skip
def test_what_was_not_measured_well_is_said_where_the_plan_rests_on_it(free, more, said):
    """A plan with a rate that was typed said that it is as wide as the measured costs leave it."""
    profile = profile_of()
    rows = dict(zip(profile.backend.names, map(list, profile.backend.replicates), strict=True))
    for name in ("receiver", "byte") if free == 40 else ("message", "receiver", "byte"):
        rows[name][:free] = [0.0] * free
    unsure = msgspec.structs.replace(
        profile, backend=msgspec.structs.replace(profile.backend, replicates=list(rows.values()))
    )
    typed = planfile.decode(_PLAN.format(rate=1, size=0, more=more), "plan.toml")
    given = compose.with_measured(typed, inputs_of_adapter(unsure, typed, 0, 1, alone=True))
    begins = ("backend", "a message may cost the backend")
    found = [one for one in said_of_adapter(unsure, given) if one.startswith(begins)]
    assert [one[: len(begin)] for one, begin in zip(found, said, strict=True)] == said
