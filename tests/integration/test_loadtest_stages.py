"""Profiles of several stages, and scenarios of one's own, on the embedded target."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siotool.workload import users_asked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def profile(lasting_start: Callable[..., Any]) -> Any:
    """Up, hold, up, and down to nobody, while everybody talks."""
    stages = ["2s:8", "2s:8", "1s:12", "2s:12", "2s:4", "1s:4", "1s:0", "1s:0"]
    options = [part for stage in stages for part in ("--stage", stage)]
    test = lasting_start("demo", "--scenario", "chat", "--set", "rate=5", "--processes", "2", *options)
    return test.finish()


def test_each_stage_reaches_the_users_it_asks_for(profile: Any) -> None:
    open_at_end = {interval.t_s: interval.connections.open for interval in profile.run.intervals}
    assert [open_at_end[second] for second in (3, 4, 6, 7, 10)] == [8, 8, 12, 12, 4]
    assert open_at_end[12] == 0
    assert profile.run.intervals[0].connections.open < 8
    assert profile.report["connections"]["peak"] == 12


def test_there_are_never_more_users_than_were_asked_for(profile: Any) -> None:
    stages = profile.run.header.workload.stages
    for interval in profile.run.intervals:
        assert interval.connections.users <= users_asked(stages, interval.t_s)


def test_only_what_comes_after_the_last_stage_is_draining(profile: Any) -> None:
    *before, last = profile.run.intervals
    assert not any(interval.draining for interval in before)
    # a busy machine may end the last stage late: an interval more
    assert last.draining
    assert last.t_s > 12


def test_users_leave_while_a_stage_goes_down_and_not_at_its_end(profile: Any) -> None:
    open_at_end = [interval.connections.open for interval in profile.run.intervals]
    assert 4 < open_at_end[7] < 12


def test_each_second_knows_its_stage(profile: Any) -> None:
    stages = [interval.stage for interval in profile.run.intervals]
    assert stages == sorted(stages)
    assert set(stages) == set(range(8))


def test_each_change_of_stage_is_noted(profile: Any) -> None:
    notes = [note.text for note in profile.run.notes]
    assert "stage 3: 12 users within 1 s" in notes
    assert "stage 7: 0 users within 1 s" in notes


def test_who_leaves_by_plan_is_neither_closed_nor_lost(profile: Any) -> None:
    assert (profile.classes("closed"), profile.classes("failed")) == ({}, {})
    delivery = profile.report["delivery"]
    assert delivery["expected"] == delivery["received"] > 0
    assert {delivery[name] for name in ("lost", "duplicate", "reordered", "late", "pending")} == {0}


@pytest.mark.quiet
def test_a_profile_that_ends_with_nobody_has_not_lost_its_target(profile: Any) -> None:
    assert profile.run.end.reason == "finished"
    assert (profile.code, profile.report["doubts"]) == (0, [])


def test_nothing_is_sent_by_users_who_have_left(profile: Any) -> None:
    # from a second after the last one left
    assert {interval.delivery.published for interval in profile.run.intervals[11:]} == {0}
    assert profile.run.intervals[-1].connections.users == 0


def test_users_that_come_and_go_leave_no_orphans_and_no_false_losses(
    node_server: Callable[..., Any], loadtest: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """Stopped while they connected, 200 users left 382 connections, 74 losses and 222 duplicates behind."""
    server = node_server()
    stages = [option for users in (80, 0, 80, 10, 80, 0) for option in ("--stage", f"1s:{users}")]
    done = loadtest(server.url, "--scenario", "chat", "--set", "rate=3", "--processes", "2", *stages)
    delivery = done.report["delivery"]
    assert delivery["received"] > 1000
    assert (delivery["lost"], delivery["duplicate"]) == (0, 0)
    connections = done.report["connections"]
    assert connections["attempted"] == connections["established"] + sum(connections["failed"].values())
    assert max(interval.connections.open for interval in done.run.intervals) <= 80
    until(lambda: server.counters()["connected"] == 0, what="every connection closed")
    assert not any("connections are open" in doubt for doubt in done.report["doubts"])


# ── scenarios of one's own ────────────────────────────────────────────────────────────

OWN = '''"""Say hello, and wait for what comes back."""

import socketio
from siotool.swarm.user import SocketIOUser, knob, task

class Hello(SocketIOUser):
    rate: float = knob(2.0, "greetings per second")
    word: str = knob("hello", "what is said")

    @task
    def greet(self):
        answer = self.call("echo", self.word, {"of": self.word})
        assert answer == [self.word, {"of": self.word}], answer
        self.emit("chat message", answer[0])
        self.call("echo", "ok")
'''


def test_a_scenario_of_ones_own_in_a_few_lines(loadtest: Callable[..., Any], tmp_path: Path) -> None:
    """It may import what it likes: even python-socketio, which breaks a Locust that comes after it."""
    scenario = tmp_path / "greet.py"
    scenario.write_text(OWN)
    done = loadtest(
        *("demo", "--scenario", scenario, "--set", "word=good morning", "--run-time", "3s"),
        *("--users", "4", "--spawn-rate", "100"),
    )
    assert (done.code, done.stderr.count("Error")) == (0, 0)
    header = done.run.header
    assert (header.workload.scenario, header.workload.settings) == (
        "greet",
        {"arrival": "constant", "rate": 2.0, "word": "good morning"},
    )
    # both calls of each turn; the emit between them has no time and no row
    assert {(row["op"], row["name"]) for row in done.report["operations"]} == {
        *(("connect", "/"), ("namespace", "/"), ("upgrade", "websocket"), ("ack", "echo")),
        *(("phase", name) for name in ("tcp", "first poll", "probe", "websocket")),
    }
    issued = done.counted("Hello").issued
    assert issued > 10
    # the end may have come in the middle of a turn of each of the four
    assert 2 * (issued - 4) <= done.operation("ack", "echo")["count"] <= 2 * issued


FAILING = """
from siotool.swarm.user import SocketIOUser, knob, task

