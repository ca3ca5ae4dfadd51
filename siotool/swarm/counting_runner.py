"""Locust's runner of a worker, which knows how many users of each class there are.

Locust's own counts them one by one, several times a second.
"""

from collections import Counter
from typing import Any

import locust.runners
from gevent.pool import Group
from locust.env import Environment
from locust.stats import RequestStats


class _Users(Group):  # type: ignore[misc]  # gevent has no types
    """Greenlets of users, counted by the users' class."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self._classes: dict[Any, str] = {}

    def add(self, greenlet: Any) -> None:
        """Begin to count a greenlet, which is about to run the user that is its argument."""
        name = type(greenlet.args[0]).__name__
        self._classes[greenlet] = name
        self.count[name] += 1
        super().add(greenlet)

    def _discard(self, greenlet: Any) -> None:  # gevent's name; called when one has ended
        name = self._classes.pop(greenlet, None)
        if name is not None:
            self.count[name] -= 1
        super()._discard(greenlet)


class WorkerRunner(locust.runners.WorkerRunner):
    """Locust's, but for how it counts. Hooks of scenarios ask for its name."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.user_greenlets: Any = _Users()

    @property
    def user_classes_count(self) -> dict[str, int]:
        """How many users of each class are there."""
        count: Counter[str] = self.user_greenlets.count
        return {user_class.__name__: count[user_class.__name__] for user_class in self.user_classes}


def counting_runner(environment: Environment, host: str, port: int) -> WorkerRunner:
    """Join a master, as ``Environment.create_worker_runner`` does."""
    environment.stats = RequestStats(use_response_times_cache=False)
    runner: WorkerRunner = environment._create_runner(WorkerRunner, master_host=host, master_port=port)
    return runner
