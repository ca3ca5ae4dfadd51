"""Sessions that come and go: how many, how long they stayed, and that none is missing."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from siotool.swarm.program import arrival_moments
from siotool.workload import Arrivals

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: A host that is there all the time, and two kinds of guests. Each guest writes down how long it was there.
PARTY = """
from pathlib import Path
from time import monotonic

import gevent
from locust import constant
from locust.exception import StopUser
from siotool.swarm.user import SocketIOUser, task

LOG = Path(__file__).with_suffix(".log")

class Host(SocketIOUser):
    fixed_count = 1

    @task
    def stay(self):
        self.hold()

class Guest(SocketIOUser):
    abstract = True
    wait_time = constant(1)
    stay = 0.0

    def on_start(self):
        self.came = monotonic()
        super().on_start()

    @task
    def visit(self):
        assert self.call("echo", "hi") == ["hi"]
        gevent.sleep(self.stay)
        with LOG.open("a") as log:
            log.write(f"{type(self).__name__} {self._number} {monotonic() - self.came}\\n")
        self.end()

class Short(Guest):
    weight = 3
    stay = 0.4

    def end(self):
        raise StopUser

class Long(Guest):
    stay = 1.5

    def end(self):
        self.stop()
"""

#: 2 and 6 arrivals a second at one time: what is asked of each run.
CONSTANT = Arrivals(10.0, 6.0)
CROWDED = Arrivals(12.0, 6.0, most=5, process="poisson")


@pytest.fixture(scope="module")
def runs(
    lasting_start: Callable[..., Any],
    lasting_node_server: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Two runs on two workers each, beside each other: with places for all, and with too few."""
    folder = tmp_path_factory.mktemp("party")

    def run(name: str, *options: str) -> Any:
        scenario = folder / f"{name}.py"
        scenario.write_text(PARTY)
        server = lasting_node_server()
        options = (*options, "--run-time", "6s", "--processes", "2", "--server-pid", str(server.pid))
        done = lasting_start(server.url, "--scenario", scenario, *options).finish()
        visits = [line.split() for line in scenario.with_suffix(".log").read_text().splitlines()]
        return done, server.counters(), visits

    with ThreadPoolExecutor() as pool:
        roomy = pool.submit(run, "roomy", "--arrival-rate", "10/s")
        crowded = pool.submit(
            *(run, "crowded", "--arrival-rate", "720/min", "--users", "5", "--arrival-process", "poisson")
        )
        return {"roomy": roomy.result(), "crowded": crowded.result()}


def test_users_arrive_at_the_rate_that_was_asked_for(runs: dict[str, Any]) -> None:
    done, server, _ = runs["roomy"]
    visits = done.report["visits"]
    assert (visits["offered"], visits["arrived"], visits["no_place"]) == (60, 60, 0)
    assert visits["started"] == done.report["connections"]["established"] == 61, "and the host"
    assert visits["achieved_per_s"] == pytest.approx(10, rel=0.05)
    arrived = [interval.visits.arrived for interval in done.run.intervals[:6]]
    assert sum(arrived) >= 59
    assert arrived == pytest.approx([10] * 6, abs=2)
    assert server["tcp_open"] == 0


def test_each_user_that_ends_is_a_visit_and_none_is_replaced(runs: dict[str, Any]) -> None:
    done, server, visits = runs["roomy"]
    found = done.report["visits"]
    assert found["ended"] == len(visits)
    # those of the last 1.5 s may have been there still
    assert 60 - 2 * 10 <= found["ended"] <= 60
    assert server["received"]["echo"] == 60
    assert {done.counted(name).started for name in ("Short", "Long")} == {45, 15}
    assert (done.counted("Host").started, done.counted("Host").ended) == (1, 0)
    assert done.report["connections"]["closed"] == {}
    assert done.classes("failed") == {}


def test_the_length_of_visits_is_what_the_users_themselves_measured(runs: dict[str, Any]) -> None:
    done, _, visits = runs["roomy"]
    found = done.report["visits"]
    own = sorted(float(length) for _, _, length in visits)
    for key, quantile in (("length_p50_s", 0.5), ("length_p90_s", 0.9), ("length_p99_s", 0.99)):
        exact = float(np.quantile(own, quantile, method="inverted_cdf"))
        assert found[key] == pytest.approx(exact, rel=0.011, abs=0.02), key
    assert 0.4 < found["length_p50_s"] < 1.5 < found["length_max_s"]


def test_no_number_comes_twice(runs: dict[str, Any]) -> None:
    for _, _, visits in runs.values():
        numbers = [number for _, number, _ in visits]
        assert len(set(numbers)) == len(numbers)


def test_users_that_come_and_go_are_no_doubt_and_have_a_steady_phase(runs: dict[str, Any]) -> None:
    done, _, _ = runs["roomy"]
    assert not [doubt for doubt in done.report["doubts"] if "users" in doubt or "arriv" in doubt]
    assert not any("ended by themselves" in remark for remark in done.report["remarks"])
    assert (done.report["gates"][0]["outcome"], done.run.end.reason) == ("passed", "finished")


def test_arrivals_without_a_place_are_counted_and_doubted(runs: dict[str, Any]) -> None:
    done, _, _ = runs["crowded"]
    visits = done.report["visits"]
    stream = list(arrival_moments(CROWDED, seed=1))
    assert visits["offered"] == len(stream) == visits["arrived"] + visits["no_place"]
    assert visits["no_place"] > 10
    # five at once, the host among them
    assert max(interval.connections.users for interval in done.run.intervals) <= 5
    assert done.counted("Short").started + done.counted("Long").started == visits["arrived"]
    assert any(
        f"{visits['no_place']} of {len(stream)} arrivals found no place" in doubt
        for doubt in done.report["doubts"]
    )
    assert done.code == 5


def test_the_churn_of_a_plan_is_what_was_measured(runs: dict[str, Any]) -> None:
    done, _, _ = runs["roomy"]
    command = [sys.executable, "-m", "siotool", "plan", "--connections", "10k", "--from", str(done.folder)]
    planned = subprocess.run(
        [*command, "--accept-suspect", "--format", "json"], capture_output=True, text=True, check=True
    )
    figures = {found["key"]: found for found in json.loads(planned.stdout)["figures"]}
    # by Little's law: 10 users a second, as many as are there at once
    held = done.report["steady"]["connections_mean"]
    assert figures["workload.session_length"]["value"] == pytest.approx(held / 10, rel=0.25)
