"""Who carries the steps of faults out: the interface that the generator's parent uses."""

from typing import Protocol

from siotool.faults.fault_clock import DueStep, StepDone


class FaultDoer(Protocol):
    """Carries steps out beside the run; several may be under way."""

    def begin(self, due: DueStep) -> None:
        """Begin a step."""

    def answers(self, within_s: float) -> list[StepDone]:
        """Return the steps that have ended since the last question; waits so long for the first."""
