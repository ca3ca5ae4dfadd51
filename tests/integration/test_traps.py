"""Traps that were walked into once, each by a test of its own.

Those with a home elsewhere: an exception swallowed so that failed connects went on to calls
(test_loadtest_faults: a server that dies before the first user), rows at 0 ms
(test_loadtest_stages: listening without a send time; test_locust_view: no figure is zero),
a stall hidden by closed pacing (test_loadtest_faults: a stall shows in everything), Locust's
report every 3 s (test_loadtest_node: one interval for each second).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

#: What gevent says when ssl was imported before it could patch it; it ends in RecursionError.
TOO_LATE = "error:Monkey-patching ssl after ssl has already been imported"


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_warning_that_the_next_test_relies_on() -> None:
    done = python("import socketio, locust", PYTHONWARNINGS=TOO_LATE)
    assert done.returncode == 1
    assert "MonkeyPatchWarning" in done.stderr


@pytest.mark.parametrize("module", ["parent", "worker", "user"])
def test_locust_comes_before_whatever_opens_ssl(module: str) -> None:
    code = f"import siotool.swarm.{module}, socketio, aiohttp, requests; requests.Session().get_adapter('https://x')"
    done = python(code, PYTHONWARNINGS=TOO_LATE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.quiet
def test_a_whole_run_with_the_embedded_target_patches_in_time(
    loadtest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent of ``loadtest demo`` starts a python-socketio server before it loads Locust."""
    monkeypatch.setenv("PYTHONWARNINGS", TOO_LATE)
    options = ("--users", "2", "--spawn-rate", "100", "--run-time", "2s", "--quiet", "--format", "json")
    done = loadtest("demo", *options)
    assert (done.code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["valid"] == "yes"


def test_the_command_line_loads_nothing_heavy_before_it_must() -> None:
    code = """
import sys
import siotool.cli.app
heavy = {"ssl", "locust", "gevent", "socketio", "aiohttp", "pandas", "jinja2", "scipy", "picows"}
print(*heavy & set(sys.modules))
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_a_users_own_arithmetic_does_not_delay_what_arrives(
    loadtest: Callable[..., Any], tmp_path: Any
) -> None:
    """Arrivals are timed in a thread of their own, while a greenlet keeps the hub to itself."""
    scenario = tmp_path / "busy.py"
    scenario.write_text(
        """
from time import monotonic
import gevent
from siotool.swarm.user import SocketIOUser, knob, task

class Busy(SocketIOUser):
    rate: float = knob(1.0, "bouts of arithmetic per second")

    @task
    def think(self):
        self.publish("chat message")
        gevent.sleep(0)  # it is on its way
        until = monotonic() + 0.5
        while monotonic() < until:
            pass
"""
    )
    done = loadtest("demo", "--scenario", scenario, "--users", "1", "--run-time", "5s", "--format", "json")
    row = done.operation("deliver", "chat message")
    assert row["count"] >= 3
    assert row["p50_s"] < 0.25
