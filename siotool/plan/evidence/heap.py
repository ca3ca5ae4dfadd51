"""The memory of a server: at the begin, of each connection, and what it keeps of its work.

    bytes = base + per_connection × connections at most so far + growth × (1 − exp(−CPU spent ÷ growth_s))
            + left_behind × opened_most × (1 − exp(−connections opened besides ÷ opened_most))

It is the most that a server takes, between one collection of garbage and the next: what it needs.
Memory is seldom given back, so it follows the most connections so far. A heap grows as a server works, by
as much as its collector allows (on Node.js the young generation, some 40 MB in all), and code is
compiled: that is the third term. It is a property of the process, not of its connections, and a server
that has been at work before the calibration shows none of it. Some servers keep something of every
connection that was ever opened, or for so many as their memory has gaps for: the last term.

A calibration opens many connections first and does nothing else meanwhile: those seconds show the first two
terms. Then it works for a round before connections are opened besides: that shows the third term, and the
rest of it the last. Where there is no such phase the first three are fitted together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import PCG64, Generator
from scipy.optimize import nnls

from siotool.plan.evidence.calibrated import MemoryFigures
from siotool.plan.evidence.curve import saturating
from siotool.plan.evidence.holds import opened_besides
from siotool.runfile import Run
from siotool.runs.hold import Marks
from siotool.runs.seconds import Floats, seconds_of

#: CPU in seconds within which the heap grows to 63 %; the best of them is chosen.
_GROWTH_S = (2.0, 4.0, 8.0, 16.0, 32.0)
#: Connections opened besides after which no more is kept of them, nearly; the best of them is chosen.
_OPENED_MOST = (300.0, 1000.0, 3000.0, 1e9)
#: Fewer samples than this show nothing, and of the opening phase fewer than that.
_LEAST, _LEAST_OPENING = 10, 5
#: Connections opened besides, as a share of the most open ones, that keep nothing to speak of.
_FEW = 0.05
#: The share of seconds that take less than the memory that is said.
_PEAK = 0.9
_DRAWS = 200
#: Clocks of the program and of the seconds agree within this, in seconds.
_WITHIN_S = 0.1
#: Seconds of a block of errors that belong together.
_BLOCK = 5


class MemoryCourse(NamedTuple):
    """Second by second: most connections so far, CPU spent so far, those opened besides, resident bytes.

    ``opening`` marks the seconds in which connections were opened and nothing else was done.
    """

    most: Floats
    spent_s: Floats
    besides: Floats
    rss: Floats
    opening: Marks


def course_of(run: Run, opening_s: float, until_s: float) -> MemoryCourse:
    """The course of a run's servers to ``until_s``; connections were opened alone until ``opening_s``."""
    seconds = seconds_of([run])
    # a metrics page that was missed once has no memory in a second whose CPU is known
    rows = seconds.sampled & np.isfinite(seconds["rss_bytes"]) & (seconds["t_s"] <= until_s + _WITHIN_S)
    spent = np.cumsum(np.nan_to_num(seconds["cpu_cores"]) * seconds["duration_s"])
    most = np.maximum.accumulate(seconds["connections_end"])
    opening = seconds["t_s"] <= opening_s + _WITHIN_S
    besides = opened_besides(seconds)
    return MemoryCourse(most[rows], spent[rows], besides[rows], seconds["rss_bytes"][rows], opening[rows])


def fit_memory(course: MemoryCourse, seed: int) -> MemoryFigures | None:
    """Fit the course of a server's memory; None with too few samples, or without any connection."""
    if len(course.rss) < _LEAST or not course.most.any():
        return None
    alone = course.opening if np.count_nonzero(course.opening) >= _LEAST_OPENING else None
    (base, each), (low, high), left_behind, opened_most = (0.0, 0.0), (0.0, 0.0), 0.0, _OPENED_MOST[-1]
    if alone is not None:
        (base, each), (low, high) = _line(course.most[alone], course.rss[alone], seed)
        left = course.rss - base - each * course.most
        (per_s, growth_s), (left_behind, opened_most) = _kept(course, left)
        growth = per_s * growth_s
    else:
        together = [(_together(course, growth_s), growth_s) for growth_s in _GROWTH_S]
        ((base, each, growth), _), growth_s = min(together, key=lambda one: one[0][1])
        low, high = 0.0, 2 * each
    grown = growth * saturating(course.spent_s, growth_s) / growth_s
    fitted = base + each * course.most + grown + left_behind * saturating(course.besides, opened_most)
    return MemoryFigures(
        base_bytes=base,
        per_connection_bytes=each,
        per_connection_low=min(low, each),
        per_connection_high=max(high, each),
        growth_bytes=growth,
        growth_s=growth_s,
        left_behind_bytes=left_behind,
        left_behind_most=opened_most,
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


def _kept(course: MemoryCourse, left: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    """What is kept of a second of work and of a connection opened besides, each with where that saturates.

    Both grow with time: fitted together, one is easily taken for the other.
    """
    alone = course.besides <= _FEW * course.most
    if np.count_nonzero(alone & ~course.opening) < _LEAST:
        alone = np.full(len(left), True)
    per_s, growth_s = _saturated(course.spent_s[alone], left[alone], _GROWTH_S)
    per_s = _peaks(saturating(course.spent_s, growth_s)[alone], left[alone], per_s)
    if alone.all():
        return (per_s, growth_s), (0.0, _OPENED_MOST[-1])
    left = left - per_s * saturating(course.spent_s, growth_s)
    return (per_s, growth_s), _saturated(course.besides[~alone], left[~alone], _OPENED_MOST)


def _peaks(amount: Floats, kept: Floats, usual: float) -> float:
    """What one of an amount keeps where most is kept: a heap falls with every collection, and rises again."""
    grown = amount > amount.max(initial=0.0) / 2
    if np.count_nonzero(grown) < _LEAST:
        return usual
    return max(usual, float(np.quantile(kept[grown] / amount[grown], _PEAK)))


def _saturated(amount: Floats, kept: Floats, mosts: Sequence[float]) -> tuple[float, float]:
    """What is kept of one of an amount at first, 0 at least, and where that saturates: one of ``mosts``."""
    found = []
    for most in mosts:
        column = saturating(amount, most)
        each = max(0.0, float(column @ kept) / max(1e-12, float(column @ column)))
        found.append((float(((kept - each * column) ** 2).sum()), each, most))
    _, each, most = min(found)
    return each, most


def _together(course: MemoryCourse, growth_s: float) -> tuple[tuple[float, float, float], float]:
    most = course.most / course.most.max()
    table = np.stack([np.ones(len(most)), most, saturating(course.spent_s, growth_s) / growth_s], axis=1)
    (base, whole, growth), error = nnls(table, course.rss)
    return (float(base), float(whole / course.most.max()), float(growth)), float(error)
