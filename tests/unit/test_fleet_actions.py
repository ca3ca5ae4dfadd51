"""What the lab's actions do to its parts, where the parts are not as they were expected."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from siotool.lab.fleet_actions import FleetActions
from siotool.lab.lab_action import LabAction


class Part:
    """One process, which runs until it is killed."""

    name = "server-1"

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.pid = self.process.pid

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None


@pytest.fixture
def part() -> Iterator[Part]:
    one = Part()
    with one.process:
        yield one
        one.process.kill()


def carry_out(action: LabAction, part: Part, **more: Any) -> None:
    fleet: Any = SimpleNamespace(
        part=lambda _: part, expect_end=lambda _: part, concerned=lambda _: [], **more
    )
    for _ in FleetActions(fleet).carry_out(action):
        pass


def test_a_part_that_was_killed_has_ended_when_that_is_over(part: Part) -> None:
    """Undone within the same milliseconds it seemed to run still, and was not started."""
    carry_out(LabAction(verb="kill", parts=("server-1",)), part)
    assert part.ended


def test_a_server_whose_drain_failed_gets_clients_again_although_it_runs(part: Part) -> None:
    """The balancer sent it no one for the rest of the run, and the undo had succeeded."""
    put_back: list[str] = []

    def back(names: list[str]) -> bool:
        put_back.extend(names)
        return False

    again = LabAction(verb="start", parts=("server-1",), as_needed=True)
    carry_out(again, part, put_back=back, know_again=lambda _: None)
    assert put_back == ["server-1"]
    assert not part.ended


def test_a_balancer_that_has_ended_knows_a_server_again_once_it_is_started(part: Part) -> None:
    """The undo of a drain failed beside a balancer that was killed."""
    part.process.kill()
    part.process.wait()
    written: list[str] = []
    gone: Any = SimpleNamespace(ended=True, name="nginx")
    carry_out(
        LabAction(verb="start", parts=(), as_needed=True),
        part,
        put_back=lambda _: True,
        know_again=lambda _: None,
        balancer=gone,
        write_balancer=lambda: written.append("nginx.conf"),
    )
    assert set(written) == {"nginx.conf"}
