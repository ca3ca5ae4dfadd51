"""One clock for a run: what crosses from a worker to another, or to the parent, is in the parent's time.

All moments are of monotonic clocks. The workers of the parent's machine share its clock.
"""

from siotool.swarm.machines.clock_comparison import ClockReading

#: Of workers that share the parent's clock.
SHARED = ClockReading(0.0, 0.0)


class RunClock:
    """How a worker's clock compares with the parent's; the comparison may change while the run lasts."""

    __slots__ = ("reading",)

    def __init__(self, reading: ClockReading = SHARED) -> None:
        self.reading = reading

    def follow(self, reading: ClockReading) -> None:
        """From now on the clocks compare so."""
        self.reading = reading

    def ours(self, parents: float) -> float:
        """A moment of the parent's clock, on this machine's."""
        return parents + self.reading.ahead_s

    def parents(self, ours: float) -> float:
        """A moment of this machine's clock, on the parent's."""
        return ours - self.reading.ahead_s
