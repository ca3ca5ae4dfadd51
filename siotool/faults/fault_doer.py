"""Who carries the steps of faults out: the interface that the generator's parent uses."""

from collections.abc import Sequence, Set
from typing import Protocol

from siotool.faults.fault_clock import DueStep, EndedPart, StepDone


class FaultDoer(Protocol):
    """Carries steps out beside the run; several may be under way."""

    def begin(self, due: DueStep) -> None:
        """Begin a step."""

    def parts(self, due: DueStep) -> Sequence[str]:
        """The names of the sampled servers that a step is about; empty where that is not known."""

    def silenced(self, names: Set[str]) -> Set[str]:
        """The names of sampled servers that show nothing while those of ``names`` are broken, and these."""

    def news(self, within_s: float) -> Sequence[StepDone | EndedPart]:
        """Return which steps have ended since the last question, and which servers.

        Waits so long for the first. Raises SiotoolError when it cannot carry out any more.
        """
