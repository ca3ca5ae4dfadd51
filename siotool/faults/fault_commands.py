"""Faults that are shell commands: run by a process of their own, which undoes them whatever happens."""

import os
import sys
from collections.abc import Sequence, Set
from types import TracebackType
from typing import Self

import msgspec

from siotool.child_process import ChildProcess
from siotool.errors import TargetError
from siotool.faults.command_keeper import LAST_S
from siotool.faults.command_lines import CommandEnded, CommandStep
from siotool.faults.fault_clock import DueStep, StepDone
from siotool.faults.planned_fault import PlannedFault

_READY_S = 20.0


class FaultCommands:
    """Carries out the commands of faults; a context manager. A ``FaultDoer``.

    It imports nothing that gevent's monkey patching breaks: the generator's parent is a gevent process.
    """

    def __init__(self, faults: Sequence[PlannedFault]) -> None:
        self._faults = faults
        self._child = ChildProcess(
            # -P: a user's folder may hold a file named like one of our libraries
            [sys.executable, "-P", "-m", "siotool.faults.command_keeper", "--parent", str(os.getpid())],
            "the process that runs the commands of faults",
            "is the memory full?",
        )

    def begin(self, due: DueStep) -> None:
        """Run the command of a step."""
        fault = self._faults[due.fault]
        undo = fault.undo if due.step == "do" else ""
        asked = CommandStep(due.fault, due.step, fault.words(due.step), undo)
        self._child.tell(msgspec.json.encode(asked))

    def parts(self, _due: DueStep) -> Sequence[str]:
        """Nothing is known of what a command is about."""
        return ()

    def silenced(self, names: Set[str]) -> Set[str]:
        """No other server is known to depend on them."""
        return names

    def news(self, within_s: float) -> list[StepDone]:
        """Return the commands that have ended. Raises TargetError when their process is gone."""
        lines = self._child.more_lines(within_s)
        if self._child.ended:
            raise TargetError("the process that runs the commands of faults has ended")
        return [_done(msgspec.json.decode(line, type=CommandEnded)) for line in lines]

    def __enter__(self) -> Self:
        self._child.start(_READY_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.stop(LAST_S * (1 + sum(bool(fault.undo) for fault in self._faults)))


def _done(ended: CommandEnded) -> StepDone:
    said = f"exit code {ended.code}: {ended.said}".rstrip(": ") if ended.code else ended.said
    return StepDone(DueStep(ended.fault, ended.step), bool(ended.code), said)
