"""Faults are carried out and undone, whatever moment the run ends in."""

from collections.abc import Callable, Sequence, Set
from time import monotonic

import gevent
import gevent.event
import pytest

from siotool.faults.fault_clock import DueStep, StepDone
from siotool.faults.planned_fault import FaultStep, PlannedFault
from siotool.swarm import fault_runner
from siotool.swarm.fault_runner import FaultRunner
from tests.unit.written_lines import WrittenLines, recorder_into


class SwitchingDoer:
    """Every step is done at once; others run between the moment it hears of that and the moment it tells."""

    def __init__(self, heard: Callable[[DueStep], None]) -> None:
        self.begun: list[DueStep] = []
        self._done: list[DueStep] = []
        self._heard = heard

    def begin(self, due: DueStep) -> None:
        self.begun.append(due)
        self._done.append(due)

    def parts(self, _due: DueStep) -> Sequence[str]:
        return ()

    def silenced(self, names: Set[str]) -> Set[str]:
        return names

    def news(self, _within_s: float) -> Sequence[StepDone]:
        taken, self._done = self._done, []
        for due in taken:
            self._heard(due)
            gevent.sleep(0)  # as gevent's Popen.poll() does while a signal is pending
        return [StepDone(due) for due in taken]


@pytest.fixture
def lines() -> WrittenLines:
    return WrittenLines()


def runner(lines: WrittenLines, doer: SwitchingDoer) -> FaultRunner:
    faults = [PlannedFault(at_s=0, do="break", for_s=60, undo="mend")]
    return FaultRunner(faults, doer, recorder_into(lines), lambda _name, _pid: None)


def test_a_run_that_ends_while_a_look_has_heard_that_a_fault_is_made_undoes_it(lines: WrittenLines) -> None:
    """It was killed there, and then waited a minute for what it had heard already: seen with two Ctrl-C."""
    over = gevent.event.Event()
    doer = SwitchingDoer(lambda _due: over.set())
    faults = runner(lines, doer)
    with gevent.Timeout(10):
        following = gevent.spawn(faults.follow)
        over.wait()
        faults.undo_all()
    assert doer.begun == [DueStep(0, "do"), DueStep(0, "undo")]
    assert [line.step for line in lines.lines if isinstance(line, FaultStep)] == ["do", "undo"]
    assert following.successful()


def test_nothing_is_begun_once_the_run_is_over(lines: WrittenLines) -> None:
    doer = SwitchingDoer(lambda _due: None)
    faults = runner(lines, doer)
    with gevent.Timeout(10):
        faults.end()
        faults.follow()
        faults.undo_all()
    assert doer.begun == []


class SlowUndoing:
    """Each step that undoes takes 100 s of a clock of its own."""

    def __init__(self) -> None:
        self.now = monotonic()
        self.begun: list[DueStep] = []
        self._waiting: list[DueStep] = []

    def begin(self, due: DueStep) -> None:
        self.begun.append(due)
        self._waiting.append(due)

    def parts(self, _due: DueStep) -> Sequence[str]:
        return ()

    def silenced(self, names: Set[str]) -> Set[str]:
        return names

    def news(self, _within_s: float) -> Sequence[StepDone]:
        undoing = [due for due in self._waiting if due.step == "undo"]
        assert len(undoing) <= 1
        self.now += 100.0 * len(undoing)
        taken, self._waiting = self._waiting, []
        return [StepDone(due) for due in taken]


def test_each_fault_that_is_undone_at_the_end_has_its_time_and_the_last_one_comes_first(
    lines: WrittenLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them together had a minute, while a command has two."""
    doer = SlowUndoing()
    monkeypatch.setattr(fault_runner, "monotonic", lambda: doer.now)
    planned = [PlannedFault(at_s=0, do="break", undo="mend") for _ in range(3)]
    faults = FaultRunner(planned, doer, recorder_into(lines), lambda _name, _pid: None)
    with gevent.Timeout(10):
        following = gevent.spawn(faults.follow)
        while len([line for line in lines.lines if isinstance(line, FaultStep)]) < 3:
            gevent.sleep(0)
        faults.undo_all()
    assert following.successful()
    assert doer.begun[3:] == [DueStep(number, "undo") for number in (2, 1, 0)]
    assert [line.text for line in lines.lines if getattr(line, "level", "") == "doubt"] == []
