"""What ended a run early: the expression of ``--stop-if`` that was true for too long."""

import msgspec


class Stopped(msgspec.Struct, frozen=True):
    """``gate`` had been true for ``for_s`` seconds when the run was stopped.

    ``value`` is what was measured last, in the gate's SI unit.
    """

    gate: str
    value: float
    for_s: float
