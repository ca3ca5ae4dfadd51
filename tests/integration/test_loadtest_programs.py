"""Programs of load on the embedded target: one after another, and one that reacts to what it sees."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from siotool.runs.reading import Run, read

pytestmark = pytest.mark.slow

DRIVER = """
import json
import secrets
import sys
from pathlib import Path

import psutil

from siotool.swarm import knobs, scenario_file, scenario_paths  # Locust comes first
from siotool.swarm.config import RunConfig
from siotool.client.address import resolve
from siotool.swarm.live import Display
from siotool.swarm.parent import run
from siotool.swarm.program import Stages, Wanted
from siotool.swarm.settings import EngineSettings
from siotool.target.process import TargetProcess
from siotool.workload import Stage, Target, Workload

def clients(pid):
    "The server's own sockets, by their clients' ports."
    found = psutil.Process(pid).net_connections("tcp")
    return sorted(one.raddr.port for one in found if one.status == "ESTABLISHED")

def drive(programs, scenario="echo", processes=1, settings=()):
    with TargetProcess() as server:
        loaded = scenario_file.load(scenario_paths.find(scenario))
        target = Target(url=server.url)
        config = RunConfig(
            engine=EngineSettings(target=target, addresses=resolve(target), run=secrets.randbits(64)),
            workload=Workload(
                scenario=loaded.name,
                settings=knobs.resolve(loaded.knobs, settings, loaded.name),
                stages=[],
                processes=processes,
                seed=1,
            ),
            out=Path("run"),
        )
        outcome = run(config, loaded, Display, programs(server.pid))
    print(json.dumps({"reason": outcome.reason, "looks": looks, "seconds": seconds}))

looks, seconds = [], []
"""

TWO = """
class Watched:
    def __init__(self, program, pid):
        self.program, self.pid = program, pid

    def tick(self, elapsed_s, seen):
        looks.append(clients(self.pid))
        seconds[:] = [one.t_s for one in seen]
        return self.program.tick(elapsed_s, seen)

def programs(pid):
    yield Stages([Stage(2, 6), Stage(2, 6)])
    looks.append(clients(pid))
    yield Watched(Stages([Stage(2, 6), Stage(1, 9), Stage(2, 9)]), pid)

drive(programs, processes=2)
"""

SCENARIO = """
from siotool.swarm.user import SocketIOUser, task

HERE = []

class Crowd(SocketIOUser):
    rate = 4.0

    def on_connected(self):
        HERE.append(self)

    @task
    def talk(self):
        self.call("echo", "hi", wait=False)
        self.check(len(HERE) <= 5, "no more than five")
"""

CLIMB = """
class Climb:
    def tick(self, elapsed_s, seen):
        looks.append([[one.t_s, one.users, one.failed_share, one.achieved_per_s] for one in seen])
        if any(one.failed_share > 0.1 for one in seen) or elapsed_s > 20:
            return None
        users = 2 + int(elapsed_s)
        return Wanted(users, until_s=elapsed_s + 1, spawn_rate_per_s=2, note=f"{users} users")

drive(lambda pid: [Climb()], "crowd.py")
"""

RATES_SCENARIO = """
from locust import TaskSet, constant
from siotool.swarm.user import SocketIOUser, task

class Plain(SocketIOUser):
    rate = 0.1

    @task
    def ask(self):
        self.call("echo", "plain", wait=False)

class Nested(SocketIOUser):
    rate = 0.1

    @task
    class Visit(TaskSet):
        @task
        def ask(self):
            self.user.call("echo", "nested", wait=False)

class Unscheduled(SocketIOUser):
    wait_time = constant(0.25)

    @task
    def ask(self):
        self.call("echo", "unscheduled", wait=False)
"""

#: What is wanted for two seconds each: users, and operations per second of each.
RATES = [(6, None), (6, 4.0), (6, 8.0), (6, None), (9, 8.0), (9, 8.0)]
RATES_PROGRAM = f"""
class Rates:
    def tick(self, elapsed_s, seen):
        looks.append(clients(self.pid))
        number = int(elapsed_s / 2)
        if number == len({RATES}):
            return None
        users, rate = {RATES}[number]
        return Wanted(users, until_s=elapsed_s + 2, spawn_rate_per_s=6, stage=number, rate=rate)

def programs(pid):
    program = Rates()
    program.pid = pid
    yield program

drive(programs, "rates.py", processes=2)
"""

TIMETABLE = """
from siotool.calibration.phase import Phase, Timetable, encode
from siotool.swarm.calibration_program import CalibrationProgram

