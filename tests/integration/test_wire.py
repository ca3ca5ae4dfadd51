"""The engine against servers that hang, stop reading, or break the protocol."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import gevent
import pytest

from siotool.client.address import Address
from siotool.client.choices import TransportShares
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.client.pool import WRITE_BUFFER_BYTES
from siotool.runfile import Operation
from siotool.swarm.engine import Engine
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user_counts import UserCounts
from siotool.swarm.user_observer import UserObserver
from siotool.workload import Target

pytestmark = pytest.mark.slow

DRAIN_S = 1.0
WEBSOCKET: TransportShares = (("websocket", 1.0),)


class RawServer:
    """A running raw_server.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def counts(self) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("raw_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield RawServer(process)
        process.kill()


Engines = Callable[..., Engine]


@pytest.fixture
def engine(server: RawServer) -> Iterator[Engines]:
    """Make engines: ``engine("hang-open", connect_timeout_s=0.3)``."""
    made: list[Engine] = []

    def make(behaviour: str, scheme: str = "http", port: int = server.port, **settings: float) -> Engine:
        target = Target(f"{scheme}://127.0.0.1:{port}", path=f"/{behaviour}/")
        address = Address(socket.AF_INET, "127.0.0.1", port)
        found = Engine(
            EngineSettings(
                target, (address,), 1, transports=WEBSOCKET, **{"drain_timeout_s": DRAIN_S, **settings}
            )  # type: ignore[arg-type]
        )
        made.append(found)
        return found

    yield make
    for one in made:
        one.drain()
        one.stop()


def user(engine: Engine) -> UserObserver:
    return engine.new_user(UserCounts("User"))


def connect_all(engine: Engine, users: list[UserObserver]) -> list[Any]:
    """Connect side by side; what came of each, a Connection or a ClientFailure's class."""

    def one(user: UserObserver) -> Any:
        try:
            return engine.connect(user, monotonic(), False, {}, Identity(), "websocket")
        except ClientFailure as failure:
            return failure.kind

    jobs = [gevent.spawn(one, user) for user in users]
    gevent.joinall(jobs, timeout=20)
    return [job.value for job in jobs]


def add_up(engine: Engine) -> None:
    (target,) = engine.loop.metrics.targets
    assert target.attempted == target.established + target.failed.total()
    assert target.open == engine.loop.metrics.present == 0


def operations(engine: Engine) -> list[Operation]:
    """Operations since the last look; what else is counted stays."""
    (target,) = engine.loop.metrics.targets
    counted = [found for name in list(target._tables) for found in target.table(name).close()]
    return [*engine.loop.metrics.close_operations(), *counted]


def errors(engine: Engine, op: str, name: str = "/") -> dict[str, int]:
    (found,) = (o for o in operations(engine) if (o.op, o.name) == (op, name))
    return found.errors


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue is full: the kernel answers no SYN any more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        gevent.sleep(0.05)
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


PHASES = ["tcp", "tls", "upgrade", "open", "namespace"]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", ["timeout", "unanswered"])
def test_a_connect_that_hangs_is_counted_with_the_phase_it_hung_in(
    engine: Engines, server: RawServer, full_port: int, phase: str, kind: str
) -> None:
    """Trap: those under way at the end were taken back, and half of all could hang unseen."""
    options: dict[str, Any] = {
        "connect_timeout_s": 0.3 if kind == "timeout" else 10.0,
        "drain_timeout_s": 0.3,
    }
    options |= {"port": full_port} if phase == "tcp" else {}
    options |= {"scheme": "https"} if phase == "tls" else {}
    found = engine(f"hang-{phase}", **options)
    receivers = [user(found) for _ in range(3)]
    if kind == "timeout":
        assert connect_all(found, receivers) == [kind] * 3
    else:
        jobs = gevent.spawn(connect_all, found, receivers)
        gevent.sleep(0.05)  # they are on their way
        begin = monotonic()
        found.drain()
        assert monotonic() - begin < 2
        jobs.join(1)
        assert jobs.value == [kind] * 3
    assert (
        found.loop.metrics.targets[0].attempted,
        found.loop.metrics.targets[0].failed,
        found.loop.metrics.targets[0].hung,
    ) == (
        3,
        {kind: 3},
        {phase: 3},
    )
    assert errors(found, "connect") == {kind: 3}
    add_up(found)


def test_a_connect_that_succeeds_while_the_run_drains_leaves_at_once(engine: Engines) -> None:
    found = engine("slow-namespace", drain_timeout_s=3.0)
    jobs = gevent.spawn(connect_all, found, [user(found) for _ in range(3)])
    gevent.sleep(0.05)  # they are on their way
    found.drain()
    jobs.join(1)
    assert all(connection.close_reason == "client" for connection in jobs.value)
    assert (
        found.loop.metrics.targets[0].attempted,
        found.loop.metrics.targets[0].established,
        found.loop.metrics.targets[0].failed.total(),
    ) == (3, 3, 0)
    assert found.loop.metrics.targets[0].closed == {}
    add_up(found)


def test_a_connect_that_timed_out_never_joins_later(
    engine: Engines, server: RawServer, until: Callable[..., Any]
) -> None:
    found = engine("slow-upgrade", connect_timeout_s=0.1)
    assert connect_all(found, [user(found) for _ in range(5)]) == ["timeout"] * 5
    until(lambda: server.counts()["open"] == 0, what="every socket closed")
    (target,) = found.loop.metrics.targets
    assert (target.attempted, target.established, target.failed) == (5, 0, {"timeout": 5})
    found.drain()
    add_up(found)


@pytest.mark.parametrize("awaited", [True, False])
def test_a_server_that_stops_reading_holds_back_neither_the_end_nor_its_calls(
    engine: Engines, awaited: bool
) -> None:
    """Trap: the end waited until the last byte had left, minutes later or never."""
    found = engine("deaf")
    receivers = [user(found) for _ in range(3)]
    connections = connect_all(found, receivers)
    results = []
    calls = 100

    def call(connection: Any) -> None:
        try:
            results.append(found.call(connection, "echo", ("x" * 100_000,), monotonic()))
        except ClientFailure as failure:
            results.append(failure.kind)

    for connection in connections:
        for _ in range(calls):
            if awaited:
                gevent.spawn(call, connection)
            else:
                found.call_ahead(connection, "echo", ("x" * 100_000,), monotonic())
    gevent.sleep(0.3)
    for receiver in receivers:
        found.leave(receiver)
    begin = monotonic()
    found.drain()
    assert monotonic() - begin < DRAIN_S + 1
    kinds = errors(found, "ack", "echo")
    assert set(kinds) == {"unanswered", "not_sent"}
    assert sum(kinds.values()) == 3 * calls
    gevent.sleep(0.01)
    assert len(results) == (3 * calls if awaited else 0)
    # what waited in this process had its bound
    assert kinds["unanswered"] * 100_000 < 3 * (WRITE_BUFFER_BYTES + 10_000_000)
    add_up(found)


def test_emits_and_broadcasts_that_cannot_leave_are_errors(engine: Engines) -> None:
    found = engine("deaf")
    receiver = user(found)
    (connection,) = connect_all(found, [receiver])
    for _ in range(150):
        found.emit(connection, "say", ("x" * 100_000,), monotonic())
    found.publish(connection, 1, "said", lambda stamp: (stamp,), monotonic(), True, print)
    gevent.sleep(0.3)
    found.drain()
    booked = {(o.op, o.name): o.errors for o in operations(found)}
    assert booked["custom", "say"]["not_sent"] > 0
    assert booked["deliver", "said"] == {"not_sent": 1}
    assert found.loop.tracker.take_published() == []


def test_calls_that_wait_on_one_connection_are_bounded(
    engine: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siotool.client.connection.CALLS_WAITING", 5)
    found = engine("silence", drain_timeout_s=0.1)
    (connection,) = connect_all(found, [user(found)])
    for _ in range(8):
        found.call_ahead(connection, "echo", (), monotonic())
    found.drain()
    assert errors(found, "ack", "echo") == {"unanswered": 5, "not_sent": 3}


ODD_ACKS = [
    "ack-object",
    "ack-nothing",
    "ack-cut",
    "ack-no-utf8",
    "ack-attachment-replaced",
    "ack-attachment-unnamed",
]
VIOLATIONS = [
    "masked",
    "reserved-bit",
    "opcode",
    "control-too-long",
    "control-fragment",
    "no-utf8",
    "continuation",
    "interleaved",
    "close-code",
    "close-code-unknown",
    "close-short",
    "length",
]


@pytest.mark.parametrize("awaited", [True, False])
@pytest.mark.parametrize("behaviour", [*ODD_ACKS, *VIOLATIONS, "frame-too-large", "fragments-too-large"])
def test_what_breaks_the_protocol_is_an_error_of_its_class(
    engine: Engines,
    until: Callable[..., Any],
    capfd: pytest.CaptureFixture[str],
    behaviour: str,
    awaited: bool,
) -> None:
    """Trap: an ack of no use was booked as a success, and raised out of ``call``."""
    kind = "too_large" if "too-large" in behaviour else "protocol_error"
    found = engine(behaviour)
    receiver = user(found)
    (connection,) = connect_all(found, [receiver])
    if awaited:
        with pytest.raises(ClientFailure) as failed:
            found.call(connection, "echo", (), monotonic())
        assert failed.value.kind == kind
    else:
        found.call_ahead(connection, "echo", (), monotonic())
    until(lambda: gevent.sleep(0.01) or not connection.open, what="the connection closed")
    assert errors(found, "ack", "echo") == {kind: 1}
    assert found.loop.metrics.targets[0].closed == {kind: 1}
    [remark] = found.loop.metrics.take_remarks()
    assert remark.level == "warning"
    assert remark.text.startswith(f"{kind}: ")
    assert len(remark.text) > len(kind) + 10
    found.drain()
    add_up(found)
    assert capfd.readouterr().err == ""


def test_an_ack_with_its_attachment_is_an_answer(engine: Engines) -> None:
    found = engine("ack-attachment")
    (connection,) = connect_all(found, [user(found)])
    assert found.call(connection, "echo", (), monotonic()) == [b"x"]


def test_an_ack_whose_attachment_never_comes_is_no_answer(engine: Engines) -> None:
    found = engine("ack-attachment-missing")
    (connection,) = connect_all(found, [user(found)])
    with pytest.raises(ClientFailure, match="timeout"):
        found.call(connection, "echo", (), monotonic(), timeout=0.2)


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        ("close-1009", "too_large", ["code 1009", "1000000 bytes"]),
        ("close-4001", "transport_close", ["code 4001", "go away"]),
    ],
)
def test_the_code_of_a_close_frame_is_told(
    engine: Engines, until: Callable[..., Any], behaviour: str, kind: str, words: list[str]
) -> None:
    found = engine(behaviour)
    (connection,) = connect_all(found, [user(found)])
    found.call_ahead(connection, "echo", (), monotonic())
    until(lambda: gevent.sleep(0.01) or not connection.open, what="the connection closed")
    assert found.loop.metrics.targets[0].closed == {kind: 1}
    [remark] = found.loop.metrics.take_remarks()
    assert all(word in remark.text for word in words)


