"""The one test that would tell most of what is not known yet: as a command that runs as printed."""

import math
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from siotool.errors import InputError
from siotool.report.gate_objectives import objective
from siotool.report.gates import parse
from siotool.report.sizing_figures import NextTest
from siotool.report.todays_options import VALUED, accepted
from siotool.runfile import Header
from siotool.search.axis import UNITS, show_load
from siotool.workload import Setting

#: Options with values that say how much load there is, what breaks or ends it, and where the report goes.
_LOAD = frozenset(
    [
        *("--users", "-u", "--spawn-rate", "-r", "--run-time", "-t", "--stage", "--arrival-rate"),
        *("--arrival-process", "--stop-if", "--stop-after", "--until", "--baseline", "--fault"),
        *("--search", "--max-users", "--max-load", "--processes", "--expect-workers"),
        *("--out", "--output", "-o", "--format"),
    ]
)
#: Those of them that a search is the same by: what it raises and how far, and of how many users where it
#: raises something else.
_AXIS, _BOUNDS, _USERS = ("--search",), ("--max-users", "--max-load"), ("--users", "-u")
_FLAGS = frozenset(["--find-capacity", "--calibrate", "--quiet", "-q", "--dry-run"])
_GATE, _NO_GATES = "--fail-if", "--no-default-gates"
_WITH_VALUE = _LOAD | VALUED | {_GATE}
#: Stands in the place of a secret (``swarm.redaction``).
_SECRET = "***"
#: A run's processes when its header names none.
_ONE = 1


class ShownSoFar(msgspec.Struct, frozen=True):
    """What the runs have shown so far.

    ``searched``: a search for the capacity ended; ``at_least``: without a load that failed; ``by_generator``:
    because the generator could do no more; ``unsampled``: or because a gate on the server had no samples;
    ``out_of_time``: or because its time was over. ``low`` is the load that it showed to pass, in its unit.
    ``overloaded``: the run shows no capacity. ``peak`` connections were open. ``count`` is the number of
    servers from measurement, and its interval.
    """

    searched: bool = False
    at_least: bool = False
    by_generator: bool = False
    unsampled: bool = False
    out_of_time: bool = False
    low: float = 0.0
    overloaded: bool = False
    peak: int = 0
    count: tuple[int, int] | None = None


def next_test(header: Header, known: ShownSoFar) -> NextTest:
    """Return the test that narrows the number of servers most, for the target and scenario of a run."""
    workers = header.workload.processes or _ONE
    if known.by_generator:
        machines = "--distributed" in header.command
        return _test(
            header,
            known,
            ["--find-capacity", "--expect-workers" if machines else "--processes", str(2 * workers)],
            "the generator was the limit: with twice as many processes a search goes on to the server's",
        )
    if known.unsampled:
        return _test(
            header,
            known,
            ["--find-capacity"],
            "the server was not sampled at higher loads, and a gate is on it: sample what stays, with "
            "--server-metrics URL or --server NAME=cgroup:/PATH, and search again",
        )
    if known.searched and known.at_least:
        return _test(header, known, *_higher(header, known))
    if known.searched:
        return _test(
            header,
            known,
            ["--find-capacity"],
            "the same search once more, after a restart of the server, shows by how much starts differ: "
            "siotool report with both runs has the interval of both",
        )
    if known.overloaded:
        return _test(
            header,
            known,
            ["--find-capacity"],
            "the run was beyond the server: a search ends with the load that it can carry",
        )
    count = ""
    if known.count is not None and known.count[0] < known.count[1]:
        count = f"the count may be {known.count[0]:,} to {known.count[1]:,} servers: "
    return _test(
        header,
        known,
        ["--find-capacity"],
        f"{count}a search for the capacity loads the server until a gate fails, and extrapolates nothing",
    )


def _higher(header: Header, known: ShownSoFar) -> tuple[list[str], str]:
    """What a search needs to find a load that fails, after one that found none; and why."""
    peak, users = max(1, known.peak), header.workload.search in (None, "users")
    if known.out_of_time:
        return _from_there(header, known)
    if users:
        return (
            ["--find-capacity", "--max-users", str(10 * peak)],
            "no load failed: a search that may go on to ten times as many users finds where one does",
        )
    return (
        ["--find-capacity"],
        "no load failed: a search without its own bound goes on to what the generator can do",
    )


