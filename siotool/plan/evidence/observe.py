"""What runs teach of a server: the table of their seconds, and which runs are refused as evidence.

Ramps stay in: they hold all there is to learn about handshakes. Seconds without a sample of the
server are left out, and so are those in which connections were closed in numbers
(``siotool.runs.seconds``).
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from siotool.errors import InputError
from siotool.plan.evidence.asked import RunLoad, asked_of
from siotool.runfile import Run
from siotool.runs.held_share import NEARLY_ALL, NONE_HELD, files_show, held_share, wrong_by_cpu
from siotool.runs.hold import Marks
from siotool.runs.per_server import holding_none
from siotool.runs.sameness import check_same, names
from siotool.runs.seconds import Floats, Seconds, seconds_of
from siotool.units import format_share
from siotool.workload import Setting

Validity = Literal["yes", "suspect", "no"]

#: A process that holds less than this share of polling connections, of which a proxy may hide some.
_HALF = 0.5
#: Fewer seconds than this in one run show nothing.
LEAST_SECONDS = 5
#: A loop that is less busy does not say how much CPU a full one takes.
LEAST_LOOP = 0.05


def event_loops(cores: float) -> int:
    """Return the processes that fill so many cores: each is one event loop, and fills one at most."""
    return max(1, math.ceil(cores - 1e-9))


class Origin(msgspec.Struct, frozen=True):
    """One run of the evidence: its id and file, what was asked of it, and what served it.

    ``nodes`` is how many servers were behind the target, ``cores`` what the sampled processes
    could fill; ``users`` the most users asked for, and ``asked`` what these did.
    ``memory_bytes`` is their machine's, ``files_limit`` of one of them; ``secure`` where the clients
    used TLS.
    """

    run: str
    file: str
    scenario: str
    settings: dict[str, Setting]
    users: int
    cores: float
    nodes: int = 1
    memory_bytes: int | None = None
    files_limit: int | None = None
    secure: bool = False
    asked: RunLoad = RunLoad()

    @property
    def alike(self) -> tuple[object, ...]:
        """Runs with the same value repeat each other: their differences are run-to-run variance."""
        return *self.workload, self.users, self.nodes

    @property
    def workload(self) -> tuple[object, ...]:
        """Runs with the same value had users that did the same, however many they were."""
        return self.scenario, tuple(sorted(self.settings.items()))


class Observations(msgspec.Struct, frozen=True, eq=False):
    """The seconds of some runs, with an origin for each run, whose number they hold.

    ``whole`` are all of them, ``usable`` those that a cost can be learnt from.
    """

    origins: tuple[Origin, ...]
    whole: Seconds
    usable: Seconds


def limit_share(seconds: Seconds, origins: Sequence[Origin]) -> Floats:
    """Return how much of what the servers have was in use in each row.

    Of their event loops' time where that is known, else of the CPU of their cores.
    """
    busy = seconds["server_loop_share"]
    cores = np.array([origin.cores for origin in origins])[seconds.run]
    return np.where(np.isfinite(busy), busy, seconds["cpu_cores"] / np.where(cores > 0, cores, np.nan))


def observe(
    runs: Sequence[Run],
    validity: Sequence[Validity],
    *,
    nodes: Sequence[int] | None = None,
    accept_suspect: bool = False,
    same_target: bool = False,
    seconds: Seconds | None = None,
) -> Observations:
    """Return the seconds of one or more runs of the same target.

    ``validity`` is the report's verdict on each run; a run with ``no`` is refused, one that is
    ``suspect`` or was cut is refused unless ``accept_suspect``. ``nodes`` says how many servers
    were behind the target in each run: as many as were sampled, by default. ``same_target``: the user
    says that several addresses are one service. ``seconds`` is the runs' table, where it is known. Raises
    InputError that names the file.
    """
    if not runs:
        raise InputError("no run to learn from", "name a run folder or its run.jsonl")
    counts = list(nodes) if nodes is not None else [1] * len(runs)
    if len(validity) != len(runs) or len(counts) != len(runs):
        raise ValueError("one verdict and one number of nodes for each run")
    check_same(runs, same_target=same_target)
    counts = [_servers_of(run, count) for run, count in zip(runs, counts, strict=True)]
    for run, valid, count in zip(runs, validity, counts, strict=True):
        if count < 1:
            raise InputError(f"{run.path}: {count} nodes", "a run has at least one server: RUN@1")
        _check_trust(run, valid, accept_suspect=accept_suspect)
    seconds = seconds_of(runs) if seconds is None else seconds
    usable, held = seconds.usable, seconds.usable & seconds.held
    for number, run in enumerate(runs):
        mine = seconds.run == number
        _check_server(run, int((mine & usable).sum()))
        if (mine & seconds.held).any() and not (mine & held).any():
            raise InputError(
                f"{run.path}: no sample of the server in the hold phase", "run it again with --server-pid"
            )
    origins = [
        _origin(run, name, count, seconds.held[seconds.run == number])
        for number, (run, name, count) in enumerate(zip(runs, names(runs), counts, strict=True))
    ]
    for number, (run, origin) in enumerate(zip(runs, origins, strict=True)):
        own = seconds.only(usable & (seconds.run == number))
        check_serves_all(run, own, origin.nodes, seconds if len(runs) == 1 else None)
    return Observations(tuple(origins), seconds, seconds.only(usable))


def _check_trust(run: Run, valid: Validity, *, accept_suspect: bool) -> None:
    if valid == "no" or not run.intervals:
        raise InputError(f"{run.path}: nothing was measured in this run", "run the load test again")
    if accept_suspect:
        return
    accept = "look at its report, or take it as it is with --accept-suspect"
    if run.end is None:
        cut = f"it was cut after {run.intervals[-1].t_s:.0f} s"
        raise InputError(f"{run.path}: the run has no end: {cut}", accept)
    if valid == "suspect":
        raise InputError(f"{run.path}: the run is suspect", accept)


def _check_server(run: Run, usable: int) -> None:
    if run.header.server is None or not any(interval.servers for interval in run.intervals):
        raise InputError(
            f"{run.path}: the server was not sampled, so the run shows no cost",
            "run it again with --server-pid",
        )
    uses = [use for interval in run.intervals for use in interval.servers.values()]
    if not any(use.cpu_cores is not None for use in uses):
        raise InputError(
            f"{run.path}: no source of the server shows its CPU, so the run shows no cost",
            "run it again with --server-pid, or metrics that show it",
        )
    if usable < LEAST_SECONDS:
        raise InputError(
            f"{run.path}: {usable} s with a sample of the server are too few to learn from",
            f"use a run with at least {LEAST_SECONDS} of them",
        )
    if not any(interval.connections.open for interval in run.intervals):
        raise InputError(f"{run.path}: no connection was open at any time", "run the load test again")


def _servers_of(run: Run, nodes: int) -> int:
    """How many servers were behind a run's target: those that were sampled, where there were several.

    What stands beside them, as a balancer or a backend, is none.
    """
    sampled = sum(not one.beside for one in run.header.servers)
    if sampled > 1 and nodes not in (1, sampled):
        raise InputError(
            f"{run.path}: {nodes} nodes, and {sampled} servers were sampled",
            "leave @NODES out: each sampled server is one",
        )
    return max(nodes, sampled) if nodes == 1 else nodes


def check_serves_all(run: Run, seconds: Seconds, servers: int, table: Seconds | None = None) -> None:
    """Refuse a run whose sampled processes cannot be all that serve: they did too little, or held too few.

    One of several that held none is refused too: it would count as a server that carries its part.
    ``seconds`` are those that costs are learnt from, ``servers`` how many there are; ``table``
    is that of the run alone, where it is known. Raises InputError.
    """
    work = {
        name: float((seconds[name] * seconds["duration_s"]).sum())
        for name in ("inbound_per_s", "deliveries_per_s", "handshakes_per_s", "cpu_cores")
    }
    hint = "give --server-pid the process that serves the target"
    if wrong := wrong_by_cpu(sum(work.values()) - work["cpu_cores"], work["cpu_cores"]):
        raise InputError(f"{run.path}: {wrong}", hint)
    share = held_share(seconds, by_files=True)
    addresses = len(run.header.targets)
    if share is None and addresses > servers:
        raise InputError(
            f"{run.path}: {addresses} addresses were loaded, and nothing shows that the sampled process "
            "serves them all",
            "sample each server with --server-pid or --server NAME=PID",
        )
    if share is None or share.value >= (NEARLY_ALL if files_show([run]) else _HALF):
        _check_each_holds(run, table)
        return
    if share.value < NONE_HELD:
        raise InputError(f"{run.path}: the sampled process does not hold the connections ({share.how})", hint)
    raise InputError(
        f"{run.path}: the sampled servers hold {format_share(share.value)} of the connections "
        f"({share.how}): other processes serve the rest, and cost what is not measured",
        "sample them all, each with --server-pid or --server NAME=PID",
    )


def _check_each_holds(run: Run, table: Seconds | None) -> None:
    if idle := holding_none(run, table):
        raise InputError(
            f"{run.path}: {' and '.join(idle)} held none of the connections",
            "leave it out of --server-pid and --server, if it is no server of the target; else see that the "
            "load reaches it",
        )


def _origin(run: Run, name: str, nodes: int, held: Marks) -> Origin:
    header = run.header
    assert header.server is not None
    return Origin(
        run=name,
        file=str(run.path),
        scenario=header.workload.scenario,
        settings=header.workload.settings,
        # users that arrive, a load shape and a search have no number that was planned
        users=header.workload.users_max or max(interval.connections.open for interval in run.intervals),
        cores=header.server.cores,
        nodes=nodes,
        asked=asked_of(run, held.tolist()),
        memory_bytes=header.server.memory_bytes,
        files_limit=header.server.files_limit,
        secure=header.target.url.startswith(("https:", "wss:")),
    )
