"""Machines that want to join a run: who is let in, and what the parent makes of what they say."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from siotool.errors import GeneratorError
from siotool.swarm.load_limits import MachineLimits, WantedLoad
from siotool.swarm.machines import joined_machines
from siotool.swarm.machines import machine_messages as messages
from siotool.swarm.machines.joined_machines import JoinedMachines, RemoteWorker
from siotool.swarm.machines.machine_messages import Bundle, ClockQuestion, Joining, WorkerEnding
from siotool.swarm.machines.own_machine import describe, loopback_network, versions


class Runner:
    """Locust's master, as far as machines speak to it."""

    def __init__(self) -> None:
        self.listeners: dict[str, Any] = {}
        self.sent: list[tuple[str, Any, str]] = []

    def register_message(self, kind: str, listener: Any) -> None:
        self.listeners[kind] = listener

    def send_message(self, kind: str, data: Any, node: str) -> None:
        self.sent.append((kind, data, node))

    def hear(self, kind: str, record: msgspec.Struct | None, node: str) -> None:
        data = msgspec.to_builtins(record, builtin_types=(bytes,))
        self.listeners[kind](environment=None, msg=SimpleNamespace(data=data, node_id=node))


def joining(
    processes: int = 1,
    *,
    kernel: str = "another",
    limits: MachineLimits | None = None,
    spare: bool = False,
    **changed: str,
) -> Joining:
    own = limits or MachineLimits()
    return Joining(describe("box", processes), versions() | changed, kernel, own, sources=1, spare=spare)


def run_of(
    expected: int, *addresses: str, users: int = 0, sockets: float = 1.0
) -> tuple[JoinedMachines, Runner]:
    runner = Runner()
    wanted = WantedLoad(users, expected, sockets=sockets)
    return JoinedMachines(runner, addresses or ("10.0.0.1",), wanted), runner


def ready(
    machines: JoinedMachines, runner: Runner, node: str, processes: int = 1, *, spare: bool = False
) -> None:
    runner.hear(messages.JOIN, joining(processes, spare=spare), node)
    runner.hear(messages.CLOCK, ClockQuestion(5.0, 0.001), node)


def test_machines_join_until_all_workers_are_there() -> None:
    machines, runner = run_of(3)
    said: list[str] = []
    machines.say = said.append
    ready(machines, runner, "a", 2)
    ready(machines, runner, "b", 1)
    machines.wait(0.0)
    assert machines.processes == 3
    assert said == ["box has joined: 2 of 3 workers", "box (2) has joined: 3 of 3 workers"]
    assert [one.described.host for one in machines] == ["box", "box (2)"]
    assert [one.described.clock_error_s for one in machines] == [0.001, 0.001]
    kinds = [(kind, node) for kind, _, node in runner.sent]
    assert kinds == [
        (messages.JOINED, "a"),
        (messages.CLOCK, "a"),
        (messages.JOINED, "b"),
        (messages.CLOCK, "b"),
    ]


def test_a_machine_that_was_not_heard_says_so_again_and_counts_once() -> None:
    machines, runner = run_of(2)
    ready(machines, runner, "a")
    ready(machines, runner, "a")
    assert machines.processes == 1
    assert [kind for kind, _, _ in runner.sent].count(messages.JOINED) == 2


@pytest.mark.parametrize(
    ("said", "addresses", "message"),
    [
        pytest.param(joining(siotool="0.0.9"), (), "it has siotool 0.0.9, this run", id="another siotool"),
        pytest.param(joining(locust="2.0"), (), "it has locust 2.0, this run", id="another Locust"),
        pytest.param(
            joining(4), (), "it has 4 workers, and the run waits for 3", id="more workers than are awaited"
        ),
        pytest.param(
            joining(),
            ("127.0.0.1",),
            "the target's address is 127.0.0.1, which is another place on each machine",
            id="a target on loopback",
        ),
        pytest.param(joining(kernel=""), ("::1",), "address is ::1", id="a loopback that is not known"),
    ],
)
def test_who_cannot_take_part_is_told_why(said: Joining, addresses: tuple[str, ...], message: str) -> None:
    machines, runner = run_of(3, *addresses)
    runner.hear(messages.JOIN, said, "a")
    ((kind, refusal, node),) = runner.sent
    assert (kind, node) == (messages.REFUSED, "a")
    assert message in refusal["message"]
    assert refusal["hint"]
    assert machines.processes == 0


