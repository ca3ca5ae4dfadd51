"""Carries the faults of a run out when they are due, and writes down what came of them."""

from collections.abc import Callable, Sequence
from time import monotonic

import gevent
import gevent.event

from siotool.errors import SiotoolError
from siotool.faults.command_keeper import PATIENCE_S
from siotool.faults.fault_clock import DueStep, FaultClock, StepDone
from siotool.faults.fault_doer import FaultDoer
from siotool.faults.planned_fault import PlannedFault
from siotool.swarm.recorder import Recorder

#: How often what is due is looked for, and how long each step at the end may take: a command that takes
#: longer than its patience is ended, and that is heard a moment later.
_LOOK_S, _LAST_S = 0.05, PATIENCE_S + 10.0


class FaultRunner:
    """The faults of one run. ``moved`` is told which sampled server is a new process."""

    def __init__(
        self,
        faults: Sequence[PlannedFault],
        doer: FaultDoer,
        recorder: Recorder,
        moved: Callable[[str, int], None],
    ) -> None:
        self._faults = tuple(faults)
        self._doer = doer
        self._recorder = recorder
        self._moved = moved
        self._clock = FaultClock(faults)
        #: Servers that do not run, and whom nothing is asked of.
        self._down: set[str] = set()
        self._over = False
        self._followed = gevent.event.Event()
        self._followed.set()

    def follow(self) -> None:
        """Do what is due, until ``end`` is called.

        It is not to be killed: a look that ends halfway loses what it has been told.
        """
        self._followed.clear()
        try:
            while not self._over:
                self._begin(self._clock.due(self._now()))
                self._look()
        finally:
            self._followed.set()

    def end(self) -> None:
        """Begin nothing more, and wait until ``follow`` has taken note of what it has been told."""
        self._over = True
        self._followed.wait()

    def undo_all(self) -> None:
        """Undo what is not undone at the end of the run, one after the other, and wait for it."""
        deadline = monotonic() + _LAST_S
        self.end()
        try:
            while monotonic() < deadline:
                if next_one := self._clock.rest(self._now()):
                    deadline = monotonic() + _LAST_S
                    self._begin(next_one)
                if not self._clock.waiting:
                    return
                self._look()
        except SiotoolError as error:
            self._recorder.note("doubt", f"what was to be undone may not be: {error.message}")
            return
        self._recorder.note("doubt", f"what was to be undone is not, after {_LAST_S:g} s")

    def _begin(self, due: Sequence[DueStep]) -> None:
        for step in due:
            words = self._faults[step.fault].words(step.step)
            undone = " (undo)" if step.step == "undo" else ""
            self._recorder.note("info", f"fault {step.fault + 1}{undone}: {words}")
            self._doer.begin(step)
        if due:
            self._excuse()

    def _look(self) -> None:
        begun = monotonic()
        for one in self._doer.news(_LOOK_S):
            if isinstance(one, StepDone):
                self._end(one)
            else:
                self._down.add(one.name)
                self._recorder.note("warning", f"{one.name} has ended by itself, with code {one.code}")
                self._excuse()
        gevent.sleep(max(0.0, _LOOK_S - (monotonic() - begun)))

    def _end(self, done: StepDone) -> None:
        for name, pid in done.moved:
            self._moved(name, pid)
            self._down.discard(name)
        self._down |= set(done.down)
        self._recorder.fault(self._clock.end(done, self._doer.parts(done.due), self._now()))
        if done.failed:
            step = "" if done.due.step == "do" else "undo of "
            words = self._faults[done.due.fault].words(done.due.step)
            self._recorder.note("doubt", f"{step}fault {done.due.fault + 1} failed: {words}: {done.said}")
        self._excuse()

    def _excuse(self) -> None:
        """Who is broken on purpose need not show what it uses; of a command it is not known who that is."""
        under_way = self._clock.under_way()
        if any(not self._doer.parts(DueStep(number, "do")) for number in under_way):
            self._recorder.excuse(None)
        else:
            parts = (self._doer.parts(DueStep(number, "do")) for number in under_way)
            broken = self._down | {name for found in parts for name in found}
            self._recorder.excuse(self._doer.silenced(broken))

    def _now(self) -> float:
        return max(0.0, monotonic() - self._recorder.begin)
