"""Which seconds count as the hold phase: the part of a run in which the load was steady.

Rates, bandwidth per connection and the server's CPU have no meaning over a ramp: half of it is
below the load that the run was made for. A second belongs to the hold phase when at
least 95 % of the run's peak of connections were open at its begin and at its end. That
leaves out the ramp, the second in which the ramp ends, drops, and the ramp down. What came
after the last stage, while the run waited for what was under way, belongs to no hold phase; nor does what
was broken on purpose, where enough is left without it.
Where the hold phases of all runs together last less than 3 s, there is none: then all seconds with
open connections count, but for those after the last stage.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]

SHARE_OF_PEAK = 0.95
#: Fewer seconds than this are no steady state.
SHORTEST_S = 3.0


def hold_phase(run: NDArray[np.intp], columns: Mapping[str, NDArray[np.float64]]) -> tuple[Marks, bool]:
    """Mark the rows that means are over; and whether they are hold phases.

    ``run`` is each row's number of its run, ``columns`` are those of ``siotool.runs.seconds``.
    """
    begin, end = columns["connections_begin"], columns["connections_end"]
    peaks = np.zeros(run.max(initial=-1) + 1)
    np.maximum.at(peaks, run, end)
    peak, loaded = peaks[run], columns["draining"] == 0
    held = loaded & (peak > 0) & (np.minimum(begin, end) >= SHARE_OF_PEAK * peak)
    for marks in (held & (columns["broken"] == 0), held):
        if columns["duration_s"][marks].sum() >= SHORTEST_S:
            return marks, True
    return loaded & (columns["connections"] > 0), False


def rising(run: NDArray[np.intp], t_s: NDArray[np.float64], held: Marks) -> Marks:
    """Mark the rows of each run up to its last one that is held; all of them where none is."""
    last = np.full(run.max(initial=-1) + 1, -np.inf)
    np.maximum.at(last, run[held], t_s[held])
    return t_s <= np.where(np.isfinite(last), last, np.inf)[run]
