"""From run files to a table of seconds: what the server was asked to do, and what it used.

| column | from the run's interval |
|---|---|
| ``connections`` | connections open, mean of the interval's begin and end |
| ``connections_end`` | connections open at its end, when the server's gauges are read |
| ``inbound_per_s`` | messages the server took: calls, broadcasts, and emits without acknowledgement |
| ``acks_per_s`` | those of them that it acknowledged |
| ``deliveries_per_s`` | events the clients received, one for each recipient |
| ``handshakes_per_s`` | connections established, reconnects included |
| ``bytes_in_per_s``, ``bytes_out_per_s`` | wire bytes, in and out as the clients see them |
| ``cpu_cores``, ``rss_bytes``, ``files_open`` | the sample of the server's processes |

Heartbeats are in the bytes only: their cost is one of open connections.

Ramps stay in: they hold all there is to learn about handshakes. Seconds without a sample of the
server are left out, and so are those in which connections were closed in numbers: closing costs
CPU and no figure stands for it. Where connections churn evenly, it is part of a handshake's cost.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.errors import InputError
from siotool.plan.evidence.asked import RunLoad, asked_of
from siotool.runfile import Interval, Run
from siotool.workload import Setting

Floats = NDArray[np.float64]
Validity = Literal["yes", "suspect", "no"]

#: A second is steady when at least this share of the run's peak was connected at both of its ends.
STEADY_SHARE = 0.95
#: A second in which more of the connections than this were closed and not replaced is left out.
_CLOSED_SHARE = 0.05
#: No server takes in, writes or greets for less CPU than this: a system call costs more.
_LEAST_CPU_S = 0.2e-6
_ENOUGH_WORK = 1000
#: So many connections more must show among the open files of the process that holds them.
_ENOUGH_FILES = 20
#: Fewer seconds than this in one run say nothing.
LEAST_SECONDS = 5


def event_loops(cores: float) -> int:
    """Return the processes that fill so many cores: each is one event loop, and fills one at most."""
    return max(1, math.ceil(cores - 1e-9))


class Origin(msgspec.Struct, frozen=True):
    """One run of the evidence: its id and file, what was asked of it, and what served it.

    ``nodes`` is how many servers stood behind the target, ``cores`` what the sampled processes
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
    def alike(self) -> tuple[Any, ...]:
        """Runs with the same value repeat each other: their differences are run-to-run variance."""
        return *self.workload, self.users, self.nodes

    @property
    def workload(self) -> tuple[Any, ...]:
        """Runs with the same value had users that did the same, however many they were."""
        return self.scenario, tuple(sorted(self.settings.items()))


class Observations(msgspec.Struct, frozen=True, eq=False):
    """One row for each usable second of each run, in order; rates are per second.

    ``run`` is the row's index into ``origins``; ``steady`` marks the hold phase, ``rising`` the
    rows up to its end (memory is seldom given back when clients leave).
    """

    origins: tuple[Origin, ...]
    run: NDArray[np.intp]
    t_s: Floats
    duration_s: Floats
    connections: Floats
    connections_end: Floats
    inbound_per_s: Floats
    acks_per_s: Floats
    deliveries_per_s: Floats
    handshakes_per_s: Floats
    bytes_in_per_s: Floats
    bytes_out_per_s: Floats
    cpu_cores: Floats
    rss_bytes: Floats
    files_open: Floats
    steady: NDArray[np.bool_]
    rising: NDArray[np.bool_]

    @property
    def bytes_per_s(self) -> Floats:
        """Wire bytes in both directions."""
        return self.bytes_in_per_s + self.bytes_out_per_s

    def mean(self, column: str, of: NDArray[np.bool_]) -> float:
        """Mean of a column over the time of the marked rows; there must be one."""
        return float(np.average(getattr(self, column)[of], weights=self.duration_s[of]))

    def held(self) -> NDArray[np.bool_]:
        """Mark the steady rows; where a run has none, its rows with open connections."""
        chosen = self.steady.copy()
        for number in range(len(self.origins)):
            mine = self.run == number
            if not self.steady[mine].any():
                chosen |= mine & (self.connections > 0)
        return chosen


def observe(
    runs: Sequence[Run],
    validity: Sequence[Validity],
    *,
    nodes: Sequence[int] | None = None,
    accept_suspect: bool = False,
    same_target: bool = False,
) -> Observations:
    """Return the seconds of one or more runs of the same target.

    ``validity`` is the report's verdict on each run; a run with ``no`` is refused, one that is
    ``suspect`` or was cut is refused unless ``accept_suspect``. ``nodes`` says how many servers
    stood behind the target in each run, 1 by default. ``same_target``: the user says that it is
    one service, whatever its address was. Raises InputError that names the file.
    """
    if not runs:
        raise InputError("no run to learn from", "name a run folder or its run.jsonl")
    counts = list(nodes) if nodes is not None else [1] * len(runs)
    if len(validity) != len(runs) or len(counts) != len(runs):
        raise ValueError("one verdict and one number of nodes for each run")
    seen: dict[tuple[str, str], Run] = {}
    for run, valid, count in zip(runs, validity, counts, strict=True):
        if count < 1:
            raise InputError(f"{run.path}: {count} nodes", "a run has at least one server: RUN@1")
        identity = run.header.run, run.header.started_at  # the name is a folder's, and --out chooses it
        twin = seen.get(identity)
        if twin is not None:
            raise InputError(f"{twin.path} and {run.path} are the same run {run.header.run}", "name it once")
        seen[identity] = run
        _check_trust(run, valid, accept_suspect=accept_suspect)
        _check_server(run)
        if not same_target:
            check_same_target(runs[0], run)
    rows = [row for number, run in enumerate(runs) for row in _rows(number, run)]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    found = Observations(origins=tuple(map(_origin, runs, counts)), **columns)
    for number in range(len(runs)):
        _check_process(found, number)
    return found


