"""Reads the options of a load test; InputError says what is wrong with one."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from siotool import units
from siotool.cli.secret_options import shown_url
from siotool.errors import InputError
from siotool.workload import ArrivalProcess, Arrivals, Stage, ramp

#: Workers number their users, and messages carry the number.
USERS_AT_MOST = 10_000_000


def load(
    scenario: str, settings: list[str], tags: list[str], exclude: list[str], *, with_rows: bool
) -> tuple[Any, Any, dict[str, str]]:
    """The scenario with its settings and its chosen tasks; the settings; those of them to be filled in.

    ``with_rows``: columns of a users file may be named in settings.
    """
    from siotool.swarm import knobs, scenario_file, scenario_paths
    from siotool.swarm import tags as choosing

    loaded = scenario_file.load(scenario_paths.find(scenario))
    templates = knobs.templates(settings, with_rows=with_rows)
    resolved = knobs.resolve(loaded.knobs, settings, f"scenario {loaded.name}", templates)
    knobs.apply(list(loaded.user_classes), resolved, templates)
    scenario_file.check_schedules(loaded)
    loaded.user_classes = choosing.choose(loaded.user_classes, tags, exclude)
    return loaded, resolved, templates


def workers(
    processes: int | None,
    stages: list[Stage],
    arrivals: Arrivals | None,
    elsewhere: int | None = None,
    sockets: float = 1.0,
) -> int:
    """Number of generator processes: one per core, and no more than there are users.

    ``elsewhere`` is their number on other machines, which look after their files themselves. A user has so
    many ``sockets``, on average.
    """
    from siotool.swarm.load_limits import WantedLoad
    from siotool.swarm.preflight import check_files

    most = arrivals.most if arrivals else max((found.users for found in stages), default=0)
    if elsewhere is not None:
        if 0 < most < elsewhere:
            raise InputError(f"{elsewhere} workers for {most} users", "each needs one: --expect-workers")
        return elsewhere
    if not stages and not most:
        return processes or os.cpu_count() or 1
    here = workers_here(processes, most)
    check_files(WantedLoad(most, here, sockets=sockets))
    return here


def workers_here(processes: int | None, users: int) -> int:
    """Number of generator processes of this machine: one per core, and no more than there are users."""
    return min(processes or os.cpu_count() or 1, max(1, users))


def program(
    loaded: Any,
    stages: list[Stage],
    length: str | None,
    given: Mapping[str, object],
    arrivals: Arrivals | None,
) -> tuple[Any, str, list[Stage]]:
    """What decides how many users there are; the name of the scenario's load shape; and the stages.

    The name is empty where there is no shape, and no stages are left where there is one.

    A shape decides it alone: ``given`` are options that would too. ``length`` is a --run-time.
    """
    from siotool.swarm.program import ArrivalProgram, ShapeProgram, Stages

    if arrivals is not None and loaded.shape is None:
        return ArrivalProgram(arrivals, _residents(loaded, arrivals)), "", []
    if loaded.shape is None:
        return Stages(stages), "", stages
    name = type(loaded.shape).__name__
    for option, value in given.items():
        if value and (arrivals is not None or not loaded.shape.use_common_options):
            raise InputError(
                f"the scenario's load shape {name} and {option} both decide how many users there are",
                f"leave out {option}, or the shape",
            )
    return ShapeProgram(loaded.shape, run_time(length) if length else None), name, []


def _residents(loaded: Any, arrivals: Arrivals) -> int:
    """Users that are there all the time, of classes with a ``fixed_count``; the others arrive."""
    fixed = [found.fixed_count for found in loaded.user_classes]
    if all(fixed):
        raise InputError(
            f"every user class of {loaded.name} has a fixed_count: no user would arrive",
            "leave out --arrival-rate, or give a class a weight",
        )
    residents: int = sum(fixed)
    if 0 < arrivals.most <= residents:
        raise InputError(
            f"--users {arrivals.most}: {residents} users with a fixed_count leave no place for others",
            "raise --users",
        )
    return residents


def arrivals(
    given: Mapping[str, object], length: str | None, process: ArrivalProcess | None
) -> Arrivals | None:
    """The users that --arrival-rate lets arrive, of ``given`` options; None without it. Raises InputError."""
    asked = given["--arrival-rate"]
    if asked is None:
        if process is not None:
            raise InputError("--arrival-process needs an --arrival-rate", "give one, as --arrival-rate 5/s")
        return None
    for option in ("--stage", "--spawn-rate"):
        if given[option]:
            raise InputError(
                f"--arrival-rate and {option} both decide when users start", "leave out one of the two"
            )
    rate = units.parse_rate(str(asked), "--arrival-rate")
    duration = run_time("30s" if length is None else length)
    if rate * duration < 1:
        raise InputError(
            f"--arrival-rate {asked}: fewer than one user arrives in {duration:g} s",
            "raise it, or --run-time",
        )
    most = given["--users"]
    return Arrivals(rate, duration, 0 if most is None else users_of(str(most)), process or "constant")


def run_time(text: str) -> float:
    """Seconds of a --run-time. Raises InputError for less than one."""
    duration = units.parse_duration(text, "--run-time")
    if duration < 1:
        raise InputError(f"--run-time {text}: expected 1s or more")
    return duration


def stages(
    users: str | None, spawn_rate: float | None, length: str | None, stage: list[str] | None
) -> list[Stage]:
    """The stages that --stage, or --users, --spawn-rate and --run-time ask for. Raises InputError."""
    if stage:
        others = {"--users": users, "--spawn-rate": spawn_rate, "--run-time": length}
        for option, value in others.items():
            if value is not None:
                raise InputError(
                    f"--stage and {option} both decide how many users there are, and how long",
                    f"leave out {option}, or write all of it as stages",
                )
        found = [_stage(text) for text in stage]
        if not any(one.users for one in found):
            raise InputError("no --stage has any users", "write them TIME:USERS, as 30s:1000")
        return found
    count = users_of("10" if users is None else users)
    duration = run_time("30s" if length is None else length)
    if spawn_rate is not None and not 0 < spawn_rate < float("inf"):
        raise InputError(f"--spawn-rate {spawn_rate:g}: expected more than 0 users per second")
    return ramp(count, spawn_rate or count / min(5.0, duration / 4), duration)


def users_of(text: str) -> int:
    """A number of users, of ``--users``: 1 or more."""
    count = _whole(units.parse_count(text, "--users"), "--users", text)
    if count < 1:
        raise InputError(f"--users {text}: expected 1 or more")
    return count


def _stage(text: str) -> Stage:
    duration, colon, users = text.rpartition(":")
    if not colon:
        raise InputError(f"--stage {text!r} has no users", "write it TIME:USERS, as 30s:1000")
    seconds = units.parse_duration(duration, f"--stage {text}")
    count = _whole(units.parse_count(users, f"--stage {text}"), "--stage", text)
    if seconds < 1 or count < 0:
        raise InputError(f"--stage {text}: expected a time of 1s or more and 0 or more users")
    return Stage(duration_s=seconds, users=count)


def _whole(value: float, option: str, text: str) -> int:
    if value != int(value):
        raise InputError(f"{option} {text}: expected a whole number of users")
    if value > USERS_AT_MOST:
        raise InputError(f"{option} {text}: expected at most {USERS_AT_MOST:,} users")
    return int(value)


def patience(text: str, option: str) -> float:
    """Seconds of a timeout."""
    seconds = units.parse_duration(text, option)
    if seconds <= 0:
        raise InputError(f"{option} {text}: expected more than 0s")
    return seconds


def url(text: str) -> tuple[str, list[str]]:
    """A server's address, without a path and without credentials; and its query, as --query has it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{shown_url(text)!r} is not a URL: {error}", "write it http://HOST:PORT") from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        known = (
            f"did you mean http://{shown_url(text)}?" if "://" not in text else "use http, https, ws or wss"
        )
        raise InputError(f"{shown_url(text)!r} is not the URL of a Socket.IO server", known)
    if "@" in parts.netloc:
        raise InputError(
            f"the URL of {parts.hostname} has credentials in it, which reports would show",
            "give them with --header 'Authorization: …'",
        )
    if parts.path not in ("", "/"):
        raise InputError(
            f"{shown_url(text)!r} has a path",
            "give only the server's URL, and the rest with --path and --namespace",
        )
    if parts.fragment:
        raise InputError(
            f"{shown_url(text)!r} has a fragment (#…), which is never sent", "leave it out, or write # as %23"
        )
    if port == 0:
        raise InputError(f"{shown_url(text)!r} has the port 0, on which nothing listens", "name its port")
    return f"{parts.scheme}://{parts.netloc}", [
        f"{name}={value}" for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]


def check_path(path: str) -> None:
    """Raise InputError for a path with a query in it, or that no line of HTTP can hold."""
    if "?" in path or "#" in path:
        raise InputError(f"--path {path!r} has a query in it", "give it with --query KEY=VALUE")
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise InputError(
            f"--path {path!r} has a character that no request can hold", f"write it {quote(path, '/%')}"
        )
