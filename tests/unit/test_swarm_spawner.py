"""What programs of load make of Locust's users, in a process of its own: importing Locust patches ssl."""

import json
import subprocess
import sys
from typing import Any

import pytest

_SCRIPT = """
import json
from types import SimpleNamespace

from siotool.swarm import scenario_file, spawner  # Locust comes first
from siotool.swarm.program import Stages, Wanted
from siotool.workload import Arrivals, Stage

BEGIN = 100.0
now, told = [BEGIN], []


def sleep(seconds):
    now[0] += seconds


spawner.monotonic = lambda: now[0]
spawner.gevent = SimpleNamespace(sleep=sleep)


class Runner:
    _users_dispatcher = None

    def send_message(self, kind, data):
        if kind == "siotool_arrivals":
            tell("arrivals", None if data is None else data["at"] - BEGIN)
        else:
            tell("spread", data["seconds"])

    def start(self, users, spawn_rate, user_classes):
        tell("start", users, spawn_rate)
        self._users_dispatcher = SimpleNamespace(get_current_user_count=lambda: users)


class Recorder:
    begin = BEGIN

    def begin_program(self, second):
        tell("program", second)
        return []

    def begin_stage(self, second, number):
        tell("stage", second, number)

    def note(self, level, text):
        tell("note", text)


def tell(what, *more):
    told.append([round(now[0] - BEGIN, 2), what, *(round(x, 3) if isinstance(x, float) else x for x in more)])


def spawn(start, *arguments, **more):
    start(*arguments, **more)
    return SimpleNamespace(kill=lambda: tell("ended"))


class Wishes:
    "A program that says what it was given, one after another."

    def __init__(self, *wishes):
        self.wishes = list(wishes)

    def tick(self, elapsed_s, seen):
        tell("asked", elapsed_s)
        wish = self.wishes.pop(0) if self.wishes else None
        if isinstance(wish, Exception):
            raise wish
        return wish


def followed(*programs):
    now[0] = BEGIN
    told.clear()
    one = spawner.Spawner(Runner(), Recorder(), spawn, 1)
    for program in programs:
        if callable(program):
            program()
            continue
        try:
            one.follow(program)
        except ArithmeticError:
            tell("raised")
    return list(told)


def arriving():
    return Wishes(Wanted(0, 2.0, 1.0, arrivals=Arrivals(5.0, 1e6)))


stages = Stages([Stage(10, 50), Stage(5, 50), Stage(10, 10)])
print(json.dumps({
    "stages": followed(stages, Stages([Stage(4, 20)]), Stages([Stage(1, 20)])),
    "short": followed(Stages([Stage(0.5, 5)]), Stages([Stage(20, 15)])),
    "impatient": followed(Wishes(*[Wanted(5, 0.0)] * 3)),
    "by rate": followed(Wishes(Wanted(5, 1.0, 2.0), Wanted(5, 2.0, 2.0), Wanted(5, 3.0, 4.0))),
    "notes": followed(Wishes(Wanted(5, 1.0, note="a"), Wanted(6, 2.0, note="a"), Wanted(7, 3.0, note="b"))),
    "a restart": followed(arriving(), Stages([Stage(1, 0)]), lambda: sleep(60), arriving()),
    "a slow tick": followed(Stages([Stage(1, 5)]), lambda: sleep(0.05), Stages([Stage(1, 5)])),
    "broken": followed(Wishes(Wanted(5, 3.0), ArithmeticError()), Wishes(Wanted(6, 1.0))),
}))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, list[list[Any]]]:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    found: dict[str, list[list[Any]]] = json.loads(done.stdout)
    return found


def of(told: list[list[Any]], what: str) -> list[list[Any]]:
    """When something was told, and what of it."""
    return [[at, *more] for at, kind, *more in told if kind == what]


def test_users_move_evenly_from_stage_to_stage_and_on_into_the_next_program(told: dict[str, Any]) -> None:
    """50 in 10 s, the same 50 for 5 s, down to 10 in 10 s; then the 10 become 20 in 4 s."""
    stages = told["stages"]
    moved = [[round(at), *more] for at, *more in of(stages, "start")]
    assert moved == [[0, 50, 5.0], [15, 10, 4.0], [25, 20, 2.5]]
    assert [more for _, *more in of(stages, "stage")] == [
        [0.0, 0],
        [10.0, 1],
        [15.0, 2],
        [25.0, 3],
        [29.0, 4],
    ]
    assert [second for _, second in of(stages, "program")] == [0.0, 25.0, 29.0]
    assert [note.partition(":")[0] for _, note in of(stages, "note")] == [
        "stage 2",
        "stage 3",
        "program 2 of this run begins",
        "program 3 of this run begins",
    ]


def test_a_move_is_over_before_the_next_one_begins_and_with_its_program(told: dict[str, Any]) -> None:
    """Also with a stage that moves nobody: Locust would go on towards what the stage before it wanted."""
    order = [(round(at), kind) for at, kind, *_ in told["stages"] if kind in ("start", "ended")]
    assert order == [(0, "start"), (10, "ended"), (15, "start"), (25, "ended"), (25, "start"), (29, "ended")]


def test_a_batch_is_spread_over_the_time_until_the_next_and_no_more_than_its_stage(
    told: dict[str, Any],
) -> None:
    """Nine tenths of: a second, the time of a batch of whole users, the stage."""
    spread = [seconds for name in ("stages", "short") for _, seconds in of(told[name], "spread")]
    # 5/s and 4/s; 2 at once of 2.5/s; half a second; one in two seconds
    assert spread == [0.9, 0.9, 0.72, 0.45, 0.9]


def test_what_is_wanted_again_is_done_once_and_asked_for_no_sooner_than_makes_sense(
    told: dict[str, Any],
) -> None:
    impatient = told["impatient"]
    assert [elapsed for _, elapsed in of(impatient, "asked")] == [0.0, 0.05, 0.1, 0.15]
    assert [users for _, users, _ in of(impatient, "start")] == [5]
    assert len(of(impatient, "stage")) == 1


def test_a_rate_that_changes_is_told_to_locust_though_the_users_are_the_same(told: dict[str, Any]) -> None:
    assert [more for _, *more in of(told["by rate"], "start")] == [[5, 2.0], [5, 4.0]]


def test_a_note_is_written_when_it_is_new(told: dict[str, Any]) -> None:
    assert [note for _, note in of(told["notes"], "note")] == ["a", "b"]
    assert [users for _, users, _ in of(told["notes"], "start")] == [5, 6, 7]


def test_after_a_program_that_breaks_the_next_one_begins_where_it_ended(told: dict[str, Any]) -> None:
    """And its users are moved no further."""
    broken = told["broken"]
    assert [kind for _, kind, *_ in broken if kind in ("ended", "raised")] == ["ended", "raised", "ended"]
    assert [second for _, second in of(broken, "program")] == [0.0, 3.0]
    assert [more for _, *more in of(broken, "stage")] == [[0.0, 0], [3.0, 1]]


def test_no_user_arrives_while_a_server_is_started_again_and_none_is_made_up_for(
    told: dict[str, Any],
) -> None:
    """They arrived at a server that was down, and those of that minute all at once when it was back."""
    arrivals = [
        [round(at), at_s if at_s is None else round(at_s)] for at, at_s in of(told["a restart"], "arrivals")
    ]
    assert arrivals == [[0, 0], [2, None], [63, 63]]
    assert [round(second) for _, second in of(told["a restart"], "program")] == [0, 2, 63]
    assert [round(second) for _, second, _ in of(told["a restart"], "stage")] == [0, 2, 63]


def test_a_program_that_follows_at_once_begins_where_the_one_before_ended(told: dict[str, Any]) -> None:
    assert [second for _, second in of(told["a slow tick"], "program")] == [0.0, 1.0]


_TWO_MOVES = """
import gevent

