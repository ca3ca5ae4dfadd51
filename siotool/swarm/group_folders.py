"""Where the kernel shows the control groups of a process, of version 1 and 2."""

from collections.abc import Callable, Iterator


def group_folders(read: Callable[[str], str], process: str, controller: str) -> Iterator[tuple[str, bool]]:
    """The folders of a process's group and of those above it, and whether each is of version 1.

    The mount's own is the last, as containers see theirs. All of them limit the process. ``read`` returns a
    file's text, and raises OSError where there is none. ``process`` is its id, or ``self``.
    """
    try:
        groups = read(f"/proc/{process}/cgroup").splitlines()
    except OSError:
        return
    for line in groups:
        parts = line.split(":", 2)
        if len(parts) != 3 or (parts[1] and controller not in parts[1].split(",")):
            continue
        _, controllers, path = parts
        root = f"/sys/fs/cgroup/{controllers}" if controllers else "/sys/fs/cgroup"
        names = [name for name in path.split("/") if name]
        for length in range(len(names), -1, -1):
            yield "/".join((root, *names[:length])).rstrip("/"), bool(controllers)
