"""The task loop: what Locust's does, it does. In a process of its own, for Locust patches."""

import json
import subprocess
import sys

import pytest

CODE = '''
import json
import logging

import gevent
from gevent.pool import Group
from locust import TaskSet, User, task
from locust.env import Environment
from locust.exception import RescheduleTask, RescheduleTaskImmediately, StopUser
from locust.user.task import LOCUST_STATE_WAITING

from siotool.swarm.connected_user import ConnectedUser
from siotool.swarm.tasks import Tasks
from siotool.swarm.user_counts import UserCounts

logging.disable()


def life(*events, tasks=None, scheduled=True):
    """Run a user whose tasks raise the given events (None: nothing, a function: call it) one
    after another, and which then stops; what happened, "p" being a pause."""
    happened = []
    coming = list(events)

    def pause():
        happened.append("p")
        assert user._state == LOCUST_STATE_WAITING

    class Member(User):
        _state, _end_turn = ConnectedUser._state, ConnectedUser._end_turn  # as users of siotool have it
        _class_counts, _schedule = UserCounts("Member"), None

        def on_start(self):
            if scheduled:
                self._taskset_instance = Tasks(self, pause)

        def wait_time(self):
            happened.append("P")
            return 0

        def on_stop(self):
            happened.append("stopped")

        @task
        def work(self):
            if not coming:
                raise StopUser
            event = coming.pop(0)
            happened.append("t")
            if event is not None and isinstance(event, type | Exception):
                raise event
            elif event is not None:
                event(self, happened)

    if tasks is not None:
        Member.tasks = tasks
    user = Member(Environment(user_classes=[Member], catch_exceptions=True))
    user.run()
    return " ".join(happened)


def put_first(user, happened):
    user._taskset_instance.schedule_task(lambda user: happened.append("extra"), first=True)


def ask_to_stop(user, happened):
    user._group, user._greenlet = Group(), None
    assert user.stop() is False


visits = []


class Nested(TaskSet):
    @task
    def inner(self):
        visits.append("inner")
        Member = type(self.user)
        Member.tasks = [stop]
        self.interrupt()


def stop(user):
    raise StopUser


def outer_of(*events):
    """A set in a set, and both in a third. The inner one is left after each None."""
    coming = list(events)

    class Inner(TaskSet):
        @task
        def inner(self):
            if not coming:
                raise StopUser
            deeper.append("i")
            event = coming.pop(0)
            if event is not None:
                raise event
            self.interrupt()

    class Outer(TaskSet):
        tasks = [Inner]

        def wait_time(self):
            deeper.append("w")
            return 0

    class Outermost(TaskSet):
        tasks = [Outer]

    deeper = []
    return deeper, Outer, Outermost


def life_in(*events, levels=2, scheduled=True):
    """The same of a user whose inner set is left after each None; "w" being a wait of the set around it."""
    deeper, *outer = outer_of(*events)
    life(tasks=[outer[levels - 2]], scheduled=scheduled)
    return " ".join(deeper)


now = RescheduleTaskImmediately
print(json.dumps({
    "plain": life(None, None, None),
    "at once": life(now, None),
    "at once, later": life(None, now, None),
    "stopped by a task": life(None, StopUser),
    "killed": life(None, gevent.GreenletExit),
    "rescheduled": life(None, RescheduleTask, None),
    "an error": life(None, ValueError("the scenario's own"), None),
    "put first": life(put_first, None),
    "asked to stop": life(None, ask_to_stop),
    "nested": life(tasks=[Nested]),
    "visits": " ".join(visits),
    "two deep": life_in(None, None),
    "three deep": life_in(None, None, levels=3),
    "at once, two deep": life_in(now, None),
    "two deep, no schedule": life_in(None, None, scheduled=False),
}))
'''


@pytest.fixture(scope="module")
def lives() -> dict[str, str]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        pytest.param("plain", "t p t p t p stopped", id="a pause after each task"),
        pytest.param("at once", "t t p stopped", id="rescheduled at once"),
        pytest.param("at once, later", "t p t t p stopped", id="at once in the midst of others"),
        pytest.param("stopped by a task", "t p t stopped", id="a task that stops its user"),
        pytest.param("killed", "t p t stopped", id="a user that is killed"),
        pytest.param("rescheduled", "t p t P t p stopped", id="rescheduled: Locust's own pause"),
        pytest.param("an error", "t p t P t p stopped", id="after an error Locust goes on"),
        pytest.param("put first", "t P extra p t p stopped", id="tasks put first come first"),
        pytest.param("asked to stop", "t p t stopped", id="asked to stop within a task: no pause"),
        pytest.param(
            "nested", "P stopped", id="unlike Locust, a task set that was left: the next one waits its turn"
        ),
        pytest.param("visits", "inner", id="has run"),
        pytest.param("two deep", "i w i w", id="a set that was left within another: that one waits its turn"),
        pytest.param("three deep", "i w i w", id="and within a third"),
        pytest.param("at once, two deep", "i i w", id="a task of a set that asks for the next at once"),
        pytest.param("two deep, no schedule", "i i", id="a user without a schedule: as under Locust"),
    ],
)
def test_tasks_follow_each_other_as_under_locust(lives: dict[str, str], life: str, expected: str) -> None:
    assert lives[life] == expected
