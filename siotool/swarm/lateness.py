"""Notes on late loops: seconds that became one interval, and times that are left out."""

from typing import Literal

import msgspec

from siotool.histogram import Sparse
from siotool.runfile import Operation
from siotool.swarm.worker_report import WorkerInterval
from siotool.units import format_duration

#: When a loop was blocked for longer, answers that came meanwhile get no times.
STALL_S = 0.5
#: A loop that was once so late is a doubt of the report already.
_DOUBTED_ANYWAY_S = 1.0

Level = Literal["info", "warning", "doubt"]


def seconds_covered(number: int, elapsed_s: float) -> int:
    """How many seconds an interval covers that began with second ``number`` and ends now."""
    return max(1, int(elapsed_s + 1e-9) - number)


def without_times(operations: list[Operation]) -> tuple[list[Operation], int]:
    """The same operations, counted and not timed; and how many had a time."""
    untimed = sum(operation.response.count for operation in operations)
    bare = [
        msgspec.structs.replace(operation, response=Sparse(), service=Sparse()) for operation in operations
    ]
    return bare, untimed


def lateness(parts: list[WorkerInterval], duration_s: float) -> tuple[Level, str] | None:
    """A note on an interval of the run that is no regular second; None when it is.

    ``parts`` are the workers' intervals that make it.
    """
    first = min(part.number for part in parts)
    last = max(part.number + part.covers for part in parts) - 1
    untimed = sum(part.untimed for part in parts)
    worst = max(parts, key=lambda part: part.health.loop_lag_s)
    lag = worst.health.loop_lag_s
    stalled = f"the loop of generator worker {worst.worker} was blocked for {format_duration(lag)}"
    left_out = f"the times of {untimed:,} operations that had to wait are left out"
    if last > first:
        text = f"seconds {first + 1} to {last + 1} are one interval of {duration_s:.1f} s: {stalled}"
        return _level(parts, "doubt"), f"{text}; {left_out}" if untimed else text
    if not untimed:
        return None
    if lag <= STALL_S:
        return "info", f"second {first + 1}: {left_out}"
    level = _level(parts, "warning" if lag > _DOUBTED_ANYWAY_S else "doubt")
    return level, f"second {first + 1}: {stalled}; {left_out}"


def _level(parts: list[WorkerInterval], level: Level) -> Level:
    """At most a warning where nothing was measured that a late loop could have changed."""
    measured = any(
        part.connections.open or part.connections.attempted or part.operations
        for part in parts
        if not part.draining
    )
    return level if measured else "warning"
