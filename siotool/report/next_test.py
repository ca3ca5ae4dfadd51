"""The one test that would tell most of what is not known yet: as a command that runs as printed."""

import shlex
from collections.abc import Iterator, Sequence

import msgspec

from siotool.runfile import Header

#: Options that say how much load there is, for how long, and where the report goes: with their values.
_LOAD = frozenset(
    [
        *(
            "--users",
            "-u",
            "--spawn-rate",
            "-r",
            "--run-time",
            "-t",
            "--stage",
            "--arrival-rate",
            "--arrivals",
        ),
        *("--search", "--max-users", "--until", "--baseline", "--processes", "--fault"),
        *("--out", "--output", "-o", "--format"),
    ]
)
_FLAGS = frozenset(["--find-capacity", "--calibrate", "--quiet", "-q", "--dry-run", "--no-faults"])
#: Stands in the place of a secret (``swarm.redaction``).
_SECRET = "***"
#: A run's processes when its header names none.
_ONE = 1


class NextTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``command`` to run next, and ``why``: what it would tell."""

    command: str
    why: str


class ShownSoFar(msgspec.Struct, frozen=True):
    """What the runs have shown so far.

    ``searched``: a search for the capacity ended; ``at_least``: without a load that failed; ``by_generator``:
    because the generator could do no more. ``overloaded``: the run shows no capacity. ``peak`` connections
    were open. ``count`` is the number of servers from measurement, and its interval.
    """

    searched: bool = False
    at_least: bool = False
    by_generator: bool = False
    overloaded: bool = False
    peak: int = 0
    count: tuple[int, int] | None = None


def next_test(header: Header, known: ShownSoFar) -> NextTest:
    """Return the test that narrows the number of servers most, for the target and scenario of a run."""
    workers = header.workload.processes or _ONE
    if known.by_generator:
        return _test(
            header,
            ["--find-capacity", "--processes", str(2 * workers)],
            "the generator was the limit: with twice as many processes a search goes on to the server's",
        )
    if known.searched and known.at_least:
        return _test(
            header,
            ["--find-capacity", "--max-users", str(10 * max(1, known.peak))],
            "no load failed: a search that may go on to ten times as many users finds where one does",
        )
    if known.searched:
        return _test(
            header,
            ["--find-capacity"],
            "the same search once more, after a restart of the server, shows by how much starts differ: "
            "siotool report with both runs has the interval of both",
        )
    if known.overloaded:
        return _test(
            header,
            ["--find-capacity"],
            "the run was beyond the server: a search ends with the load that it can carry",
        )
    count = ""
    if known.count is not None and known.count[0] < known.count[1]:
        count = f"the count may be {known.count[0]:,} to {known.count[1]:,} servers: "
    return _test(
        header,
        ["--find-capacity"],
        f"{count}a search for the capacity loads the server until a gate fails, and extrapolates nothing",
    )


def _test(header: Header, more: Sequence[str], why: str) -> NextTest:
    # a search makes no faults, and a lab's file may have some
    without = ["--no-faults"] if header.lab and header.faults else []
    words = [*_kept(header.command or _made(header)), *without, *more]
    if any(_SECRET in word for word in words):
        why += f"; put what the run was given in the place of {_SECRET}"
    return NextTest(shlex.join(["siotool", *words]), why)


def _kept(command: Sequence[str]) -> Iterator[str]:
    """The words of a run's command without those that a next test says anew."""
    words = iter(command)
    for word in words:
        if word.partition("=")[0] in _LOAD:
            if "=" not in word:
                next(words, None)
        elif word not in _FLAGS:
            yield word


def _made(header: Header) -> list[str]:
    """A command for a run whose header has none."""
    settings = [
        word for key, value in header.workload.settings.items() for word in ("--set", f"{key}={value}")
    ]
    return ["loadtest", header.target.url, "--scenario", header.workload.scenario, *settings]