phases = [
    Phase("call", 6, 2.0, 0.0, rate=10.0),
    *[Phase("emit", 6, 3.0, 0.0, rate=10.0)] * 2,
    Phase("connect", 6, 3.0, 0.0, rate=2.0, transport="websocket"),
]
program = CalibrationProgram(Timetable(phases), 2, lambda number: number == 1, closing=3)
calibration = str(scenario_paths.hidden("_calibration"))
drive(lambda pid: [program], calibration, 2, [f"phases={encode(phases)}"])
"""


def driven(program: str, folder: Path) -> tuple[dict[str, Any], Run]:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER + program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), read(folder / "run")


def test_a_second_program_begins_with_the_users_of_the_first_and_their_connections(tmp_path: Path) -> None:
    told, run = driven(TWO, tmp_path)
    between, *during = told["looks"]
    assert len(between) == 6
    assert during[0] == during[1] == between, "the server saw a connection come or go"
    assert set(between) < set(during[-1])
    assert len(during[-1]) == 9

    connections = [interval.connections for interval in run.intervals]
    assert sum(one.attempted for one in connections) == sum(one.established for one in connections) == 9
    assert not any(one.closed or one.failed for one in connections)
    left = [one.left for one in connections]
    assert sum(left) == sum(left[8:]) == 9, "only the end closes connections"
    opened = [interval.connections.open for interval in run.intervals if not interval.draining]
    assert opened == sorted(opened)
    assert (opened[4], opened[-1]) == (6, 9)


def test_each_program_is_in_the_run_file_and_told_apart(tmp_path: Path) -> None:
    told, run = driven(TWO, tmp_path)
    assert told["seconds"] == list(range(1, len(told["seconds"]) + 1)), "a program sees its own seconds"
    assert (told["reason"], run.end.reason if run.end else None) == ("finished", "finished")
    measured, draining = run.intervals[:9], run.intervals[9:]
    assert not any(interval.draining for interval in measured)
    assert draining[-1].draining
    assert [interval.t_s for interval in measured] == list(range(1, 10))
    assert [interval.stage for interval in measured] == [0, 0, 1, 1, 2, 2, 3, 4, 4]
    notes = [(int(note.t_s), note.text) for note in run.notes]
    assert notes == [
        (2, "stage 2: 6 users within 2 s"),
        (4, "program 2 of this run begins"),
        (6, "stage 2: 9 users within 1 s"),
        (7, "stage 3: 9 users within 2 s"),
    ]


def test_a_program_that_is_none_of_ours_raises_users_until_it_sees_failures(tmp_path: Path) -> None:
    (tmp_path / "crowd.py").write_text(SCENARIO)
    told, run = driven(CLIMB, tmp_path)
    *before, last = told["looks"]
    assert not any(failed > 0.1 for seen in before for _, _, failed, _ in seen)
    assert last[-1][2] > 0.1
    assert 6 <= max(interval.connections.users for interval in run.intervals) <= 10
    assert [t_s for t_s, _, _, _ in last] == list(range(1, len(last) + 1))
    assert any(achieved > 0 for _, _, _, achieved in last), "scheduled operations were counted"
    assert "6 users" in [note.text for note in run.notes]
    assert told["reason"] == "finished"


@pytest.fixture(scope="module")
def at_rates(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Run]:
    folder = tmp_path_factory.mktemp("rates")
    (folder / "rates.py").write_text(RATES_SCENARIO)
    return driven(RATES_PROGRAM, folder)


def per_s(run: Run, user_class: str, count: str) -> list[float]:
    """What each user of a class did per second, for each two seconds of the run."""
    found = [
        (interval.t_s, getattr(one, count))
        for interval in run.intervals
        for one in interval.user_classes
        if one.name == user_class and not interval.draining
    ]
    return [
        sum(counted for t_s, counted in found if 2 * number < t_s <= 2 * number + 2) / 2 / (users / 3)
        for number, (users, _) in enumerate(RATES)
    ]


@pytest.mark.parametrize("user_class", ["Plain", "Nested"])
@pytest.mark.parametrize("count", ["offered", "issued"])
def test_a_program_sets_the_rate_of_users_that_sleep_and_of_new_ones(
    at_rates: tuple[dict[str, Any], Run], user_class: str, count: str
) -> None:
    found = per_s(at_rates[1], user_class, count)
    # the fifth has users that start within it
    assert found[:4] == pytest.approx([0.1, 4, 8, 0.1], abs=0.8)
    assert found[5] == pytest.approx(8, abs=0.8)


def test_a_program_leaves_alone_who_follows_no_schedule(at_rates: tuple[dict[str, Any], Run]) -> None:
    found = per_s(at_rates[1], "Unscheduled", "begun")
    assert [*found[1:4], found[5]] == pytest.approx([4] * 4, abs=0.8)


def test_a_change_of_rate_moves_no_user_and_no_connection(at_rates: tuple[dict[str, Any], Run]) -> None:
    told, run = at_rates
    first, *middle = told["looks"][1:5]
    assert len(first) == 6
    assert all(look == first for look in middle), "the server saw a connection come or go"
    connections = [interval.connections for interval in run.intervals]
    assert [one.users for one in connections[1:8]] == [6] * 7
    assert sum(one.attempted for one in connections) == sum(one.established for one in connections) == 9
    assert not any(one.closed or one.failed for one in connections)


def test_a_calibration_that_knows_enough_goes_on_with_its_last_phases(tmp_path: Path) -> None:
    told, run = driven(TIMETABLE, tmp_path)
    assert told["reason"] == "finished"
    measured, after = run.intervals[:5], run.intervals[5:]
    assert [interval.stage for interval in measured] == [0, 0, 3, 3, 3]
    assert after[-1].draining
    stages = {interval.stage for interval in after if not interval.draining}
    assert stages <= {3}, "what was left out takes no time"
    opened = [one.connections.established for one in measured]
    assert sum(opened[:2]) == 6
    assert sum(opened[2:]) > 6, "connections are lost and opened again, as the last phase has it"
    assert "enough is known, so phases 2 to 3 are left out" in " ".join(note.text for note in run.notes)
