"""What the keeper of a lab says beside what runs."""

import msgspec


class FailedLab(msgspec.Struct, frozen=True):
    """The lab did not start, and nothing of it is left."""

    error: str
    hint: str


class EndedProgram(msgspec.Struct, frozen=True):
    """A program ended by itself."""

    name: str
    code: int
    log: str
