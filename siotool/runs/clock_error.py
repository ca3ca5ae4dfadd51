"""How far off a time is that begins on one machine and ends on another."""

from collections.abc import Sequence

import numpy as np

from siotool.runfile import Run

#: Of so many seconds the error is no larger than what is said.
_SECONDS = 0.95


def clock_error_s(runs: Sequence[Run]) -> float | None:
    """Seconds by which a one-way time may be off as the machines' clocks differ; None for one machine.

    A message from one machine to another meets the error of both, so that it is the sum of the two largest.
    Each machine's is the one that it keeps to in 95 % of the seconds. Of several runs the largest.
    """
    found = [sum(errors[-2:]) for errors in map(_of_machines, runs) if len(errors) > 1]
    return max(found, default=None)


def _of_machines(run: Run) -> list[float]:
    """The error of each, in order. A worker that came late counts as a machine of its own."""
    errors: dict[int, list[float]] = {}
    machine = [number for number, one in enumerate(run.header.generators) for _ in range(one.processes)]
    for interval in run.intervals:
        for health in interval.generator:
            late = health.worker >= len(machine)
            own = health.worker if late else machine[health.worker]
            errors.setdefault(own, []).append(health.clock_error_s)
    return sorted(float(np.quantile(seconds, _SECONDS)) for seconds in errors.values())
