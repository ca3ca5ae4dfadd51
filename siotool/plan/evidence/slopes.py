"""What one more connection adds to a gauge of the server, with replicates: ``siotool.runs.slope`` redrawn."""

import msgspec
import numpy as np
from numpy.random import Generator

from siotool.plan.evidence.observe import Floats, Observations
from siotool.plan.evidence.resample import run_factor
from siotool.runs import slope


class LineDraws(msgspec.Struct, frozen=True, eq=False):
    """``base`` without connections and ``slope`` for each one, with replicates that belong together.

    ``how`` says what it was learnt from.
    """

    base: float
    slope: float
    base_replicates: Floats
    slope_replicates: Floats
    how: str


def robust_line(
    observations: Observations, column: str, *, own: float, cv: float, draws: int, generator: Generator
) -> LineDraws | str:
    """Fit a gauge on open connections, up to the end of the hold phase.

    ``own`` is what it may rise by without them, ``cv`` the scatter between runs. Returns a
    sentence with the reason when there is nothing to learn.
    """
    runs = [
        (observations.connections_end[mine], getattr(observations, column)[mine])
        for number in range(len(observations.origins))
        if (mine := (observations.run == number) & observations.rising).any()
    ]
    found = slope.fit(runs, own)
    if isinstance(found, str):
        return found
    x, y = found.points
    slopes, bases = slope.lines(x, y, generator.integers(len(x), size=(draws, len(x))))
    factor = run_factor(cv / np.sqrt(len(observations.origins)), draws, generator)
    return LineDraws(
        base=found.base,
        slope=found.slope,
        base_replicates=np.maximum(bases, 0.0),
        slope_replicates=np.maximum(slopes, 0.0) * factor,
        how=found.how,
    )
