"""Scenarios with mistakes that Python lets pass: each is named with its place, none ends the generator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

MISTAKES = """
import contextlib
import sys

import gevent

from siotool.swarm.user import SocketIOUser, task


class Base(SocketIOUser):
    abstract = True
    rate = 5


class Unnamed(Base):
    @task
    def turn(self):
        self.call(7, 1)


class Hurries(Base):
    @task
    def turn(self):
        self.call("echo", timeout=-1)


class Spawns(Base):
    def on_start(self):
        super().on_start()
        gevent.spawn(lambda: 1 / 0)
        with contextlib.suppress(KeyError):
            gevent.spawn(lambda: {}[1]).get()  # which it catches

    @task
    def turn(self):
        gevent.spawn(self.call, "echo", 1)  # at the run's end it finds its user gone


class Exits(Base):
    @task
    def turn(self):
        sys.exit(3)


class Interrupts(Base):
    @task
    def turn(self):
        raise KeyboardInterrupt


class Quits(Base):
    @task
    def turn(self):
        self.environment.runner.quit()


class Stops(Base):
    @task
    def turn(self):
        self.environment.runner.stop()


class Plain(Base):
    @task
    def turn(self):
        self.publish("chat message", compose=lambda text: text)


class Cuts(Base):
    @task
    def turn(self):
        self.publish("chat message", compose=lambda text: text[:9], audience="nobody is in it")
"""


def test_mistakes_of_users_are_counted_each_at_its_place_and_the_others_go_on(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    """The first ended in a traceback of siotool's; exits lost the worker; a user that quit took all others
    with it, and the run passed; a text that was no tuple was sent letter by letter."""
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    done = loadtest("demo", "--scenario", tmp_path / "mistakes.py", "--users", 9, "--run-time", "3s")
    assert "siotool/" not in done.stderr
    assert not [doubt for doubt in done.report["doubts"] if "lost" in doubt or "internal" in doubt]
    found = {(one["kind"], one["where"].rpartition(":")[2]): one for one in done.report["exceptions"]}
    where = {
        text: f"{number} in {'<lambda>' if text == '1 / 0' else 'turn'}"
        for number, line in enumerate(MISTAKES.splitlines(), 1)
        for text in ("call(7", "1 / 0", "timeout=-1", "exit(3", "KeyboardInterrupt", "quit()", "stop()")
        if text in line
    }
    assert set(found) == {
        ("ScenarioError", where["call(7"]),
        ("ScenarioError", where["timeout=-1"]),
        ("ZeroDivisionError", where["1 / 0"]),
        ("SystemExit", where["exit(3"]),
        ("KeyboardInterrupt", where["KeyboardInterrupt"]),
        ("ScenarioError", where["quit()"]),
        ("ScenarioError", where["stop()"]),
    }
    assert done.counted("Plain").issued > 10
    delivery = done.report["delivery"]
    assert delivery["lost"] == 0
    assert delivery["received"] == delivery["expected"] > 10
    assert "compose leaves the text out of chat message" in (done.folder / "run.jsonl").read_text()


def test_turns_that_the_run_cuts_off_are_no_successes_of_a_task_that_always_fails(
    loadtest: Callable[..., Any], tmp_path: Path
) -> None:
    """Each user had one turn that was never over, which counted as right: nothing had "never succeeded"."""
    source = (
        "import gevent\nfrom siotool.swarm.user import SocketIOUser, task\n\n"
        "class Wrong(SocketIOUser):\n    rate = 2\n    @task\n    def turn(self):\n"
        "        self.call('echo')\n        gevent.sleep(0.4)\n        self.fail('it is never right')\n"
    )
    (tmp_path / "wrong.py").write_text(source)
    done = loadtest("demo", "--scenario", tmp_path / "wrong.py", "--users", 3, "--run-time", "3s")
    assert done.code == 4
    judged = [one for interval in done.run.intervals for one in interval.operations if one.name == "Wrong"]
    assert sum(one.errors["fail"] for one in judged if one.errors) >= 9
    assert sum(one.count for one in judged) == 0
    outcomes = {gate["expr"].split()[0]: gate["outcome"] for gate in done.report["gates"]}
    assert outcomes["never_succeeded"] == "failed"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("@task\n    async def turn(self): self.call('echo')", "the task Odd.turn is an async def"),
        ("@task\n    def turn(self): yield self.call('echo')", "the task Odd.turn has a yield"),
        (
            "@task\n    def turn(self): pass\n    async def on_connected(self): pass",
            "the hook Odd.on_connected",
        ),
        ("weight = 0\n    @task\n    def turn(self): self.call('echo')", "every user class has the weight 0"),
        ("rate = '4'\n    @task\n    def turn(self): self.call('echo')", "Odd has the rate '4'"),
    ],
)
def test_code_of_which_nothing_would_run_is_refused_before_the_run(
    loadtest: Callable[..., Any], tmp_path: Path, line: str, message: str
) -> None:
    """Its users did nothing, with a warning of Python's for each; a rate in quotes was a bug of siotool."""
    source = f"from siotool.swarm.user import SocketIOUser, task\n\nclass Odd(SocketIOUser):\n    {line}\n"
    (tmp_path / "odd.py").write_text(source)
    done = loadtest("demo", "--scenario", tmp_path / "odd.py", "--users", 2, "--run-time", "2s")
    assert done.code == 2
    assert message in done.stderr
