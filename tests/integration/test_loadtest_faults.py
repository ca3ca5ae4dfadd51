"""What the server does to its clients, and what a run says of it: death, stalls, loss, silence."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siotool.histogram import merged
from siotool.runfile import Run

pytestmark = [pytest.mark.slow, pytest.mark.node]

USERS = 10
AT_ONCE = ("--users", str(USERS), "--spawn-rate", "100")

# Everybody is there before the first message, and still there well after the last one.
COUNTED_CHAT = """
from siotool.swarm.user import SocketIOUser, knob, task

class Talker(SocketIOUser):
    rate: float = knob(10.0, "turns per second")

    def on_connected(self):
        self.turn = -10

    @task
    def say(self):
        self.turn += 1
        if 0 < self.turn <= 10:
            self.publish("chat message")
"""


def counted(run: Run, op: str) -> list[int]:
    """Successes of an operation, second by second."""
    return [
        sum(operation.count for operation in interval.operations if operation.op == op)
        for interval in run.intervals
    ]


# ── the server dies ───────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def killed(lasting_start: Callable[..., Any], lasting_node_server: Callable[..., Any]) -> Any:
    """A run whose server was killed in the middle, and the run file as it was then."""
    server = lasting_node_server()
    test = lasting_start(
        *(server.url, "--server-pid", server.pid, "--scenario", "echo", "--set", "rate=5"),
        *(*AT_ONCE, "--processes", "2", "--run-time", "6s"),
    )
    before = test.reached(2)
    server.kill()
    return before, test.finish()


def test_a_killed_servers_run_exits_3_and_is_whole(killed: Any) -> None:
    before, done = killed
    assert done.code == 3
    assert before.intervals == done.run.intervals[: len(before.intervals)]
    assert (done.run.end.reason, done.run.truncated_line) == ("target_lost", False)


def test_a_killed_server_closes_as_many_connections_as_were_open(killed: Any) -> None:
    before, done = killed
    assert before.intervals[-1].connections.open == USERS
    closed = done.classes("closed")
    assert sum(closed.values()) == USERS
    assert set(closed) <= {"transport_close", "reset"}
    assert done.run.intervals[-1].connections.open == 0


def test_reconnects_to_a_killed_server_are_counted_as_refused(killed: Any) -> None:
    _, done = killed
    failed = done.classes("failed")
    assert set(failed) == {"refused"}
    assert failed["refused"] >= USERS
    reconnects = done.operation("reconnect", "/")
    assert (reconnects["count"], reconnects["errors"], reconnects["p50_s"]) == (0, failed, None)
    connections = done.report["connections"]
    assert connections["attempted"] == connections["established"] + failed["refused"]


def test_nothing_is_measured_on_a_dead_server(killed: Any) -> None:
    before, done = killed
    # the kill came within the second after those that were written down
    after = counted(done.run, "ack")[len(before.intervals) + 1 :]
    assert len(after) >= 2
    assert set(after) == {0}
    calls = done.operation("ack", "echo")
    assert set(calls["errors"]) <= {"transport_close", "reset"}


def test_a_killed_servers_run_has_its_reports_and_says_what_happened(killed: Any) -> None:
    _, done = killed
    assert {path.name for path in done.folder.iterdir()} > {"report.html", "report.md", "report.json"}
    assert {run["ended"] for run in done.report["runs"]} == {"target_lost"}
    assert not any("target" in doubt for doubt in done.report["doubts"]), "what the target did is no doubt"
    assert done.report["verdict"] != "passed"
    assert "is gone)" in done.stderr
    assert "Traceback" not in done.stderr


def test_users_come_back_after_a_restart_and_stay_away_after_a_kick(
    start: Callable[..., Any], node_server: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server = node_server()
    test = start(server.url, "--scenario", "echo", "--set", "rate=2", *AT_ONCE, "--run-time", "60s")

    def at_end_of_a_second(count: int) -> Callable[[], bool]:
        """Whether so many are connected at the end of a second that began after now."""
        seconds = len(test.run.intervals) + 1

        def look() -> bool:
            later = test.run.intervals[seconds:]
            return bool(later) and later[-1].connections.open == count

        return look

    assert test.reached(1).intervals[-1].connections.open == USERS
    server.kill()
    restarted = node_server(port=int(server.url.rpartition(":")[2]))
    until(at_end_of_a_second(USERS), what="everybody is back after the restart")
    # a kick that leaves the transport open, which is for the client to close
    assert restarted.kick(close=False) == USERS
    until(at_end_of_a_second(0), what="nobody is connected after the kick")
    test.reached(len(test.run.intervals) + 3)
    test.process.terminate()  # SIGTERM ends a run in order, as Ctrl-C does
    done = test.finish()

    closed = done.classes("closed")
    assert closed.pop("server_disconnect") == USERS
    assert sum(closed.values()) == USERS
    assert set(closed) <= {"transport_close", "reset"}
    reconnects = done.operation("reconnect", "/")
    assert reconnects["count"] == USERS, "none after the kick"
    assert set(reconnects["errors"]) <= {"refused"}
    assert restarted.counters()["tcp_open"] == 0
    assert done.operation("connect", "/")["count"] == USERS
    # what was due while nobody was connected was offered and withheld; after the kick nothing is due
    counted = done.counted("Echo")
    assert counted.issued + counted.withheld >= counted.offered - USERS
    assert not any("offered" in doubt for doubt in done.report["doubts"])
    assert done.report["connections"]["stayed_away"] == {"server_disconnect": USERS}
    assert any("disconnected by the server and stayed away" in said for said in done.report["remarks"])
    assert (done.code, done.run.end.reason) == (130, "interrupted")


def test_a_server_that_dies_before_the_first_user_is_lost_and_gets_no_calls(
    start: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    """A connect that fails raises, and no task runs (an exception swallowed: phantom calls)."""
    server = node_server()
    test = start(server.url, "--scenario", "echo", *AT_ONCE, "--run-time", "3s")
    test.reached(0)
    server.kill()
    done = test.finish()
    assert done.code == 3
    assert done.run.end.reason == "target_lost"
    connects = done.operation("connect", "/")
    assert connects["count"] == 0
    assert connects["errors"]["refused"] >= USERS
    assert {row["op"] for row in done.report["operations"]} == {"connect"}
    assert done.report["valid"] != "no", "that nobody gets in is a result"
    failed = {gate["expr"] for gate in done.report["gates"] if gate["outcome"] == "failed"}
    assert failed == {"never_succeeded > 0", "connect_errors > 1%"}


# ── the server stalls ─────────────────────────────────────────────────────────────────


def test_a_stall_shows_in_everything_it_delayed(
    start: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    """No coordinated omission: times count from when an operation was due.

    Two seconds of about seven: every call due in the first of them waits a second or more,
    which is more than one in twenty. Timed from when it was sent, only one call of each
    user was slow.
    """
    server = node_server()
    settings = ("--set", "rate=10", "--set", "wait_for_ack=yes")
    test = start(server.url, "--scenario", "echo", *settings, *AT_ONCE, "--run-time", "7s")
    test.reached(2)
    server.stall(2000)
    done = test.finish()
    calls = done.operation("ack", "echo")
    assert calls["errors"] == {}
    assert calls["p95_s"] >= 1
    assert calls["p99_s"] >= 1.5
    assert calls["p50_s"] < 1
    service = merged(
        operation.service
        for interval in done.run.intervals
        for operation in interval.operations
        if operation.op == "ack"
    ).quantile(0.95)
    assert service is not None
    assert service < 1
    # users caught up with what was due: the load was what was asked for, but much of it came late
    counted = done.counted("Echo")
    assert counted.issued >= 0.98 * counted.offered
    assert 0.8 * USERS * 17 <= counted.late <= USERS * 24
    assert any("were not sent in time" in remark for remark in done.report["remarks"])
    # it was offered all the same, second by second
    offered = [sum(found.offered for found in interval.user_classes) for interval in done.run.intervals[2:6]]
    assert offered == pytest.approx([USERS * 10] * 4, abs=2 * USERS)
    assert done.total("connections", "established") == USERS
    assert done.classes("closed") == {}


# ── messages that are lost, or come twice ─────────────────────────────────────────────


def test_lost_and_repeated_messages_are_counted_to_the_last_one(
    loadtest: Callable[..., Any], node_server: Callable[..., Any], tmp_path: Path
) -> None:
    scenario = tmp_path / "talk.py"
    scenario.write_text(COUNTED_CHAT)
    server = node_server(omit_every=10, duplicate_every=7)
    gates = ["--fail-if", "lost > 9.9%", "--fail-if", "duplicate > 20%"]
    done = loadtest(
        *(server.url, "--scenario", scenario, *AT_ONCE, "--processes", "2", "--run-time", "4s", *gates)
    )
    published = USERS * 10
    omitted = published // 10
    doubled = published // 7 - published // 70  # what is left out is not sent twice
    counters = server.counters()
    assert (counters["published"], counters["omitted"], counters["duplicated"]) == (
        published,
        omitted,
        doubled,
    )
    assert done.report["delivery"] == {
        "published": published,
        "expected": published * USERS,
        "received": (published - omitted) * USERS,
        "lost": omitted * USERS,
        "duplicate": doubled * USERS,
        "reordered": 0,
        "late": 0,
        "pending": 0,
        "misdelivered": 0,
        "missed_while_away": 0,
        "replayed": 0,
    }
    assert done.operation("deliver", "chat message")["count"] == (published - omitted) * USERS
    # loss is a finding about the server, no doubt about the run
    assert not [doubt for doubt in done.report["doubts"] if "lost" in doubt or "deliver" in doubt]
    asked = [gate for gate in done.report["gates"] if not gate["default"]]
    assert [gate["outcome"] == "failed" for gate in asked] == [True, False]
    assert done.code == (4 if done.report["valid"] == "yes" else 5)


# ── calls that nobody answers ─────────────────────────────────────────────────────────


def test_a_call_without_answer_ends_in_a_timeout_and_fails_its_gate(
    loadtest: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    server = node_server()
    done = loadtest(
        *(server.url, "--set", "event=nobody hears", "--ack-timeout", "300ms", *AT_ONCE, "--run-time", "3s"),
        *("--fail-if", "errors:ack > 50%", "--fail-if", "p99:ack > 1s", "--fail-if", "connect_errors > 0"),
    )
    calls = done.operation("ack", "nobody hears")
    heard = server.counters()["received"]["nobody hears"]
    assert calls["count"] == 0
    assert set(calls["errors"]) == {"timeout"}
    # those that were waiting when the run ended had their time too
    assert calls["errors"]["timeout"] == heard == done.counted("Echo").issued
    # a timeout counts as at least its timeout, and a gate beyond it does not pass for that
    assert 0.29 < calls["p99_s"] < 1
    failed = {gate["expr"]: gate["outcome"] == "failed" for gate in done.report["gates"]}
    assert failed.pop("never_succeeded > 0"), "a default gate"
    assert failed.pop("errors:namespace > 1%", False) is failed.pop("exceptions > 0") is False
    assert not failed.pop("errors:upgrade > 1%", False)
    assert failed == {"errors:ack > 50%": True, "p99:ack > 1s": True, "connect_errors > 0": False}
    # in a run this short one late call is reason enough to doubt it, and doubt comes first
    assert done.code == (4 if done.report["valid"] == "yes" else 5)
    assert "FAILED" in done.stdout


def test_a_silent_server_is_noticed_by_its_missing_heartbeat(
    start: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    server = node_server(ping_interval=300, ping_timeout=700)
    test = start(server.url, "--scenario", "idle", *AT_ONCE, "--run-time", "5s")
    test.reached(2)
    assert test.run.intervals[-1].connections.open == USERS
    server.process.send_signal(signal.SIGSTOP)
    done = test.finish()
    assert done.classes("closed") == {"ping_timeout": USERS}
    assert done.code == 3
