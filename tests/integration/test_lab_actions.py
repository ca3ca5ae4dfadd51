"""What is done to the parts of a lab while it runs: real programs are killed, stopped, started again."""

import json
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil
import pytest

from siotool.errors import TargetError
from siotool.lab.keeper_lines import AskedAction, DoneAction, EndedProgram
from siotool.lab.lab import Lab
from siotool.lab.lab_action import read_action
from siotool.lab.lab_process import LabProcess

pytestmark = pytest.mark.slow

LABS = {
    "nginx": Lab(servers=2, adapter="redis", balancer="nginx", replica=True),
    "haproxy": Lab(servers=2, adapter="postgres", balancer="haproxy"),
    "cluster": Lab(servers=2, adapter="cluster"),
    "python": Lab(servers=2, runtime="python", adapter="redis", replica=True),
}


class Acting:
    """A lab that runs, and what is done to it."""

    def __init__(self, lab: Lab, process: LabProcess) -> None:
        self.lab = lab
        self.process = process
        self.pids = {member.name: member.pid for member in process.running.members}
        self.ended: list[str] = []

    def do(self, words: str) -> str:
        """Carry an action out; returns its error."""
        self.begin(words)
        return self.end()

    def begin(self, words: str) -> None:
        """Begin an action."""
        self.process.ask(AskedAction(7, read_action(words, self.lab, "here")))

    def end(self) -> str:
        """Wait for the end of an action; returns its error."""
        while True:
            for one in self.process.news(1.0):
                if isinstance(one, EndedProgram):
                    self.ended.append(one.name)
                elif isinstance(one, DoneAction):
                    assert one.number == 7
                    self.pids |= {member.name: member.pid for member in one.moved}
                    return one.error

    def answer(self, cookie: str = "") -> tuple[int, str]:
        """Open a session at its URL: the status, and the server that the balancer's cookie names."""
        url = f"{self.process.running.urls[0]}/socket.io/?EIO=4&transport=polling"
        request = urllib.request.Request(url, headers={"cookie": f"lab_server={cookie}"} if cookie else {})
        try:
            with urllib.request.urlopen(request, timeout=2) as response:
                named = response.headers.get("set-cookie", "")
                return response.status, named.partition("=")[2].partition(";")[0] or cookie
        except HTTPError as error:
            return error.code, ""
        except OSError:  # refused, or cut off by one that ends
            return 0, ""

    def polled(self, server: str, sid: str = "") -> str:
        """What a client over long polling is answered, whose cookie names a server, over a new connection."""
        url = f"{self.process.running.urls[0]}/socket.io/?EIO=4&transport=polling{sid and f'&sid={sid}'}"
        request = urllib.request.Request(url, headers={"cookie": f"lab_server={server}"})
        with urllib.request.urlopen(request, timeout=20) as response:
            return str(response.read().decode())

    def takes_sessions(self, *names: str) -> bool:
        """Whether it is these who take new sessions; soon, as balancers look at servers now and then."""
        return any({self.answer()[1] for _ in range(6)} == set(names) for _ in range(200))


@pytest.fixture(scope="module", params=LABS)
def acting(request: Any, lab_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acting]:
    lab = LABS[request.param]
    folder: Path = tmp_path_factory.mktemp("acting") / "lab"
    with LabProcess(lab, folder) as process:
        yield Acting(lab, process)


def state(pid: int) -> str:
    return str(psutil.Process(pid).status())


def has_ended(pid: int) -> bool:
    try:
        return state(pid) == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_server_that_is_killed_is_gone_until_it_is_started_again(acting: Acting) -> None:
    before = acting.pids["server-2"]
    assert acting.do("kill node-2") == ""
    assert has_ended(before)
    assert acting.do("kill node-2") == acting.do("stop node-2") == "server-2 does not run"
    assert acting.do("continue node-2") == "", "an undo of it is none"
    if acting.lab.balancer != "none":
        # one that was there before is sent to another one too
        assert acting.answer("server-2") == (200, "server-1")
        assert acting.takes_sessions("server-1")
    assert acting.do("start server-2") == ""
    assert acting.pids["server-2"] != before
    assert state(acting.pids["server-2"]) in (psutil.STATUS_SLEEPING, psutil.STATUS_RUNNING)
    assert acting.do("start server-2") == "server-2 runs already"
    assert "server-2" not in acting.ended, "it did not end by itself"


