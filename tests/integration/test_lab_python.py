"""Servers in Python that Redis joins: heard from the first moment on, and again after a bad day."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from siotool.lab.keeper_lines import AskedAction, DoneAction
from siotool.lab.lab import Lab
from siotool.lab.lab_action import read_action
from siotool.lab.lab_process import LabProcess
from siotool.lab.ports import free_ports

pytestmark = pytest.mark.slow

LAB = Lab(servers=2, runtime="python", adapter="redis", tick_rate=50.0)


@pytest.fixture(scope="module")
def joined(lab_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    with LabProcess(LAB, tmp_path_factory.mktemp("joined") / "lab") as process:
        yield process


@contextmanager
def connected(url: str, namespace: str = "/chat") -> Iterator[socketio.SimpleClient]:
    with socketio.SimpleClient(reconnection=False) as client:
        client.connect(url, transports=["websocket"], namespace=namespace)
        yield client


def act(process: LabProcess, words: str) -> None:
    process.ask(AskedAction(1, read_action(words, LAB, "here")))
    while not (done := [one for one in process.news(1.0) if isinstance(one, DoneAction)]):
        pass
    assert done[0].error == ""


def redis(process: LabProcess, *words: str) -> bytes:
    """What Redis answers."""
    folder = Path(process.running.folder)
    lines = (folder / "redis.conf").read_text().splitlines()
    password = next(line for line in lines if line.startswith("requirepass")).split()[1]
    (port,) = (one.port for one in process.running.members if one.name == "redis")
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(f"AUTH {password}\r\n{' '.join(words)}\r\nQUIT\r\n".encode())
        answer = b""
        while part := connection.recv(4096):
            answer += part
    return answer


def test_they_have_subscribed_before_anyone_connects(joined: LabProcess) -> None:
    """python-socketio subscribes with a server's first client, which missed what was published meanwhile."""
    assert b"socketio\r\n:2\r\n" in redis(joined, "PUBSUB", "NUMSUB", "socketio")


def test_rooms_and_clients_of_the_other_server_are_reached(joined: LabProcess) -> None:
    first, second = joined.running.urls
    with connected(first) as one, connected(second) as other:
        other.call("join", "here", timeout=10)
        one.emit("say", ("here", "to a room", b"\x00\xff"))
        assert other.receive(timeout=10) == ["say", "to a room", b"\x00\xff"]
        one.emit("direct", (other.sid, "to one"))
        assert other.receive(timeout=10) == ["direct", "to one"]
        one.emit("chat message", "to all")
        assert one.receive(timeout=10) == other.receive(timeout=10) == ["chat message", "to all"]
        assert other.call("echo", "acknowledged", timeout=10) == "acknowledged"


def test_a_server_sends_ticks_to_its_own_clients_only(joined: LabProcess) -> None:
    """As on Node.js: else each client has those of all servers."""
    with connected(joined.running.urls[0], "/") as one:
        seqs = [one.receive(timeout=10)[1]["seq"] for _ in range(20)]
    assert seqs == list(range(seqs[0], seqs[0] + 20))


def test_what_strangers_publish_on_the_channel_ends_nothing(joined: LabProcess) -> None:
    first, second = joined.running.urls
    with connected(first) as one, connected(second) as other:
        for text in ("no-json", "17", "[]", "{}", "null"):
            redis(joined, "PUBLISH", "socketio", text)
        one.emit("chat message", "after them")
        assert other.receive(timeout=10) == ["chat message", "after them"]


def test_they_hear_each_other_again_after_redis_was_restarted(joined: LabProcess) -> None:
    first, second = joined.running.urls
    with connected(first) as one, connected(second) as other:
        act(joined, "restart redis")
        assert one.call("echo", "still there", timeout=10) == "still there"
        heard: list[Any] = []
        for number in range(200):
            one.emit("chat message", number)
            try:
                heard = other.receive(timeout=0.2)
                break
            except socketio.exceptions.TimeoutError:
                pass
        assert heard[:1] == ["chat message"]


def test_one_that_was_killed_is_joined_again(joined: LabProcess, until: Callable[..., Any]) -> None:
    act(joined, "kill server-2")
    act(joined, "start server-2")
    # the other one may still wait to subscribe again, where Redis was restarted before
    until(
        lambda: b"socketio\r\n:2\r\n" in redis(joined, "PUBSUB", "NUMSUB", "socketio"),
        what="both have subscribed",
    )
    first, second = joined.running.urls
    with connected(first) as one, connected(second) as other:
        one.emit("chat message", "again")
        assert other.receive(timeout=10) == ["chat message", "again"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_waits_for_redis_ends_when_it_is_told(number: signal.Signals, lab_programs: None) -> None:
    (port,) = free_ports(1)
    with subprocess.Popen(
        [sys.executable, "-m", "siotool.target.serve", "--adapter", "redis"],
        env={**os.environ, "SIOTOOL_LAB_BACKEND": f"redis://127.0.0.1:{port}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert b"from redis... retrying" in process.stderr.readline() + process.stderr.readline()
        process.send_signal(number)
        assert process.wait(10) == 0


def test_one_that_nobody_tells_where_redis_is_does_not_start() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SIOTOOL_LAB_BACKEND"}
    command = [sys.executable, "-m", "siotool.target.serve", "--adapter", "redis"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "SIOTOOL_LAB_BACKEND names no backend for adapter redis" in done.stderr
