"""Real searches, kept short: of a server too slow for its lowest load, and of one that is started again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from siotool.runs.reading import read
from tests.bench.capacity import noisy_server
from tests.integration.servers.node import node

pytestmark = [pytest.mark.slow, pytest.mark.node]


def test_a_server_too_slow_for_the_lowest_load_fails_its_search_with_a_clear_word(tmp_path: Path) -> None:
    node()
    with noisy_server(7.0, 0.0, 1) as url:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "siotool", "loadtest", url, "--find-capacity", "--processes", "1"),
                *("--ack-timeout", "2s"),
                *(
                    "--transport",
                    "websocket",
                    "--fail-if",
                    "p99:ack:echo > 200ms",
                    "--out",
                    str(tmp_path / "run"),
                ),
                *("--format", "json", "-o", str(tmp_path / "found.json")),
            ],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    said = " ".join(done.stderr.split())
    assert done.returncode == 4, said
    assert "the lowest load, 10 connections, failed 'p99:ack:echo > 200ms' already" in said
    run = read(tmp_path / "run")
    assert [hold.outcome for hold in run.holds] == ["failed"]
    assert run.capacity is not None
    assert run.capacity.complete
    found = json.loads((tmp_path / "found.json").read_text())
    capacity = found["capacity"]
    assert (capacity["search"], capacity["unit"], capacity["low"]) == ("users", "connections", 0)
    assert found["verdict"] == "failed"
    assert [gate["outcome"] for gate in found["gates"] if not gate["default"]] == ["failed"]
    assert "Capacity" in (tmp_path / "run/report.md").read_text()


def test_a_restart_waits_for_the_server_and_a_command_that_fails_is_said(tmp_path: Path) -> None:
    code = """
import sys
from siotool.errors import TargetError
from siotool.swarm.restarting import restart
import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
# its output is not redirected: a pipe would stay open as long as the server lives
restart(f"{sys.executable} -m http.server {port} --bind 127.0.0.1 & echo $! > server.pid",
        f"http://127.0.0.1:{port}")
print("listens")
try:
    restart("echo no such unit; exit 5", f"http://127.0.0.1:{port}")
except TargetError as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    subprocess.run(["kill", (tmp_path / "server.pid").read_text().strip()], check=True)
    assert done.stdout.splitlines() == ["listens", "--restart-command ended with 5: no such unit"], (
        done.stderr
    )