def test_a_loopback_target_is_for_machines_that_share_it() -> None:
    machines, runner = run_of(1, "127.0.0.1")
    runner.hear(messages.JOIN, joining(kernel=loopback_network()), "a")
    assert machines.processes == 1


def begin(machines: JoinedMachines) -> list[RemoteWorker]:
    """Start the workers; returns those that come later, as they come."""
    came: list[RemoteWorker] = []
    machines.came = came.append
    machines.start(Bundle("load.py", {}), {}, lambda number, count: msgspec.Raw(b"{}"))  # type: ignore[arg-type]
    return came


def test_a_machine_that_comes_late_is_told_so() -> None:
    machines, runner = run_of(1)
    ready(machines, runner, "a")
    begin(machines)
    runner.hear(messages.JOIN, joining(), "b")
    assert runner.sent[-1][0] == messages.REFUSED
    assert "the run has begun, and has all its workers" in runner.sent[-1][1]["message"]


def test_a_machine_that_comes_late_takes_the_place_of_a_lost_worker_once_it_knows_the_time() -> None:
    machines, runner = run_of(3)
    ready(machines, runner, "a", 3)
    came = begin(machines)
    runner.hear(messages.ENDED, WorkerEnding(1, "killed by SIGKILL"), "a")
    runner.hear(messages.JOIN, joining(2), "b")
    assert "it has 2 workers, and the run waits for 1" in runner.sent[-1][1]["message"]
    runner.hear(messages.JOIN, joining(siotool="0.0.9"), "b")
    assert "it has siotool 0.0.9, this run" in runner.sent[-1][1]["message"]
    runner.hear(messages.JOIN, joining(), "c")
    assert (runner.sent[-1][0], came) == (messages.JOINED, [])
    runner.hear(messages.JOIN, joining(), "d")
    assert "has all its workers" in runner.sent[-1][1]["message"], "one place is for one worker"
    runner.hear(messages.CLOCK, ClockQuestion(5.0, 0.001), "c")
    runner.hear(messages.CLOCK, ClockQuestion(5.5, 0.001), "c")
    assert [(one.number, one.host) for one in came] == [(3, "box (2)")]
    assert [node for kind, _, node in runner.sent if kind == messages.START] == ["a", "c"]


def test_a_machine_without_room_for_the_users_of_a_lost_worker_is_told_so() -> None:
    machines, runner = run_of(2, users=3000)
    ready(machines, runner, "a", 2)
    begin(machines)
    runner.hear(messages.ENDED, WorkerEnding(1, "exit 1"), "a")
    runner.hear(messages.JOIN, joining(limits=MachineLimits(files=1000)), "b")
    assert runner.sent[-1][0] == messages.REFUSED
    assert "open files of a process: 1,530 needed, 1,000 here" in str(runner.sent[-1][1])


def test_a_spare_machine_without_room_for_the_users_that_can_come_to_it_is_told_so() -> None:
    """It may have more workers than the run, and joins before or after it began: it was never looked at."""
    for begun in (False, True):
        machines, runner = run_of(2, users=3000)
        if begun:
            ready(machines, runner, "a", 2)
            begin(machines)
        few, enough = MachineLimits(files=1529), MachineLimits(files=1530)
        runner.hear(messages.JOIN, joining(8, limits=few, spare=True), "s")
        assert runner.sent[-1][0::2] == (messages.REFUSED, "s")
        assert "open files of a process: 1,530 needed, 1,529 here" in str(runner.sent[-1][1])
        runner.hear(messages.JOIN, joining(8, limits=enough, spare=True), "t")
        assert runner.sent[-1][0::2] == (messages.JOINED, "t")


def test_users_that_poll_need_two_sockets_each_on_every_machine() -> None:
    machines, runner = run_of(1, users=100, sockets=2.0)
    runner.hear(messages.JOIN, joining(limits=MachineLimits(ports=199)), "a")
    with pytest.raises(GeneratorError, match="local ports to the target: 200 needed, 199 here"):
        machines.check_room()


