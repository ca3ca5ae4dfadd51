"""The same scenarios as Locust sees them: plain ``locust -f``, its CSV and HTML, its web UI."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from siotool.target.process import TargetProcess
from tests.held_ports import held_port

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).parents[2] / "scenarios"
#: It needs a server with a store, which the target is not: test_lab_backlog.py loads it.
STORED = {"backlog"}
#: Rows of each scenario beside those of connecting.
ROWS = {
    "chat": {("deliver", "chat message")},
    "echo": {("ack", "echo")},
    "idle": set(),
    "listen": {("deliver", "tick")},
    "rooms": {("ack", "join"), ("deliver", "say")},
    "slow": {("deliver", "chat message")},
    "storm": {("ack", "echo")},
}
SETTINGS = {
    "chat": ["rate=2"],
    "echo": ["rate=5", "size=100B"],
    "idle": [],
    "listen": ["event=tick", "sent_at=sent_at"],
    "rooms": ["rate=2", "room_size=3"],
    "slow": ["rate=2"],
    "storm": ["rate=5", "when=60s"],
}


#: What each user does once, when it connects.
CONNECTING = {
    *(("connect", "/"), ("namespace", "/"), ("upgrade", "websocket")),
    *(("phase", name) for name in ("tcp", "first poll", "probe", "websocket")),
}


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with TargetProcess(tick_rate=10) as process:
        yield process.url


class Locust:
    """Plain Locust, headless on a scenario, from its start to the rows of its CSV."""

    def __init__(self, folder: Path, target: str, scenario: str, *arguments: str) -> None:
        self.prefix = folder / scenario
        command = [
            *(sys.executable, "-m", "locust", "-f", str(SCENARIOS / f"{scenario}.py"), "--headless"),
            *("-u", "6", "-r", "6", "--host", target, "--only-summary"),
            *("--csv", str(self.prefix), *arguments),
        ]
        self.process = subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def finish(self) -> tuple[int, str, dict[tuple[str, str], dict[str, str]]]:
        """Wait for its end; returns its exit code, what it said, and rows by type and name."""
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said, self.rows()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with self.process:  # closes its pipe and waits
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)

    def rows(self) -> dict[tuple[str, str], dict[str, str]]:
        """What its CSV holds by now."""
        path = self.prefix.with_name(f"{self.prefix.name}_stats.csv")
        if not path.exists():
            return {}
        with path.open() as file:
            return {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def locusts(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Locust]]:
    """One Locust for each scenario, all at once."""
    folder = tmp_path_factory.mktemp("locust")
    with ExitStack() as stack:
        started = {}
        for scenario, settings in SETTINGS.items():
            options = [part for setting in settings for part in ("--set", setting)]
            started[scenario] = stack.enter_context(Locust(folder, target, scenario, "-t", "4s", *options))
        yield started


def held(rows: dict[tuple[str, str], dict[str, str]], expected: set[tuple[str, str]], users: int) -> None:
    """Rows are the expected ones, without failures, and none of their figures is a zero."""
    rows = dict(rows)
    total = rows.pop(("", "Aggregated"))
    assert set(rows) == CONNECTING | expected
    for key, row in rows.items():
        assert int(row["Request Count"]) >= users, key
        assert int(row["Failure Count"]) == 0, key
        # of its percentiles Locust writes whole milliseconds only
        for name in ("Min Response Time", "Average Response Time", "Max Response Time"):
            assert float(row[name]) > 0, (key, name)
    assert int(total["Request Count"]) == sum(int(row["Request Count"]) for row in rows.values())
    assert int(rows["connect", "/"]["Request Count"]) == users


@pytest.mark.parametrize("scenario", sorted({path.stem for path in SCENARIOS.glob("[!_]*.py")} - STORED))
def test_each_scenario_runs_under_plain_locust(scenario: str, locusts: dict[str, Locust]) -> None:
    code, said, rows = locusts[scenario].finish()
    assert code == 0, said
    assert "Traceback" not in said
    held(rows, ROWS[scenario], users=6)


def test_plain_locust_with_two_worker_processes(target: str, tmp_path: Path) -> None:
    """Each fork has connections in a thread of its own: none may be started before the fork."""
    options = ("--processes", "2", "-t", "4s", "--set", "rate=5")
    with Locust(tmp_path, target, "echo", *options) as running:
        code, said, rows = running.finish()
    assert code == 0, said
    assert "Traceback" not in said
    held(rows, ROWS["echo"], users=6)


def test_plain_locust_refuses_a_setting_that_a_scenario_does_not_have(target: str, tmp_path: Path) -> None:
    with Locust(tmp_path, target, "echo", "-t", "2s", "--set", "speed=5") as running:
        code, said, rows = running.finish()
    assert code != 0
    assert "has no setting 'speed'" in said
    assert set(rows) <= {("", "Aggregated")}


def test_plain_locust_ends_at_ctrl_c(target: str, tmp_path: Path, until: Callable[..., Any]) -> None:
    with Locust(tmp_path, target, "echo", "--set", "rate=5") as running:
        until(lambda: ("ack", "echo") in running.rows(), what="calls are counted", within_s=30)
        os.killpg(running.process.pid, signal.SIGINT)
        code, said, _ = running.finish()
    assert code == 0
    assert "Traceback" not in said


def test_locusts_own_files_beside_the_run(loadtest: Callable[..., Any]) -> None:
    done = loadtest(
        *("demo", "--scenario", "chat", "--set", "rate=2", "--users", "6", "--spawn-rate", "100"),
        *("--run-time", "4s", "--processes", "2", "--locust-files", "--quiet"),
    )
    assert (done.code, done.stderr) == (0, "")
    with (done.folder / "locust_stats.csv").open() as file:
        rows = {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}
    held(rows, ROWS["chat"], users=6)
    delivered = done.operation("deliver", "chat message")
    row = rows["deliver", "chat message"]
    assert int(row["Request Count"]) == delivered["count"]
    # Locust rounds to two digits, and ours are within a percent
    assert float(row["50%"]) == pytest.approx(delivered["p50_s"] * 1e3, rel=0.1, abs=1)
    history = (done.folder / "locust_stats_history.csv").read_text().splitlines()
    assert len(history) > 3
    page = (done.folder / "locust.html").read_text()
    assert "chat message" in page
    assert "<html" in page


@pytest.fixture
def free_port() -> Iterator[int]:
    with held_port() as port:
        yield port


def ask(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def test_the_web_ui_answers_on_loopback_while_the_run_goes_on(
    start: Callable[..., Any], until: Callable[..., Any], free_port: int
) -> None:
    test = start(
        *("demo", "--users", "4", "--spawn-rate", "100", "--set", "rate=5", "--run-time", "30s"),
        *("--processes", "2", "--web", "--web-port", free_port),
    )
    url = f"http://127.0.0.1:{free_port}"

    def acknowledged() -> Any:
        stats = ask(f"{url}/stats/requests")
        rows = [row for row in stats["stats"] if row["method"] == "ack"] if stats else []
        return rows[0] if rows and rows[0]["num_requests"] > 10 else None

    row = until(acknowledged, what="the UI shows calls")
    assert (row["name"], row["num_failures"]) == ("echo", 0)
    assert row["median_response_time"] > 0
    with urllib.request.urlopen(url, timeout=5) as page:
        assert b"<html" in page.read()

    for strange in (
        {"Host": f"rebound.example:{free_port}"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        for method in ("GET", "POST"):
            asked = urllib.request.Request(f"{url}/stop", headers=strange, method=method)
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(asked, timeout=5)

    processes = [psutil.Process(test.process.pid), *test.family()]
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3  # the UI, Locust's master and the target
    assert set(listening) == {"127.0.0.1"}

    # its stop button ends the run in order, and with it the UI, which may get no answer out any more
    with suppress(urllib.error.URLError, ConnectionError):
        urllib.request.urlopen(urllib.request.Request(f"{url}/stop", method="POST"), timeout=10).close()
    done = test.finish()
    assert (done.run.end.reason, done.code) == ("interrupted", 130)
    assert done.run.intervals[-1].connections.open == 0
    assert "Traceback" not in done.stderr
    assert url in done.stderr
    assert ask(f"{url}/stats/requests") is None
    delivered = done.operation("ack", "echo")
    assert delivered["count"] >= row["num_requests"]


def test_a_taken_web_port_is_refused_before_anything_starts(loadtest: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = loadtest("demo", "--web", "--web-port", port)
    assert (done.code, done.stdout) == (2, "")
    assert f"port {port}" in done.stderr
    assert "--web-port" in done.stderr
    assert not done.folder.exists()
