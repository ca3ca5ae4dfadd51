"""Every error siotool raises on purpose, and the exit codes they end in.

SiotoolError
├── InputError            2  what the user typed or wrote
│   ├── UnitError            a quantity or its unit
│   ├── ScenarioError        a scenario file or a setting of one
│   ├── GateError            a --fail-if expression
│   └── RunFileError         a run file that cannot be read
├── TargetError           3  the target cannot be reached or does not speak Socket.IO
├── GeneratorError        3  every worker lost
└── OutputError           2  a result that cannot be written
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a shell or a CI job sees; part of the contract."""

    OK = 0
    BUG = 1
    USAGE = 2
    UNREACHABLE = 3
    GATE_FAILED = 4
    SUSPECT = 5
    INTERRUPTED = 130


#: When several apply, the first one wins. A bug or bad usage ends a command at once, so the
#: two hardly ever meet the rest; they are here so that neither counts as success.
PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.BUG,
    ExitCode.USAGE,
    ExitCode.UNREACHABLE,
    ExitCode.SUSPECT,
    ExitCode.GATE_FAILED,
)


class SiotoolError(Exception):
    """An error with a place and a remedy.

    ``message`` says what is wrong and where; ``hint`` says what to do about it.
    """

    exit_code = ExitCode.BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(SiotoolError):
    """Wrong usage, plan file, scenario or run file; nothing was started."""

    exit_code = ExitCode.USAGE


class UnitError(InputError):
    """A quantity that cannot be read, or whose unit does not fit."""


class ScenarioError(InputError):
    """A scenario that cannot be loaded, or a setting it does not have."""


class GateError(InputError):
    """A ``--fail-if`` expression that cannot be read."""


class RunFileError(InputError):
    """A run file that is missing, foreign, too old or too damaged."""


class OutputError(InputError):
    """A place where the result cannot be written."""


class TargetError(SiotoolError):
    """The target cannot be reached, or is not a Socket.IO server."""

    exit_code = ExitCode.UNREACHABLE


class GeneratorError(SiotoolError):
    """The generator broke: no worker came up, or every worker was lost."""

    exit_code = ExitCode.UNREACHABLE


def worst(codes: set[ExitCode]) -> ExitCode:
    """Return the one exit code that stands for several (``PRECEDENCE``)."""
    return next((code for code in PRECEDENCE if code in codes), ExitCode.OK)
