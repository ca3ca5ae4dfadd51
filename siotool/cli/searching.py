"""Makes the programs of a search for capacity, once its scenario is loaded."""

from collections.abc import Iterable, Mapping
from typing import Any

from siotool.cli import load_options, search_options
from siotool.cli.load_targets import Aimed
from siotool.cli.search_options import SearchAsked
from siotool.errors import InputError
from siotool.search.axis import UNITS, show_load
from siotool.searched import FoundCapacity
from siotool.swarm.link_speed import link_speed
from siotool.swarm.preflight import check_files
from siotool.swarm.program import Program
from siotool.swarm.restarting import searches
from siotool.swarm.search_program import SearchedLoad, SearchProgram
from siotool.workload import Arrivals, Stage

CONFIDENCE = 0.95


def programs_of(
    asked: SearchAsked | None,
    loaded: Any,
    settings: Mapping[str, Any],
    templates: Mapping[str, str],
    processes: int | None,
    aimed: Aimed,
    planned: tuple[list[Stage], str | None, Mapping[str, object], Arrivals | None],
    elsewhere: int | None,
) -> tuple[Iterable[Program], str, list[Stage], int]:
    """The programs of a run, the name of its load shape, its stages, and its number of processes.

    ``planned`` are the stages, the --run-time, the options that decide about users, and the arrivals of a run
    that does not search. ``elsewhere`` is the number of processes on other machines.
    """
    if asked is None:
        stages, length, given, arrivals = planned
        program, shape, stages = load_options.program(loaded, stages, length, given, arrivals)
        return [program], shape, stages, load_options.workers(processes, stages, arrivals, elsewhere)
    workers = elsewhere or search_options.generator_processes(processes)
    return (
        _searches(asked, loaded, settings, templates, workers, aimed, elsewhere=elsewhere is not None),
        "",
        [],
        workers,
    )


def _searches(
    asked: SearchAsked,
    loaded: Any,
    settings: Mapping[str, Any],
    templates: Mapping[str, str],
    processes: int,
    aimed: Aimed,
    *,
    elsewhere: bool,
) -> Iterable[Program]:
    """The searches of a run. Raises InputError where scenario or machine do not allow them."""
    search_options.check_scenario(asked.axis, loaded, settings, templates)
    if asked.restart_command is not None and (aimed.own or len(aimed.urls) > 1):
        raise InputError(
            "--restart-command needs one server, started by yourself", "leave it out, or name one URL"
        )
    start = search_options.start_of(asked, settings, loaded)
    most = search_options.own_most(asked, processes) if asked.most is None else asked.most
    if most < start:
        unit = UNITS[asked.axis]
        raise InputError(
            f"the search begins with {show_load(unit, start)}, above its bound of {show_load(unit, most)}",
            "begin with less: --users, or --set rate=… or size=…",
        )
    if asked.axis == "users" and asked.most is not None and not elsewhere:
        check_files(int(most), processes)
    searched = SearchedLoad(
        asked.axis,
        start,
        most,
        asked.users,
        own_most=asked.most is None,
        link_bytes_per_s=link_speed(aimed.urls[0]) if aimed.urls else None,
    )

    def make(before: list[FoundCapacity]) -> SearchProgram:
        return SearchProgram(searched, asked.objectives, CONFIDENCE, before)

    return searches(make, asked.restart_command, aimed.urls[0] if aimed.urls else "")
