"""What the generator used to make the load: to see whether it, and not the target, set the limit."""

from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.runfile import Run
from siotool.runs.seconds import Seconds


class GeneratorFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The generator over the run; the mean is over the hold phase, None where nothing was sampled.

    ``cpu_cores_*`` and ``rss_bytes_max`` are of all processes together. ``cpu_share_max`` is that of the
    busiest process in its busiest second, of the CPU it may have. ``loop_lag_s_max`` is the longest that a
    loop was late, ``schedule_lag_s_max`` the longest that a scheduled operation was, ``files_share_max``
    the largest share of an open-file limit.
    """

    processes: int
    cpu_cores_mean: float | None
    cpu_cores_max: float | None
    cpu_share_max: float | None
    rss_bytes_max: int | None
    loop_lag_s_max: float | None
    schedule_lag_s_max: float | None
    files_share_max: float | None


def sum_up_generator(runs: Sequence[Run], seconds: Seconds) -> GeneratorFigures:
    """Sum up the generator of some runs; ``seconds`` is their table."""
    memory = [sum(one.rss_bytes for one in interval.generator) for run in runs for interval in run.intervals]
    return GeneratorFigures(
        processes=max(run.header.workload.processes for run in runs),
        cpu_cores_mean=_known(seconds.mean("generator_cpu_sum", seconds.held)),
        cpu_cores_max=_known(seconds.most("generator_cpu_sum")),
        cpu_share_max=_known(seconds.most("generator_cpu_share")),
        rss_bytes_max=max(memory, default=None),
        loop_lag_s_max=_known(seconds.most("loop_lag_s")),
        schedule_lag_s_max=_known(seconds.most("schedule_lag_s")),
        files_share_max=_known(seconds.most("generator_files_share")),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
