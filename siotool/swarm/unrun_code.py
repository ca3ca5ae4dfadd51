"""Code of a scenario of which nothing would run: it is called, and what it returns is never driven."""

from collections.abc import Callable, Iterator
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, isroutine

from locust import TaskSet, User

from siotool.errors import ScenarioError
from siotool.swarm.connected_user import ConnectedUser
from siotool.swarm.own_identity import NAMES

#: Methods that are called by their names, beside the tasks: of every user and task set, and of our users. In
#: others such a name may be a helper of their own.
_HOOKS = ("on_start", "on_stop", "wait_time")
_OUR_HOOKS = ("on_connected", "on_disconnected", *NAMES)


def refuse_unrun(what: str, function: Callable[..., object]) -> None:
    """Raise ScenarioError for an ``async def`` or a generator; ``what`` it is, as ``the handler``."""
    while isinstance(function, partial):
        function = function.func
    called = function if isroutine(function) or isinstance(function, type) else type(function).__call__
    name = getattr(function, "__qualname__", repr(function))
    if any(map(iscoroutinefunction, (function, called))) or any(map(isasyncgenfunction, (function, called))):
        raise ScenarioError(f"{what} {name} is an async def", "write it with def: users run in gevent")
    if any(map(isgeneratorfunction, (function, called))):
        raise ScenarioError(
            f"{what} {name} has a yield: nothing of it would run", "call what it yields, without the yield"
        )


def refuse_unrun_tasks(user_class: type[User]) -> None:
    """The same of a user class: its tasks, those of its task sets, and its hooks."""
    for owner in _with_task_sets(user_class, set()):
        for task in owner.tasks:
            if not isinstance(task, type | TaskSet):
                refuse_unrun("the task", task)
        for name in (*_HOOKS, *(_OUR_HOOKS if issubclass(owner, ConnectedUser) else ())):
            hook = getattr(owner, name, None)
            if callable(hook):
                refuse_unrun("the hook", hook)


def _with_task_sets(
    owner: type[User] | type[TaskSet], seen: set[type]
) -> Iterator[type[User] | type[TaskSet]]:
    if owner in seen:
        return
    seen.add(owner)
    yield owner
    for task in owner.tasks:
        if isinstance(task, type) and issubclass(task, TaskSet):
            yield from _with_task_sets(task, seen)
