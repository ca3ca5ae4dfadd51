"""What a profile predicts for a load, with its interval: of the server's CPU and of its memory."""

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.calibrated import CalibratedProfile
from siotool.plan.evidence.curve import pace
from siotool.plan.evidence.holds import HeldPhase
from siotool.runs.seconds import Floats

#: Two starts of one server differ in their memory by about this share, which one calibration cannot show.
_BETWEEN_STARTS = 0.04


def cores_beside(profile: CalibratedProfile, hold: HeldPhase, draws: int, seed: int) -> Floats:
    """Draws of the cores of a load that was held, at the pace that its generator shows.

    Of the run only its load and its generator's CPU are looked at, never its server's.
    """
    expected = profile.curve.cores(hold.load) * pace(hold, profile.generator)
    return _scattered(profile, expected, draws, Generator(PCG64(seed)))


def memory_of(
    profile: CalibratedProfile, connections_most: float, spent_s: float, draws: int, seed: int
) -> Floats | None:
    """Draws of resident bytes after so many connections and so much CPU; None where that is unknown."""
    memory = profile.memory
    if memory is None:
        return None
    expected = memory.resident(connections_most, spent_s)
    spread = np.hypot(memory.spread_bytes, _BETWEEN_STARTS * expected)
    drawn: Floats = expected + Generator(PCG64(seed)).normal(0.0, spread, draws)
    return np.maximum(0.0, drawn)


def _scattered(profile: CalibratedProfile, expected: float, draws: int, generator: Generator) -> Floats:
    # t: the error of an unseen phase is itself known from few phases
    known = max(3, len(profile.phases) - len(profile.names))
    errors = generator.standard_t(known, draws) * profile.error_cv * (expected + profile.floor_cores)
    return np.maximum(0.0, expected + errors)
