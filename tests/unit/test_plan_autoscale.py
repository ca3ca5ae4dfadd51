"""What a plan says to an autoscaler keeps the servers that the plan keeps in reserve."""

import math

import pytest

from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.growth.autoscale import scaling
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
    "goal",
    [
        pytest.param({"goals.spares": "5"}, id="N+5"),
        pytest.param({"goals.survive_zone": "true", "topology.zones": "3"}, id="a lost zone"),
        pytest.param({"goals.downtime": "30min"}, id="k of n"),
    ],
)
@pytest.mark.parametrize("peak", ["1", "1.5", "2"])
def test_the_autoscaler_keeps_the_spares(goal, peak, plan_inputs):
    """It aimed at full pods: at the peak it took the spares away, and a lost zone overloaded the rest."""
    inputs = plan_inputs(KEYS | goal)
    found = scaling(sizing.size(inputs), inputs, "chat", "default", draws=200, seed=1)
    now = plan_inputs(KEYS | goal | {"workload.peak_factor": peak})
    evaluation = evaluate(now, middles(now))
    # the tolerance: as few as the autoscaler ever leaves at this load
    tolerated = 1.1 * target_per_pod(found.connections_per_pod)
    wanted = math.ceil(evaluation.world.demand.connections / tolerated - 0.01)
    assert min(found.max_replicas, max(found.min_replicas, wanted)) >= evaluation.fleet - (peak == "1.5")