def test_a_spare_machine_makes_no_load_until_workers_are_lost_and_then_as_much_as_they() -> None:
    machines, runner = run_of(2)
    said: list[str] = []
    machines.say = said.append
    ready(machines, runner, "s", 4, spare=True)
    assert (machines.processes, said) == (0, ["box has joined as a spare machine: 4 workers"])
    ready(machines, runner, "a", 2)
    machines.wait(0.0)
    assert [one.node for one in machines.crew] == ["a"]
    came = begin(machines)
    runner.hear(messages.CLOCK, ClockQuestion(5.5, 0.001), "s")
    assert came == []
    runner.hear(messages.ENDED, WorkerEnding(0, "exit 1"), "a")
    runner.hear(messages.CLOCK, ClockQuestion(6.0, 0.001), "s")
    assert [one.number for one in came] == [2]
    runner.hear(messages.ENDED, WorkerEnding(1, "exit 1"), "a")
    runner.hear(messages.CLOCK, ClockQuestion(6.5, 0.001), "s")
    assert [one.number for one in came] == [2, 3]
    came[0].note_ending("exit 1")
    for _ in range(3):
        runner.hear(messages.CLOCK, ClockQuestion(7.0, 0.001), "s")
    assert [one.number for one in came] == [2, 3, 4]


def test_a_machine_that_was_cut_off_and_is_heard_of_again_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One whose worker stands still, or ended by itself, does not: it would do so again."""
    now = 100.0
    monkeypatch.setattr(joined_machines, "monotonic", lambda: now)
    machines, runner = run_of(3)
    for node in ("a", "b", "c"):
        ready(machines, runner, node)
    came = begin(machines)
    workers = [one.workers[0] for one in machines]
    now += 20.0
    for node in ("b", "c"):
        runner.hear(messages.CLOCK, ClockQuestion(25.0, 0.001), node)
    workers[0].kill()
    workers[1].kill()
    runner.hear(messages.ENDED, WorkerEnding(2, "exit 1"), "c")
    for node in ("b", "c", "a", "a"):
        runner.hear(messages.CLOCK, ClockQuestion(26.0, 0.001), node)
    assert [(one.number, one.host) for one in came] == [(3, "box")]
    kinds = [kind for kind, _, node in runner.sent if node == "a" and kind != messages.CLOCK]
    assert kinds == [messages.JOINED, messages.START, messages.KILL, messages.KILL, messages.START]


def test_too_few_workers_end_the_wait() -> None:
    machines, runner = run_of(3)
    ready(machines, runner, "a", 2)
    with pytest.raises(GeneratorError, match="2 of 3 workers have joined within 0"):
        machines.wait(0.0)


def test_a_machine_that_does_not_know_the_time_is_awaited() -> None:
    machines, runner = run_of(1)
    runner.hear(messages.JOIN, joining(), "a")
    runner.hear(messages.CLOCK, ClockQuestion(5.0), "a")
    with pytest.raises(GeneratorError, match="1 of 1 workers"):
        machines.wait(0.0)


def test_who_left_before_the_run_makes_room() -> None:
    machines, runner = run_of(1)
    ready(machines, runner, "a")
    runner.hear(messages.LEAVING, None, "a")
    assert machines.processes == 0
    ready(machines, runner, "b")
    machines.wait(0.0)
    assert [one.node for one in machines] == ["b"]


def test_a_machine_that_is_silent_before_the_run_makes_room_and_is_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was killed, or its network is gone: a run must not begin with it."""
    now = 100.0
    monkeypatch.setattr(joined_machines, "monotonic", lambda: now)
    machines, runner = run_of(1)
    ready(machines, runner, "a")
    assert machines.processes == 1
    now += 5.1
    assert machines.processes == 0
    ready(machines, runner, "b")
    runner.hear(messages.CLOCK, ClockQuestion(5.0, 0.001), "a")
    assert runner.sent[-1][0::2] == (messages.REFUSED, "a")
    machines.wait(0.0)
    assert [one.node for one in machines] == ["b"]


def test_a_machine_whose_place_nobody_has_taken_goes_on_after_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run's own process may have been held up: then every machine seems to have been silent."""
    now = 100.0
    monkeypatch.setattr(joined_machines, "monotonic", lambda: now)
    machines, runner = run_of(3)
    ready(machines, runner, "a", 2)
    ready(machines, runner, "b", 1)
    ready(machines, runner, "s", 1, spare=True)
    now += 20.0
    for node in ("a", "b"):
        runner.hear(messages.CLOCK, ClockQuestion(25.0, 0.001), node)
    machines.wait(0.0)
    assert [one.node for one in machines] == ["a", "b", "s"]
    now += 20.0
    runner.hear(messages.CLOCK, ClockQuestion(45.0, 0.001), "s")
    assert [kind for kind, _, _ in runner.sent if kind == messages.REFUSED] == []
    came = begin(machines)
    runner.hear(messages.ENDED, WorkerEnding(2, "exit 1"), "b")
    now += 20.0
    runner.hear(messages.CLOCK, ClockQuestion(65.0, 0.001), "s")
    assert [one.number for one in came] == [3]


