"""How far the monotonic clock of one machine is ahead of another's, and how far off that may be.

One side asks, the other says when it heard and when it answered: four moments, of which each clock has seen
two (D. L. Mills, RFC 5905, section 8). The way there and back take the trip together. How it is shared out
between them is unknown, so that half of it is the error. What waits on the way takes longer, so that the
shortest trip of late is the most exact one.
"""

from collections import deque
from typing import NamedTuple

#: How much two clocks may part, in seconds per second: each crystal up to 50 millionths off.
DRIFT = 1e-4
#: Of so many exchanges the best one counts.
KEPT = 64


class ClockReading(NamedTuple):
    """By how many seconds the asking side's clock is ahead of the other's, give or take ``error_s``.

    ``others_error_s``: by how much that of a third side may be off.
    """

    ahead_s: float
    error_s: float
    others_error_s: float = 0.0

    @property
    def between_s(self) -> float:
        """By how much a moment that a third side has named may be off here."""
        return self.error_s + self.others_error_s


class ClockComparison:
    """The exchanges of late. All moments are in seconds of the clock of the side that saw them."""

    def __init__(self) -> None:
        self._found: deque[tuple[float, ClockReading]] = deque(maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, asked: float, heard: float, answered: float, came: float) -> None:
        """Take an exchange; ``heard`` and ``answered`` are moments of the other side."""
        trip = (came - asked) - (answered - heard)
        ahead = ((asked - heard) + (came - answered)) / 2
        self._found.append((came, ClockReading(ahead, max(0.0, trip) / 2)))

    def reading(self, now: float) -> ClockReading | None:
        """The most exact one as of now; None before the first exchange."""
        aged = (ClockReading(one.ahead_s, one.error_s + DRIFT * (now - at)) for at, one in self._found)
        return min(aged, key=lambda one: one.error_s, default=None)
