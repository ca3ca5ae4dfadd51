"""Lints of how a fleet is set up: adapter, typed rates, sticky sessions."""

import pytest

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.evaluation.lints import lint
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

#: 3 servers by bandwidth.
BASE = {
    "workload.connections": "10k",
    "workload.consumption_rate": "20KB/s",
    "server.capacity": "100MB/s",
    "transport.upgrade": "false",
}
SMALL = {"workload.consumption_rate": "1B/s", "server.capacity": "10GB/s", "workload.connections": "10"}
ROOM = {"chat": {"kind": "room", "rate": "1/min", "room_size": "10"}}
ECHO = {"call": {"kind": "echo", "rate": "1/min"}}


def of(plan_inputs, change, messages=None):
    inputs = plan_inputs(BASE | change, messages)
    return lint(evaluate(inputs, middles(inputs)))


def said(words, sentences):
    return any(words in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("change", "messages", "warned"),
    [
        pytest.param({}, ROOM, True, id="several servers and rooms"),
        pytest.param({"topology.adapter": "redis"}, ROOM, False, id="an adapter"),
        pytest.param({}, ECHO, False, id="an echo stays where it is"),
        pytest.param({}, None, False, id="nothing is sent"),
        pytest.param(SMALL, ROOM, False, id="one process hears itself"),
        pytest.param(SMALL | {"server.processes": "2"}, ROOM, True, id="two processes of one server"),
    ],
)
def test_without_an_adapter_processes_do_not_hear_each_other(change, messages, warned, plan_inputs):
    assert said("there is more than one process and no adapter", of(plan_inputs, change, messages)) == warned


@pytest.mark.parametrize(
    ("change", "messages", "warned"),
    [
        pytest.param({"workload.consumption_rate": "20KB/s"}, ROOM, True, id="typed far above"),
        pytest.param({"workload.consumption_rate": "1B/s"}, ROOM, True, id="typed far below"),
        pytest.param({"workload.consumption_rate": "23B/s"}, ROOM, False, id="about the same"),
        pytest.param({"workload.consumption_rate": "20KB/s"}, None, False, id="nothing to compare with"),
        pytest.param({"workload.connections": "0"}, ROOM, False, id="nobody there"),
    ],
)
def test_a_typed_rate_against_what_messages_make(change, messages, warned, plan_inputs):
    assert said("the formula uses the second", of(plan_inputs, change, messages)) == warned


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            {"transport.upgrade": "true"}, "clients open with polling: the balancer", id="as installed"
        ),
        pytest.param(
            {"transport.polling": "5%"}, "5 % of sessions poll: the balancer", id="some keep polling"
        ),
        pytest.param(
            {"transport.polling": "5%"}, "more than 45 s", id="25 s between pings, 20 s of patience"
        ),
        pytest.param({}, None, id="WebSocket alone goes where it goes"),
        pytest.param({"transport.upgrade": "true", "topology.balancer": "none"}, None, id="no balancer"),
        pytest.param(
            {"transport.polling": "1%", "topology.balancer": "none"},
            "1 % of sessions poll: the balancer must send",
            id="whoever polls is warned of, whatever balancer is named",
        ),
        pytest.param({"transport.upgrade": "true"} | SMALL, None, id="one process"),
        pytest.param(
            {"transport.polling": "1%", "server.processes": "2"} | SMALL,
            "1 % of sessions poll",
            id="two processes of one server",
        ),
        pytest.param(
            {"transport.polling": "0%..1%"}, "of sessions poll: the balancer must", id="a share in a range"
        ),
        pytest.param({"transport.polling": "5%", "topology.sticky": "true"}, None, id="said to be sticky"),
        pytest.param({"transport.upgrade": "true", "topology.sticky": "true"}, None, id="sticky, upgrades"),
    ],
)
def test_polling_needs_sticky_sessions(change, words, plan_inputs):
    found = of(plan_inputs, {"topology.balancer": "nginx"} | change)
    assert said(words, found) if words else not said("sticky", found)


def test_a_fleet_that_may_be_several_is_warned_as_one(plan_inputs):
    """One server for the middle of the ranges, more to be sure: the answer is more."""
    change = {"workload.connections": "1k", "server.capacity": "5MB/s..1GB/s", "transport.polling": "1%"}
    plan = sizing.size(plan_inputs(BASE | change, ROOM), draws=500)
    assert plan.servers.p50 == 1
    assert plan.servers.p95 > 1
    assert said("sticky sessions", plan.warnings)
    assert said("more than one process and no adapter", plan.warnings)


def test_a_plan_without_a_catch_needs_no_warning(plan_inputs):
    assert of(plan_inputs, SMALL) == []


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        pytest.param("", True, id="growth without a date grows nothing"),
        pytest.param('ahead = "180d"', False, id="growth until a date is sized for"),
    ],
)
def test_growth_that_sizes_nothing_is_pointed_out(ahead, said):
    text = (
        '[workload]\nconnections = "10k"\nconsumption_rate = "1kB/s"\ngrowth = "40%"\n'
        f'{ahead}\n[server]\ncapacity = "1Gbit/s"\n'
    )
    plan = sizing.size(compose.complete(planfile.decode(text, "x")))
    assert any("workload.ahead" in warning for warning in plan.warnings) is said
