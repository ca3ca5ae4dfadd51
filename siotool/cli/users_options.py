"""Reads --users-file and --reuse-rows; InputError says what is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siotool.client.identity import Identity
from siotool.errors import InputError
from siotool.workload import Arrivals, Stage


def read(
    path: Path | None,
    *,
    reuse: bool,
    identity: Identity,
    templates: Mapping[str, str],
    known: Mapping[str, Any],
    starting: int,
) -> Any:
    """The ``UsersFile`` with a row for each user that starts; None without a file.

    ``templates`` are settings with placeholders, ``known`` the scenario's knobs that they belong to;
    ``starting`` is how many users start over the run.
    """
    from siotool.swarm import users_file
    from siotool.swarm.own_values import OwnValues

    own = OwnValues(identity, dict(templates), path is not None)
    if path is None:
        if reuse:
            raise InputError("--reuse-rows has no rows", "give them with --users-file")
        own.check_numbers(known)
        return None
    found = users_file.load(path, own, known, reuse=reuse)
    found.check_enough(starting)
    return found


def starting(
    stages: Sequence[Stage], arrivals: Arrivals | None = None, seed: int = 1, user_classes: Sequence[Any] = ()
) -> int:
    """How many users start over some stages, where none ends by itself; or arrive, beside residents."""
    if arrivals is not None:
        from siotool.swarm.program import arrival_moments

        residents: int = sum(found.fixed_count for found in user_classes)
        return residents + sum(1 for _ in arrival_moments(arrivals, seed))
    before = [0, *(stage.users for stage in stages)]
    return sum(max(0, stage.users - last) for stage, last in zip(stages, before, strict=False))
