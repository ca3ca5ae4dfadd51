"""How many users of an audience were away at a moment, over all workers."""

from siotool.swarm.presence import PresenceLevel
from siotool.swarm.worker_report import WorkerInterval


class AbsenceLevels:
    """Step functions of time, by audience (0: all) and worker."""

    def __init__(self) -> None:
        self._levels: dict[int, dict[int, PresenceLevel]] = {}

    def follow(self, part: WorkerInterval) -> None:
        """Take one second of a worker."""
        for step in part.absence:
            workers = self._levels.setdefault(step.audience, {})
            workers.setdefault(part.worker, PresenceLevel()).follow(step)

    def at(self, audience: int, moment: float) -> int:
        """Users of an audience that were away at a moment.

        A worker of which reports did not arrive may bring back users whose loss it had reported in them.
        """
        return sum(max(0, level.at(moment)) for level in self._levels.get(audience, {}).values())

    def lose(self, worker: int) -> None:
        """A worker is lost: nothing is known of its users."""
        for workers in self._levels.values():
            workers.pop(worker, None)

    def forget(self, moment: float) -> None:
        """Drop what was before a moment; no earlier one is asked for any more."""
        for audience, workers in list(self._levels.items()):
            for worker, level in list(workers.items()):
                level.forget(moment)
                if not level.steps and not level.at(moment):
                    del workers[worker]
            if not workers:
                del self._levels[audience]