from siotool.swarm import spawner  # Locust comes first
from siotool.swarm.program import Wanted

running, most, started = [], [0], []


class Dispatcher:
    def get_current_user_count(self):
        return 0


class Runner:
    _users_dispatcher = Dispatcher()

    def send_message(self, kind, data):
        pass

    def start(self, users, spawn_rate, user_classes):
        running.append(users)
        started.append(users)
        most[0] = max(most[0], len(running))
        try:
            gevent.sleep(60)
        finally:
            gevent.sleep(0.001)  # as Locust's dispatcher, whose generator sleeps
            running.remove(users)


one = spawner.Spawner(Runner(), None, gevent.spawn, 1)
one._move(Wanted(5, 1.0), 1.0)
gevent.sleep(0.001)
moves = [gevent.spawn(one.make_up), gevent.spawn(one._move, Wanted(7, 1.0), 1.0), gevent.spawn(one.make_up)]
gevent.joinall(moves, raise_error=True)
gevent.sleep(0.001)
assert most == [1], most
assert started[-1] == 7, started
"""


def test_users_are_moved_by_one_at_a_time() -> None:
    """Two workers were lost as a stage began: Locust's dispatcher was asked by two, and raised."""
    done = subprocess.run([sys.executable, "-c", _TWO_MOVES], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
