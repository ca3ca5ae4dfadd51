"""What a profile predicts for a load, with its interval: of the server's CPU and of its memory."""

import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.calibrated import CPU_BETWEEN_STARTS, MEMORY_BETWEEN_STARTS, CalibratedProfile
from siotool.plan.evidence.holds import HeldPhase
from siotool.plan.evidence.resample import run_factor
from siotool.runs.seconds import Floats


def cores_of(profile: CalibratedProfile, hold: HeldPhase, draws: int, seed: int) -> Floats:
    """Draws of the cores of a load that was held, at the machine's pace while it was.

    Of the run only its load and that pace are looked at, never its server's CPU.
    """
    generator = Generator(PCG64(seed))
    at_start = run_factor(CPU_BETWEEN_STARTS, draws, generator)
    return _scattered(profile, profile.curve.cores(hold.load) * hold.pace * at_start, draws, generator)


def memory_of(profile: CalibratedProfile, hold: HeldPhase, draws: int, seed: int) -> Floats | None:
    """Draws of resident bytes by the end of a hold; None where that is unknown.

    Of the run only its connections and the CPU spent are looked at, never its server's memory.
    """
    memory = profile.memory
    if memory is None:
        return None
    expected = memory.resident(hold.connections_most, hold.spent_s, hold.opened_besides)
    spread = np.hypot(memory.spread_bytes, MEMORY_BETWEEN_STARTS * expected)
    drawn: Floats = expected + Generator(PCG64(seed)).normal(0.0, spread, draws)
    return np.maximum(0.0, drawn)


def _scattered(profile: CalibratedProfile, expected: Floats, draws: int, generator: Generator) -> Floats:
    # t: the error of an unseen phase is itself known from few phases, those that the costs are fitted to
    known = max(3, sum(one.used for one in profile.phases) - len(profile.names))
    errors = generator.standard_t(known, draws) * profile.error_cv * (expected + profile.floor_cores)
    return np.maximum(0.0, expected + errors)
