"""Who carries out the faults of a load test: its lab, a shell, or both."""

from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack
from urllib.parse import urlsplit

from siotool.faults.fault_clock import DueStep, EndedPart, StepDone
from siotool.faults.fault_commands import FaultCommands
from siotool.faults.fault_doer import FaultDoer
from siotool.faults.planned_fault import PlannedFault
from siotool.lab.keeper_lines import AskedAction, EndedProgram
from siotool.lab.lab_action import LabAction
from siotool.lab.lab_process import LabProcess
from siotool.lab.running_lab import LabMember

#: Both are asked in turn.
_TURN_S = 0.02


class LabFaults:
    """Has a lab carry out actions on its parts, and says which of them end by themselves."""

    def __init__(self, lab: LabProcess, actions: Mapping[DueStep, LabAction]) -> None:
        self._lab = lab
        self._actions = actions
        self._asked: list[DueStep] = []
        self._members = lab.running.members

    def begin(self, due: DueStep) -> None:
        """Begin a step."""
        self._lab.ask(AskedAction(len(self._asked), self._actions[due]))
        self._asked.append(due)

    def parts(self, due: DueStep) -> Sequence[str]:
        """The parts that a step is about."""
        return self._actions[due].parts

    def silenced(self, names: Set[str]) -> Set[str]:
        """A store's figures are told by a server: while that is broken, nobody tells them."""
        told = [one for one in self._members if one.metrics_url]
        broken = {_place(one) for one in told if one.name in names and one.role == "server"}
        return names | {one.name for one in told if _place(one) in broken}

    def news(self, within_s: float) -> Sequence[StepDone | EndedPart]:
        """Return which steps have ended, and which programs. Raises TargetError when the lab has ended."""
        found: list[StepDone | EndedPart] = []
        for one in self._lab.news(within_s):
            if isinstance(one, EndedProgram):
                found.append(EndedPart(one.name, one.code))
            else:
                moved = [(member.name, member.pid) for member in one.moved]
                due = self._asked[one.number]
                found.append(StepDone(due, bool(one.error), one.error, moved, one.down))
        return found


class BothKinds:
    """Faults of which some are actions of a lab, and some are commands."""

    def __init__(self, lab: LabFaults, commands: FaultCommands, actions: Mapping[DueStep, LabAction]) -> None:
        self._lab = lab
        self._commands = commands
        self._actions = actions

    def begin(self, due: DueStep) -> None:
        """Begin a step."""
        self._of(due).begin(due)

    def parts(self, due: DueStep) -> Sequence[str]:
        """The parts that a step is about."""
        return self._of(due).parts(due)

    def silenced(self, names: Set[str]) -> Set[str]:
        """As the lab says."""
        return self._lab.silenced(names)

    def news(self, within_s: float) -> Sequence[StepDone | EndedPart]:
        """Return what has ended, of both. Raises TargetError."""
        return [*self._lab.news(min(within_s, _TURN_S)), *self._commands.news(min(within_s, _TURN_S))]

    def _of(self, due: DueStep) -> FaultDoer:
        return self._lab if due in self._actions else self._commands


def _place(member: LabMember) -> str:
    """Where a member's figures are asked for."""
    return urlsplit(member.metrics_url).netloc


def doer_of(
    faults: Sequence[PlannedFault],
    actions: Mapping[DueStep, LabAction],
    lab: LabProcess | None,
    stack: ExitStack,
) -> FaultDoer | None:
    """Return who carries faults out; ``stack`` ends it. None where there is nothing to do, and no lab.

    A lab is listened to without faults too: it says which of its programs end.
    """
    of_lab = None if lab is None else LabFaults(lab, actions)
    steps = sum(1 + bool(fault.undo) for fault in faults)
    if len(actions) == steps:
        return of_lab
    commands = stack.enter_context(FaultCommands(faults))
    return commands if of_lab is None else BothKinds(of_lab, commands, actions)
