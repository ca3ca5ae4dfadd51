"""echo, chat and listen through the command line, against a real Socket.IO server on Node.js.

What siotool counted is held against what the server itself counted. A first connection
looks whether the server lets us in; its bytes are known once the run file is there.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

pytestmark = [pytest.mark.slow, pytest.mark.quiet, pytest.mark.node]

SCHEMAS = Path(__file__).parents[2] / "siotool/schemas"
USERS, MESSAGES = 20, 10

# Nobody speaks before all have come, and all say what they have to say before anybody leaves.
CHAT = """
from siotool.swarm.user import SocketIOUser, knob, task

class Talker(SocketIOUser):
    rate: float = knob(5.0, "turns per second")
    messages: int = knob(10, "messages of each user")

    def on_connected(self):
        self.turn = -5

    @task
    def say(self):
        self.turn += 1
        if 0 < self.turn <= self.messages:
            self.publish("chat message")
"""


@dataclass(frozen=True)
class Measured:
    """A finished run, and what the server counted before (the first look) and in it."""

    done: Any
    first_look: dict[str, Any]
    counters: dict[str, Any]
    command_lines: list[str]

    def bytes_of_server(self, name: str) -> int:
        return int(self.counters[name] - self.first_look[name])


@pytest.fixture(scope="module")
def measure(
    lasting_start: Callable[..., Any],
    lasting_node_server: Callable[..., Any],
) -> Callable[..., Measured]:
    """Run a load test against a server of its own: ``measure("--scenario", "echo", tick_rate=5)``."""

    def run(*arguments: str, **options: float) -> Measured:
        server = lasting_node_server(**options)
        test = lasting_start(server.url, "--server-pid", server.pid, *arguments)
        test.reached(0)
        first_look = server.counters()
        test.reached(1)
        command_lines = [
            " ".join([*process.cmdline(), *process.environ().values()]) for process in test.workers()
        ]
        done = test.finish()
        return Measured(done, first_look, server.counters(), command_lines)

    return run


@pytest.fixture(scope="module")
def runs(
    measure: Callable[..., Measured], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Measured]]]:
    """All three at once: together they are no load for a machine."""
    folder = tmp_path_factory.mktemp("scenario")
    with ThreadPoolExecutor() as pool:
        yield {
            "chat": pool.submit(measure_chat, measure, folder),
            "echo": pool.submit(measure_echo, measure),
            "listen": pool.submit(measure_listen, measure),
        }


@pytest.fixture(scope="module")
def chat(runs: dict[str, Future[Measured]]) -> Measured:
    return runs["chat"].result()


@pytest.fixture(scope="module")
def echo(runs: dict[str, Future[Measured]]) -> Measured:
    return runs["echo"].result()


@pytest.fixture(scope="module")
def listen(runs: dict[str, Future[Measured]]) -> Measured:
    return runs["listen"].result()


def measure_chat(measure: Callable[..., Measured], folder: Path) -> Measured:
    scenario = folder / "talk.py"
    scenario.write_text(CHAT)
    gates = ["--fail-if", "lost > 0", "--fail-if", "connect_errors > 1%", "--fail-if", "duplicate > 0"]
    return measure(
        *("--scenario", str(scenario), "--set", f"messages={MESSAGES}", "--processes", "2"),
        *("--users", str(USERS), "--spawn-rate", "40", "--run-time", "5s", "--format", "json", *gates),
    )


def measure_echo(measure: Callable[..., Measured]) -> Measured:
    return measure(
        *(
            "--scenario",
            "echo",
            "--set",
            "rate=5",
            "--set",
            "size=200B",
            "--users",
            "10",
            "--spawn-rate",
            "20",
        ),
        *("--run-time", "4s", "--namespace", "/private", "--auth", '{"token": "sesame"}'),
        *("--header", "Authorization: Bearer hunter2", "--header=X-Key: tr0ub4dor"),
    )


def measure_listen(measure: Callable[..., Measured]) -> Measured:
    return measure(
        *("--scenario", "listen", "--set", "event=tick", "--set", "sent_at=sent_at"),
        *("--users", "10", "--spawn-rate", "20", "--run-time", "4s"),
        tick_rate=10,
    )


@pytest.fixture(params=["chat", "echo", "listen"])
def measured(request: pytest.FixtureRequest) -> Measured:
    """Each of the three runs."""
    found: Measured = request.getfixturevalue(request.param)
    return found


# ── every run ─────────────────────────────────────────────────────────────────────────


def test_ends_well_and_without_doubts(measured: Measured) -> None:
    assert (measured.done.report["doubts"], measured.done.report["valid"]) == ([], "yes")
    assert measured.done.code == 0


def test_every_line_of_the_run_file_fits_its_schema(measured: Measured) -> None:
    validator = Draft202012Validator(json.loads((SCHEMAS / "run.json").read_text()))
    lines = measured.done.lines
    for line in lines:
        validator.validate(line)
    assert (lines[0]["kind"], lines[-1]["kind"]) == ("header", "end")


def test_the_report_fits_its_schema(measured: Measured) -> None:
    schema = json.loads((SCHEMAS / "report.json").read_text())
    Draft202012Validator(schema).validate(measured.done.report)


def test_there_is_one_interval_for_each_second(measured: Measured) -> None:
    run = measured.done.run
    asked = round(run.header.workload.duration_s)
    ends = [interval.t_s for interval in run.intervals]
    assert ends[:asked] == list(range(1, asked + 1))
    # the end comes a moment after the last second: that moment and the draining have intervals of their own
    assert ends == sorted(set(ends))
    assert not any(interval.draining for interval in run.intervals[:asked])
    assert run.intervals[-1].draining


def test_bytes_are_those_of_the_servers_sockets_within_two_percent(measured: Measured) -> None:
    bandwidth = measured.done.report["bandwidth"]
    # what comes in at the clients is what the server wrote
    assert bandwidth["wire_bytes_in"] == pytest.approx(measured.bytes_of_server("bytes_written"), rel=0.02)
    assert bandwidth["wire_bytes_out"] == pytest.approx(measured.bytes_of_server("bytes_read"), rel=0.02)
    assert "kernel" in measured.done.run.header.bytes_source


def test_payload_is_part_of_what_the_wire_carried(measured: Measured) -> None:
    bandwidth = measured.done.report["bandwidth"]
    assert 0 < bandwidth["payload_bytes_in"] < bandwidth["wire_bytes_in"]
    assert 0 < bandwidth["payload_bytes_out"] < bandwidth["wire_bytes_out"]


def test_connections_are_those_the_server_saw(measured: Measured) -> None:
    connections = measured.done.report["connections"]
    users = connections["users_planned"]
    assert (connections["attempted"], connections["established"], connections["peak"]) == (users,) * 3
    assert (connections["failed"], connections["closed"]) == ({}, {})
    # a client that upgrades opens one socket to poll, one to post, one for its WebSocket
    assert measured.counters["tcp_closed"] - measured.first_look["tcp_closed"] == 3 * users
    assert measured.counters["tcp_open"] == 0


def test_each_connect_and_each_namespace_is_timed_once(measured: Measured) -> None:
    namespace = measured.done.run.header.target.namespace
    users = measured.done.report["connections"]["users_planned"]
    connect, joined = (measured.done.operation(op, namespace) for op in ("connect", "namespace"))
    assert (connect["count"], joined["count"]) == (users, users)
    assert 0 < joined["p50_s"] < connect["p50_s"]


def test_the_server_was_sampled(measured: Measured) -> None:
    server = measured.done.report["server"]
    assert server["rss_bytes_max"] > 10e6  # Node.js alone takes more
    assert server["cpu_cores_max"] > 0


def test_reports_of_all_forms_are_left_beside_the_run_file(measured: Measured) -> None:
    names = {path.name for path in measured.done.folder.iterdir()}
    assert names == {"run.jsonl", "report.html", "report.md", "report.json"}


# ── chat ──────────────────────────────────────────────────────────────────────────────


def test_every_message_reaches_every_user_exactly_once(chat: Measured) -> None:
    everything = USERS * MESSAGES * USERS
    delivery = chat.done.report["delivery"]
    assert delivery == {
        "published": USERS * MESSAGES,
        "expected": everything,
        "received": everything,
        "lost": 0,
        "duplicate": 0,
        "reordered": 0,
        "misdelivered": 0,
        "missed_while_away": 0,
        "replayed": 0,
        "late": 0,
        "pending": 0,
    }
    assert chat.counters["published"] == USERS * MESSAGES
    assert chat.counters["sent"] == {"chat message": everything}


def test_every_delivery_is_timed(chat: Measured) -> None:
    row = chat.done.operation("deliver", "chat message")
    assert row["count"] == USERS * MESSAGES * USERS
    timed = [
        operation.response.count
        for interval in chat.done.run.intervals
        for operation in interval.operations
        if operation.op == "deliver"
    ]
    assert sum(timed) == row["count"]
    assert 0 < row["p50_s"] <= row["p95_s"] <= row["p99_s"] <= row["max_s"]


def test_stdout_is_the_report_and_nothing_else(chat: Measured) -> None:
    assert json.loads(chat.done.stdout) == chat.done.report
    assert "users at most" in chat.done.stderr
    assert "\x1b" not in chat.done.stdout + chat.done.stderr


def test_gates_that_hold_are_told_and_change_nothing(chat: Measured) -> None:
    gates = chat.done.report["gates"]
    assert {gate["outcome"] for gate in gates} == {"passed"}
    assert [gate["expr"] for gate in gates if not gate["default"]] == chat.done.run.header.gates
    assert chat.done.run.header.gates == ["lost > 0", "connect_errors > 1%", "duplicate > 0"]


def test_the_users_of_both_workers_hear_each_other(chat: Measured) -> None:
    last = chat.done.run.intervals[-2]
    assert [health.worker for health in last.generator] == [0, 1]
    assert len(chat.command_lines) == 2


# ── echo ──────────────────────────────────────────────────────────────────────────────


def test_every_call_that_was_offered_was_answered(echo: Measured) -> None:
    counted = echo.done.counted("Echo")
    calls = echo.done.operation("ack", "echo")
    assert counted.offered == counted.issued
    # the end may have come before the answer to the last call of each of the ten
    assert counted.issued - 10 <= calls["count"] <= counted.issued
    assert calls["errors"] == {}
    # ten users, five calls a second each, about four seconds
    assert 120 < calls["count"] < 250


def test_service_time_is_kept_beside_response_time(echo: Measured) -> None:
    calls = echo.done.operation("ack", "echo")
    assert 0 < calls["service_p50_s"] <= calls["p50_s"]


@pytest.mark.parametrize("secret", ["sesame", "hunter2", "tr0ub4dor"])
def test_secrets_are_nowhere_but_on_the_command_line(echo: Measured, secret: str) -> None:
    for path in echo.done.folder.iterdir():
        assert secret not in path.read_text(encoding="utf-8"), path.name
    assert secret not in echo.done.stdout + echo.done.stderr
    assert len(echo.command_lines) == 1
    assert secret not in echo.command_lines[0]


def test_the_command_is_kept_with_stars_in_place_of_secrets(echo: Measured) -> None:
    command = echo.done.run.header.command
    assert command[command.index("--auth") + 1] == "***"
    assert command[command.index("--header") + 1] == "***"
    assert "--header=***" in command
    assert command[command.index("--namespace") + 1] == "/private"


# ── listen ────────────────────────────────────────────────────────────────────────────


def test_ticks_are_counted_as_often_as_the_server_sent_them(listen: Measured) -> None:
    count = listen.done.operation("deliver", "tick")["count"]
    sent = listen.counters["sent"]["tick"] - listen.first_look["sent"].get("tick", 0)
    # the first look may have had one, and each user may leave one on its way
    assert sent - 10 <= count <= sent + 1
    assert count > 300 * 0.8


def test_one_way_times_come_from_the_payloads_own_send_time(listen: Measured) -> None:
    row = listen.done.operation("deliver", "tick")
    assert 0 < row["p50_s"] <= row["p99_s"] < 30  # seconds, not an epoch


def test_what_the_server_pushes_is_no_delivery_that_could_be_lost(listen: Measured) -> None:
    delivery = listen.done.report["delivery"]
    assert set(delivery.values()) == {0}


def test_a_tick_is_booked_in_the_second_in_which_it_came(listen: Measured) -> None:
    seconds = [
        sum(operation.count for operation in interval.operations if operation.op == "deliver")
        for interval in listen.done.run.intervals[1:-1]
    ]
    assert all(abs(after - before) <= 20 for before, after in pairwise(seconds))
