"""Locust's runner of a worker, which knows how many users of each class there are.

Locust's own counts them one by one, several times a second, and starts none of a batch after one whose
class raises.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
import locust.runners
from gevent.pool import Group
from locust import User
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_SPAWNING, STATE_STOPPED
from locust.stats import RequestStats

from siotool.errors import ScenarioError
from siotool.swarm.connected_user import ConnectedUser
from siotool.swarm.scenario_code import ENDINGS


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
    """Locust's, but for how it counts and starts users. Hooks of scenarios ask for its name."""

    def __init__(self, *arguments: Any, raised: Callable[[BaseException], None], **settings: Any) -> None:
        self._raised = raised
        super().__init__(*arguments, **settings)
        self.user_greenlets: Any = _Users()

    def stop(self) -> None:
        """Stop all users, when the parent asks for it."""
        self._refuse_users("stop")
        super().stop()

    def quit(self) -> None:
        """End, when the parent asks for it."""
        self._refuse_users("quit")
        super().quit()

    def _refuse_users(self, verb: str) -> None:
        """A user that ends this worker's users takes the load away, and the report would not say why."""
        if gevent.getcurrent() in self.user_greenlets:
            raise ScenarioError(
                f"a user calls environment.runner.{verb}(), which would end only this worker's users",
                "raise StopUser to end the user; --stop-if or --run-time ends a run",
            )

    @property
    def user_classes_count(self) -> dict[str, int]:
        """How many users of each class are there."""
        count: Counter[str] = self.user_greenlets.count
        return {user_class.__name__: count[user_class.__name__] for user_class in self.user_classes}

    @property
    def other_users(self) -> int:
        """How many users there are of classes without connections, such as Locust's HttpUser."""
        count: Counter[str] = self.user_greenlets.count
        others = [found for found in self.user_classes if not issubclass(found, ConnectedUser)]
        return sum(count[found.__name__] for found in others)

    def spawn_users(self, user_classes_spawn_count: dict[str, int], wait: bool = False) -> list[User]:
        """Start users. What making one raises is reported, and the others start all the same."""
        if self.state in (STATE_INIT, STATE_STOPPED):
            self.update_state(STATE_SPAWNING)
        started = []
        for name, count in user_classes_spawn_count.items():
            for _ in range(count):
                try:
                    user = _made(self.user_classes_by_name[name], self.environment)
                except ENDINGS:
                    raise
                except BaseException as error:  # the scenario's own code
                    self._raised(error)
                    continue
                user.start(self.user_greenlets)
                started.append(user)
        if wait:
            self.user_greenlets.join()
        return started


def _made(user_class: type[User], environment: Environment) -> User:
    user = user_class(environment)
    if not hasattr(user, "environment"):
        raise ScenarioError(f"{user_class.__name__}.__init__ must call super().__init__(environment)")
    return user


def counting_runner(
    environment: Environment, host: str, port: int, raised: Callable[[BaseException], None]
) -> WorkerRunner:
    """Join a master, as ``Environment.create_worker_runner``; ``raised`` gets what making a user raises."""
    environment.stats = RequestStats(use_response_times_cache=False)
    runner: WorkerRunner = environment._create_runner(
        WorkerRunner, master_host=host, master_port=port, raised=raised
    )
    return runner
