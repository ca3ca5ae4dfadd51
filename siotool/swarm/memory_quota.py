"""How much memory a control group, such as a container, has left."""

from collections.abc import Callable
from contextlib import suppress

from siotool.swarm.group_folders import group_folders

#: Version 1 writes no limit as a number that no machine has.
_UNLIMITED = 1 << 60
#: Pages of files, which the kernel gives back as soon as memory is short (cgroup-v2.rst, "memory.stat").
_GIVEN_BACK = ("active_file", "inactive_file")


def memory_left(read: Callable[[str], str]) -> int | None:
    """Bytes that this process's control group and those above it have left: the least; None without a limit.

    ``read`` is as ``group_folders`` has it.
    """
    found: list[int] = []
    for folder, first_version in group_folders(read, "self", "memory"):
        with suppress(OSError, ValueError):
            found.append(_left(folder, read, first_version=first_version))
    return min(found, default=None)


def _left(folder: str, read: Callable[[str], str], *, first_version: bool) -> int:
    """Of one group. Raises OSError or ValueError where it has no limit."""
    limit, used = ("limit_in_bytes", "usage_in_bytes") if first_version else ("max", "current")
    most, now = int(read(f"{folder}/memory.{limit}")), int(read(f"{folder}/memory.{used}"))
    if most >= _UNLIMITED:
        raise ValueError("no limit")
    with suppress(OSError, ValueError):
        # version 1 has those of the groups below it under other names
        names = {f"total_{name}" if first_version else name for name in _GIVEN_BACK}
        lines = [line.split() for line in read(f"{folder}/memory.stat").splitlines()]
        now -= sum(int(line[1]) for line in lines if len(line) == 2 and line[0] in names)
    return max(0, most - max(0, now))
