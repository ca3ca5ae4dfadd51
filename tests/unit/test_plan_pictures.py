"""The page's storm is looked at less closely than plan storm does, and says the same."""

import pytest

from siotool.plan.documents.pictures import storm_of
from siotool.plan.sizing import sizing
from siotool.plan.storm import simulator
from siotool.plan.storm.study import StormOptions, study

CHAT = {
    "workload.connections": "500k",
    "workload.consumption_rate": "1KB/s",
    "server.capacity": "100MB/s",
    "server.accept_rate": "300/s",
    "goals.reconnect_time": "60s",
}


@pytest.mark.slow
def test_a_page_takes_a_fraction_of_the_steps_for_the_same_storm(plan_inputs, monkeypatch):
    """It simulated 22 storms at full length: a quarter of a page's time went into what nobody sees."""
    looked_at = [0]
    arrivals = simulator._Run._arrivals

    def counted(self, step):
        looked_at[-1] += 1
        return arrivals(self, step)

    monkeypatch.setattr(simulator._Run, "_arrivals", counted)
    inputs = plan_inputs(CHAT)
    plan = sizing.size(inputs)
    drawn = storm_of(plan, inputs, draws=100, seed=1)
    looked_at.append(0)
    close = study(inputs, StormOptions(servers=plan.servers.p95), draws=100, seed=1)
    assert looked_at[0] < 0.6 * looked_at[1]
    assert drawn.servers == close.servers
    for share in ("half_s", "ninety_s", "ninety_nine_s", "all_s", "attempts", "peak_attempts_per_s"):
        assert getattr(drawn.course, share) == pytest.approx(getattr(close.course, share), rel=0.05), share
    assert drawn.largest_connections_per_server == pytest.approx(
        close.largest_connections_per_server, rel=0.03
    )
    known = {point.servers: point.ninety_nine_s for point in close.curve}
    assert len(drawn.curve) >= 4
    for point in drawn.curve:
        assert point.ninety_nine_s == pytest.approx(known[point.servers], rel=0.1)
    assert drawn.better_delay_max_s == close.better_delay_max_s