def target_name(run: Run) -> str:
    """Return what a run was aimed at; the embedded target has another port each time it starts."""
    target = run.header.target
    embedded = "demo" in run.header.command and "//127.0.0.1:" in target.url
    url = "demo" if embedded else target.url
    return f"{url} {target.path} {target.namespace} {target.transport}"


def check_same_target(first: Run, other: Run) -> None:
    """Raise InputError unless two runs were aimed at the same target."""
    ours, theirs = target_name(first), target_name(other)
    if ours != theirs:
        raise InputError(
            f"runs of different targets have no common cost: {first.path} has {ours}, "
            f"{other.path} has {theirs}",
            "plan from runs of one target, or say --same-target if it is one service at several addresses",
        )


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


def _check_server(run: Run) -> None:
    sampled = sum(interval.server is not None for interval in run.intervals)
    if run.header.server is None or not sampled:
        raise InputError(
            f"{run.path}: the server was not sampled, so the run shows no cost",
            "run it again with --server-pid",
        )
    usable = len(_rows(0, run))
    if usable < LEAST_SECONDS:
        raise InputError(
            f"{run.path}: {usable} s with a sample of the server are too few to learn from",
            f"use a run with at least {LEAST_SECONDS} of them",
        )
    if not any(interval.connections.open for interval in run.intervals):
        raise InputError(f"{run.path}: no connection was open at any time", "run the load test again")


def _check_process(observations: Observations, number: int) -> None:
    """Refuse a run whose sampled process cannot be the server: it worked for nothing, or held no sockets."""
    origin, mine = observations.origins[number], observations.run == number
    seconds = observations.duration_s[mine]
    work = {
        name: float((getattr(observations, name)[mine] * seconds).sum())
        for name in ("inbound_per_s", "deliveries_per_s", "handshakes_per_s", "cpu_cores")
    }
    cpu_s, done = work.pop("cpu_cores"), sum(work.values())
    hint = "give --server-pid the process that serves the target"
    if done >= _ENOUGH_WORK and cpu_s < done * _LEAST_CPU_S:
        raise InputError(
            f"{origin.file}: the sampled process used {cpu_s:.2g} s of CPU for {done:,.0f} messages and "
            "handshakes: it is not the server",
            hint,
        )
    connections, files = observations.connections_end[mine], observations.files_open[mine]
    rise, seen = float(np.ptp(connections)), float(np.ptp(files))
    if files.any() and rise >= _ENOUGH_FILES and seen < rise / (2 * origin.nodes):
        raise InputError(
            f"{origin.file}: the sampled process opened {seen:,.0f} files while {rise:,.0f} connections "
            "opened: it does not hold them",
            hint,
        )


def _origin(run: Run, nodes: int) -> Origin:
    header = run.header
    assert header.server is not None
    return Origin(
        run=header.run,
        file=str(run.path),
        scenario=header.workload.scenario,
        settings=header.workload.settings,
        users=header.workload.users_max,
        cores=header.server.cores,
        nodes=nodes,
        asked=asked_of(run, steady_seconds(run)),
        memory_bytes=header.server.memory_bytes,
        files_limit=header.server.files_limit,
        secure=header.target.url.startswith(("https:", "wss:")),
    )


def _rows(number: int, run: Run) -> list[dict[str, Any]]:
    """Usable seconds of a run as dictionaries of the columns of ``Observations``."""
    begins = [0, *(interval.connections.open for interval in run.intervals)]
    steady = steady_seconds(run)
    last = max((index for index, held in enumerate(steady) if held), default=len(steady) - 1)
    rows = []
    for index, (before, interval) in enumerate(zip(begins, run.intervals, strict=False)):
        if interval.server is None or interval.duration_s <= 0 or _emptied(before, interval):
            continue
        seconds = interval.duration_s
        rows.append(
            {
                "run": number,
                "t_s": interval.t_s,
                "duration_s": seconds,
                "connections": (before + interval.connections.open) / 2,
                "connections_end": float(interval.connections.open),
                "inbound_per_s": _received(interval) / seconds,
                "acks_per_s": _count(interval, "ack") / seconds,
                "deliveries_per_s": _count(interval, "deliver") / seconds,
                "handshakes_per_s": interval.connections.established / seconds,
                "bytes_in_per_s": interval.bytes.wire_in / seconds,
                "bytes_out_per_s": interval.bytes.wire_out / seconds,
                "cpu_cores": interval.server.cpu_cores,
                "rss_bytes": float(interval.server.rss_bytes),
                "files_open": float(interval.server.files_open),
                "steady": steady[index],
                "rising": index <= last,
            }
        )
    return rows


def _received(interval: Interval) -> int:
    """Events that went to the server; what could not be sent did not."""
    unsent = sum(operation.errors.get("not_sent", 0) for operation in interval.operations)
    return max(0, sum(found.sent for found in interval.user_classes) - unsent)


def _count(interval: Interval, op: str) -> int:
    return sum(operation.count for operation in interval.operations if operation.op == op)


def steady_seconds(run: Run) -> list[bool]:
    """Mark the intervals of the hold phase."""
    peak = max((interval.connections.open for interval in run.intervals), default=0)
    before = [0, *(interval.connections.open for interval in run.intervals)]
    return [
        peak > 0 and not interval.draining and min(opened, interval.connections.open) >= STEADY_SHARE * peak
        for opened, interval in zip(before, run.intervals, strict=False)
    ]


def _emptied(before: int, interval: Interval) -> bool:
    """True when more than a few connections went and were not replaced."""
    return before - interval.connections.open > max(1, _CLOSED_SHARE * before)
