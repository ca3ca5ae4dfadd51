"""What the keeper of commands is told, and what it answers."""

import msgspec

from siotool.faults.planned_fault import Step


class CommandStep(msgspec.Struct, frozen=True):
    """Run a shell command. ``undo`` is what is still to be run when nobody asks for it any more."""

    fault: int
    step: Step
    command: str
    undo: str = ""


class CommandEnded(msgspec.Struct, frozen=True):
    """A command has ended; ``said`` is the end of what it printed, on one line."""

    fault: int
    step: Step
    code: int
    said: str
