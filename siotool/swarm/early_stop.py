"""Ends a run early: hands each second to a judge, and says once when that has seen enough."""

from collections.abc import Callable

from siotool.runfile import Header, Interval
from siotool.stopped import Stopped
from siotool.swarm.live import Display

#: Judges a second of a run: why the run is to end, None while it may go on.
Judge = Callable[[Interval], Stopped | None]
#: Makes the judge, of the run's header.
MakeJudge = Callable[[Header], Judge]


class EarlyStop(Display):
    """Shows nothing; ``on_stop`` is called once with what a judge has seen enough of."""

    def __init__(self, judge: Judge, on_stop: Callable[[Stopped], None]) -> None:
        self._judge = judge
        self._on_stop = on_stop
        self._over = False

    def update(self, interval: Interval) -> None:
        """Judge one more second."""
        if not self._over and (stopped := self._judge(interval)) is not None:
            self._over = True
            self._on_stop(stopped)
