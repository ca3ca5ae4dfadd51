"""Makes the programs of a search for capacity, once its scenario is loaded."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from siotool.cli import load_options, search_options
from siotool.cli.load_targets import Aimed
from siotool.cli.search_options import SearchAsked
from siotool.client.address import is_loopback
from siotool.client.choices import TransportShares, sockets_kept, sockets_opened
from siotool.errors import InputError
from siotool.search.axis import UNITS, show_load
from siotool.searched import CONFIDENCE, FoundCapacity
from siotool.swarm.link_speed import link_speed
from siotool.swarm.load_limits import WantedLoad, most_connects_per_s
from siotool.swarm.own_limits import read_limits
from siotool.swarm.preflight import check_files
from siotool.swarm.program import Program
from siotool.swarm.restarting import searches
from siotool.swarm.search_program import STAY_S, SearchedLoad, SearchProgram
from siotool.workload import Arrivals, Stage


def programs_of(
    asked: SearchAsked | None,
    loaded: Any,
    settings: Mapping[str, Any],
    templates: Mapping[str, str],
    processes: int | None,
    aimed: Aimed,
    planned: tuple[list[Stage], str | None, Mapping[str, object], Arrivals | None],
    *,
    elsewhere: int | None,
    sources: Sequence[str],
    transports: TransportShares,
) -> tuple[Iterable[Program], str, list[Stage], int, int]:
    """The programs of a run, its load shape's name, its stages, its processes, and a search's most users.

    ``planned`` are the stages, the --run-time, the options that decide about users, and the arrivals of a run
    that does not search. ``elsewhere`` is the number of processes on other machines. ``sources`` are the
    addresses to connect from.
    """
    sockets = sockets_kept(transports)
    if asked is None:
        stages, length, given, arrivals = planned
        program, shape, stages = load_options.program(loaded, stages, length, given, arrivals)
        workers = load_options.workers(processes, stages, arrivals, elsewhere, sockets)
        return [program], shape, stages, workers, 0
    search_options.check_scenario(asked.axis, loaded, settings, templates)
    if asked.restart_command is not None and (aimed.own or len(aimed.urls) > 1):
        raise InputError(
            "--restart-command needs one server, started by yourself", "leave it out, or name one URL"
        )
    workers = elsewhere or search_options.generator_processes(processes)
    here = WantedLoad(asked.users, workers, len(sources) or 1, len(aimed.urls), sockets)
    searched = _searched(
        asked,
        search_options.start_of(asked, settings, loaded),
        _most(asked, here, transports, aimed, elsewhere=elsewhere is not None),
        aimed,
    )
    users = _most_users(searched)
    if elsewhere is None:
        check_files(WantedLoad(users, workers, sockets=sockets))
    return _searches(asked, searched, aimed), "", [], workers, users


def _most(
    asked: SearchAsked, here: WantedLoad, transports: TransportShares, aimed: Aimed, *, elsewhere: bool
) -> float:
    """How far a search goes. Raises InputError where only other machines know."""
    if asked.most is not None:
        return asked.most
    if elsewhere and asked.axis in search_options.BY_MACHINE:
        raise InputError(
            "--find-capacity does not know how much load the other machines can make",
            search_options.BY_MACHINE[asked.axis],
        )
    limits, loopback = read_limits(), aimed.own or all(_is_loopback(url) for url in aimed.urls)
    ports_per_s = most_connects_per_s(here, limits, sockets_opened(transports), STAY_S, loopback=loopback)
    return search_options.own_most(asked, here, limits, ports_per_s)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or is_loopback(host)


def _searched(asked: SearchAsked, start: float, most: float, aimed: Aimed) -> SearchedLoad:
    """Raises InputError where a search would begin above its bound."""
    if most < start:
        unit = UNITS[asked.axis]
        raise InputError(
            f"the search begins with {show_load(unit, start)}, above its bound of {show_load(unit, most)}",
            "begin with less: --users, or --set rate=… or size=…",
        )
    return SearchedLoad(
        asked.axis,
        start,
        most,
        asked.users,
        own_most=asked.most is None,
        link_bytes_per_s=link_speed(aimed.urls[0]) if aimed.urls else None,
    )


def _most_users(searched: SearchedLoad) -> int:
    """The most users that a search has at once."""
    match searched.axis:
        case "users":
            return int(searched.most)
        case "connects":
            return math.ceil(searched.most * STAY_S)
        case _:
            return searched.users


def _searches(asked: SearchAsked, searched: SearchedLoad, aimed: Aimed) -> Iterable[Program]:
    def make(before: list[FoundCapacity]) -> SearchProgram:
        return SearchProgram(searched, asked.objectives, CONFIDENCE, before)

    return searches(make, asked.restart_command, aimed.urls[0] if aimed.urls else "")
