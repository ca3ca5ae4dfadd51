"""The workers' intervals side by side: which of them make one interval of the run.

A worker counts the seconds of the run. One whose loop was blocked closes several seconds in one
interval, which says how many it ``covers``; they cannot be separated later. The others' seconds are
then joined in the same way, so that an interval of the run covers the same time of every worker.
"""

from collections import deque
from collections.abc import Callable, Iterator

from siotool.swarm.aggregator import joined
from siotool.swarm.worker_report import WorkerInterval


class Timeline:
    """A second is whole when every worker has reported it."""

    def __init__(self, workers: int) -> None:
        self._waiting: dict[int, deque[WorkerInterval]] = {worker: deque() for worker in range(workers)}
        self._reported = dict.fromkeys(range(workers), 0)
        self._ended: set[int] = set()
        self._next = 0
        self.lost: set[int] = set()

    @property
    def waiting(self) -> bool:
        """True while there are seconds that have not been given out."""
        return any(self._waiting.values())

    @property
    def finished(self) -> bool:
        """True when every worker has made its last report, or is gone."""
        return len(self._ended) == len(self._reported)

    def due(self, worker: int) -> int | None:
        """The number of the second that a worker is to report next; None when no more is to come."""
        return None if worker in self._ended else self._reported[worker]

    def join(self, worker: int, second: int) -> bool:
        """A worker comes, and reports from a second on; False when that has been given out already."""
        if second < self._next:
            return False
        self._waiting[worker] = deque()
        self._reported[worker] = second
        return True

    def add(self, interval: WorkerInterval) -> tuple[int, int] | None:
        """Take one worker's interval; returns the first and last second before it that are missing, if any.

        Reports of a lost worker may come after its loss is known. One whose second has been given
        out is dropped, and so are all that follow it. So are those of a worker that has not joined.
        """
        worker = interval.worker
        due = self._reported.get(worker)
        if due is None or interval.number < max(due, self._next):
            return None
        interval.missed = interval.number - due
        if interval.missed and worker in self._ended:
            return None
        self._waiting[worker].append(interval)
        self._reported[worker] = interval.number + interval.covers
        if interval.final:
            self._ended.add(worker)
        return (due, interval.number - 1) if interval.missed else None

    def lose(self, worker: int) -> None:
        """A worker is gone: wait for it no longer."""
        if worker not in self._ended:
            self.lost.add(worker)
            self._ended.add(worker)

    def whole(self, ready: Callable[[int], bool] = lambda number: True) -> Iterator[list[WorkerInterval]]:
        """Seconds that are whole and have not been given out, in order: an interval of each worker.

        Those from the first on that is not ``ready``, by its number, are kept for the next time.
        """
        while (end := self._last_of_group()) is not None and ready(end):
            group = []
            for waiting in self._waiting.values():
                parts = []
                while waiting and waiting[0].number <= end:
                    parts.append(waiting.popleft())
                if parts:
                    group.append(joined(parts))
            self._next = end + 1
            yield group

    def _last_of_group(self) -> int | None:
        """The first second from the next on that no interval goes beyond; None when not reported.

        Seconds that did not arrive from any worker belong to what comes after them.
        """
        first = min((waiting[0].number for waiting in self._waiting.values() if waiting), default=None)
        if first is None:
            return None
        end = max(first, self._next)
        while True:
            if any(number <= end for worker, number in self._reported.items() if worker not in self._ended):
                return None
            found = [part for waiting in self._waiting.values() for part in waiting if part.number <= end]
            reaches = max(end, *(part.number + part.covers - 1 for part in found))
            if reaches == end:
                return end
            end = reaches
