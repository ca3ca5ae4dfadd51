"""A counter of several series on a page of metrics: what all of them have grown by, whatever becomes of them.

A process that is started again begins its series at 0. A page that adds up its processes falls when one of
them ends, and then its whole value has not grown since: nothing tells the one from the other but how fast
the counter grew before. A series that a page lacks for a while goes on where it was.
"""

import math
from collections.abc import Callable, Mapping, Sequence

#: A page may be made so much before or after the moment that it is taken to be of.
_OFF_S = 1.0
#: A counter that began again grows no faster than so many times as fast as it ever did.
_FASTER = 2.0


class SeriesCounter:
    """One counter, in SI units. It grows no faster than ``most_per_s``, infinity where nothing bounds it."""

    def __init__(self, join: Callable[[Sequence[float]], float], most_per_s: float) -> None:
        self._join = join
        self._most_per_s = most_per_s
        #: How fast it grew at most; of a bounded one at least so much is thought of.
        self._fastest_per_s = 1.0 if math.isfinite(most_per_s) else 0.0
        self._last: dict[str, float] = {}
        self._at = -math.inf
        self._total = 0.0

    @property
    def seen(self) -> bool:
        """Whether a page had any series of it."""
        return bool(self._last)

    def take(self, series: Mapping[str, float], at: float) -> float:
        """Return what it has grown by from the first page to this one, made ``at`` a moment of the clock.

        NaN where the page does not show that: it fell, or rose, by what it cannot have grown.
        """
        first, seconds = self._at == -math.inf, at - self._at
        before, self._last, self._at = self._last, {**self._last, **series}, at
        if first or not series:
            return self._total
        grown = {name: value - before.get(name, 0.0) for name, value in series.items()}
        joined = self._join([series[name] if growth < 0 else growth for name, growth in grown.items()])
        most_per_s = self._most_per_s
        if min(grown.values()) < 0:
            most_per_s = min(most_per_s, _FASTER * self._fastest_per_s)
        if joined > most_per_s * (seconds + _OFF_S):
            return math.nan
        self._fastest_per_s = max(self._fastest_per_s, joined / max(seconds, _OFF_S))
        self._total += joined
        return self._total