def test_bytes_of_users_that_only_send_are_counted_as_they_leave(
    engine: Engines, server: RawServer, until: Callable[..., Any]
) -> None:
    """Trap: 0 B/s until the next heartbeat, as connections that had heard nothing were left out."""
    found = engine("echo")
    (connection,) = connect_all(found, [user(found)])
    found.loop.pool.read_wire()
    found.loop.pool.read_wire()  # nothing has moved since
    before, read = found.loop.metrics.targets[0].traffic.wire_out, server.counts()["read"]
    for _ in range(20):
        found.emit(connection, "say", ("x" * 100_000,), monotonic())
    gevent.sleep(0.05)

    def counted() -> bool:
        gevent.sleep(0.01)
        found.loop.pool.read_wire()
        return found.loop.metrics.targets[0].traffic.wire_out - before >= 20 * 100_000

    until(counted, what="all that was sent")
    until(lambda: server.counts()["read"] - read >= 20 * 100_000, what="all that was sent is read")
    # six or more bytes of each frame are no payload; the server does not count all of them
    assert found.loop.metrics.targets[0].traffic.wire_out - before == server.counts()["read"] - read + 20 * 8


def test_idle_connections_cost_no_system_call(engine: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    found = engine("echo")
    connect_all(found, [user(found) for _ in range(10)])
    found.loop.pool.read_wire()
    asked: list[object] = []
    monkeypatch.setattr("siotool.client.tcp.transferred", asked.append)
    found.loop.pool.read_wire()
    assert asked == []


def test_a_mistake_of_our_own_is_told_once_and_ends_no_run(
    engine: Engines, capfd: pytest.CaptureFixture[str]
) -> None:
    found = engine("echo")
    (connection,) = connect_all(found, [user(found)])

    def mistake() -> None:
        raise ValueError("a mistake of our own")

    for _ in range(5):
        found.at(0.0, mistake)
    assert found.call(connection, "echo", (), monotonic()) == [1]
    assert capfd.readouterr().err.count("ValueError: a mistake") == 1
    [remark] = found.loop.metrics.take_remarks()
    assert remark.level == "doubt"


def test_a_message_that_cannot_be_made_opens_no_account(engine: Engines) -> None:
    """The scenario's callback raised behind an account that was open already: a false loss."""
    found = engine("echo")
    (connection,) = connect_all(found, [user(found)])
    raised: list[BaseException] = []

    def compose(stamp: str) -> tuple[Any, ...]:
        raise LookupError("a mistake in a scenario")

    for _ in range(3):
        found.publish(connection, 1, "said", compose, monotonic(), True, raised.append)
    assert found.call(connection, "echo", (), monotonic()) == [1]
    assert found.loop.tracker.take_published() == []
    assert [type(error) for error in raised] == [LookupError] * 3


@pytest.mark.parametrize("behaviour", ["echo", "slow-upgrade"])
@pytest.mark.parametrize("seed", [1, 2])
def test_users_that_come_and_go_while_they_connect_leave_nothing_behind(
    engine: Engines, server: RawServer, until: Callable[..., Any], behaviour: str, seed: int
) -> None:
    """Trap: a user killed after it had joined and before it knew left its connection open for ever."""
    random = Random(seed)
    found = engine(behaviour, drain_timeout_s=2.0)
    users = 30
    others = server.counts()["open"]  # of tests in which it was deaf to their end

    def live(receiver: UserObserver) -> None:
        try:
            found.connect(receiver, monotonic(), again=False, handlers={})
            gevent.sleep(60)
        except gevent.GreenletExit:
            pass
        finally:
            found.leave(receiver)

    slots = set()
    greenlets: list[Any] = []
    for _ in range(12):
        while len(greenlets) < users:
            receiver = user(found)
            slots.add(receiver.slot)
            greenlets.append(gevent.spawn(live, receiver))
        gevent.sleep(random.choice([0, 0.001, 0.003, 0.01]))
        gone = random.sample(greenlets, users // 2)
        gevent.killall(gone)
        greenlets = [greenlet for greenlet in greenlets if greenlet not in gone]
    (target,) = found.loop.metrics.targets
    # the connects of those who went may go on for as long as the drain time
    with gevent.Timeout(20):
        while server.counts()["open"] > others + len(greenlets) or target.open > len(greenlets):
            gevent.sleep(0.02)  # not until(): these greenlets are to have their turns
    assert target.open <= len(greenlets)
    gevent.killall(greenlets)
    found.drain()
    until(lambda: server.counts()["open"] <= others, what="every connection closed")
    assert found.loop.metrics.targets[0].failed == {}
    add_up(found)
    free = [user(found).slot for _ in range(len(slots))]
    assert sorted(free) == sorted(set(free)), "no place is given twice"


def test_two_greenlets_of_one_user_share_a_connection(engine: Engines) -> None:
    found = engine("slow-upgrade")
    receiver = user(found)
    first, second = connect_all(found, [receiver, receiver])
    assert first is second
    assert connect_all(found, [receiver]) == [first]
    assert found.loop.metrics.targets[0].attempted == 1


def test_connects_and_calls_of_more_than_a_second_are_overdue(engine: Engines) -> None:
    found = engine("hang-open", drain_timeout_s=0.1)
    gevent.spawn(connect_all, found, [user(found) for _ in range(3)])
    gevent.sleep(0.1)
    now = monotonic()
    assert found.loop.overdue(now) == {}
    assert found.loop.overdue(now + 1) == {"connect": 3}
    found.drain()
    assert found.loop.overdue(now + 1) == {}
