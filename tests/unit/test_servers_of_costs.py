"""The servers that a comparison counts with the costs of its runs."""

import pytest

from siotool.cli.counts import Intent
from siotool.cli.servers_of_costs import counting
from siotool.plan.inputs import compose
from siotool.report.comparison.servers_change import Factors
from tests.unit.test_report_costs import SERVICE, searched_run

INTENT = Intent(compose.from_flags({key: (f"--{key}", text) for key, text in SERVICE.items()}))


def test_the_costs_of_runs_count_servers(make_run):
    count = counting([make_run(cpu_per_connection=0.004)], INTENT)
    assert count(Factors(1.0, 1.0, 1.0)) > 0


@pytest.mark.parametrize("searched", [1, 2])
def test_runs_that_searched_count_no_servers_by_their_costs(make_run, searched):
    """One report showed two numbers of servers: that of the capacity, and that of the costs."""
    runs = [searched_run(make_run) if number < searched else make_run() for number in range(2)]
    assert counting(runs, INTENT) == "the runs searched for a capacity: compare their intervals"
