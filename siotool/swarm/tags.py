"""Chooses tasks of a scenario by their tags."""

import difflib
from collections.abc import Iterator, Sequence

from locust import TaskSet, User
from locust.user.task import filter_tasks_by_tags

from siotool.errors import ScenarioError


def choose(
    user_classes: Sequence[type[User]], tags: Sequence[str], exclude: Sequence[str]
) -> list[type[User]]:
    """Leave the tasks with one of the ``tags`` and none of those to ``exclude``, as Locust does.

    Returns the user classes of which something is left. Raises ScenarioError for a tag that no
    task has, and when nothing is left.
    """
    if not tags and not exclude:
        return list(user_classes)
    known = sorted({tag for user_class in user_classes for tag in _tags(user_class.tasks)})
    for tag in (*tags, *exclude):
        if tag not in known:
            near = difflib.get_close_matches(tag, known, 1)
            listed = ", ".join(known) or "none"
            raise ScenarioError(
                f"no task has the tag {tag!r}", f"did you mean {near[0]}?" if near else f"tags: {listed}"
            )
    for user_class in user_classes:
        filter_tasks_by_tags(user_class, set(tags) or None, set(exclude) or None)
    left = [user_class for user_class in user_classes if user_class.tasks]
    if not left:
        raise ScenarioError("no task is left with these tags", f"tags: {', '.join(known)}")
    return left


def _tags(tasks: object) -> Iterator[str]:
    for task in tasks if isinstance(tasks, list) else ():
        yield from getattr(task, "locust_tag_set", ())
        if isinstance(task, type) and issubclass(task, TaskSet):
            yield from _tags(task.tasks)
