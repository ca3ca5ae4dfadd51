"""A user that stops itself while it is connected again, beside its own tasks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

LEAVES = """
import gevent
from locust.exception import StopUser
from siotool.swarm.user import SocketIOUser, knob, task

class Leaves(SocketIOUser):
    rate: float = knob(1.0, "turns per second")
    reconnection_delay = 0.1
    opened = 0

    def on_start(self):
        gevent.spawn_later(0.5, self.drop, "reset")
        super().on_start()

    def on_connected(self):
        self.opened += 1
        if self.opened == 2:
            raise StopUser

    @task
    def turn(self):
        self.call("echo", 1)
"""


def test_a_user_that_stops_when_it_is_back_ends(loadtest: Callable[..., Any], tmp_path: Path) -> None:
    """The greenlet that opened the connection again failed with a TypeError, and the user went on."""
    (tmp_path / "leaves.py").write_text(LEAVES)
    done = loadtest("demo", "--scenario", tmp_path / "leaves.py", "-u", 4, "-r", 4, "--run-time", "4s")
    assert "Error" not in done.stderr, done.stderr
    assert done.counted("Leaves").ended == 4
    assert done.run.intervals[-1].connections.users == 0


SHORT = """
import gc
import weakref

from locust import events
from locust.exception import StopUser
from siotool.swarm.user import SocketIOUser, task

gc.disable()  # a worker looks for circles of objects rarely
THERE = weakref.WeakSet()


class Short(SocketIOUser):
    rate = 10

    def __init__(self, environment):
        super().__init__(environment)
        THERE.add(self)

    @task
    def turn(self):
        self.call("echo", 1)
        raise StopUser


@events.test_stop.add_listener
def none_is_left(environment, **_):
    if len(THERE) > 1:  # what was done last may still hold one
        raise AssertionError(f"{len(THERE)} users are still there")
"""


def test_nothing_is_left_of_a_user_that_has_ended(loadtest: Callable[..., Any], tmp_path: Path) -> None:
    """Each left 0.8 kB in its worker: circles of objects, which Python looks for once in a million users."""
    (tmp_path / "short.py").write_text(SHORT)
    done = loadtest("demo", "--scenario", tmp_path / "short.py", "-u", 8, "-r", 8, "--run-time", "4s")
    assert done.counted("Short").ended == 8
    assert done.report["exceptions"] == []
