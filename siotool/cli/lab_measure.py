"""``siotool lab measure``: what an adapter costs, from fleets of several sizes, and who hears a publish."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from siotool.cli import lab_flags, lab_measure_flags
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.options import SEED, Output, Quiet, Seed
from siotool.cli.streams import complain, say
from siotool.errors import ExitCode, InputError, TargetError, worst

#: Publishes per second that leave a machine of two cores room for four servers, by adapter.
RATES: Mapping[str, float] = MappingProxyType({"postgres": 600.0, "mongo": 300.0, "python-redis": 300.0})
RATE, ROUNDS, NODES = 2400.0, 2, "1,2,3,4"
#: The most that one user of the load can publish comfortably, times their number.
_MOST_RATE = 20_000.0
#: Written beside the profile.
_KEPT = ("html", "md")


def measure(
    file: lab_flags.LabFile = None,
    *,
    adapter: lab_flags.JoinedBy = None,
    runtime: lab_flags.ServerRuntime = None,
    recovery: lab_flags.Recovery = None,
    nodes: lab_measure_flags.Nodes = NODES,
    check: lab_measure_flags.Checked = "",
    rate: lab_measure_flags.Rate = None,
    rounds: lab_measure_flags.Rounds = ROUNDS,
    out: lab_measure_flags.MeasureOut = None,
    seed: Seed = SEED,
    output_format: Annotated[WithPage | None, format_option("the report", WithPage)] = None,
    output: Output = "-",
    quiet: Quiet = False,
) -> None:
    r"""Measure what an adapter costs, and hold its law against what servers count.

    Starts a fleet for each number of servers, publishes to rooms and to all at two rates and
    two sizes, counts what each server receives from the adapter, and fits what a publish,
    a message from the adapter, a byte and a delivery cost a server, and what a message and
    its receivers cost the backend. Each fleet of several servers is then predicted from the
    others. `profile.json` is for `siotool plan --from`. Four fleets take some 6 minutes.

    Exits 4 when a publish is not received as the planner thinks, or a fleet of --check is
    more than 15 % off; 5 when the machine was full; 130 after Ctrl-C, and 3 when a fleet could
    not be loaded: a profile is then made of what was measured, where that suffices.

    Examples:

    ```
    siotool lab measure --adapter redis --nodes 1,2,4 --check 3

    siotool lab measure --adapter postgres --format md -o postgres.md

    siotool lab measure --runtime python --adapter redis
    ```
    """
    from siotool.cli import lab_options
    from siotool.cli.fleet_loads import fleet_loads, left_out, measurable
    from siotool.cli.places import REPORTS
    from siotool.lab.needs import check_folder, check_machine

    form = output_format or by_ending(output, WithPage)
    given = lab_options.read(file, {"adapter": adapter, "runtime": runtime, "recovery": recovery})
    asked = measurable(given)
    fitted, checked = numbers(nodes, "--nodes"), numbers(check, "--check") if check else []
    counts = _fleets(fitted, checked)
    most = RATES.get(asked.planned_adapter, RATE) if rate is None else rate
    if not 1 <= most <= _MOST_RATE:
        raise InputError(f"--rate {most:g} is out of range", f"use 1 to {_MOST_RATE:g} per second")
    check_machine(asked)
    folder = out or REPORTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{asked.planned_adapter}"
    check_folder(folder)
    for words in left_out(given):
        say(f"{words} is left out: its cost is its own")
    loads = fleet_loads(asked, counts, most, rounds, seed)
    if not quiet:
        minutes = sum(load.seconds for load in loads) / 60
        say(f"{len(counts)} fleets, {rounds} times: {minutes:.1f} min and their starts")
    runs, failed = _loaded(loads, folder, quiet=quiet)
    if len(runs) < len(loads):
        _keep_cut(runs, loads, checked, most, seed, folder)
        raise failed or typer.Exit(ExitCode.INTERRUPTED)
    profile = profile_of(runs, loads, checked, most, seed)
    keep(profile, folder)
    if not quiet:
        say(f"profile.json, report and runs in {folder}/")
    _write(profile, form, output)
    raise typer.Exit(_judged(profile, checked))


def _loaded(loads: Sequence[Any], folder: Path, *, quiet: bool) -> tuple[list[Any], TargetError | None]:
    """Run the loads one after the other; return the runs that came to their end.

    They are fewer after a Ctrl-C, or after a load that failed, whose error is returned too.
    """
    from siotool.cli import fleet_loads
    from siotool.plan.evidence.fleet_phases import fleet_words

    runs: list[Any] = []
    try:
        for load in loads:
            if not quiet:
                adapter = load.lab.planned_adapter
                say(f"{fleet_words(load.lab.servers)}, adapter {adapter}: {load.seconds:.0f} s")
            runs.append(fleet_loads.load_fleet(load, folder / load.name))
    except KeyboardInterrupt:
        return runs, None
    except TargetError as error:
        return runs, error
    return runs, None


def _keep_cut(
    runs: Sequence[Any], loads: Sequence[Any], checked: Sequence[int], rate: float, seed: int, folder: Path
) -> None:
    """Keep what a measurement has that ended early, as a profile where that suffices for one; say so."""
    import msgspec

    said = f"ended early: {len(runs)} of {len(loads)} loads came to their end"
    if not runs:
        complain(f"{said}: there is nothing to keep")
        return
    done = loads[: len(runs)]
    sizes = {load.lab.servers for load in done}
    try:
        profile = profile_of(runs, done, [one for one in checked if one in sizes], rate, seed)
    except InputError as error:
        hint = f"{error.hint}; " if error.hint else ""
        complain(f"{said}, and no profile of them: {error.message}", f"{hint}their runs are in {folder}/")
        return
    keep(msgspec.structs.replace(profile, doubts=[*profile.doubts, said]), folder)
    complain(f"{said}; profile.json, report and runs in {folder}/ are of these")


def numbers(text: str, option: str) -> list[int]:
    """Read ``1,2,4``. Raises InputError."""
    from siotool.lab.lab import MOST_SERVERS

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= MOST_SERVERS for part in parts):
        raise InputError(
            f"{option} {text}: expected numbers of servers from 1 to {MOST_SERVERS}", "write it as 1,2,4"
        )
    found = [int(part) for part in parts]
    if len(set(found)) < len(found):
        raise InputError(f"{option} {text}: a number of servers stands there twice", "name each once")
    return sorted(found)


def _fleets(fitted: Sequence[int], checked: Sequence[int]) -> list[int]:
    both = set(fitted) & set(checked)
    if both:
        raise InputError(
            f"--check {min(both)}: what is in --nodes is no check of it", "leave it out of one of them"
        )
    return sorted({*fitted, *checked})


def profile_of(
    runs: Sequence[Any], loads: Sequence[Any], checked: Sequence[int], rate: float, seed: int
) -> Any:
    """Make the profile of runs and of their loads. Raises InputError where they show too little."""
    from siotool.calibration.adapter_design import USERS
    from siotool.cli.fleet_loads import versions_of
    from siotool.plan.adapters.laws import adapter_named
    from siotool.plan.evidence.adapter_measure import MeasuredIn, measure_adapter
    from siotool.plan.evidence.calibrated import MachineFigures
    from siotool.plan.evidence.fleet_phases import fleet_phases
    from siotool.plan.evidence.holds import usual_pace

    lab, header = loads[0].lab, runs[0].header
    machine, pace = header.generators[0], usual_pace(runs[0])
    phases = [
        one for run, load in zip(runs, loads, strict=True) for one in fleet_phases(run, load.phases, pace)
    ]
    measured = MeasuredIn(
        run=header.run,
        started_at=header.started_at,
        siotool=header.siotool,
        versions=versions_of(lab),
        machine=MachineFigures(machine.system, machine.cpus, machine.memory_bytes, machine.cpu),
        rate_per_s=rate,
        users=USERS,
        seconds=sum(run.intervals[-1].t_s for run in runs),
    )
    return measure_adapter(adapter_named(lab.planned_adapter), phases, checked, measured, seed)


def keep(profile: Any, folder: Path) -> None:
    """Write ``profile.json`` and the report to the measurement's folder."""
    from siotool.cli import output as written
    from siotool.document.contract import to_json
    from siotool.plan.documents import adapter_document
    from siotool.plan.evidence.calibrated import FILE_NAME

    folder.mkdir(parents=True, exist_ok=True)
    written.write(to_json(profile, 10), str(folder / FILE_NAME))
    document = adapter_document.document(profile)
    for kind in _KEPT:
        written.write(written.printed(document, kind, "file", profile), str(folder / f"adapter.{kind}"))


