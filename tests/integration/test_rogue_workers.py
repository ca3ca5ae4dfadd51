"""Whoever finds the port of a run's Locust master, and does not know its token, changes nothing.

Seen: a rogue process on loopback took 7 of 20 users with exit 0, forged 7,000 answers of 99 s into the
report, and ended a run as "stopped from Locust's UI".
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import msgspec
import psutil
import pytest
import zmq

from siotool.runfile import Bytes, Connections, Operation, WorkerHealth
from siotool.swarm.join_token import call_with, keys_of, make_token
from siotool.swarm.worker_report import WorkerInterval, encode

pytestmark = pytest.mark.slow


def port_of(pid: int) -> int:
    """Where the parent of a run listens: anybody on the machine can find that out."""
    (found,) = [
        one.laddr.port
        for one in psutil.Process(pid).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    ]
    return int(found)


def forged(number: int) -> bytes:
    """A second of worker 0 in which 1,000 calls took 99 s each."""
    from siotool.histogram import Histogram

    times = Histogram()
    times.record([99.0] * 1000)
    return encode(
        WorkerInterval(
            worker=0,
            number=number,
            until=0.0,
            connections=Connections(),
            operations=[Operation("ack", "echo", 1000, {}, times.sparse())],
            bytes=Bytes(),
            health=WorkerHealth(0, 0.0, 1, 0.0, 0.0, 1, 1),
        )
    )


class Rogue:
    """Speaks as one of Locust's workers does, over and over, until it is told to stop."""

    def __init__(self, port: int, prepare: Callable[[Any], object]) -> None:
        self._over = threading.Event()
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._speak, args=(port, prepare), daemon=True)
        self._thread.start()

    def _speak(self, port: int, prepare: Callable[[Any], object]) -> None:
        with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
            dealer.setsockopt(zmq.IDENTITY, b"rogue_1")
            dealer.setsockopt(zmq.LINGER, 0)
            prepare(dealer)
            dealer.connect(f"tcp://127.0.0.1:{port}")
            count = 0
            while not self._over.wait(0.05):
                count += 1
                stats = {
                    "stats": [],
                    "stats_total": {},
                    "errors": {},
                    "user_classes_count": {},
                    "user_count": 0,
                }
                for kind, data in (
                    ("client_ready", version("locust")),
                    ("siotool_ready", {"worker": 0}),
                    ("stats", stats | {"siotool": [forged(number) for number in range(10)]}),
                    ("heartbeat", {"state": "ready", "current_cpu_usage": 1}),
                    ("quit", None) if count % 5 == 0 else ("client_stopped", None),
                ):
                    with suppress(zmq.Again):
                        dealer.send(msgspec.msgpack.encode((kind, data, "rogue_1")), zmq.NOBLOCK)
                with suppress(zmq.Again):
                    self.heard.append(dealer.recv(zmq.NOBLOCK))

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)


@pytest.fixture
def rogue() -> Iterator[Callable[..., Rogue]]:
    started: list[Rogue] = []

    def start(port: int, prepare: Callable[[Any], object] = lambda dealer: None) -> Rogue:
        started.append(Rogue(port, prepare))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda dealer: None, id="as any worker of Locust"),
        pytest.param(lambda dealer: call_with(keys_of(make_token()), dealer), id="with a token of its own"),
    ],
)
def test_a_rogue_process_takes_no_user_and_forges_nothing(
    start: Any, rogue: Any, until: Any, prepare: Callable[[Any], object]
) -> None:
    test = start("demo", "--users", 20, "--spawn-rate", 20, "--processes", 2, "--run-time", "5s")
    port = until(lambda: test.family("siotool.swarm.worker") and port_of(test.process.pid), what="a port")
    stranger = rogue(port, prepare)
    done = test.finish()
    assert (done.code, done.run.end.reason) == (0, "finished"), done.stderr
    assert not stranger.heard
    assert done.report["connections"]["peak"] == 20
    assert sum(found.started for one in done.run.intervals for found in one.user_classes) == 20
    row = done.operation("ack", "echo")
    assert row["max_s"] < 50
    assert row["count"] < 20 * 5 * 1.5
    assert [note.text for note in done.run.notes if note.level == "doubt"] == []


def test_bytes_that_are_no_message_change_nothing(start: Any, until: Any) -> None:
    test = start("demo", "--users", 5, "--run-time", "4s")
    port = until(lambda: test.family("siotool.swarm.worker") and port_of(test.process.pid), what="a port")
    connected = []
    for number in range(200):
        peer = socket.create_connection(("127.0.0.1", port))
        begin = (b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00CURVE", b"GET / HTTP/1.1\r\n\r\n")[
            number % 2
        ]
        with suppress(OSError):  # it may have been closed meanwhile
            peer.sendall(begin)
            peer.sendall(os.urandom(300))
        connected.append(peer)
    done = test.finish()
    for peer in connected:
        peer.close()
    assert (done.code, done.report["connections"]["peak"]) == (0, 5), done.stderr
