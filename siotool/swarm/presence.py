"""How many members an audience had at a moment, at one worker."""

from bisect import bisect_right

from siotool.swarm.worker_report import Presence


class PresenceLevel:
    """A step function of time."""

    __slots__ = ("_before", "_levels", "_times")

    def __init__(self) -> None:
        self._before = 0
        self._times: list[float] = []
        self._levels: list[int] = []

    def follow(self, step: Presence) -> None:
        """Add a step; most come in order."""
        times, levels = self._times, self._levels
        index = bisect_right(times, step.at)
        level = levels[index - 1] if index else self._before
        times.insert(index, step.at)
        levels.insert(index, level + step.change)
        for later in range(index + 1, len(levels)):
            levels[later] += step.change

    def at(self, moment: float) -> int:
        """Members at a moment, one that joins at it included."""
        index = bisect_right(self._times, moment)
        return self._levels[index - 1] if index else self._before

    def forget(self, moment: float) -> None:
        """Drop the steps up to a moment; no earlier one is asked for any more."""
        index = bisect_right(self._times, moment)
        if index:
            self._before = self._levels[index - 1]
            del self._times[:index], self._levels[:index]

    @property
    def steps(self) -> int:
        """How many steps are kept."""
        return len(self._times)
