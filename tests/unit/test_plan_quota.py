"""A process that may fill half a core is one whose every cost is twice as much, in each constraint of CPU."""

import pytest

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs.middles import middles

COSTS = {
    "base": "1%",
    "idle": "10us",
    "inbound": "40us",
    "ack": "20us",
    "encode": "10us",
    "delivery": "30us",
    "byte": "1ns",
    "connect": "1ms",
    "adapter": "10us",
    "decode": "5us",
}
TWICE = {
    "base": "2%",
    "idle": "20us",
    "inbound": "80us",
    "ack": "40us",
    "encode": "20us",
    "delivery": "60us",
    "byte": "2ns",
    "connect": "2ms",
    "adapter": "20us",
    "decode": "10us",
}
SERVICE = {
    "workload.connections": "100k",
    "workload.session_length": "10min",
    "server.capacity": "1GB/s",
    "server.processes": "4",
    "topology.adapter": "redis-sharded",
    "goals.delivery_time": "200ms",
    "goals.reconnect_time": "30s",
}
MESSAGES = {
    "say": {"kind": "room", "rate": "1/min", "size": "100B", "room_size": "200", "acknowledged": "true"},
    "call": {"kind": "echo", "rate": "1/min", "size": "100B", "acknowledged": "true"},
}


@pytest.mark.parametrize("name", ["event loop", "broadcast time", "reconnect storm"])
def test_half_a_core_is_as_costs_twice_as_high(plan_inputs, name):
    def servers(costs, cores):
        keys = {f"server.{cost}_cost": text for cost, text in costs.items()}
        inputs = plan_inputs(SERVICE | keys | {"server.process_cores": cores}, MESSAGES)
        found = evaluate(inputs, middles(inputs))
        (limit,) = [bound.limit for bound in found.bounds if bound.constraint.name == name]
        return limit.servers

    assert servers(COSTS, "50%") == pytest.approx(servers(TWICE, "100%"), rel=1e-4)
    assert servers(COSTS, "50%") > servers(COSTS, "100%")