def test_a_server_that_is_stopped_answers_nothing_until_it_goes_on(acting: Acting) -> None:
    assert acting.do("stop server-1 server-2") == ""
    assert state(acting.pids["server-1"]) == psutil.STATUS_STOPPED
    assert acting.do("continue servers") == ""
    assert state(acting.pids["server-1"]) != psutil.STATUS_STOPPED
    assert acting.answer()[0] == 200


def test_a_part_that_is_throttled_is_stopped_and_goes_on_many_times(acting: Acting) -> None:
    assert acting.do("throttle server-1 to 50%") == ""
    states = set()
    for _ in range(20_000):
        states.add(state(acting.pids["server-1"]) == psutil.STATUS_STOPPED)
        if len(states) == 2:
            break
    assert states == {True, False}
    assert acting.do("unthrottle server-1") == ""
    assert acting.answer()[0] == 200


def test_a_part_that_is_stopped_stays_so_whatever_is_throttled_meanwhile(acting: Acting) -> None:
    """A throttle had it go on 100 ms later, and so did the end of the throttle."""
    assert acting.do("throttle servers to 50%") == ""
    assert acting.do("stop server-1") == ""
    turns = [state(acting.pids["server-2"]) == psutil.STATUS_STOPPED]
    while sum(one != other for one, other in pairwise(turns)) < 6:  # the throttle goes on
        turns.append(state(acting.pids["server-2"]) == psutil.STATUS_STOPPED)
        assert state(acting.pids["server-1"]) == psutil.STATUS_STOPPED
    assert acting.do("unthrottle servers") == ""
    assert state(acting.pids["server-1"]) == psutil.STATUS_STOPPED
    assert acting.do("stop server-1") == "server-1 is stopped already"
    assert acting.do("continue server-1") == ""
    assert state(acting.pids["server-1"]) != psutil.STATUS_STOPPED
    assert acting.answer()[0] == 200


def test_parts_are_started_all_or_none(acting: Acting) -> None:
    before = acting.pids["server-1"]
    assert acting.do("kill server-1") == ""
    assert acting.do("start servers") == "server-2 runs already"
    assert acting.pids["server-1"] == before
    assert acting.do("start server-1") == ""


def test_what_carries_messages_is_restarted_and_the_servers_live_on(acting: Acting) -> None:
    for backend in acting.lab.backends[:1]:
        before = dict(acting.pids)
        assert acting.do(f"restart {backend}") == ""
        assert acting.pids[backend] != before[backend]
        assert acting.pids["server-1"] == before["server-1"]
        assert acting.answer()[0] == 200
    assert acting.ended == []


def test_a_replica_takes_the_place_of_its_primary(acting: Acting) -> None:
    if not acting.lab.replica:
        return
    assert acting.do("failover redis") == ""
    folder = Path(acting.process.running.folder)
    assert role(folder / "redis-2.conf") == "master"
    assert acting.answer()[0] == 200
    assert acting.do("start redis") == ""
    assert role(folder / "redis.conf") == "slave", "as a second primary it took half of the servers"
    assert acting.do("restart redis-2") == ""
    assert role(folder / "redis-2.conf") == "master", "each was the replica of the other"
    assert acting.do("failover redis") == ""
    assert role(folder / "redis.conf") == "master", "the second failover killed the replica"
    assert acting.do("failover redis") == "redis-2 does not run", "else none would be left"
    assert acting.do("start redis-2") == ""
    assert acting.answer()[0] == 200


def role(file: Path) -> str:
    """What a Redis says that it is, which was started with this configuration."""
    lines = [line for line in file.read_text().splitlines() if " " in line and not line.startswith("#")]
    config = dict(line.split(" ", 1) for line in lines)
    asked = f"AUTH {config['requirepass']}\r\nROLE\r\n".encode()
    with socket.create_connection(("127.0.0.1", int(config["port"])), 5) as connection:
        connection.sendall(asked)
        answer = b""
        while b"master" not in answer and b"slave" not in answer:
            answer += connection.recv(256)
    return "master" if b"master" in answer else "slave"


