"""What a report says of the cost of one connection, one delivery, one acknowledged call, one handshake."""

import msgspec


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cost and the interval that it lies in with 90 %."""

    value: float
    low: float
    high: float


class CostFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cost of one ``of``: server CPU in seconds (per second of a connection), memory, bytes on the wire.

    ``wire_bytes`` are in and out (per second of a connection). None where the runs do not show it;
    ``missing`` says why, and which run would.
    """

    of: str
    cpu_s: Cost | None
    memory_bytes: Cost | None
    wire_bytes: Cost | None
    missing: str
