"""What is no code that never runs is let through; Locust patches its process."""

import subprocess
import sys

_SCRIPT = """
from fractions import Fraction
from functools import cached_property, partial, partialmethod
from pathlib import Path
from unittest.mock import Mock

from locust import TaskSet, User, between, constant, task

from siotool.errors import ScenarioError
from siotool.swarm.scenario_file import Scenario, check_schedules
from siotool.swarm.unrun_code import refuse_unrun, refuse_unrun_tasks
from siotool.swarm.user import SocketIOUser


class Steps(TaskSet):
    wait_time = constant(1)

    def headers(self):  # helpers of its own: only users have such hooks
        yield "a"

    async def query(self): ...

    @task
    def turn(self): ...


class Other(User):
    def auth(self):
        yield "a"

    @task
    def turn(self): ...


class Ours(SocketIOUser):
    tasks = [Steps]
    wait_time = between(1, 2)
    rate = Fraction(1, 3)
    on_stop = partialmethod(print, "left")

    @property
    def auth(self):
        return {"token": "1"}

    @cached_property
    def headers(self):
        return {"a": "b"}

    @staticmethod
    def query():
        return {"a": "b"}

    @classmethod
    def on_connected(cls): ...


for one in (Ours, Other):
    refuse_unrun_tasks(one)
check_schedules(Scenario(Path("ours.py"), "", [Ours]))
for handler in (Mock(), partial(print, 1), print, [].append):
    refuse_unrun("the handler", handler)


class Odd(SocketIOUser):
    @staticmethod
    async def namespaces(): ...

    @task
    def turn(self): ...


try:
    refuse_unrun_tasks(Odd)
except ScenarioError as error:
    print(error.message)
"""


def test_hooks_are_those_of_users_of_siotool_and_what_runs_is_let_through() -> None:
    """A task set, or another user class of Locust's, with a generator ``headers`` of its own was refused."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the hook Odd.namespaces is an async def\n"
