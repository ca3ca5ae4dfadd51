"""The numbers of users: small, and each given once, also where a worker takes the place of a lost one.

Workers start users in turn: of three, the first has the numbers 1, 4, 7, the second 2, 5, 8. These are its
lane. Who takes the place of a lost worker goes on in that one's lane, beyond what may have been used of it.
"""

from collections.abc import Mapping

import msgspec

#: Custom message. The parent says to a worker that has come later which numbers are its: ``NumberLane``.
LANE = "siotool_lane"


class NumberLane(msgspec.Struct, frozen=True):
    """The numbers of one worker: those of a ``lane``, from 0 on, ``after`` so many others of it.

    ``started`` is how many users others are known to have started in it.
    """

    lane: int
    after: int = 0
    started: int = 0

    def number(self, count: int, lanes: int) -> int:
        """The number in the run of this worker's ``count``-th user, both from 1 on."""
        return (self.after + count - 1) * lanes + self.lane + 1


class GivenNumbers:
    """Which numbers each worker has, of a run that begins with so many ``workers``."""

    def __init__(self, workers: int) -> None:
        self._lanes = {worker: NumberLane(worker) for worker in range(workers)}

    def take_over(self, worker: int, lost: int, started: Mapping[int, int], unreported: int) -> NumberLane:
        """A worker comes for a lost one; returns its numbers.

        ``started`` are the users that workers have reported, ``unreported`` those that the lost one may have
        started besides, at most.
        """
        before, known = self._lanes[lost], started.get(lost, 0)
        found = NumberLane(before.lane, before.after + known + unreported, before.started + known)
        self._lanes[worker] = found
        return found
