"""What one server can process, as the formula has it, and which evidence that rests on."""

from typing import Literal

import msgspec

#: What a capacity rests on. Search goes before profile before the run's own fit before a straight line.
Source = Literal["search", "profile", "fit", "line"]


class CapacityEstimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wire bytes per second of one full server, and the interval that it lies in where there is one.

    ``how`` says what was done, and what is weak about it. The intervals are of 95 %.
    """

    bytes_per_s: float
    low: float | None
    high: float | None
    source: Source
    how: str
