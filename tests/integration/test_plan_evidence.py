"""What two real runs cost tells what a third one will: measured on the embedded target."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.observe import Observations, observe
from siotool.plan.evidence.prediction import predict
from siotool.plan.evidence.profile import extrapolation, measure
from siotool.plan.evidence.verify import verify
from siotool.plan.inputs import compose
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance
from tests.unit.observed_load import load_of

pytestmark = pytest.mark.slow

#: A small, busy machine is no laboratory: the fit is to be right about what matters, not exact.
BAND = 0.4


def test_two_runs_predict_a_third(start: Callable[..., Any], until: Callable[..., Any]) -> None:
    """Echo shows what a message in costs, chat what a delivery does; a smaller chat is their sum."""

    def run(scenario: str, users: int, rate: float, run_time: str) -> Any:
        test = start(
            "demo", "--scenario", scenario, "--users", users, "--spawn-rate", users / 4,
            "--run-time", run_time, "--set", f"rate={rate}", "--seed", 1,
        )  # fmt: skip
        # the next run's processes start while this one's report is made
        until(
            lambda: test.process.poll() is not None or (test.run and test.run.end),
            what="the run's end",
            within_s=60,
        )
        return test

    def look(*tests: Any) -> Observations:
        finished = [test.finish() for test in tests]
        for one in finished:
            assert one.code in (0, 5), one.stderr  # a crowded machine doubts its runs
        return observe([one.run for one in finished], ["suspect"] * len(finished), accept_suspect=True)

    runs = [run("echo", 80, 10.0, "9s"), run("chat", 120, 0.6, "9s"), run("chat", 80, 0.8, "8s")]
    learnt, third = look(*runs[:2]), look(runs[2])

    profile = measure(learnt, seed=1)
    delivery, inbound = profile.figures["server.delivery_cost"], profile.figures["server.inbound_cost"]
    assert 2e-6 < delivery.value < 1e-3, "a delivery takes microseconds"
    assert 5e-6 < inbound.value < 5e-3, "a call takes tens of microseconds"
    assert profile.figures["files_per_connection"].value == pytest.approx(1, rel=0.1)
    # 120 users take less memory than a young server takes by itself
    assert "server.memory_per_connection" not in profile.figures
    assert profile.cpu.explained > 0.5

    load = load_of(third)
    assert extrapolation(profile, load).factor <= 1, "the third run is smaller than what was measured"
    typed = Provenance("typed")
    given = Inputs({"workload.connections": Figure(1e4, typed), "server.capacity": Figure(1e9, typed)})
    inputs = compose.complete(compose.with_measured(given, inputs_of(profile, learnt, 1)))
    predicted = predict(inputs, third, draws=2000, seed=1, profile=profile)
    checked = verify(predicted, third)
    cpu = checked.checks[0]
    assert cpu.name == "cpu"
    assert cpu.observed == pytest.approx(float(np.median(predicted["cpu"])), rel=BAND), checked
    files = next(check for check in checked.checks if check.name == "files")
    assert files.observed == pytest.approx(files.value, rel=0.05)
