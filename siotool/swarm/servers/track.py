"""A source's readings over time, and what they say of an interval.

Each reading has a moment of its own, a little after the end of the second that it is for. A counter is
taken for straight between two readings, so that its growth within an interval is that between its values at
both ends. A level is the reading next to the end. Where readings are too far away, nothing is said: the last
value is no sample. A counter that is NaN in a reading is not known around it.
"""

import itertools
from collections import deque
from collections.abc import Sequence
from math import isfinite

from siotool.swarm.servers.source import EARLY_S, Reading

#: Between two readings further apart than this, a counter is not taken for straight.
WIDEST_S = 2.6
#: A level that was read longer after an interval's end than this is not that of its end.
LATE_S = 0.9
#: So long before the first reading, or after the last, an interval may reach: its rest stands for it.
_OVER_S = 0.3
_KEPT = 8


class Track:
    """The last readings of one source; a level may be read ``early_s`` before an interval's end."""

    def __init__(self, early_s: float = EARLY_S) -> None:
        self._early_s = early_s
        self._readings: deque[Reading] = deque(maxlen=_KEPT)

    def add(self, reading: Reading) -> None:
        """Take one more reading; one that is no later than the last is left out."""
        if not self._readings or reading.at > self._readings[-1].at:
            self._readings.append(reading)

    def rates(self, begin: float, end: float) -> dict[str, float]:
        """How fast counters grew from ``begin`` to ``end``, per second, where readings show it."""
        found: dict[str, float] = {}
        for name in self._readings[-1].counters if self._readings else ():
            known = [
                (reading.at, reading.counters[name]) for reading in self._readings if name in reading.counters
            ]
            first = max(begin, min(known[0][0], begin + _OVER_S))
            last = min(end, max(known[-1][0], end - _OVER_S))
            low, high = _value_at(known, first), _value_at(known, last)
            if (
                low is not None
                and high is not None
                and last - first >= (end - begin) / 2 > 0
                and isfinite(high - low)
            ):
                found[name] = max(0.0, high - low) / (last - first)
        return found

    def levels(self, end: float) -> dict[str, float]:
        """Gauges at ``end``, where a reading is near enough."""
        near = min(self._readings, key=lambda reading: abs(reading.at - end), default=None)
        if near is None or not -self._early_s <= near.at - end <= LATE_S:
            return {}
        return near.gauges


def _value_at(known: Sequence[tuple[float, float]], moment: float) -> float | None:
    """A counter's value at a moment; None where no two known values near enough enclose it."""
    for (at, value), (next_at, next_value) in itertools.pairwise(known):
        if at <= moment <= next_at and next_at - at <= WIDEST_S:
            between = value + (moment - at) / (next_at - at) * (next_value - value)
            if isfinite(between):
                return between
    return None
