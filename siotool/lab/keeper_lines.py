"""What the keeper of a lab is told, and what it says beside what runs."""

import msgspec

from siotool.lab.lab_action import LabAction
from siotool.lab.running_lab import LabMember


class FailedLab(msgspec.Struct, frozen=True):
    """The lab did not start, and nothing of it is left."""

    error: str
    hint: str


class AskedAction(msgspec.Struct, frozen=True):
    """An action that is to be carried out; ``number`` is for the answer."""

    number: int
    action: LabAction


class EndedProgram(msgspec.Struct, frozen=True, tag_field="kind", tag="ended"):
    """A program, or a worker of a primary, ended by itself."""

    name: str
    code: int
    log: str


class DoneAction(msgspec.Struct, frozen=True, tag_field="kind", tag="done"):
    """An action is over. ``error`` is why it failed.

    ``moved`` are the processes of its parts that run now, ``down`` the names of those that do not.
    """

    number: int
    error: str
    moved: list[LabMember]
    down: list[str]


#: What it says once all programs are ready.
KeeperLine = EndedProgram | DoneAction
