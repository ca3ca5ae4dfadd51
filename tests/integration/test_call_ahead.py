"""Calls that nobody waits for: an open workload, with every call of it in the metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siotool.histogram import merged

pytestmark = [pytest.mark.slow, pytest.mark.node]

USERS = 10
AT_ONCE = ("--users", str(USERS), "--spawn-rate", "100")
RATE = ("--set", "rate=10")


def booked(done: Any, event: str = "echo") -> int:
    """Calls of a run, answered or failed."""
    calls = done.operation("ack", event)
    return int(calls["count"]) + sum(calls["errors"].values())


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_a_stalled_server_does_not_put_off_the_next_call(
    start: Callable[..., Any], node_server: Callable[..., Any], arrival: str
) -> None:
    server = node_server()
    how = (*RATE, "--set", f"arrival={arrival}")
    test = start(server.url, "--scenario", "echo", *how, *AT_ONCE, "--run-time", "7s")
    test.reached(2)
    server.stall(2000)
    done = test.finish()
    calls = done.operation("ack", "echo")
    assert calls["errors"] == {}
    assert calls["p95_s"] >= 1
    assert calls["p50_s"] < 1
    # they were sent when they were due, so what they took is what the server took
    sent = merged(
        operation.service
        for interval in done.run.intervals
        for operation in interval.operations
        if operation.op == "ack"
    )
    assert sent.quantile(0.95) == pytest.approx(calls["p95_s"], rel=0.1)
    assert max(worker.schedule_lag_s for i in done.run.intervals for worker in i.generator) < 1
    counted = done.counted("Echo")
    assert calls["count"] == server.counters()["received"]["echo"] == counted.issued
    assert counted.issued >= 0.98 * counted.offered
    # users that waited for their answers would have sent 200 late; a busy machine may hold up some
    assert counted.late < 100
    assert counted.withheld == 0
    # about 7 s of 10 users at 10 a second, the first period of each left out; a busy machine stops it late
    spread = 1 if arrival == "constant" else 4 * 690**0.5
    assert counted.offered == pytest.approx(690, abs=30 + spread)


def test_a_call_answered_after_its_timeout_is_booked_once(
    start: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    server = node_server()
    options = (*AT_ONCE, "--ack-timeout", "500ms", "--run-time", "5s")
    test = start(server.url, "--scenario", "echo", *RATE, *options)
    test.reached(2)
    server.stall(1500)
    done = test.finish()
    calls = done.operation("ack", "echo")
    assert set(calls["errors"]) == {"timeout"}
    # all that were due in the first second of it, and no more than were due in all of it
    assert 0.8 * USERS * 10 <= calls["errors"]["timeout"] <= 2 * USERS * 10
    assert booked(done) == server.counters()["received"]["echo"] == done.counted("Echo").issued


def test_calls_under_way_fail_once_when_the_connection_ends(
    start: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    server = node_server()
    options = ("--set", "event=nobody hears", *AT_ONCE, "--run-time", "5s")
    test = start(server.url, "--scenario", "echo", *RATE, *options)
    test.reached(2)
    assert server.kick() == USERS
    done = test.finish()
    calls = done.operation("ack", "nobody hears")
    assert calls["count"] == 0
    # all were waiting; after the kick users stay away, and nothing is due
    assert set(calls["errors"]) == {"server_disconnect"}
    assert calls["errors"]["server_disconnect"] >= USERS * 10
    assert booked(done, "nobody hears") == done.counted("Echo").issued
    assert done.classes("closed") == {"server_disconnect": USERS}


def test_a_user_that_stops_hears_of_the_calls_it_left_behind(
    start: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    server = node_server()
    test = start(server.url, "--scenario", "echo", *RATE, *AT_ONCE, "--run-time", "60s")
    test.reached(2)
    server.stall(1500)
    test.interrupt()
    done = test.finish()
    calls = done.operation("ack", "echo")
    assert calls["errors"] == {}
    assert calls["count"] == server.counters()["received"]["echo"] == done.counted("Echo").issued
    assert done.classes("closed") == {}


def test_calls_ahead_and_calls_awaited_of_one_task_keep_their_order(
    loadtest: Callable[..., Any], node_server: Callable[..., Any], tmp_path: Path
) -> None:
    scenario = tmp_path / "both.py"
    scenario.write_text(
        """
from siotool.swarm.user import SocketIOUser, knob, task

class Both(SocketIOUser):
    rate: float = knob(5.0, "tasks per second")

    @task
    def both(self):
        assert self.call("echo", "ahead", wait=False) is None
        assert self.call("echo", "awaited") == ["awaited"]
"""
    )
    server = node_server()
    done = loadtest(server.url, "--scenario", scenario, *AT_ONCE, "--run-time", "3s")
    calls = done.operation("ack", "echo")
    assert calls["errors"] == {}
    assert calls["count"] == server.counters()["received"]["echo"]
    # a task stopped between the two has made one
    assert 2 * done.counted("Both").issued - USERS <= calls["count"] <= 2 * done.counted("Both").issued
    assert "Error" not in done.stderr
