"""The embedded server's life: ready, stopped, orphaned, refused."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import socketio

from siotool.errors import TargetError
from siotool.target.process import TargetProcess

pytestmark = pytest.mark.slow

SERVE = [sys.executable, "-m", "siotool.target.serve"]
CLI = [sys.executable, "-m", "siotool", "target"]

# A parent that says which server it started and waits to be killed.
PARENT = """
import signal
from siotool.target.process import TargetProcess
process = TargetProcess().start()
{fork}
print(process.pid, flush=True)
signal.pause()
"""
# What Locust's worker processes are: forks that inherit the pipe to the server.
FORK = """
import os
worker = os.fork()
if not worker:
    signal.pause()
print(worker, flush=True)
"""


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


@contextmanager
def connected(url: str) -> Iterator[socketio.SimpleClient]:
    with socketio.SimpleClient(reconnection=False) as client:
        client.connect(url, transports=["websocket"])
        websocket = client.client.eio.ws
        try:
            yield client
        finally:
            websocket.shutdown()  # where the server ended first, the client leaves it open


def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)


def test_start_tells_url_and_pid_and_stop_ends_the_server(alive: Callable[[int], bool]) -> None:
    process = TargetProcess().start()
    pid = process.pid
    assert process.url.startswith("http://127.0.0.1:")
    assert alive(pid)
    process.stop()
    assert not alive(pid)
    process.stop()  # twice is no error


def end_of_stdin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(end_of_stdin, id="when stdin closes"),
        pytest.param(lambda process: process.send_signal(signal.SIGTERM), id="on SIGTERM"),
        pytest.param(lambda process: process.send_signal(signal.SIGINT), id="on SIGINT"),
    ],
)
def test_stops_in_order_with_clients_connected(end: Callable[[subprocess.Popen[str]], None]) -> None:
    with start([*SERVE, "--tick-rate", "50"]) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        with connected(ready["url"]) as client:
            assert client.receive(timeout=10)[0] == "tick"
            end(process)
            assert process.wait(10) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    "fork",
    [
        pytest.param("", id="alone"),
        pytest.param(FORK, id="while a fork of it holds the pipe to the server"),
    ],
)
def test_a_killed_parent_takes_the_server_along(
    fork: str, alive: Callable[[int], bool], until: Callable[..., Any]
) -> None:
    with start([sys.executable, "-c", PARENT.format(fork=fork)]) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline()) if fork else None
        server = int(parent.stdout.readline())
        try:
            assert alive(server)
            parent.kill()
            until(lambda: not alive(server), what="the server ends with its parent")
        finally:
            if worker:
                os.kill(worker, signal.SIGKILL)


def test_starts_from_a_process_that_gevent_patched() -> None:
    code = """
from gevent import monkey
monkey.patch_all()
from siotool.target.process import TargetProcess
with TargetProcess() as process:
    print(process.url)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("http://127.0.0.1:")


def test_importing_the_parent_side_loads_no_server() -> None:
    code = (
        "import sys, siotool.target.process as p; print(*{'aiohttp', 'socketio', 'uvloop'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_taken_port_fails_the_start_with_the_servers_words() -> None:
    with taken_port() as port, pytest.raises(TargetError, match=f"port {port} of 127.0.0.1 is in use"):
        TargetProcess(port=port).start()


def test_a_module_in_the_working_folder_does_not_take_a_librarys_place(tmp_path: Any) -> None:
    (tmp_path / "socketio.py").write_text("raise SystemExit('wrong module')\n")
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        with TargetProcess() as process:
            assert process.url
    finally:
        os.chdir(before)


def test_the_command_prints_its_url_serves_without_stdin_and_ends_at_ctrl_c() -> None:
    with start([*CLI, "--host", "localhost", "--tick-rate", "50"]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.close()  # as in the background of a shell: no reason to stop
        url = process.stdout.readline().strip()
        with connected(url) as client:
            assert client.call("echo", "hi") == "hi"
            assert client.receive(timeout=10)[0] == "tick"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""
        said = process.stderr.read()
        assert "chat message" in said
        assert "tick at 50/s" in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param(["--host", "0.0.0.0"], "does not listen on '0.0.0.0'", id="every interface"),
        pytest.param(["--host", "192.0.2.1"], "does not listen on '192.0.2.1'", id="not loopback"),
        pytest.param(["--host", "example.org"], "does not listen on 'example.org'", id="a name"),
        pytest.param(["--port", "70000"], "port 70000 does not exist", id="no such port"),
        pytest.param(["--tick-rate", "-1"], "tick rate -1 is out of range", id="negative rate"),
        pytest.param(["--tick-rate", "nan"], "tick rate nan is out of range", id="rate that is no number"),
        pytest.param(["--ping-interval", "1ms"], "ping interval 0.001 s is out of range", id="too short"),
        pytest.param(["--connect-timeout", "5kB"], "--connect-timeout", id="a size for a time"),
    ],
)
def test_the_command_refuses(options: list[str], complaint: str) -> None:
    done = subprocess.run([*CLI, *options], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_the_command_says_which_port_is_taken() -> None:
    with taken_port() as port:
        command = [*CLI, "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