@pytest.mark.parametrize(
    "act", ["stop server-1", "stop servers", "stop backend balancer", "throttle servers to 1%"]
)
def test_stopped_parts_end_although_the_keeper_of_the_lab_was_killed(
    act: str, lab_programs: None, tmp_path: Path, alive: Callable[[int], bool], until: Callable[..., Any]
) -> None:
    """The kernel's signal to end waits until a stopped process goes on: they lived for ever."""
    with LabProcess(LABS["nginx"], tmp_path) as process:
        one = Acting(LABS["nginx"], process)
        assert one.do(act) == ""
        (keeper,) = (found for found in psutil.Process().children() if str(tmp_path) in found.cmdline())
        parts = [found.pid for found in keeper.children(recursive=True)]
        assert len(parts) > len(one.pids), "nginx has a worker"
        keeper.send_signal(signal.SIGKILL)
        keeper.wait(10)
        with pytest.raises(TargetError, match="the lab has ended"):
            one.end()
    until(lambda: not [pid for pid in parts if alive(pid)], what="every process of the lab ends")


def test_a_balancer_reads_its_configuration_again(acting: Acting) -> None:
    if acting.lab.balancer == "none":
        return
    before = acting.pids[acting.lab.balancer]
    assert acting.do("reload balancer") == ""
    assert acting.pids[acting.lab.balancer] == before
    assert acting.takes_sessions("server-1", "server-2")
    assert acting.do("kill balancer") == ""
    assert acting.answer()[0] == 0
    assert acting.do("reload balancer") == f"{acting.lab.balancer} does not run"
    assert acting.do("start balancer") == ""
    assert acting.answer()[0] == 200


def test_a_drained_server_gets_no_one_new_and_ends_and_is_known_again(acting: Acting) -> None:
    if acting.lab.balancer == "none":
        return
    assert acting.do("drain server-1 over 100ms") == ""
    assert acting.takes_sessions("server-2")
    assert acting.answer("server-1") == (200, "server-2")
    assert acting.do("start server-1") == ""
    assert acting.takes_sessions("server-1", "server-2")


def test_sessions_over_long_polling_stay_on_a_server_that_drains_until_they_are_closed(
    acting: Acting,
) -> None:
    """All of them broke at once: it listened no more, and the balancer sent them to another server."""
    if acting.lab.balancer == "none":
        return
    # one that was started again counts as failed for two more seconds, by each process of nginx, and not
    # all of them need be asked here: new ones know of no failure
    assert acting.do("reload balancer") == ""
    assert any({acting.answer("server-1") for _ in range(12)} == {(200, "server-1")} for _ in range(200))
    opened = [acting.polled("server-1") for _ in range(4)]
    sessions = [json.loads(one[1:])["sid"] for one in opened]
    acting.begin("drain server-1 over 3s")
    told = [acting.polled("server-1", sid).rpartition("\x1e")[2] for sid in sessions]
    assert told == ["1"] * 4, "each hears that it is closed"
    assert acting.answer("server-1") == (200, "server-2"), "a new one goes elsewhere"
    assert acting.end() == ""
    assert acting.do("start server-1") == ""
    assert acting.takes_sessions("server-1", "server-2")


@pytest.mark.parametrize("how", ["pause 100ms", "drained"])
def test_a_deploy_restarts_each_server_in_turn(acting: Acting, how: str) -> None:
    if how == "drained" and acting.lab.balancer == "none":
        return
    before = dict(acting.pids)
    assert acting.do(f"rolling deploy {how}") == ""
    assert acting.pids["server-1"] != before["server-1"]
    assert acting.pids["server-2"] != before["server-2"]
    assert acting.answer()[0] == 200


def test_a_server_that_was_stopped_is_restarted_all_the_same(acting: Acting) -> None:
    before = acting.pids["server-1"]
    assert acting.do("stop server-1") == ""
    assert acting.do("restart server-1") == ""
    assert acting.pids["server-1"] != before
    assert acting.answer()[0] == 200


def test_a_primary_comes_back_with_new_workers(acting: Acting) -> None:
    if acting.lab.adapter != "cluster":
        return
    assert acting.do("kill primary") == ""
    assert acting.answer()[0] == 0
    assert acting.do("start primary") == ""
    assert acting.answer()[0] == 200
    # a worker of the new primary
    assert acting.do("restart server-1") == ""


def test_a_program_that_ends_by_itself_is_said(acting: Acting) -> None:
    """The last test of each lab: what was not asked for is no action."""
    cluster = acting.lab.adapter == "cluster"
    for name in ("server-2", "primary") if cluster else ("server-2",):
        acting.ended.clear()
        psutil.Process(acting.pids[name]).send_signal(signal.SIGKILL)
        for _ in range(20):
            news = [one for one in acting.process.news(1.0) if isinstance(one, EndedProgram)]
            acting.ended += [f"{one.name}: {one.code}" for one in news]
            if acting.ended:
                break
        assert acting.ended == [f"{name}: -9"]
