"""``loadtest --find-capacity``: what does not fit it is refused before anything starts."""

import subprocess
import sys

import pytest

FIND = ["demo", "--find-capacity"]
GATE = ["--fail-if", "p99:ack > 200ms"]
PLAIN = """
from locust import constant
from siotool.swarm.user import SocketIOUser, task

class Plain(SocketIOUser):
    wait_time = constant(1)

    @task
    def ask(self):
        self.call("echo", "hi")
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([*FIND, *GATE, "--stage", "5s:5"], "--find-capacity and --stage exclude", id="stages"),
        pytest.param([*FIND, *GATE, "--arrival-rate", "5/s"], "--arrival-rate exclude", id="arrivals"),
        pytest.param([*FIND, *GATE, "--run-time", "30s"], "--run-time exclude each other", id="a length"),
        pytest.param([*FIND, *GATE, "--spawn-rate", "5"], "--spawn-rate exclude each other", id="a ramp"),
        pytest.param([*FIND, "--no-default-gates"], "no gate to find the limit of", id="no gates at all"),
        pytest.param([*FIND, "--fail-if", "rate:ack < 5/s"], "fails at low loads", id="a gate from below"),
        pytest.param([*FIND, *GATE, "--max-users", "0"], "expected a whole number of users", id="bound of 0"),
        pytest.param([*FIND, *GATE, "--max-users", "5"], "is less than the 10 users", id="bound below start"),
        pytest.param([*FIND, *GATE, "--max-load", "5/s"], "another --search than users", id="wrong bound"),
        pytest.param([*FIND, "--search", "rate", "--max-users", "5"], "give --max-load", id="another one"),
        pytest.param([*FIND, "--search", "size", "--max-load", "5/s"], "--max-load", id="a size per second"),
        pytest.param([*FIND, "--search", "bytes"], "--search", id="an unknown axis"),
        pytest.param(["demo", "--search", "rate"], "is an option of --find-capacity", id="search alone"),
        pytest.param(["demo", "--max-users", "5"], "add --find-capacity", id="a bound alone"),
    ],
)
def test_what_does_not_fit_a_search_is_refused_before_locust_is_loaded(
    siotool, tmp_path, monkeypatch, arguments, said
):
    monkeypatch.setitem(sys.modules, "locust", None)
    done = siotool("loadtest", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--scenario", "idle", "--search", "size"], "idle has none", id="no size"),
        pytest.param(["--scenario", "plain.py", "--search", "rate"], "those of plain do not", id="no rate"),
        pytest.param(
            ["--search", "rate", "--set", "rate=9", "--max-load", "1/s"], "above its bound", id="a high start"
        ),
        pytest.param(["--search", "size", "--max-load", "10B"], "above its bound", id="a size to raise"),
        pytest.param(["--restart-command", "true"], "needs one server", id="the demo restarted"),
    ],
)
def test_a_search_that_does_not_fit_the_scenario_is_refused_before_any_load(tmp_path, arguments, said):
    (tmp_path / "plain.py").write_text(PLAIN)
    done = subprocess.run(
        [sys.executable, "-m", "siotool", "loadtest", *FIND, *arguments],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "reports").exists()
