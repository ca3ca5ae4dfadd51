"""What is said of a plan with ranges is said of the drawn counts, and not of the middle of the ranges."""

import pytest

from siotool.plan.documents import plan_words
from siotool.plan.inputs import compose
from siotool.plan.model import Plan
from siotool.plan.sizing import sizing


def planned(**figures: str) -> Plan:
    typed = {
        key.replace("__", "."): (f"--{key}", value)
        for key, value in {
            "workload__connections": "1M",
            "workload__consumption_rate": "2KB/s",
            "server__capacity": "100MB/s",
            "goals__downtime": "0.5h",
            **figures,
        }.items()
    }
    return sizing.size(compose.complete(compose.from_flags(typed)), draws=2000, seed=1)


def test_the_corrected_count_is_drawn_too() -> None:
    """It said that 47 of 33 servers are up."""
    plan = planned(workload__consumption_rate="1KB/s..2KB/s..20KB/s")
    (bandwidth,) = [row for row in plan.constraints if row.name == plan.binding]
    assert bandwidth.servers_p50 is not None
    assert plan.corrected.servers is not None
    assert plan.corrected.servers >= bandwidth.servers_p50


def test_the_worst_day_is_the_one_with_the_most_servers() -> None:
    """In the middle of the ranges a deploy takes more, over most of them the servers that fail."""
    plan = planned(workload__connections="10k..10M", goals__max_unavailable="5")
    counts = {day.name: day.servers for day in plan.bad_days}
    assert counts[plan.worst_day] == max(filter(None, counts.values())) == plan.servers.p95


@pytest.mark.parametrize("downtime", ["0", "0.5h"])
def test_without_ranges_nothing_changes(downtime: str) -> None:
    plan = planned(goals__downtime=downtime)
    assert plan.corrected.servers == plan.servers.p95


def test_no_demand_is_said_of_ranges_too() -> None:
    """It said that a constraint decides in half of all cases, of a fleet of 0."""
    assert plan_words.answer(
        planned(workload__connections="0", workload__consumption_rate="1B/s..2KB/s")
    ) == ("There is no demand to carry.")
