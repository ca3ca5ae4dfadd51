"""The memory of a server: at the begin, of each connection, and what it keeps of its work.

    bytes = base + per_connection × connections at most so far + growth × (1 − exp(−CPU spent ÷ growth_s))

Memory is seldom given back, so it follows the most connections so far. A heap grows as a server works, by
as much as its collector allows (on Node.js the young generation, some 40 MB in all), and code is
compiled: that is the last term. It is a property of the process, not of its connections, and a server
that has been at work before the calibration shows none of it.

A calibration opens many connections first and does nothing else meanwhile: those seconds show the first two
terms, and the rest of it the last one. Where there is no such phase all three are fitted together.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import PCG64, Generator
from scipy.optimize import nnls

from siotool.plan.evidence.calibrated import MemoryFigures
from siotool.runfile import Run
from siotool.runs.hold import Marks
from siotool.runs.seconds import Floats, seconds_of

#: CPU in seconds within which the heap grows to 63 %; the best of them is chosen.
_GROWTH_S = (2.0, 4.0, 8.0, 16.0, 32.0)
#: Fewer samples than this show nothing, and of the opening phase fewer than that.
_LEAST, _LEAST_OPENING = 10, 5
_DRAWS = 200
#: Clocks of the program and of the seconds agree within this, in seconds.
_WITHIN_S = 0.1
#: Seconds of a block of errors that belong together.
_BLOCK = 5


class MemoryCourse(NamedTuple):
    """Second by second: most connections so far, CPU spent so far, resident bytes.

    ``opening`` marks the seconds in which connections were opened and nothing else was done.
    """

    most: Floats
    spent_s: Floats
    rss: Floats
    opening: Marks


def course_of(run: Run, opening_s: float, until_s: float) -> MemoryCourse:
    """The course of a run's servers to ``until_s``; connections were opened alone until ``opening_s``."""
    seconds = seconds_of([run])
    rows = seconds.sampled & (seconds["t_s"] <= until_s + _WITHIN_S)
    spent = np.cumsum(np.nan_to_num(seconds["cpu_cores"]) * seconds["duration_s"])
    most = np.maximum.accumulate(seconds["connections_end"])
    opening = seconds["t_s"] <= opening_s + _WITHIN_S
    return MemoryCourse(most[rows], spent[rows], seconds["rss_bytes"][rows], opening[rows])


def fit_memory(course: MemoryCourse, seed: int) -> MemoryFigures | None:
    """Fit the course of a server's memory; None with too few samples, or without any connection."""
    if len(course.rss) < _LEAST or not course.most.any():
        return None
    alone = course.opening if np.count_nonzero(course.opening) >= _LEAST_OPENING else None
    (base, each), (low, high) = (0.0, 0.0), (0.0, 0.0)
    if alone is not None:
        (base, each), (low, high) = _line(course.most[alone], course.rss[alone], seed)
        left = course.rss - base - each * course.most
        solved = [(_growth(course.spent_s, left, growth_s), growth_s) for growth_s in _GROWTH_S]
        (growth, _), growth_s = min(solved, key=lambda one: one[0][1])
    else:
        together = [(_together(course, growth_s), growth_s) for growth_s in _GROWTH_S]
        ((base, each, growth), _), growth_s = min(together, key=lambda one: one[0][1])
        low, high = 0.0, 2 * each
    fitted = base + each * course.most + growth * (1 - np.exp(-course.spent_s / growth_s))
    return MemoryFigures(
        base_bytes=base,
        per_connection_bytes=each,
        per_connection_low=min(low, each),
        per_connection_high=max(high, each),
        growth_bytes=growth,
        growth_s=growth_s,
        spread_bytes=float((course.rss - fitted)[~course.opening].std()),
    )


def _line(most: Floats, rss: Floats, seed: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Base and slope, and the slope's 90 % interval: errors are redrawn in blocks, each with another sign."""
    table = np.stack([np.ones(len(most)), most / most.max()], axis=1)
    base, whole = nnls(table, rss)[0]
    errors = rss - table @ np.array([base, whole])
    chance = Generator(PCG64(seed))
    signs = chance.choice((-1.0, 1.0), size=(_DRAWS, -(-len(rss) // _BLOCK)))
    slopes = [
        nnls(table, np.maximum(0.0, rss - errors + errors * np.repeat(sign, _BLOCK)[: len(rss)]))[0][1]
        for sign in signs
    ]
    low, high = (float(bound / most.max()) for bound in np.quantile(slopes, (0.05, 0.95)))
    return (float(base), float(whole / most.max())), (low, high)


def _growth(spent_s: Floats, left: Floats, growth_s: float) -> tuple[float, float]:
    shape = 1 - np.exp(-spent_s / growth_s)
    amount = max(0.0, float(shape @ left / (shape @ shape))) if shape.any() else 0.0
    return amount, float(((left - amount * shape) ** 2).sum())


def _together(course: MemoryCourse, growth_s: float) -> tuple[tuple[float, float, float], float]:
    most = course.most / course.most.max()
    table = np.stack([np.ones(len(most)), most, 1 - np.exp(-course.spent_s / growth_s)], axis=1)
    (base, whole, growth), error = nnls(table, course.rss)
    return (float(base), float(whole / course.most.max()), float(growth)), float(error)
