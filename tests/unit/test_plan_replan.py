"""A plan that was written as JSON and is read back: the same inputs, and the same servers."""

import msgspec
import pytest

from siotool.errors import InputError
from siotool.plan.inputs import compose
from siotool.plan.sizing import replan
from siotool.plan.sizing.sizing import size

MESSAGES = {
    "say": {"kind": "room", "rate": "1/min", "size": "200B", "room_size": "50", "acknowledged": "true"},
    "call": {"kind": "echo", "rate": "1/s", "to_sender": "false", "binary": "true"},
}


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        pytest.param({"workload.consumption_rate": "2KB/s"}, None, id="the formula alone"),
        pytest.param({"server.processes": "4", "topology.adapter": "redis-sharded"}, MESSAGES, id="messages"),
        pytest.param(
            {"workload.connections": "10k..20k..60k", "goals.survive_zone": "true", "topology.zones": "3"},
            MESSAGES,
            id="ranges, flags and zones",
        ),
    ],
)
def test_a_plan_comes_back_as_it_was(plan_inputs, keys, messages):
    inputs = plan_inputs({"workload.connections": "10k", "server.capacity": "1Gbit/s"} | keys, messages)
    plan = size(inputs, draws=2000, sensitivities=False)
    back = replan.decode(msgspec.json.encode(plan), "plan.json")
    assert (back.servers, back.document) == (plan.servers, plan.document)
    assert back.inputs.messages == inputs.messages
    assert set(back.inputs.uncertain()) == set(inputs.uncertain())
    again = size(compose.complete(back.inputs), draws=2000, sensitivities=False)
    assert [row.name for row in again.constraints] == [row.name for row in plan.constraints]
    for one, other in zip(again.constraints, plan.constraints, strict=True):
        assert one.demand == pytest.approx(other.demand, rel=0.2)
        assert one.servers_p95 == pytest.approx(other.servers_p95, rel=0.15, abs=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"key": "server.unheard_of"}, "server.unheard_of is not a figure of a plan", id="a key"),
        pytest.param({"value": None}, "has no value", id="no value"),
        pytest.param({"value": -1.0}, "expected", id="a value out of bounds"),
    ],
)
def test_a_figure_that_no_plan_has_is_refused(plan_inputs, change, said):
    keys = {
        "workload.connections": "10k",
        "workload.consumption_rate": "2KB/s",
        "server.capacity": "1Gbit/s",
    }
    plan = size(plan_inputs(keys))
    figures = [msgspec.structs.replace(plan.figures[0], **change), *plan.figures[1:]]
    wrong = msgspec.json.encode(msgspec.structs.replace(plan, figures=figures))
    with pytest.raises(InputError, match=said) as caught:
        replan.decode(wrong, "plan.json")
    assert "plan.json" in caught.value.message
