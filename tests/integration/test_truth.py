"""Known answers: what a server did, by its own clock and counts, is what the report says."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siotool.histogram import Histogram, bucket_value, merged
from siotool.runfile import Run

pytestmark = pytest.mark.slow

#: The faulty server knows no other transport.
WEBSOCKET = ("--transport", "websocket")
#: Quantiles that are compared: from the fastest hundredth to the slowest.
SHARES = np.arange(1, 100) / 100
#: A quantile of a histogram is within 1 % of the sample; a loaded machine adds a moment.
RELATIVE, ABSOLUTE_S = 0.011, 0.001


@dataclass
class Faulty:
    """A running faulty_server.py."""

    process: subprocess.Popen[str]
    url: str

    def ask(self, line: str) -> Any:
        """Let it do or tell something; see its docstring."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def faulty() -> Iterator[Callable[..., Faulty]]:
    """Start faulty servers: ``faulty(lose=0.02)``."""
    running: list[Faulty] = []

    def start(**faults: Any) -> Faulty:
        script = Path(__file__).with_name("faulty_server.py")
        process = subprocess.Popen(
            [sys.executable, script, json.dumps(faults)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        running.append(Faulty(process, f"http://127.0.0.1:{process.stdout.readline().strip()}"))
        return running[-1]

    yield start
    for server in running:
        with server.process as process:
            process.kill()


def times(run: Run, kind: str, name: str = "work") -> Histogram:
    """All response or service times of a run's calls of an event."""
    return merged(
        getattr(operation, kind)
        for interval in run.intervals
        for operation in interval.operations
        if (operation.op, operation.name) == ("ack", name)
    )


def quantile(exact: np.ndarray[Any, np.dtype[np.float64]], share: float) -> float:
    """The nearest rank, as a histogram has it."""
    return float(np.sort(exact)[math.ceil(share * len(exact) - 1e-9) - 1])


def near(found: float | None, exact: float, within_s: float) -> bool:
    """Within what a histogram may be wrong by, and a moment."""
    return found is not None and abs(found - exact) <= RELATIVE * exact + within_s


def compare(
    found: Histogram,
    exact: np.ndarray[Any, np.dtype[np.float64]],
    within_s: float,
    shares: np.ndarray[Any, np.dtype[np.float64]] = SHARES,
) -> None:
    """Each quantile of a histogram is the one of the exact times, within 1 % or a moment."""
    assert found.count == len(exact)
    for share in shares:
        assert near(found.quantile(share), quantile(exact, share), within_s), share


# ── times ─────────────────────────────────────────────────────────────────────────────

#: Calls for six seconds, of which some take five; the run waits for the last of them.
CALLS = """
from siotool.swarm.user import SocketIOUser, knob, task

class Caller(SocketIOUser):
    rate: float = knob(10.0, "calls per second")
    called = 0

    @task
    def work(self):
        self.called += 1
        if self.called <= 60:
            self.call("work", self.called, wait=False)
            self.call("ping", self.called, wait=False)
"""


@pytest.fixture(scope="module")
def delayed(
    faulty: Callable[..., Faulty],
    lasting_start: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Any, np.ndarray[Any, np.dtype[np.float64]], float]:
    scenario = tmp_path_factory.mktemp("calls") / "calls.py"
    scenario.write_text(CALLS)
    server = faulty(delays=[0.001, 5.0])
    options = ("--users", "20", "--spawn-rate", "100", "--run-time", "12s")
    done = lasting_start(server.url, *WEBSOCKET, "--scenario", scenario, *options).finish()
    # a call that is answered at once shows what this machine adds, at this time
    noise = times(done.run, "response", "ping").quantile(0.95)
    assert noise is not None
    return done, np.array(server.ask("calls")), ABSOLUTE_S + noise


def test_percentiles_from_1_ms_to_5_s_are_those_that_were_injected(delayed: Any) -> None:
    done, calls, within_s = delayed
    assert len(calls) == 1200
    took, injected = calls[:, 3] - calls[:, 2], calls[:, 4]
    assert (took >= injected - 3e-3).all()
    assert np.quantile(injected, [0.01, 0.5, 0.99]) == pytest.approx([0.0011, 0.0707, 4.59], rel=0.03)
    # what the server's own timers and the machine added is in what it measured
    compare(times(done.run, "service"), took, within_s)
    compare(times(done.run, "response"), took, within_s)


def test_the_report_quotes_the_percentiles_that_were_injected(delayed: Any) -> None:
    done, calls, within_s = delayed
    took = calls[:, 3] - calls[:, 2]
    row = done.operation("ack", "work")
    for key, share in (("p50_s", 0.5), ("p90_s", 0.9), ("p95_s", 0.95), ("p99_s", 0.99), ("p99_9_s", 0.999)):
        assert near(row[key], quantile(took, share), within_s), key
    assert row["max_s"] == pytest.approx(took.max(), abs=5 * within_s)
    assert row["errors"] == {}


#: Each call waits for its answer.
PATIENT = CALLS.replace(", wait=False", "").replace('self.call("ping", self.called)', "pass")


def test_response_and_service_times_are_right_through_a_stall(
    faulty: Callable[..., Faulty], start: Callable[..., Any], tmp_path: Path
) -> None:
    """A user that waits catches up at once, and is timed from when each call was due."""
    scenario = tmp_path / "patient.py"
    scenario.write_text(PATIENT)
    server = faulty(delays=[0.004, 0.04])
    test = start(
        server.url,
        *WEBSOCKET,
        "--scenario",
        scenario,
        "--users",
        "20",
        "--spawn-rate",
        "100",
        "--run-time",
        "9s",
    )
    test.reached(3)
    begin, end = server.ask("stall 1.5")
    done = test.finish()
    calls = np.array(server.ask("calls"))
    assert len(calls) == 1200
    responses, services = [], []
    for number in np.unique(calls[:, 0]):
        own = calls[calls[:, 0] == number]
        own = own[np.argsort(own[:, 1])]
        read, written = own[:, 2], own[:, 3]
        # those that were prompt were read when they were due
        due = np.min(read - own[:, 1] / 10) + own[:, 1] / 10
        before = np.concatenate([[0.0], written[:-1]])
        could = np.maximum(due, before)
        sent = np.where((could > begin) & (could < end), could, read)
        responses += list(written - due)
        services += list(written - sent)
    assert np.max(responses) > 1.3
    assert np.quantile(responses, 0.9) > 10 * np.quantile(services, 0.9)
    # answers reach users up to 10 ms late by design; and the server saw how late this machine's timers are
    overshot = np.quantile(calls[:, 3] - calls[:, 2] - calls[:, 4], 0.9)
    within_s = 0.004 + max(0.0, float(overshot))
    compare(times(done.run, "response"), np.array(responses), within_s)
    found = times(done.run, "service")
    compare(found, np.array(services), 2 * within_s, SHARES[:94])
    # each user had one call under way in the stall: those alone took long to serve
    slow = sum(int(count) for at, count in enumerate(found.counts) if count and bucket_value(at) > 0.3)
    assert slow == pytest.approx(np.sum(np.array(services) > 0.3), abs=2)
    assert slow == pytest.approx(20, abs=2)
    assert done.counted("Caller").late >= 20 * 12


# ── deliveries ────────────────────────────────────────────────────────────────────────

#: Ten messages of each user a second after all have come, five a second.
TALK = """
from siotool.swarm.user import SocketIOUser, knob, task

class Talker(SocketIOUser):
    rate: float = knob(2.0, "turns per second")

    def on_connected(self):
        self.turn = -4

    @task
    def say(self):
        self.turn += 1
        if 0 < self.turn <= 12:
            self.publish("chat message")
"""
#: Many that call once a second.
ONCE_A_SECOND = """
from siotool.swarm.user import SocketIOUser, task

class Caller(SocketIOUser):
    rate = 1.0

    @task
    def ask(self):
        self.call("work", wait=False)
"""
#: A visit of two seconds, in which four messages are sent.
VISIT = """
from locust.exception import StopUser
from siotool.swarm.user import SocketIOUser, knob, task

class Visitor(SocketIOUser):
    rate: float = knob(2.5, "turns per second")
    turn = 0

    @task
    def say(self):
        self.publish("chat message")
        self.turn += 1
        if self.turn == 5:
            raise StopUser
"""
FAULTS = {"lose": 0.02, "double": 0.02, "swap": 0.02}


@pytest.mark.parametrize(
    ("code", "options", "faults", "least"),
    [
        pytest.param(
            TALK,
            ("--users", "50", "--spawn-rate", "100", "--run-time", "12s"),
            FAULTS | {"quota": 11},
            29_000,
            id="all are there",
        ),
        pytest.param(
            VISIT,
            ("--arrival-rate", "22/s", "--arrival-process", "poisson", "--run-time", "8s"),
            FAULTS | {"quota": 2, "window": [0.3, 1.0], "seconds": 6.5},
            15_000,
            id="users come and go",
        ),
    ],
)
def test_the_account_is_exact_at_5000_deliveries_a_second(
    faulty: Callable[..., Faulty],
    loadtest: Callable[..., Any],
    tmp_path: Path,
    code: str,
    options: tuple[str, ...],
    faults: dict[str, Any],
    least: int,
) -> None:
    scenario = tmp_path / "talk.py"
    scenario.write_text(code)
    server = faulty(**faults)
    done = loadtest(server.url, *WEBSOCKET, "--scenario", scenario, *options, "--processes", "2")
    did = server.ask("counts")
    found = done.report["delivery"]
    assert did["delivered"] > least
    assert (found["published"], found["lost"]) == (did["published"], did["lost"])
    assert (found["duplicate"], found["reordered"]) == (did["duplicate"], did["reordered"])
    assert min(did["lost"], did["duplicate"], did["reordered"]) > 50
    assert found["expected"] == found["received"] + found["lost"]
    # what came twice was received once
    arrived = did["delivered"] - did["duplicate"]
    # the server may write to users that have just closed
    assert 0 <= arrived - found["received"] <= (0 if code == TALK else 0.002 * arrived)
    assert (found["late"], found["pending"]) == (0, 0)
    busiest = max(interval.delivery.received / interval.duration_s for interval in done.run.intervals)
    assert busiest > 3000


@pytest.mark.parametrize(
    ("code", "users", "options"),
    [
        pytest.param(TALK, 30, ("--processes", "2"), id="a few that talk"),
        # so many connections of a worker are read in turns
        pytest.param(ONCE_A_SECOND, 700, ("--processes", "1", "--spawn-rate", "350"), id="many that call"),
    ],
)
def test_bytes_are_to_the_last_one_those_that_the_server_read_and_wrote(
    faulty: Callable[..., Faulty],
    start: Callable[..., Any],
    tmp_path: Path,
    code: str,
    users: int,
    options: tuple[str, ...],
) -> None:
    scenario = tmp_path / "talk.py"
    scenario.write_text(code)
    server = faulty()
    test = start(
        server.url,
        *WEBSOCKET,
        *("--scenario", scenario, "--users", str(users), "--run-time", "6s", *options),
    )
    test.reached(0)
    before = server.ask("counts")
    done = test.finish()
    did = server.ask("counts")
    bandwidth = done.report["bandwidth"]
    assert bandwidth["wire_bytes_out"] == did["bytes_read"] - before["bytes_read"]
    # the answer to a closing frame may come when the client has closed
    written = did["bytes_written"] - before["bytes_written"]
    farewell = did["bytes_of_farewell"] - before["bytes_of_farewell"]
    assert written - farewell <= bandwidth["wire_bytes_in"] <= written
    assert farewell == users * 2  # its head alone, as the closing frame has no code
    assert did["connections"] - before["connections"] == users
