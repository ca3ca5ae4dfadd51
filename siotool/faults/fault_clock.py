"""Which steps of planned faults are due: a pure account of what was begun and what has ended."""

from collections.abc import Sequence
from typing import NamedTuple

from siotool.faults.planned_fault import FaultStep, PlannedFault, Step


class DueStep(NamedTuple):
    """A step of a fault; ``fault`` counts from 0."""

    fault: int
    step: Step


class StepDone(NamedTuple):
    """How a step ended: ``failed`` and why, or what it ``said``.

    ``moved`` has the process ids of sampled servers that run and may have been started again, by name;
    ``down`` the names of those that do not run.
    """

    due: DueStep
    failed: bool = False
    said: str = ""
    moved: Sequence[tuple[str, int]] = ()
    down: Sequence[str] = ()


class EndedPart(NamedTuple):
    """A sampled server that ended by itself."""

    name: str
    code: int


class FaultClock:
    """The course of all faults of a run; moments are seconds of the run.

    A fault is undone ``for_s`` after its begin, or when it was done, if that took longer. A ``do`` that
    failed is undone too: a part of it may have happened.
    """

    def __init__(self, faults: Sequence[PlannedFault]) -> None:
        self._faults = tuple(faults)
        self._begun: dict[DueStep, float] = {}
        self._ended: set[DueStep] = set()

    @property
    def waiting(self) -> bool:
        """Whether a step was begun that has not ended."""
        return len(self._begun) > len(self._ended)

    def due(self, now: float) -> list[DueStep]:
        """Begin what is due at a moment, and return it."""
        found = [
            DueStep(number, "do")
            for number, fault in enumerate(self._faults)
            if now >= fault.at_s and DueStep(number, "do") not in self._begun
        ]
        found += [
            DueStep(number, "undo")
            for number, fault in enumerate(self._faults)
            if fault.for_s is not None
            and now >= self._begun.get(DueStep(number, "do"), now) + fault.for_s
            and self._may_be_undone(number)
        ]
        self._begun |= dict.fromkeys(found, now)
        return found

    def rest(self, now: float) -> list[DueStep]:
        """Begin what is next to be undone at the end of the run, and return it; the last fault comes first.

        One comes after the other, and after what is under way, as it may rest on what an earlier one broke.
        """
        if self.waiting:
            return []
        left = [number for number in range(len(self._faults)) if self._may_be_undone(number)]
        found = [DueStep(number, "undo") for number in left[-1:]]
        self._begun |= dict.fromkeys(found, now)
        return found

    def end(self, done: StepDone, parts: Sequence[str], now: float) -> FaultStep:
        """A step has ended, which was about sampled servers; returns what the run file says of it."""
        self._ended.add(done.due)
        begun = self._begun[done.due]
        return FaultStep(
            t_s=round(begun, 3),
            fault=done.due.fault,
            step=done.due.step,
            took_s=round(max(0.0, now - begun), 3),
            failed=done.failed,
            said=done.said,
            parts=list(parts),
        )

    def under_way(self) -> list[int]:
        """Faults that were begun and are not undone, those without an undo included while they are made."""
        return [
            number
            for number, fault in enumerate(self._faults)
            if DueStep(number, "do") in self._begun
            and DueStep(number, "undo" if fault.undo else "do") not in self._ended
        ]

    def _may_be_undone(self, number: int) -> bool:
        undo = DueStep(number, "undo")
        return bool(
            self._faults[number].undo and DueStep(number, "do") in self._ended and undo not in self._begun
        )
