"""A user's task loop: Locust's, with less work between one task and the next."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from locust import TaskSet, User
from locust.exception import RescheduleTask, RescheduleTaskImmediately, StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)


class _Queue(list[Any]):
    """Tasks that were put first by hand: mostly none, for which a deque takes 0.7 kB."""

    __slots__ = ()

    def popleft(self) -> Any:
        """Take the first."""
        return self.pop(0)

    def appendleft(self, task: Any) -> None:
        """Put one first."""
        self.insert(0, task)


class Tasks(DefaultTaskSet):
    """Runs a user's tasks, with ``pause`` between them.

    Locust's own loop starts the first and takes over whenever anything but the next task is
    to be done: exceptions, nested task sets that reschedule, tasks put first by hand.
    """

    def __init__(self, user: User, pause: Callable[[], None]) -> None:
        super().__init__(user)
        self._task_queue: Any = _Queue()
        self._pause = pause

    def execute_next_task(self) -> None:
        """Run tasks until Locust has something to decide."""
        user: Any = self._user
        queue, pause = self._task_queue, self._pause
        task = queue.popleft()
        while True:
            if type(task) is FunctionType:
                task(user)  # all that Locust's execute_task does with a function
            else:
                self._execute(task)
            if queue:
                return
            if user.locust_state == LOCUST_STATE_STOPPING:
                raise StopUser
            user.locust_state = LOCUST_STATE_WAITING
            pause()
            if user.locust_state == LOCUST_STATE_STOPPING:
                raise StopUser
            user._state = LOCUST_STATE_RUNNING  # a turn begins: SocketIOUser takes note of it
            tasks = user.tasks
            task = tasks[0] if len(tasks) == 1 else self._choose()

    # Methods that were bound beforehand would stay with each user, and take 0.1 kB.

    def _execute(self, task: Any) -> None:
        execute: Callable[[Any], None] = self.execute_task
        try:
            execute(task)
        except RescheduleTaskImmediately as error:  # a task set was left
            raise _in_turn(error) from error

    def _choose(self) -> Any:
        choose: Callable[[], Any] = self.get_next_task
        return choose()


def _in_turn(error: RescheduleTaskImmediately) -> RescheduleTask:
    """In place of Locust's way to leave a task set: the next task has a turn of its own."""
    return RescheduleTask(*error.args)


_execute_as_locust: Callable[[TaskSet, Any], None] = TaskSet.execute_task


def _execute_nested(self: TaskSet, task: Any) -> None:
    """Locust's ``execute_task`` of a nested set; a set in it that is left takes a turn of the schedule."""
    try:
        _execute_as_locust(self, task)
    except RescheduleTaskImmediately as error:
        if isinstance(task, type) and isinstance(self.user._taskset_instance, Tasks):
            raise _in_turn(error) from error
        raise


# Nested sets are classes of the scenario, and Locust makes them: nothing of ours is between two of them.
TaskSet.execute_task = _execute_nested  # type: ignore[method-assign]
