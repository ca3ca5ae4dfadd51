"""Real servers for the integration tests."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

NODE_TARGET = Path(__file__).parents[1] / "targets/node"


@dataclass(frozen=True)
class NodeServer:
    """A running tests/targets/node/server.mjs."""

    url: str
    pid: int
    process: subprocess.Popen[bytes]

    def counters(self) -> dict[str, Any]:
        """What the server itself counted; see counters() in server.mjs."""
        return self._ask("GET", "/counters")

    def stall(self, ms: int) -> None:
        """Block the server's event loop; returns when it is over."""
        self._ask("POST", f"/stall?ms={ms}")

    def kick(self, *, close: bool = True) -> int:
        """Disconnect every client from its namespace, and close its transport or not; returns how many."""
        return int(self._ask("POST", f"/kick?close={'true' if close else 'false'}")["kicked"])

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the server, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(10)

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


@pytest.fixture
def node_server() -> Iterator[Callable[..., NodeServer]]:
    """Start Node.js servers: ``node_server(tick_rate=10, omit_every=50)``; options of server.mjs.

    They end with the test. Skips where node or its packages are missing (``make node``).
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (NODE_TARGET / "node_modules").is_dir():
        pytest.skip("tests/targets/node is not installed: run make node")
    servers: list[NodeServer] = []

    def start(**options: float) -> NodeServer:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        process = subprocess.Popen(
            [node, NODE_TARGET / "server.mjs", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"server.mjs ended with code {process.wait()} before it listened")
        ready = json.loads(line)
        servers.append(NodeServer(f"http://127.0.0.1:{ready['port']}", ready["pid"], process))
        return servers[-1]

    yield start
    for server in servers:
        with server.process as process:  # closes its stdin, upon which it ends
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Ask again until the answer is true, and return it: ``until(lambda: …, what="…", within_s=20)``."""

    def ask(question: Callable[[], T], *, what: str, within_s: float = 20) -> T:
        deadline = time.monotonic() + within_s
        while not (answer := question()):
            if time.monotonic() > deadline:
                pytest.fail(f"within {within_s:g} s not: {what}")
            time.sleep(0.02)
        return answer

    return ask


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs; one that ended and waits to be collected does not."""

    def look(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"

    return look
