"""The mean load of observed runs, for what is asked of a fit."""

from siotool.plan.evidence.observe import Observations
from siotool.plan.evidence.regressors import LEARNT


def load_of(observations: Observations) -> dict[str, float]:
    """Return the mean load of the hold phase, by column name: what ``CpuFit.cores`` asks for."""
    seconds = observations.usable
    return {work.column: seconds.mean(work.column, seconds.held) for work in LEARNT}
