"""What one run says of each metric that runs are compared by, in blocks of neighbouring seconds.

Seconds that follow one another resemble each other, so it is blocks of them that may be drawn anew. A
block holds about n^⅓ of n seconds (the order that is best for the variance of a mean: P. Hall, J. L.
Horowitz, B.-Y. Jing, "On blocking rules for the bootstrap with dependent data", Biometrika 82, 1995),
and more where there would be more than ``MOST_BLOCKS``. For every metric, less is better.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.histogram import Sparse, merged
from siotool.measured_servers import LOCAL
from siotool.runfile import Interval, OpKind, Run
from siotool.runs.conditions import RunConditions, conditions_of
from siotool.runs.hold import Marks
from siotool.runs.judged_part import judged_part
from siotool.runs.seconds import Seconds, seconds_of
from siotool.runs.slope import OWN_MEMORY_BYTES, MedianLine, fit_gauge

#: More blocks than this say no more of a run.
MOST_BLOCKS = 24
#: Operations, by name, whose times are compared: the most frequent.
MOST_OPERATIONS = 6
#: Fewer events than this are no work to divide the server's CPU by.
_LEAST_EVENTS = 100
#: A generator that takes less CPU than this says nothing of its machine.
_LEAST_CORES = 0.05

#: Operations whose times are of the hold phase, and those that happen while users connect.
_IN_HOLD: tuple[OpKind, ...] = ("ack", "deliver", "custom")
_IN_RUN: tuple[OpKind, ...] = ("connect", "reconnect")

#: ``cost`` is CPU of the server, ``memory`` its own, ``bytes`` of the wire; a ``share`` lies between 0 and 1.
Kind = Literal["cost", "memory", "bytes", "share"]


class Amounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric that is one sum over another: ``amounts`` and ``over``, block by block, in SI units.

    ``reference`` is the CPU of a generator on the server's own machine, in core-seconds: work of a known
    kind, that takes longer when the machine is slower. Empty where there is none.
    """

    name: str
    unit: str
    kind: Kind
    amounts: list[float]
    over: list[float]
    reference: list[float] = []

    @property
    def value(self) -> float:
        """The metric over all blocks; NaN where there is nothing to divide by."""
        whole = sum(self.over)
        return sum(self.amounts) / whole if whole > 0 else math.nan


