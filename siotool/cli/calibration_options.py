"""Reads the options of ``siotool loadtest --calibrate``; InputError says what is wrong with one."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

import msgspec

from siotool import units
from siotool.calibration.design import Able, Experiment, designed, own, rounds_within
from siotool.calibration.phase import decode, encode
from siotool.cli.calibration import Calibrating, Wish
from siotool.errors import InputError

#: The scenario that comes with siotool for it; it is not listed.
BUILT_IN = "_calibration"
_USERS, _SECONDS, _SECONDS_AT_MOST = 100, 430.0, 600.0
#: Climbs are left out where fewer rounds than this have time beside them: costs are known before.
_BESIDE_CLIMBS = 2
#: Options that decide what a calibration decides itself, and those that judge a load that it does not have.
_DECIDED = ("--find-capacity", "--stage", "--spawn-rate", "--arrival-rate")
_JUDGING = ("--fail-if", "--plan", "--baseline", "--history")
#: Forms that a calibration has no figures for.
_NO_FORMS = ("junit", "csv", "parquet")


def wanted(
    until: Sequence[str],
    given: Mapping[str, Any],
    form: str,
    *,
    calibrate: bool,
    sampled: bool,
    servers: int,
) -> list[Wish]:
    """What --until asks for; ``form`` is that of the output, ``servers`` how many are loaded.

    A fleet may be loaded by a timetable (``--set phases=…``), as ``siotool lab measure`` does: it makes no
    profile of a server.

    Raises InputError where --calibrate is missing, or something excludes it.
    """
    if not calibrate:
        if until:
            raise InputError("--until needs --calibrate", "add it, or leave --until out")
        return []
    for option in (*_DECIDED, *_JUDGING):
        if given[option]:
            why = (
                "both decide how many users there are"
                if option in _DECIDED
                else "exclude each other: a calibration has many loads, and judges none"
            )
            raise InputError(f"--calibrate and {option} {why}", f"leave out {option}")
    if form in _NO_FORMS:
        raise InputError(f"--calibrate writes no {form}", "use --format text, md, html or json")
    if not sampled:
        raise InputError(
            "--calibrate needs samples of the server: without them there is no cost to see",
            "give --server-pid PID, or demo for the embedded target",
        )
    if servers > 1 and not any(text.startswith("phases=") for text in given["--set"]):
        raise InputError(
            f"--calibrate is of one server, and {servers} are loaded or sampled: a cost is of one",
            "name one server at its own URL, with one --server-pid, or --server NAME=PID,PID",
        )
    return [_wish(text) for text in until]


def scenario_for(name: str | None, *, calibrate: bool) -> str:
    """The scenario to load where ``name`` was given or none was."""
    from siotool.swarm import scenario_paths

    return name or (str(scenario_paths.hidden(BUILT_IN)) if calibrate else "echo")


def calibrating(
    loaded: Any,
    settings: dict[str, Any],
    users: str | None,
    run_time: str | None,
    wishes: Sequence[Wish],
    seed: int,
    processes: int,
    *,
    transport: str = "upgrade",
) -> Calibrating:
    """The calibration by a loaded scenario, whose ``settings`` get its timetable. Raises InputError.

    ``transport`` is that of the clients, or a mix.
    """
    count = _USERS if users is None else int(units.parse_count(users, "--users"))
    if count < 1:
        raise InputError(f"--users {users}: expected 1 or more")
    seconds = _SECONDS_AT_MOST if wishes else _SECONDS
    if run_time is not None:
        seconds = units.parse_duration(run_time, "--run-time")
    built_in = loaded.path.stem == BUILT_IN
    if built_in and settings["phases"] != "[]":
        return Calibrating(_typed(settings["phases"]), wishes, seed, processes)
    has = {one: bool(settings.get(f"{one}_event")) for one in ("call", "emit", "all", "join", "room")}
    if built_in and not has["call"]:
        raise InputError("--set call_event=: a calibration has calls", "name an event that is acknowledged")
    able = Able(emits=has["emit"], to_all=has["all"], rooms=has["join"] and has["room"])
    rate = None if built_in else _rate(loaded, settings)

    def make(rounds: int, *, climbing: bool = True) -> Experiment:
        shuffle = Random(f"{seed}/calibration").shuffle
        if not built_in:
            return own(count, rate, rounds, shuffle)
        return designed(count, rounds, shuffle, able, transport, climbing=climbing)

    made: Callable[[int], Experiment] = make
    if rounds_within(seconds, make) < _BESIDE_CLIMBS:
        made = partial(make, climbing=False)
    rounds = rounds_within(seconds, made)
    if not rounds:
        raise InputError(
            f"--run-time {run_time}: a calibration takes {made(1).seconds:g} s at least",
            "leave --run-time out, or give it more",
        )
    experiment = made(rounds)
    if built_in:
        settings["phases"] = encode(experiment.phases)
    return Calibrating(experiment, wishes, seed, processes)


def _wish(text: str) -> Wish:
    from siotool.plan.evidence.term_words import TERM_WORDS

    known = (*TERM_WORDS, "memory")
    read = re.fullmatch(r"\s*([a-z_]+)\s*(?:±|\+-|\+/-)\s*([\d.]+\s*%?)\s*", text)
    if read is None:
        raise InputError(f"--until {text!r} is not understood", "write it as 'delivery ±5%'")
    name, share = read[1], units.parse_share(read[2].replace(" ", ""), f"--until {text}")
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise InputError(
            f"--until {text!r}: no cost is called {name!r}",
            f"did you mean {near[0]}?" if near else f"the costs: {', '.join(known)}",
        )
    if not 0 < share < 1:
        raise InputError(f"--until {text!r}: expected a share between 0 and 100 %")
    return Wish(name, share)


def _typed(text: str) -> Experiment:
    try:
        phases = decode(text)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InputError(f"--set phases: {error}", "give a list of phases in JSON") from None
    if not phases:
        raise InputError("--set phases has no phase", "leave it out")
    steps = [number for number, phase in enumerate(phases) if phase.growth]
    if steps and not phases[steps[0]].level:
        raise InputError(
            f"--set phases: phase {steps[0] + 1} grows, and no step of a climb is before it",
            "give the first step of a climb the level that it begins with",
        )
    first = steps[0] if steps else len(phases)
    return Experiment(phases, (0, first), (first, len(phases)))


def _rate(loaded: Any, settings: Mapping[str, Any]) -> float | None:
    """Turns per second of the users of a scenario, where all have one rate that can be changed."""
    from siotool.swarm.connected_user import follows_schedule

    classes = loaded.user_classes
    if len(classes) != 1 or not follows_schedule(classes[0]):
        return None
    return float(settings.get("rate", classes[0].rate))
