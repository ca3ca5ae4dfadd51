"""What a plan says to an autoscaler keeps the servers that the plan keeps in reserve."""

import math

import pytest

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.growth.autoscale import outrun, scaling
from siotool.plan.growth.exports import target_per_pod
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing

KEYS = {
    "workload.connections": "400k",
    "workload.peak_factor": "2",
    "workload.consumption_rate": "2KB/s",
    "server.capacity": "100MB/s",
}


@pytest.mark.parametrize(
    ("goal", "left"),
    [
        pytest.param({"goals.spares": "5"}, lambda pods: pods - 5, id="N+5"),
        pytest.param(
            {"goals.survive_zone": "true", "topology.zones": "3"},
            lambda pods: pods - math.ceil(pods / 3),
            id="a lost zone",
        ),
    ],
)
@pytest.mark.parametrize("peak", ["1", "1.5", "2"])
def test_the_autoscaler_keeps_the_spares(goal, left, peak, plan_inputs):
    """It aimed at full pods: at the peak it took the spares away, and a lost zone overloaded the rest."""
    needed = math.ceil(400_000 * float(peak) * 2000 / 70e6)
    assert left(pods_at(peak, goal, plan_inputs)) >= needed - (peak == "1.5")


@pytest.mark.parametrize("peak", ["1", "1.5", "2"])
def test_the_autoscaler_keeps_k_of_n(peak, plan_inputs):
    goal = {"goals.downtime": "30min"}
    now = plan_inputs(KEYS | goal | {"workload.peak_factor": peak})
    fleet = evaluate(now, middles(now)).fleet
    assert pods_at(peak, goal, plan_inputs) >= fleet - (peak == "1.5")


def pods_at(peak, goal, plan_inputs):
    """As few pods as the autoscaler ever leaves at so many times the mean: its tolerance counts."""
    inputs = plan_inputs(KEYS | goal)
    found = scaling(sizing.size(inputs), inputs, "chat", "default", draws=200, seed=1)
    tolerated = 1.1 * target_per_pod(found.connections_per_pod)
    wanted = math.ceil(400_000 * float(peak) / tolerated - 0.01)
    return min(found.max_replicas, max(found.min_replicas, wanted))


def test_a_pod_holds_its_part_of_what_the_fleet_holds(plan_inputs):
    """The mean day's single pod was to hold the 10,000 it has: the peak then asked for 10 pods of 3."""
    service = {"workload.connections": "10k", "workload.peak_factor": "10", "workload.session_length": "1h"}
    inputs = plan_inputs(KEYS | service)
    found = scaling(sizing.size(inputs), inputs, "chat", "default", draws=200, seed=1)
    # 100,000 × 2 kB/s / 70 MB/s = 2.86; 3 hold 105,000 and 1 holds 35,000
    assert (found.min_replicas, found.max_replicas) == (1, 3)
    assert found.connections_per_pod == pytest.approx(35_000, rel=1e-4)
    assert "is the maximum" not in (outrun(inputs, found, 60.0) or "")


def test_pods_of_ranges_hold_the_peak_in_95_of_100_cases(plan_inputs):
    """A pod held what it does in 95 % of the draws: 50 MB/s × 70 % / 2 kB/s."""
    inputs = plan_inputs(KEYS | {"server.capacity": "50MB/s..200MB/s", "workload.peak_factor": "1"})
    plan = sizing.size(inputs, draws=2000)
    found = scaling(plan, inputs, "chat", "default", draws=2000, seed=1)
    assert found.connections_per_pod == pytest.approx(50e6 * 0.7 / 2000, rel=0.01)
    assert found.max_replicas * found.connections_per_pod >= 400_000 * 0.99


def test_connections_that_cost_nothing_are_shared_as_they_are(plan_inputs):
    """Only new ones cost CPU, and they are as many however many there are."""
    free = {"workload.consumption_rate": "0B/s", "workload.churn": "400/s", "server.connect_cost": "1ms"}
    inputs = plan_inputs({"workload.connections": "400k", "server.capacity": "100MB/s"} | free)
    found = scaling(sizing.size(inputs), inputs, "chat", "default", draws=200, seed=1)
    assert found.connections_per_pod == 400_000 / found.max_replicas