class Careless(SocketIOUser):
    rate: float = knob(5.0, "divisions per second")

    @task
    def divide(self):
        self.call("echo", "hi")
        1 / 0
"""


def test_an_error_in_a_task_is_told_and_ends_neither_user_nor_run(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    scenario = tmp_path / "careless.py"
    scenario.write_text(FAILING)
    done = loadtest("demo", "--scenario", scenario, "--users", "2", "--spawn-rate", "100", "--run-time", "3s")
    assert "ZeroDivisionError" in done.stderr
    assert "careless.py:" in done.stderr
    assert done.run.end.reason == "finished"
    assert done.operation("ack", "echo")["count"] > 2 * 5


def test_listening_without_a_send_time_counts_and_times_nothing(loadtest: Callable[..., Any]) -> None:
    """A delivery without a latency is none of zero: it would halve every percentile."""
    done = loadtest(
        *("demo", "--scenario", "listen", "--tick-rate", "10", "--users", "4", "--spawn-rate", "100"),
        *("--run-time", "3s", "--fail-if", "p50:deliver < 1h"),
    )
    row = done.operation("deliver", "tick")
    assert row["count"] > 4 * 20
    assert {row[name] for name in ("p50_s", "p95_s", "p99_s", "max_s", "mean_s")} == {None}
    assert done.report["gates"][0]["value"] is None
    assert done.code == 4  # what was not measured fails its gate


def test_a_send_time_that_is_not_there_makes_the_run_suspect(loadtest: Callable[..., Any]) -> None:
    done = loadtest(
        *("demo", "--scenario", "listen", "--tick-rate", "10", "--users", "4", "--spawn-rate", "100"),
        *("--run-time", "2s", "--set", "event=tick", "--set", "sent_at=when"),
    )
    row = done.operation("deliver", "tick")
    assert (row["count"] > 0, row["p50_s"]) == (True, None)
    assert any("no readable send time" in doubt for doubt in done.report["doubts"])
    assert done.code == 5
