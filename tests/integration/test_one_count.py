"""Plan and report say one number for one thing: of real runs against a real server."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SERVICE = ("--connections", "10k", "--capacity", "1GB/s")
EMITS = """
from siotool.swarm.user import SocketIOUser, knob, task

class Emits(SocketIOUser):
    rate: float = knob(5.0, "notes per second of each user")

    @task
    def note(self):
        self.emit("note", "x" * 64)
"""


def siotool(*arguments: Any) -> dict[str, Any]:
    """What a command says in JSON, whatever its verdict."""
    command = [sys.executable, "-m", "siotool", *map(str, arguments), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 4, 5), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(("echo", "--users", "150", "--set", "rate=15"), id="calls"),
        pytest.param(("chat", "--users", "100", "--set", "rate=0.6"), id="a chat room"),
        pytest.param(("emits.py", "--users", "150", "--set", "rate=20"), id="emits without acknowledgement"),
    ],
)
def test_a_run_makes_one_number_and_is_predicted_from_itself(
    node_server: Callable[..., Any], loadtest: Callable[..., Any], tmp_path: Path, asked: tuple[str, ...]
) -> None:
    """The ack of an echo was charged twice, emits were booked on idle connections, two commands disagreed."""
    (tmp_path / "emits.py").write_text(EMITS)
    scenario = tmp_path / asked[0] if asked[0].endswith(".py") else asked[0]
    server = node_server()
    done = loadtest(
        *(server.url, "--server-pid", server.pid, "--scenario", scenario, *asked[1:]),
        *("--spawn-rate", "25", "--run-time", "12s"),
    )
    folder = done.folder
    sizing = siotool("report", folder, *SERVICE)["sizing"]
    plan = siotool("plan", *SERVICE, "--from", folder, "--accept-suspect")
    assert (sizing["servers_measured"], sizing["document_measured"], sizing["binding"]) == (
        plan["servers"]["p95"],
        plan["document"]["servers"],
        plan["binding"],
    )
    checked = siotool("plan", *SERVICE, "--from", folder, "--verify", folder, "--accept-suspect")
    (cpu,) = [check for check in checked["checks"] if check["name"] == "cpu"]
    assert cpu["value"] == pytest.approx(cpu["observed"], rel=0.05)


def test_a_server_that_answers_500_calls_a_second_is_not_sized_by_its_idle_cpu(
    node_server: Callable[..., Any], loadtest: Callable[..., Any]
) -> None:
    """Offered 1,000, it made 3,533 timeouts and 5,000 calls without an answer: "1 server, no doubt"."""
    server = node_server(answer_every=2)
    done = loadtest(
        *(server.url, "--server-pid", server.pid, "--scenario", "echo", "--users", "100", "--set", "rate=10"),
        *("--spawn-rate", "100", "--run-time", "7s", "--ack-timeout", "1s"),
    )
    sizing, calls = done.report["sizing"], done.operation("ack", "echo")
    assert done.report["verdict"] == "failed"
    assert (sizing["servers_measured"], sizing["servers_needed"]) == (None, None)
    assert "the load was beyond this server" in sizing["servers_measured_how"]
    assert calls["errors"]["timeout"] > 500
    assert calls["p99_s"] >= 0.99, "a timeout is at least its timeout, within the histogram's 1 %"
    counted = done.counted("Echo")
    assert counted.achieved < 0.8 * counted.offered
