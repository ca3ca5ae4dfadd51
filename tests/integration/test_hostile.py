"""A server that is hostile to one of its clients hurts neither the others nor the generator."""

import gc
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import gevent
import psutil
import pytest

from siotool.client.address import Address
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.swarm.engine import Engine
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user_counts import UserCounts
from siotool.workload import Target
from tests.integration import hostile_server

pytestmark = pytest.mark.slow

#: The figures of docs/load.md and siotool/swarm/memory_limits.py: what one connection may take, and what
#: a worker takes more while it reads the largest of messages.
CONNECTION_BYTES, MESSAGE_READ_BYTES = 100_000_000, 300_000_000
#: The second of them is the victim.
USERS = 4
#: How long the others go on while it is attacked.
SECONDS = 0.5


@pytest.fixture(scope="module", autouse=True)
def as_a_worker_collects() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    yield
    gc.set_threshold(*before)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, hostile_server.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


class Attacked:
    """Some users, one of which is attacked, and what came of it."""

    def __init__(
        self,
        port: int,
        name: str,
        step: str,
        transport: Any,
        parser: Any = "json",
        *,
        revision: Any = 4,
        users: int = USERS,
    ) -> None:
        target = Target(
            f"http://127.0.0.1:{port}",
            path=f"/{name}.{step}.{transport}.{revision}.{users}/",
            transport=transport,
        )
        address = Address(socket.AF_INET, "127.0.0.1", port)
        self.engine = Engine(
            EngineSettings(
                target,
                (address,),
                1,
                transports=((transport, 1.0),),
                parser=parser,
                revision=revision,
                connect_timeout_s=20.0,
                ack_timeout_s=20.0,
                drain_timeout_s=0.3,
            )
        )
        self.transport = transport
        #: By user, how its connect and its calls ended: ``answered``, or the class of the failure.
        self.ends: list[list[str]] = [[] for _ in range(users)]
        self.grown = 0

    def run(self) -> None:
        process = psutil.Process()
        before = process.memory_info().rss
        first = gevent.spawn(self._live, 0)
        first.join()  # the victim is the second
        others = [gevent.spawn(self._live, number) for number in range(1, len(self.ends))]
        while not all(one.dead for one in others[1:]):
            self.grown = max(self.grown, process.memory_info().rss - before)
            gevent.sleep(0.01)
        self.engine.drain()
        gevent.joinall(others)
        self.engine.stop()

    def _live(self, number: int) -> None:
        engine, ends = self.engine, self.ends[number]
        user = engine.new_user(UserCounts("User"))
        gevent.sleep(min(0.02 * number, 0.2))
        try:
            connection = engine.connect(user, monotonic(), False, {}, Identity(), self.transport)
            ends.append("connected")
            if self.transport == "upgrade":
                gevent.sleep(0.1)  # the event goes over the WebSocket
            until = monotonic() + SECONDS
            while monotonic() < until:
                engine.call(connection, "echo", (number,), monotonic())
                ends.append("answered")
                gevent.sleep(0.01)
        except ClientFailure as failure:
            ends.append(failure.kind)
        engine.leave(user)


#: Failures that a server can cause.
KNOWN = {
    *("timeout", "unanswered", "reset", "transport_close", "server_disconnect", "connect_error"),
    *("protocol_error", "too_large", "not_websocket", "not_http", "http_100", "http_302", "http_400"),
}


@pytest.mark.parametrize("how", ["words", "refused", "no-packet"])
def test_what_a_server_says_reaches_neither_terminal_nor_page_as_it_is(
    port: int, loadtest: Callable[..., Any], how: str
) -> None:
    place = (f"http://127.0.0.1:{port}", "--path", f"/{how}.join.{port}/")
    users = ("--transport", "websocket", "--scenario", "listen", "--users", "2", "--run-time", "2s")
    done = loadtest(*place, *users)
    assert done.run.intervals, "it was let in at first, and ran"
    texts = {path.name: path.read_text(encoding="utf-8") for path in done.folder.iterdir()}
    texts |= {"stdout": done.stdout, "stderr": done.stderr}
    assert "reversed" in "".join(texts.values()), "the server's words are there"
    if how == "refused":
        # now that the place is known, nobody is let in: the preflight says why
        refused = loadtest(*place, *users)
        assert refused.code == 3
        assert "reversed" in refused.stderr
        texts |= {"refused": refused.stdout + refused.stderr}
    for form in ("text", "json", "md"):
        command = [sys.executable, "-m", "siotool", "probe", *place, "--format", form]
        probed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert probed.returncode in (0, 3, 4)
        texts |= {f"probe {form}": probed.stdout + probed.stderr}
    for name, text in texts.items():
        for mark in ("\x1b", "\x9b", "\x07", "\u202e", "\u200b", "\r"):
            assert mark not in text, (name, mark)
    assert "<script>alert(1)" not in texts["report.html"]
    assert "<script>alert(1)" not in texts["report.md"]