def _from_there(header: Header, known: ShownSoFar) -> tuple[list[str], str]:
    """A search that begins with the load that passed, after one whose time was over; and why."""
    axis = header.workload.search or "users"
    over = "its time was over before it was known which load is too much"
    if axis == "users":
        begin: float = math.floor(known.low) or max(1, known.peak)
        words = ["--users", str(begin)]
    elif begin := _as_setting(known.low, axis, header.workload.settings.get(axis)):
        words = ["--set", f"{axis}={begin:.3g}" if begin < 100 else f"{axis}={begin}"]
    else:
        return ["--find-capacity"], f"{over}: gates that allow more take less time at each load"
    begun = f"a search that begins with {show_load(UNITS[axis], begin)} goes on from there"
    return ["--find-capacity", *words], f"{over}: {begun}"


def _as_setting(low: float, axis: str, own: Setting | None) -> float:
    """A load as a value of the scenario's setting, which was ``own``; 0 where none is."""
    if own is None:
        return 0
    return low if axis == "rate" and low < 100 and not isinstance(own, int) else math.floor(low)


def _test(header: Header, known: ShownSoFar, more: Sequence[str], why: str) -> NextTest:
    kept = _kept(header.command or _made(header), _of_search(header, known))
    own = header.embedded or bool(header.lab)
    options = accepted([*_searchable(kept, sampled=bool(header.servers))], own=own)
    words = [word for option in options for word in option]
    if header.lab and header.faults and "--no-faults" not in words:
        words.append("--no-faults")  # a search makes none, and a lab's file may have some
    words += [*_of_machines(header, known, {_name(word) for word in [*words, *more]}), *more]
    if any(_SECRET in word for word in words):
        why += f"; put what the run was given in the place of {_SECRET}"
    return NextTest(shlex.join(["siotool", *words]), why)


def _of_machines(header: Header, known: ShownSoFar, given: Collection[str]) -> list[str]:
    """What a search on other machines has to be told, which alone know what they can do."""
    if "--distributed" not in given:
        return []
    words = []
    if "--expect-workers" not in given:
        words += ["--expect-workers", str(header.workload.processes or _ONE)]
    most, axis = 10 * max(1, known.peak), header.workload.search or "users"
    if axis == "users" and "--max-users" not in given:
        words += ["--max-users", str(most)]
    if axis == "connects" and "--max-load" not in given:
        words += ["--max-load", f"{most}/s"]
    return words


def _name(word: str) -> str:
    return word.partition("=")[0]


def _of_search(header: Header, known: ShownSoFar) -> frozenset[str]:
    """The options of load that stay, as the next search is one along the same axis."""
    axis = header.workload.search
    if axis is None:
        return frozenset()
    bounds = (
        () if known.at_least and not (known.by_generator or known.unsampled or known.out_of_time) else _BOUNDS
    )
    return frozenset([*_AXIS, *bounds, *(() if axis == "users" else _USERS)])


def _kept(command: Sequence[str], stay: frozenset[str]) -> Iterator[list[str]]:
    """The options of a run's command, each with its value, without those that a next test says anew."""
    words = iter(command)
    for word in words:
        long = word.startswith("--")
        name = word.partition("=")[0] if long else word[:2]
        alone = "=" not in word if long else len(word) == len(name)
        option = [word, *(islice(words, 1) if alone and name in _WITH_VALUE else ())]
        if name in stay or (name not in _LOAD and word not in _FLAGS):
            yield option


def _searchable(options: Iterable[list[str]], *, sampled: bool) -> Iterator[list[str]]:
    """The options, without gates that no search can look for the limit of."""
    kept = [one for one in options if one[0].partition("=")[0] != _GATE or _has_limit(one, sampled)]
    gates = any(one[0].partition("=")[0] == _GATE for one in kept)
    for option in kept:
        if gates or option != [_NO_GATES]:  # a search needs one
            yield option


def _has_limit(option: Sequence[str], sampled: bool) -> bool:
    text = option[1] if len(option) > 1 else option[0].partition("=")[2]
    try:
        objective(parse(text), sampled=sampled)
    except InputError:
        return False
    return True


def _made(header: Header) -> list[str]:
    """A command for a run whose header has none."""
    settings = [
        word for key, value in header.workload.settings.items() for word in ("--set", f"{key}={value}")
    ]
    return ["loadtest", header.target.url, "--scenario", header.workload.scenario, *settings]
