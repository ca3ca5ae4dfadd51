"""What workers are told of a program. In a process of its own, for Locust patches."""

import json
import subprocess
import sys
from typing import Any

import pytest

CODE = '''
import json
from time import monotonic

from siotool.swarm.program import Stages, Wanted
from siotool.swarm.spawner import Spawner
from siotool.workload import Stage


class Runner:
    """Locust's master: notes what workers hear, in order."""

    _users_dispatcher = None

    def __init__(self):
        self.heard = []
        self.told = []

    def send_message(self, kind, data, node=None):
        if node is not None:
            self.told.append([kind, data, node])
        elif kind == "siotool_rate":
            self.heard.append(["rate", data["per_s"]])
        elif kind == "siotool_skip":
            self.heard.append(["skip", data["seconds"]])

    def start(self, users, spawn_rate, user_classes):
        self._users_dispatcher = self
        self.users = users
        self.heard.append(["users", users])

    def get_current_user_count(self):
        return self.users


class Recorder:
    started = {1: 40}

    def __init__(self):
        self.begin = monotonic()

    def begin_program(self, begin_s):
        return []

    def begin_stage(self, elapsed_s, stage):
        pass

    def note(self, level, text):
        pass


class Move:
    def kill(self):
        pass


class Steps:
    """One answer after another, each for a twentieth of a second."""

    def __init__(self, *steps):
        self.steps = iter(steps)

    def tick(self, elapsed_s, seen):
        step = next(self.steps, None)
        return step and Wanted(step[0], elapsed_s + 0.05, rate=step[1], skipped_s=sum(step[2:]))


def spawn(function, *args, **more):
    function(*args, **more)
    return Move()


def heard(*programs):
    runner = Runner()
    spawner = Spawner(runner, Recorder(), spawn, 1)
    for program in programs:
        spawner.follow(program)
    return runner.heard


def told_to_a_newcomer(*programs):
    runner = Runner()
    spawner = Spawner(runner, Recorder(), spawn, 2)
    for program in programs:
        spawner.follow(program)
    found = [spawner.lacks_one]
    spawner.lose(1, 0.0)
    found.append(spawner.lacks_one)
    found += [spawner.welcome(2, "late"), spawner.lacks_one]
    spawner.share_out()
    return [*found, runner.told, runner.heard[-1]]


print(json.dumps({
    "newcomer": told_to_a_newcomer(Steps((2, 4.0), (3, 8.0))),
    "newcomer to a timetable": told_to_a_newcomer(Steps((2, None), (2, None, 9.0))),
    "skipping": heard(Steps((2, None), (3, None, 9.0), (3, None, 9.0))),
    "newcomer without a rate": told_to_a_newcomer(Stages([Stage(0.05, 2)])),
    "stages": heard(Stages([Stage(0.05, 2), Stage(0.05, 3)])),
    "steps": heard(Steps((2, None), (2, 4.0), (3, 4.0), (3, 4.0), (3, 8.0), (5, 9.0))),
    "two programs": heard(Steps((2, 4.0)), Steps((2, 4.0)), Steps((2, None))),
}))
'''


@pytest.fixture(scope="module")
def heard() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_worker_that_comes_in_place_of_a_lost_one_learns_what_the_others_know(
    heard: dict[str, Any],
) -> None:
    *places, told, last = heard["newcomer"]
    assert places == [False, True, 1, False]
    assert [kind for kind, *_ in told] == ["siotool_lane", "siotool_spread", "siotool_rate"]
    assert told[0][1] == {"lane": 1, "after": 43, "started": 40}, "beyond the three that were wanted last"
    assert told[2] == ["siotool_rate", {"per_s": 8.0}, "late"]
    assert last == ["users", 3], "the users are shared out anew"
    assert [kind for kind, *_ in heard["newcomer without a rate"][-2]] == ["siotool_lane", "siotool_spread"]


def test_workers_are_told_which_seconds_of_a_timetable_are_left_out(heard: dict[str, Any]) -> None:
    assert heard["skipping"] == [["users", 2], ["skip", 9.0], ["users", 3]]
    assert heard["newcomer to a timetable"][-2][-1] == ["siotool_skip", {"seconds": 9.0}, "late"]


def test_workers_are_told_of_each_new_rate_once_and_before_users_that_are_to_follow_it(
    heard: dict[str, Any],
) -> None:
    assert heard["stages"] == [["users", 2], ["users", 3]], "nobody hears of a rate that is nobody's wish"
    assert heard["steps"] == [
        ["users", 2],
        ["rate", 4.0],
        ["users", 3],
        ["rate", 8.0],
        ["rate", 9.0],
        ["users", 5],
    ]
    assert heard["two programs"] == [["rate", 4.0], ["users", 2], ["rate", None]]
