"""Users of one worker that came and went since the last report; in the hub."""

from array import array

from siotool.histogram import Histogram
from siotool.runfile import Visits


class VisitCounts:
    """Arrivals, and how long users were there that ended by themselves (``lengths``, in seconds)."""

    __slots__ = ("arrived", "lengths", "no_place", "offered")

    def __init__(self) -> None:
        self.offered = self.arrived = self.no_place = 0
        self.lengths = array("d")

    def take(self) -> Visits:
        """Counts since the last call."""
        length = Histogram()
        length.record(self.lengths)
        taken = Visits(self.offered, self.arrived, self.no_place, length.sparse())
        self.offered = self.arrived = self.no_place = 0
        self.lengths = array("d")
        return taken
