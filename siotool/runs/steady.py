"""What is said of the hold phase: the part of a run in which the load stood still."""

import msgspec


class Steady(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hold phase: how long it was, how many connections stood in it, how it was found."""

    found: bool
    duration_s: float
    connections_mean: float | None
    how: str