def _write(profile: Any, form: str, output: str) -> None:
    from siotool.cli import output as written
    from siotool.plan.documents import adapter_document

    printed = written.printed(adapter_document.document(profile), form, output, profile, digits=10)
    written.write(printed, output)


def _judged(profile: Any, checked: Sequence[int]) -> ExitCode:
    """Complain of what is wrong, and return the exit code."""
    from siotool.plan.documents.adapter_document import error_words
    from siotool.plan.evidence.adapter_measure import WITHIN
    from siotool.plan.evidence.fleet_phases import fleet_words

    codes = set()
    for doubt in profile.doubts:
        complain(f"doubt: {doubt}")
        codes.add(ExitCode.SUSPECT)
    for one in profile.laws:
        if not one.holds:
            complain(
                f"law {profile.law} fails: {fleet_words(one.servers)}, messages {one.kind}: counted "
                f"{one.counted:.2f} of the servers, expected {one.expected:.2f}"
            )
            codes.add(ExitCode.GATE_FAILED)
    for prediction in profile.predictions if checked else ():
        if abs(prediction.error) > WITHIN:
            complain(
                f"prediction fails: {fleet_words(prediction.servers)}, the {prediction.side}'s CPU "
                f"{error_words(prediction.error)}"
            )
            codes.add(ExitCode.GATE_FAILED)
    return worst(codes)
