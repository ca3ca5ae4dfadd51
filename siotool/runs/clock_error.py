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
    found = [_of_run(run) for run in runs if len(run.header.generators) > 1]
    return max(found, default=None)


def _of_run(run: Run) -> float:
    errors: dict[int, list[float]] = {}
    machine = [number for number, one in enumerate(run.header.generators) for _ in range(one.processes)]
    for interval in run.intervals:
        for health in interval.generator:
            if health.worker < len(machine):
                errors.setdefault(machine[health.worker], []).append(health.clock_error_s)
    usual = sorted(float(np.quantile(seconds, _SECONDS)) for seconds in errors.values())
    return sum(usual[-2:])
