"""Reads the options of a search for capacity: what is raised, from where, how far, and by which gates."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from siotool import units
from siotool.cli.search_flags import SearchWord
from siotool.errors import InputError
from siotool.report.gate_objectives import objectives_of
from siotool.report.gates import Gate
from siotool.search.objective import Objective
from siotool.searched import SearchAxis
from siotool.swarm.load_limits import MachineLimits, WantedLoad, most_that_fit

#: Where a search begins without --users.
START_USERS = 10
START_CONNECTS_PER_S = 5.0
#: What one generator process can have at most, about: bytes of memory for a connection, connects and
#: operations per second (docs/load.md). A search goes no higher unless it is told to.
CONNECTION_BYTES = 60e3
CONNECTS_PER_S = 500.0
OPERATIONS_PER_S = 20_000.0
MOST_BYTES = 1_000_000.0
#: Of what a machine allows, the rest is for what else runs on it, and for ports of connections just closed.
_OWN_SHARE = 0.9
#: Users of a process where nothing limits them.
_UNLIMITED_USERS = 1_000_000
#: What only a machine itself knows, by what is searched; and what names it instead.
BY_MACHINE: Mapping[SearchAxis, str] = {
    "users": "give a bound: --max-users COUNT",
    "connects": "give a bound: --max-load RATE",
}

_EXCLUDED = "a search decides how many users there are, and how long"


class SearchAsked(msgspec.Struct, frozen=True):
    """What the options ask for; ``most`` is None where they name no bound."""

    axis: SearchAxis
    users: int
    most: float | None
    objectives: list[Objective]
    restart_command: str | None


def read(
    given: Mapping[str, object],
    own: Mapping[str, str | None],
    gates: Sequence[Gate] | None,
    restart_command: str | None,
    *,
    defaults: bool,
    sampled: bool,
) -> SearchAsked | None:
    """The search that is asked for; None without one. Raises InputError where options do not fit one.

    ``given`` are options that decide about users too, ``own`` those that only a search has, ``gates`` what
    is asked for in a search, None without one. ``sampled``: there are samples of the server.
    """
    if gates is None:
        for option, value in {**own, "--restart-command": restart_command}.items():
            if value is not None:
                raise InputError(f"{option} is an option of --find-capacity", "add --find-capacity")
        return None
    for option in ("--stage", "--arrival-rate", "--spawn-rate", "--run-time"):
        if given.get(option):
            raise InputError(f"--find-capacity and {option} exclude each other: {_EXCLUDED}", "leave one out")
    axis: SearchAxis = SearchWord(own["--search"] or "users").value
    users = START_USERS if given["--users"] is None else _count(str(given["--users"]), "--users")
    most = _most(axis, own)
    if axis == "users" and most is not None and most < users:
        raise InputError(
            f"--max-users {most:,.0f} is less than the {users:,} users to begin with", "raise it"
        )
    objectives = objectives_of(gates, defaults=defaults, sampled=sampled)
    return SearchAsked(axis, users, most, objectives, restart_command)


def _most(axis: SearchAxis, bounds: Mapping[str, str | None]) -> float | None:
    users, load = bounds["--max-users"], bounds["--max-load"]
    if axis == "users":
        if load is not None:
            raise InputError("--max-load is for another --search than users", "give --max-users")
        return None if users is None else float(_count(users, "--max-users"))
    if users is not None:
        raise InputError(f"--max-users does not bound --search {axis}", "give --max-load")
    if load is None:
        return None
    read_load = units.parse_size if axis == "size" else units.parse_rate
    most = read_load(load, "--max-load")
    if most <= 0:
        raise InputError(f"--max-load {load}: expected more than 0")
    return most


def _count(text: str, option: str) -> int:
    count = units.parse_count(text, option)
    if count != int(count) or not 1 <= count <= 10_000_000:
        raise InputError(f"{option} {text}: expected a whole number of users, 1 or more")
    return int(count)


# ── what the scenario and the machine allow ───────────────────────────────────────────


def check_scenario(
    axis: SearchAxis, loaded: Any, settings: Mapping[str, Any], templates: Mapping[str, str]
) -> None:
    """Raise InputError where the scenario has nothing that a search along an axis could raise."""
    from siotool.swarm.connected_user import follows_schedule

    if loaded.shape is not None:
        name = type(loaded.shape).__name__
        raise InputError(f"the scenario's load shape {name} decides how many users there are", "leave it out")
    if axis == "size" and ("size" not in settings or "size" in templates):
        raise InputError(
            f"--search size needs a setting named size in the scenario, and {loaded.name} has none",
            "search users or rate, or add size: int = knob(64, …, unit='bytes')",
        )
    if axis == "rate" and not any(follows_schedule(found) for found in loaded.user_classes):
        raise InputError(
            f"--search rate needs users that follow a rate, and those of {loaded.name} do not",
            "search users, or give the user class a rate",
        )
    if axis == "connects" and all(found.fixed_count for found in loaded.user_classes):
        raise InputError(
            f"every user class of {loaded.name} has a fixed_count: none would arrive", "search users"
        )


def start_of(asked: SearchAsked, settings: Mapping[str, Any], loaded: Any) -> float:
    """The load to begin with."""
    match asked.axis:
        case "users":
            return float(asked.users)
        case "rate":
            own = [float(getattr(found, "rate", 0) or 0) for found in loaded.user_classes]
            return float(settings.get("rate") or max(own, default=0) or 1.0)
        case "size":
            return max(1.0, float(settings["size"]))
        case "connects":
            return START_CONNECTS_PER_S


def own_most(asked: SearchAsked, here: WantedLoad, limits: MachineLimits, ports_per_s: float) -> float:
    """How high a search goes without a bound: what the generator processes of this machine can do.

    ``here`` has their number, and addresses to connect from and to. ``ports_per_s`` are the connects per
    second that local ports allow.
    """
    match asked.axis:
        case "users":
            fit = most_that_fit(here, limits)
            most = here.processes * _UNLIMITED_USERS if fit is None else fit * _OWN_SHARE
            if limits.memory_bytes is not None:
                most = min(most, limits.memory_bytes / 2 / CONNECTION_BYTES)
            return float(max(asked.users, int(most)))
        case "rate":
            return here.processes * OPERATIONS_PER_S / asked.users
        case "connects":
            return min(here.processes * CONNECTS_PER_S, ports_per_s * _OWN_SHARE)
        case "size":
            return MOST_BYTES


def generator_processes(asked: int | None) -> int:
    """Number of generator processes: one per core, unless it was asked for otherwise."""
    return asked or os.cpu_count() or 1
