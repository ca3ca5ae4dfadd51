"""Under which conditions a run was made: what must be the same, or be said, before runs are compared.

Runs of different scenarios or of different targets measure different things. All else that differs may be
why a metric does: it is no reason to refuse a comparison, and the first thing its reader must know.
"""

import json
from collections.abc import Mapping, Sequence

import msgspec

from siotool.faults.planned_fault import PlannedFault
from siotool.runfile import GeneratorMachine, Header
from siotool.units import format_duration, format_size

#: Options of a load test that say how a client behaves, and their defaults.
_OF_CLIENTS = {
    "--client": "native",
    "--eio": "auto",
    "--parser": "json",
    "--reconnection-delay": "1s",
    "--reconnection-delay-max": "5s",
    "--randomization-factor": "0.5",
}
#: Its flags: whether users come back, and whether CPUs may sleep, which changes what a server's work costs.
_FLAGS_OF_CLIENTS = ("--no-reconnection", "--keep-awake")
#: RunConditions that runs of a history must share to be compared when no baseline is named. Not the system:
#: its release changes with every image of a pipeline's machines, and would leave no run to compare with.
OF_HISTORY = ("settings", "users", "transport", "client", "generator", "server", "faults")


class RunConditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The conditions of a run; ``others`` by name, in words, in the order in which they are said."""

    scenario: str
    target: str
    others: dict[str, str]


def conditions_of(header: Header) -> RunConditions:
    """Return the conditions under which a run was made."""
    workload, target, server = header.workload, header.target, header.server
    several = " ".join(f"{one.url}@{one.weight}" for one in header.targets)
    url = header.lab or ("demo" if header.embedded else several or target.url)
    clients = [
        f"{name[2:]} {given}"
        for name, usual in _OF_CLIENTS.items()
        if (given := _given(header.command, name, usual)) != usual
    ] + [flag[2:] for flag in _FLAGS_OF_CLIENTS if flag in header.command]
    return RunConditions(
        scenario=workload.scenario,
        target=f"{url}{target.path} {target.namespace}",
        others={
            "settings": _settings(workload.settings)
            + _tags("tags", workload.tags)
            + _tags("without tags", workload.exclude_tags),
            "users": _users(header),
            "transport": target.transport,
            "client": ", ".join(clients) or "as usual",
            "generator": "; ".join(dict.fromkeys(map(_machine, header.generators))),
            "server": (
                f"{server.cores:g} cores, memory {format_size(server.memory_bytes)}"
                if server.memory_bytes is not None
                else f"{server.cores:g} cores"
            )
            if server is not None
            else "not sampled",
            "system": ", ".join(dict.fromkeys(one.system for one in header.generators)),
            "Python": ", ".join(dict.fromkeys(one.python for one in header.generators)),
            "siotool": header.siotool,
            "libraries": ", ".join(f"{name} {number}" for name, number in sorted(header.libraries.items())),
        }
        # a history of before faults were known has none either
        | ({"faults": "; ".join(map(_fault, header.faults))} if header.faults else {}),
    )


def differences(before: Sequence[RunConditions], after: Sequence[RunConditions]) -> list[str]:
    """Say each condition that is not the same on both sides: ``transport: A, in the baseline B``."""
    said = []
    for name in dict.fromkeys(key for one in [*before, *after] for key in one.others):
        old, new = (
            list(dict.fromkeys(one.others.get(name, "none") for one in side)) for side in (before, after)
        )
        if sorted(old) != sorted(new):
            said.append(f"{name}: {_shown(name, new, old)}, in the baseline {_shown(name, old, new)}")
    return said


def _shown(name: str, values: Sequence[str], others: Sequence[str]) -> str:
    """The values of one side; of libraries, only what the other side does not have."""
    if name != "libraries" or len(values) > 1 or len(others) > 1:
        return " and ".join(values)
    known = set(others[0].split(", "))
    return ", ".join(part for part in values[0].split(", ") if part not in known) or "none of these"


def _given(command: Sequence[str], name: str, usual: str) -> str:
    """What a command line gives for an option, ``--name value`` or ``--name=value``; the last counts."""
    found = usual
    for word, following in zip(command, [*command[1:], ""], strict=False):
        if word == name:
            found = following
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in sorted(settings.items())) or "none"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tags(what: str, tags: Sequence[str]) -> str:
    return f", {what} {' '.join(tags)}" if tags else ""


def _users(header: Header) -> str:
    workload = header.workload
    stages = ", ".join(f"{format_duration(one.duration_s)}:{one.users}" for one in workload.stages)
    said = [stages] if stages else []
    if workload.arrivals is not None:
        arrivals = workload.arrivals
        most = f", at most {arrivals.most}" if arrivals.most else ""
        said.append(
            f"{arrivals.rate_per_s:g}/s for {format_duration(arrivals.duration_s)} {arrivals.process}{most}"
        )
    if workload.shape:
        said.append(workload.shape)
    if workload.search is not None:
        said.append(f"search over {workload.search}")
    return "; ".join(said) or "none"


def _fault(fault: PlannedFault) -> str:
    for_s = f" for {format_duration(fault.for_s)}" if fault.for_s is not None else ""
    undo = f", then {fault.undo}" if fault.undo else ""
    return f"{fault.do} at {format_duration(fault.at_s)}{for_s}{undo}"


def _machine(one: GeneratorMachine) -> str:
    model = f"{one.cpu}, " if one.cpu else ""
    return f"{model}{one.cpus} CPUs, {format_size(one.memory_bytes)}, {one.processes} processes"


def alike(conditions: RunConditions) -> str:
    """What runs of a history share that may be compared without being named, beside scenario and target."""
    return json.dumps({name: conditions.others[name] for name in OF_HISTORY if name in conditions.others})