class Times(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Response times of an operation in seconds, block by block; ``name`` is ``ack:echo``, or ``connect``."""

    name: str
    blocks: list[Sparse]


class RunMeasures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run as comparisons see it; small enough to be kept when the run is gone."""

    run: str
    started_at: str
    conditions: RunConditions
    amounts: list[Amounts]
    times: list[Times]


def measures_of(run: Run) -> RunMeasures:
    """Return what a run measured, block by block; of one that searched, in the seconds it is judged by."""
    run = judged_part(run)
    seconds = seconds_of([run])
    return RunMeasures(
        run=run.header.run,
        started_at=run.header.started_at,
        conditions=conditions_of(run.header),
        amounts=[one for one in _amounts(run, seconds) if sum(one.over) > 0],
        times=[*_times(run, seconds)],
    )


def _blocks(rows: Marks) -> list[NDArray[np.intp]]:
    """The marked rows, parted into blocks of neighbours."""
    chosen = np.flatnonzero(rows)
    if not len(chosen):
        return []
    length = max(round(len(chosen) ** (1 / 3)), math.ceil(len(chosen) / MOST_BLOCKS))
    return np.array_split(chosen, max(1, len(chosen) // length))


def _amounts(run: Run, seconds: Seconds) -> Iterable[Amounts]:
    held, sampled, weight = seconds.held, seconds.held & seconds.sampled, seconds["duration_s"]
    events = (seconds["inbound_per_s"] + seconds["acks_per_s"] + seconds["deliveries_per_s"]) * weight
    connected = seconds["connections"] * weight
    cpu_s = np.nan_to_num(seconds["cpu_cores"]) * weight

    def over(rows: Marks, column: NDArray[np.float64]) -> list[float]:
        return [float(column[block].sum()) for block in _blocks(rows)]

    if sampled.any():
        reference = _reference(run, seconds, sampled)
        if events[sampled].sum() >= _LEAST_EVENTS:
            yield Amounts(
                "cpu_per_event", "s", "cost", over(sampled, cpu_s), over(sampled, events), reference
            )
        else:
            yield Amounts(
                "cpu_per_connection",
                "cores",
                "cost",
                over(sampled, cpu_s),
                over(sampled, connected),
                reference,
            )
        # a metrics page that was missed once has no memory in a second whose CPU is known
        known = sampled & np.isfinite(seconds["rss_bytes"])
        memory = seconds["rss_bytes"] * weight
        yield Amounts("rss", "bytes", "memory", over(known, memory), over(known, weight))
        line = fit_gauge(seconds, "rss_bytes", OWN_MEMORY_BYTES)
        if isinstance(line, MedianLine):
            yield Amounts("rss_per_connection", "bytes", "memory", [line.slope], [1.0])
    moved = seconds["bytes_per_s"] * weight
    yield Amounts("bytes_per_connection", "bytes_per_s", "bytes", over(held, moved), over(held, connected))
    yield from _shares(run)


def _reference(run: Run, seconds: Seconds, rows: Marks) -> list[float]:
    """The generator's CPU in each block, where it is on the servers' machine and had enough to do."""
    header = run.header
    hosts = {one.host for one in header.generators} | {one.host for one in header.servers}
    cores = seconds["generator_cpu_sum"]
    if hosts != {LOCAL} or not seconds.mean("generator_cpu_sum", rows) >= _LEAST_CORES:
        return []
    return [float((cores * seconds["duration_s"])[block].sum()) for block in _blocks(rows)]


def _shares(run: Run) -> Iterable[Amounts]:
    blocks = _blocks(np.ones(len(run.intervals), dtype=bool))

    def counted(of: Callable[[Interval], float]) -> list[float]:
        return [float(sum(of(run.intervals[row]) for row in block)) for block in blocks]

    def failed(interval: Interval) -> int:
        return sum(sum(one.errors.values()) for one in interval.operations if one.op in ("ack", "custom"))

    def tried(interval: Interval) -> int:
        return failed(interval) + sum(one.count for one in interval.operations if one.op in ("ack", "custom"))

    yield Amounts("errors", "share", "share", counted(failed), counted(tried))
    yield Amounts(
        "connect_errors",
        "share",
        "share",
        counted(lambda one: sum(one.connections.failed.values())),
        counted(lambda one: one.connections.attempted),
    )
    yield Amounts(
        "lost",
        "share",
        "share",
        counted(lambda one: one.delivery.lost),
        counted(lambda one: one.delivery.expected),
    )


def _times(run: Run, seconds: Seconds) -> Iterable[Times]:
    counts: Counter[tuple[OpKind, str]] = Counter()
    for interval in run.intervals:
        for one in interval.operations:
            if one.op in _IN_HOLD:
                counts[one.op, one.name] += one.count
    for (op, name), _ in counts.most_common(MOST_OPERATIONS):
        blocks = _blocks(seconds.held)
        yield Times(f"{op}:{name}", [_time(run, block, op, name) for block in blocks])
    for op in _IN_RUN:
        rows = [any(one.op == op and one.count for one in interval.operations) for interval in run.intervals]
        if any(rows):
            yield Times(op, [_time(run, block, op, None) for block in _blocks(np.array(rows))])


def _time(run: Run, rows: Sequence[int] | NDArray[np.intp], op: OpKind, name: str | None) -> Sparse:
    parts = (
        part
        for row in rows
        for one in run.intervals[row].operations
        if one.op == op and name in (None, one.name)
        for part in (one.response, one.given_up)
    )
    return merged(parts).sparse()