def test_a_machine_that_is_not_known_any_more_is_told_so() -> None:
    """It was left without an answer, and waited for one for 40 s."""
    machines, runner = run_of(1)
    runner.hear(messages.CLOCK, ClockQuestion(5.0, 0.001), "a")
    assert runner.sent[-1][0::2] == (messages.REFUSED, "a")
    assert machines.processes == 0


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param(
            {"versions": {"siotool": "9.0", "locust": "9.0"}, "host": "box"},
            "it has siotool 9.0",
            id="another",
        ),
        pytest.param(
            {"versions": "9.0"}, "it has siotool of an unknown version", id="versions in another way"
        ),
        pytest.param(None, "it has siotool of an unknown version", id="nothing"),
        pytest.param({"versions": versions()}, "is not understood", id="the same, and no machine"),
    ],
)
def test_a_machine_that_speaks_in_another_way_is_told_why_it_is_refused(said: Any, message: str) -> None:
    """A later version may say other things of itself: it had no answer at all."""
    machines, runner = run_of(1)
    told: list[str] = []
    machines.say = told.append
    runner.listeners[messages.JOIN](environment=None, msg=SimpleNamespace(data=said, node_id="box_17"))
    ((kind, refusal, node),) = runner.sent
    assert (kind, node) == (messages.REFUSED, "box_17")
    assert message in refusal["message"]
    assert refusal["hint"] == "install the same siotool on all machines"
    assert told == [f"box was refused: {refusal['message']}"]


def test_more_users_than_a_machine_has_room_for_are_refused_by_its_name() -> None:
    """Its share of them is by its share of the workers."""
    for users, refused in ((3000, False), (3003, True)):
        machines, runner = run_of(3, users=users)
        runner.hear(messages.JOIN, joining(2), "a")
        runner.hear(messages.JOIN, joining(limits=MachineLimits(files=1030)), "b")
        if not refused:
            machines.check_room()
            continue
        with pytest.raises(
            GeneratorError, match=r"box \(2\): .*open files of a process: 1,031 needed, 1,030 here"
        ):
            machines.check_room()


def test_workers_are_numbered_through_the_machines_and_told_of_by_theirs() -> None:
    machines, runner = run_of(3)
    ready(machines, runner, "a", 2)
    ready(machines, runner, "b", 1)
    asked: list[tuple[int, int]] = []

    def config_of(number: int, on_machine: int) -> Any:
        asked.append((number, on_machine))
        return {"number": number}

    workers = machines.start(Bundle("load.py", {"load.py": b"\xff"}), {"ca_file": b"pem"}, config_of)
    assert asked == [(0, 2), (1, 2), (2, 1)]
    assert [worker.number for worker in workers] == [0, 1, 2]
    starts = [(data["configs"], node) for kind, data, node in runner.sent if kind == messages.START]
    assert starts == [([b'{"number":0}', b'{"number":1}'], "a"), ([b'{"number":2}'], "b")]
    runner.hear(messages.ENDED, WorkerEnding(1, "exit 1: no module named faker"), "a")
    runner.hear(messages.ENDED, WorkerEnding(2, "not one of its own"), "a")
    assert [worker.alive for worker in workers] == [True, False, True]
    assert workers[1].ending == "on box: exit 1: no module named faker"
    workers[0].kill()
    assert runner.sent[-1] == (messages.KILL, {"worker": 0, "ending": ""}, "a")
    runner.hear(messages.LEAVING, None, "b")
    assert [worker.alive for worker in workers] == [False, False, False]
    assert workers[2].ending == "on box (2): it was told to leave there"


def test_all_machines_are_told_that_the_run_is_over() -> None:
    machines, runner = run_of(2)
    ready(machines, runner, "a")
    ready(machines, runner, "b")
    machines.dismiss()
    assert runner.sent[-2:] == [(messages.OVER, None, "a"), (messages.OVER, None, "b")]
