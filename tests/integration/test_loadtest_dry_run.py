"""``siotool loadtest --dry-run``: every packet of one client, what it did, and nothing written."""

import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from siotool.target.process import TargetProcess
from tests.integration.servers.every import EVERY

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def target() -> Iterator[TargetProcess]:
    with TargetProcess(tick_rate=0.0) as found:
        yield found


@pytest.fixture
def dry_run(tmp_path: Path) -> Run:
    """Run it in an empty folder, which must be as empty afterwards."""

    def run(*arguments: str, files: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        done = subprocess.run(
            [sys.executable, "-B", "-m", "siotool", "loadtest", *arguments, "--dry-run"],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert {path.name for path in tmp_path.iterdir()} == set(files or ())
        return done

    return run


def packets(stdout: str) -> list[str]:
    """Direction, transport and kind of each packet."""
    found = re.findall(r"^ *\d+\.\d{3} s ([→←]) (\w+) +(\w+(?: error)?)", stdout, re.MULTILINE)
    return [" ".join(parts) for parts in found]


UPGRADE = [
    "← polling open",
    "→ polling connect",
    "← polling connect",
    "→ websocket ping",
    "← websocket pong",
    "← polling noop",
    "→ websocket upgrade",
]


def test_every_packet_of_an_upgrade_and_a_call_is_shown(dry_run: Run, target: TargetProcess) -> None:
    done = dry_run(target.url, "--auth", '{"token":"sesame"}', "--header", "X-Key: hunter2")
    assert (done.returncode, done.stderr) == (0, "")
    found = packets(done.stdout)
    # the probe goes its own way beside the connect: on a slow machine its answer comes after the upgrade,
    # and a call may go before or after that
    answered = [line.replace("← websocket connect", "← polling connect") for line in found]
    assert not Counter(UPGRADE) - Counter(answered)
    assert {"event", "ack"} <= {line.split()[-1] for line in found}
    assert found[-1] == "→ websocket disconnect"
    assert '40{"token":"***"}' in done.stdout
    assert not re.search("sesame|hunter2", done.stdout)
    assert re.search(r"^ack echo +[12] +0 ", done.stdout, re.MULTILINE)
    times = [float(text) for text in re.findall(r"^ *(\d+\.\d+) s", done.stdout, re.MULTILINE)]
    assert times == sorted(times)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_broadcast_is_seen_both_ways_on_each_transport(
    dry_run: Run, target: TargetProcess, transport: str
) -> None:
    done = dry_run(target.url, "--scenario", "chat", "--transport", transport)
    assert done.returncode == 0
    found = packets(done.stdout)
    assert found[:3] == [f"← {transport} open", f"→ {transport} connect", f"← {transport} connect"]
    assert found.count(f"→ {transport} event") == found.count(f"← {transport} event") >= 1
    assert {packet.split()[1] for packet in found} == {transport}
    assert re.search(r"^deliver chat message +\d", done.stdout, re.MULTILINE)


SCENARIO = """
from siotool.swarm.user import SocketIOUser, task


class Curious(SocketIOUser):
    rate = 0.01

    @task(100)
    def ask(self):
        self.call("nobody answers this", timeout=0.2)

    @task
    def tell(self):
        self.emit("something")
        self.fail("it is never right")
"""


def test_each_task_has_a_turn_and_what_fails_ends_in_4(dry_run: Run, target: TargetProcess) -> None:
    """Rates and weights are those of a load: here one turn of each is what is looked at."""
    done = dry_run(target.url, "--scenario", "mine.py", files={"mine.py": SCENARIO})
    assert done.returncode == 4
    assert '["nobody answers this"]' in done.stdout
    assert '["something"]' in done.stdout
    assert re.search(r"^ack nobody answers this +0 +\d+ timeout", done.stdout, re.MULTILINE)
    assert "fail: it is never right" in done.stdout
    assert re.fullmatch(r"siotool: exit 4: fail: it is never right \(.*\)", done.stderr.splitlines()[-1])


UNCONNECTED = """
from siotool.swarm.user import SocketIOUser, task


class Early(SocketIOUser):
    def %s

    @task
    def ask(self):
        self.call("echo", 1)
"""


@pytest.mark.parametrize(
    "early",
    [
        pytest.param("on_start(self):\n        pass", id="on_start does not connect"),
        pytest.param("on_start(self):\n        self.emit('x')\n        super().on_start()", id="too early"),
        pytest.param("auth(self):\n        return {'token': self.call('login')}", id="a login that sends"),
        pytest.param(
            "__init__(self, environment):\n        super().__init__(environment)\n        self.emit('x')",
            id="__init__ sends",
        ),
    ],
)
def test_what_sends_before_it_is_connected_is_told_so_at_once(
    dry_run: Run, target: TargetProcess, early: str
) -> None:
    """It waited 15 seconds and said that the client could not connect, twice."""
    done = dry_run(target.url, "--scenario", "early.py", files={"early.py": UNCONNECTED % early})
    assert done.returncode in (2, 4)
    assert "super().on_start()" in done.stderr or "while there is no connection" in done.stderr
    assert "could not connect" not in done.stderr


def test_a_refusal_is_shown_and_explained(dry_run: Run, target: TargetProcess) -> None:
    done = dry_run(target.url, "--namespace", "/nowhere")
    assert done.returncode == 3
    assert any(packet.endswith("connect error") for packet in packets(done.stdout))
    assert "Invalid namespace" in done.stdout
    assert "/nowhere" in done.stderr


def test_a_redirect_is_followed_as_before_a_run(dry_run: Run, target: TargetProcess) -> None:
    class Moved(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(301)
            self.send_header("Location", f"{target.url}/socket.io/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Moved) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            done = dry_run(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert done.returncode == 0, done.stderr
    assert "← websocket ack" in packets(done.stdout)


def test_nobody_there_is_unreachable(dry_run: Run) -> None:
    done = dry_run("http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (3, "")
    assert "refused" in done.stderr


def test_an_interrupt_ends_it_in_order(target: TargetProcess) -> None:
    command = [sys.executable, "-m", "siotool", "loadtest", target.url, "--scenario", "idle", "--dry-run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert " open " in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert packets(out)[-1].endswith(("disconnect", "close"))


@pytest.mark.node
def test_an_old_server_is_spoken_to_as_in_a_run(dry_run: Run) -> None:
    """The first look finds that it speaks Engine.IO 3; the second one does so, too."""
    with EVERY["socket.io-2"]() as old:
        done = dry_run(old.url, "--scenario", "idle")
    assert done.returncode == 0, done.stderr
    assert "← polling connect" in packets(done.stdout)
    assert packets(done.stdout)[-1] == "→ websocket disconnect"