def attacks() -> Iterator[Any]:
    for name in hostile_server.FRAMES:
        parser = "msgpack" if "msgpack" in name else "json"
        yield pytest.param(name, "event", "websocket", parser, id=f"websocket {name}")
    for name in ("huge-frame", "pings", "truncated"):
        yield pytest.param(name, "event", "upgrade", "json", id=f"upgraded {name}")
    for name in hostile_server.ANSWERS:
        yield pytest.param(name, "poll", "polling", "json", id=f"polling {name}")
    for name in ("endless-body", "gzip-bomb", "base64", "redirect"):
        yield pytest.param(name, "poll", "jsonp", "json", id=f"jsonp {name}")
    for name in hostile_server.OPENINGS:
        yield pytest.param(name, "open", "polling", "json", id=f"opening {name}")
    for name in hostile_server.UPGRADES:
        yield pytest.param(name, "upgrade", "websocket", "json", id=f"handshake {name}")
        yield pytest.param(name, "upgrade", "upgrade", "json", id=f"upgrade {name}")


@pytest.mark.parametrize(("name", "step", "transport", "parser"), list(attacks()))
def test_an_attack_on_one_connection_hurts_no_other(
    port: int, name: str, step: str, transport: str, parser: str
) -> None:
    found = Attacked(port, name, step, transport, parser)
    found.run()
    hold(found, name)


@pytest.mark.parametrize("name", ["packet-pings", "deep", "huge-frame", "binary-junk", "attachments-never"])
def test_an_attack_in_the_older_revision_hurts_no_other(port: int, name: str) -> None:
    found = Attacked(port, name, "event", "websocket", revision=3)
    found.run()
    hold(found, name)


@pytest.mark.parametrize("name", ["packet-pings", "pings", "empty-fragments"])
def test_a_flood_on_one_of_fifty_leaves_the_figures_of_the_others(port: int, name: str) -> None:
    """A flood of frames of three bytes was a minute of work, in which no other connection was served."""
    found = Attacked(port, name, "event", "websocket", users=50)
    found.run()
    hold(found, name)
    (calls,) = (
        one
        for use in found.engine.loop.metrics.close_targets()[0]
        for one in use.operations
        if (one.op, one.name) == ("ack", "echo")
    )
    answered = sum(len(ends) - 1 for number, ends in enumerate(found.ends) if number != 1)
    assert calls.count == answered >= 49
    assert sum(calls.errors.values()) == 1, "the victim's"


def hold(found: Attacked, name: str) -> None:
    """All but the victim had their answers; nothing took too long, too much memory, or was a bug."""
    for number, ends in enumerate(found.ends):
        if number != 1:
            assert ends[0] == "connected", ends
            assert set(ends[1:]) == {"answered"}, ends
            assert len(ends) > 1
    victim = found.ends[1]
    metrics = found.engine.loop.metrics
    assert set(victim) <= {"connected", "answered"} | KNOWN, victim
    # no piece of work was a flood's whole (that was a minute); to read the largest of messages takes its time
    assert name == "wide-json" or metrics.loop_lag < 5.0
    assert found.grown < CONNECTION_BYTES + MESSAGE_READ_BYTES * (name == "wide-json"), found.grown
    (target,) = metrics.targets
    assert target.failed["internal_error"] == target.closed["internal_error"] == 0
    assert not any("internal_error" in remark.text for remark in metrics.remarks)
    assert target.open == metrics.present == 0
