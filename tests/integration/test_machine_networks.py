"""Three hosts made of network namespaces: the run and its target on one, a machine on each of the others.

One network is cut off and mended, one machine is slow to reach, one is lost for good.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.conftest import NODE_TARGET
from tests.integration.worker_machines import AHEAD, listening_port, worker_machines

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: The address of the host with the run and its target, on its own loopback interface.
MAIN = "198.18.60.1"
PORT = 5557


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


class Hosts:
    """A host in the middle, and hosts that reach it over a cable each."""

    def __init__(self, count: int) -> None:
        self.names = [f"sio{uuid4().hex[:8]}" for _ in range(count + 1)]
        main = self.names[0]
        for name in self.names:
            run(f"ip netns add {name}")
            run(f"ip -n {name} link set lo up")
        run(f"ip -n {main} addr add {MAIN}/32 dev lo")
        for number, name in enumerate(self.names[1:], 1):
            run(f"ip link add {name}m netns {main} type veth peer name eth0 netns {name}")
            run(f"ip -n {main} addr add 198.18.61.{4 * number + 1}/30 dev {name}m")
            run(f"ip -n {main} link set {name}m up")
            run(f"ip -n {name} addr add 198.18.61.{4 * number + 2}/30 dev eth0")
            run(f"ip -n {name} link set eth0 up")
            run(f"ip -n {name} route add default via 198.18.61.{4 * number + 1}")

    def inside(self, number: int, *more: str) -> tuple[str, ...]:
        """What runs a command on a host; 0 is the one in the middle."""
        return ("ip", "netns", "exec", self.names[number], *more)

    def cut(self, number: int) -> None:
        """Pull the cable of a host."""
        run(f"ip -n {self.names[0]} link set {self.names[number]}m down")

    def mend(self, number: int) -> None:
        """Put it back."""
        run(f"ip -n {self.names[0]} link set {self.names[number]}m up")

    def slow(self, number: int, delay: str) -> bool:
        """Let everything that a host sends take longer; False where this kernel cannot."""
        done = subprocess.run(
            [*self.inside(number), *f"tc qdisc add dev eth0 root netem delay {delay}".split()],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def close(self) -> None:
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[Callable[[int], Hosts]]:
    if os.geteuid():
        pytest.xfail("only root may make network namespaces")
    if shutil.which("ip") is None:
        pytest.skip("ip of iproute2 is not installed")
    probe = f"sio{uuid4().hex[:8]}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        pytest.xfail("this machine lets nobody make network namespaces")
    run(f"ip netns delete {probe}")
    made: list[Hosts] = []

    def make(count: int) -> Hosts:
        made.append(Hosts(count))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def target() -> Iterator[Callable[[Hosts], str]]:
    """Start a Node.js server on the host in the middle."""
    started: list[subprocess.Popen[bytes]] = []

    def start(hosts: Hosts) -> str:
        process = subprocess.Popen(
            [*hosts.inside(0), "node", NODE_TARGET / "server.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"HOST": MAIN},
        )
        started.append(process)
        assert process.stdout is not None
        return f"http://{MAIN}:{json.loads(process.stdout.readline())['port']}"

    yield start
    for process in started:
        with process:
            process.terminate()


@pytest.fixture
def swarm(
    hosts: Any, target: Any, start: Any, until: Any, tmp_path: Path
) -> Iterator[Callable[..., tuple[Any, Hosts, list[Any]]]]:
    """Start a run of so many machines, each on a host of its own, and wait until it is under way."""
    (tmp_path / "token").write_text("t" * 40)
    with worker_machines(tmp_path) as machine:

        def begin(count: int, *load: Any, slow: str = "", seconds: int = 3) -> tuple[Any, Hosts, list[Any]]:
            made = hosts(count)
            if slow and not made.slow(count, slow):
                pytest.xfail("this kernel has no netem")
            test = start(
                *(target(made), "--yes", *load, "--distributed", "--expect-workers", count),
                *("--listen", MAIN, "--token-file", tmp_path / "token", "--workers-within", "60s"),
                inside=made.inside(0),
            )
            assert listening_port(test, until) == PORT
            machines = [
                machine(f"{MAIN}:{PORT}", inside=made.inside(number, *(AHEAD if number == 1 else ())))
                for number in range(1, count + 1)
            ]
            test.reached(seconds)
            return test, made, machines

        yield begin


CHAT = ("--scenario", "chat", "--set", "rate=1", "--users", 9, "--spawn-rate", 9)


def doubts(done: Any) -> list[str]:
    return [note.text for note in done.run.notes if note.level == "doubt"]


def test_three_hosts_measure_what_one_does(swarm: Any, loadtest: Any, node_server: Any) -> None:
    """Counts are equal, and times within what the clocks of the hosts may differ by."""
    test, _, machines = swarm(2, *CHAT, "--run-time", "8s")
    done, alone = test.finish(), loadtest(node_server().url, *CHAT, "--run-time", "8s", "--processes", 2)
    assert (done.code, alone.code) == (0, 0), done.stderr
    assert [machine.finish() for machine in machines] == [0, 0]
    for report in (done.report, alone.report):
        delivery = report["delivery"]
        assert delivery["lost"] == delivery["duplicate"] == delivery["misdelivered"] == 0
        assert delivery["received"] == delivery["expected"] > 8 * delivery["published"] > 300
    rows = [one.operation("deliver", "chat message") for one in (done, alone)]
    assert abs(rows[0]["count"] - rows[1]["count"]) <= 0.1 * rows[1]["count"]
    assert rows[0]["clock_error_s"] < 0.01
    assert rows[1]["clock_error_s"] is None
    assert abs(rows[0]["p50_s"] - rows[1]["p50_s"]) < rows[0]["clock_error_s"] + rows[1]["p50_s"]


def test_a_network_that_is_cut_off_and_mended_loses_nothing_but_what_it_carried(
    swarm: Any, until: Any
) -> None:
    test, hosts, machines = swarm(2, *CHAT, "--run-time", "22s")
    hosts.cut(2)
    run = test.run
    assert run is not None
    # the run's seconds wait for the machine that is away: for so long it is
    silent = len(run.intervals)
    until(machines[1].workers, what="its workers, which go on")
    subprocess.run(["sleep", "10"], check=True)
    hosts.mend(2)
    done = test.finish(120)
    assert done.run.end.reason == "finished"
    assert len(done.run.intervals) > silent + 5
    assert [text for text in doubts(done) if "was lost" in text or "did not report" in text] == []
    # every second has both workers: what the machine measured meanwhile came when it could
    measured = [interval for interval in done.run.intervals if not interval.draining]
    assert {len(interval.generator) for interval in measured} == {2}
    assert [machine.finish() for machine in machines] == [0, 0]


def test_a_machine_that_was_lost_takes_its_place_again_when_its_network_is_back(
    swarm: Any, until: Any
) -> None:
    test, hosts, machines = swarm(2, *CHAT, "--run-time", "45s")
    hosts.cut(2)
    until(
        lambda: [note for note in test.run.notes if "did not report second" in note.text],
        what="the loss in the run file",
        within_s=40,
    )
    hosts.mend(2)
    done = test.finish(120)
    assert (done.code, done.run.end.reason) == (5, "finished")
    assert len(doubts(done)) == 1
    (came,) = [note for note in done.run.notes if "has taken the place of worker" in note.text]
    assert came.text.startswith("generator worker 2 on ")
    measured = [interval for interval in done.run.intervals if not interval.draining]
    assert measured[-1].connections.users == 9
    assert [health.worker for health in measured[-1].generator][1:] == [2]
    assert [machine.finish() for machine in machines] == [0, 0]


def test_a_machine_that_is_slow_to_reach_says_how_exact_its_clock_is(swarm: Any) -> None:
    """All of the delay is on one way: the comparison is off by half of it, and says so."""
    test, _, _ = swarm(2, *CHAT, "--run-time", "8s", "--no-default-gates", slow="40ms")
    done = test.finish()
    assert done.code == 0, done.stderr
    row = done.operation("deliver", "chat message")
    assert 0.02 <= row["clock_error_s"] < 0.2
    assert " !" in (done.folder / "report.md").read_text()
    # a message that was sent within the error of a user's join may have been sent before it
    assert done.report["delivery"]["lost"] <= 9


def test_a_machine_that_is_gone_for_good_is_marked_and_its_users_made_up_for(swarm: Any) -> None:
    test, hosts, machines = swarm(2, *CHAT, "--run-time", "28s")
    hosts.cut(2)
    done = test.finish(150)
    assert (done.code, done.run.end.reason) == (5, "finished")
    (doubt,) = [text for text in doubts(done) if "generator worker" in text]
    assert "did not report second" in doubt
    measured = [interval for interval in done.run.intervals if not interval.draining]
    assert measured[-1].connections.users == 9
    assert len(measured[-1].generator) == 1
    # what it had measured before is kept
    assert len(measured[1].generator) == 2
    assert machines[0].finish() == 0
    assert machines[1].finish(120) == 3, "it ends by itself, as nothing answers"
