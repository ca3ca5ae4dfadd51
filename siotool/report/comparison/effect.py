"""The difference of two sides in one metric: how large, how sure, and how large it would have to be.

A side is some runs. Runs of one server differ by more than chance within a run explains: each process
is placed, compiled and collected in its own way, and the machine is never quite the same. So
both levels are drawn anew, runs and blocks within runs (a hierarchical bootstrap: A. C. Davison,
D. V. Hinkley, "Bootstrap Methods and their Application", 1997, §3.8), and each drawn difference is
divided by the scatter of its own drawn runs, so that few runs widen the interval as they must
(bootstrap-t: P. Hall, "Theoretical comparison of bootstrap confidence intervals", Annals of Statistics
16, 1988).

The scatter between runs rests on what the runs show and on what is assumed of the metric, as if
``PRIOR_RUNS`` more had been seen (the moderated variance of G. K. Smyth, Statistical Applications in
Genetics and Molecular Biology 3, 2004); where more is seen than assumed, on that alone. Runs that are
drawn have the shape of the runs' own deviations, and a normal one as far as the assumption counts.

Beside it the runs are dealt anew to both sides, in every way there is (a permutation test: E. J. G.
Pitman, 1937), which assumes nothing of their distribution. Of three runs against three it can say no
more than that all of one side are above all of the other.
"""

import hashlib
import itertools
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.report.comparison.block_draws import DrawnRun
from siotool.report.comparison.scales import PRIOR_RUNS
from siotool.runs.seconds import Floats

#: Times that both sides are drawn.
DRAWS = 10_000
#: An interval holds the true effect with this probability.
SURE = 0.95
#: ``detectable`` is found with this one.
POWER = 0.9
#: More ways to deal the runs than this are not all tried.
_MOST_DEALT = 4000


class MetricEffect(msgspec.Struct, frozen=True):
    """On the metric's scale: ``effect`` from ``low`` to ``high``; ``base`` is the mean of the baseline.

    ``scatter`` is that of one run, ``floor`` half of the interval's width; ``detectable`` the true effect
    that is found with the probability ``POWER`` at the level asked for.
    """

    base: float
    new: float
    effect: float
    low: float
    high: float
    scatter: float
    floor: float
    detectable: float
    p_value: float
    p_permutation: float
    #: The least that ``p_permutation`` could have been.
    p_least: float


def effect_of(
    before: Sequence[DrawnRun], after: Sequence[DrawnRun], prior: float, names: Sequence[str], level: float
) -> MetricEffect:
    """Compare two sides; ``prior`` is the assumed scatter of a run, ``names`` are the runs' of both sides.

    A run's draws follow from its name, so sides that are swapped give the same with another sign.
    ``level`` is the probability of a false alarm for which ``detectable`` is told.
    """
    values = [np.array([one.value for one in side]) for side in (before, after)]
    within = float(np.mean([np.var(one.misses) for one in (*before, *after)]))
    freedom = sum(len(side) - 1 for side in values)
    assumed = prior**2 + within
    share = np.sqrt(sum(1 / len(side) for side in values))

    seen = float(sum(((side - side.mean()) ** 2).sum() for side in values))
    wild = seen > freedom * assumed  # the assumption is too small for these runs: it does not count

    def moderated(squares: Floats | float) -> Floats | float:
        if wild:
            return np.sqrt(squares / freedom)
        return np.sqrt((PRIOR_RUNS * assumed + squares) / (PRIOR_RUNS + freedom))

    scatter = float(moderated(seen))
    between = math.sqrt(max(scatter**2 - within, 0.0))
    shapes = _shapes(values, freedom)
    runs = [
        _redrawn(one, between, shapes, freedom, name)
        for one, name in zip((*before, *after), names, strict=True)
    ]
    sides = np.array(runs[: len(before)]), np.array(runs[len(before) :])
    squares = sum(((side - side.mean(axis=0)) ** 2).sum(axis=0) for side in sides)
    errors = (sides[1].mean(axis=0) - sides[0].mean(axis=0)) / np.maximum(moderated(squares) * share, 1e-12)
    size = np.sort(np.abs(errors))
    base, new = float(values[0].mean()), float(values[1].mean())
    unit = scatter * float(share)
    floor = float(np.quantile(size, SURE)) * unit
    p_permutation, p_least = _dealt(*values)
    return MetricEffect(
        base=base,
        new=new,
        effect=new - base,
        low=new - base - floor,
        high=new - base + floor,
        scatter=scatter,
        floor=floor,
        detectable=float(np.quantile(size, 1 - level) + np.quantile(size, 2 * POWER - 1)) * unit,
        p_value=float((1 + (size >= abs(new - base) / unit).sum()) / (1 + len(size))),
        p_permutation=p_permutation,
        p_least=p_least,
    )


def _shapes(values: Sequence[Floats], freedom: int) -> Floats:
    """The runs' deviations from the mean of their side, with a variance of 1; empty where all are alike."""
    apart = np.sort(np.concatenate([side - side.mean() for side in values]))
    spread = math.sqrt(float((apart**2).sum()) / len(apart))
    return apart / spread if freedom and spread > 0 else np.array([])


def _redrawn(one: DrawnRun, between: float, shapes: Floats, freedom: int, name: str) -> Floats:
    """How far a run like this may lie from the mean of its side, ``DRAWS`` times."""
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
    generator = Generator(PCG64(seed))
    apart = generator.standard_normal(DRAWS)
    if len(shapes):
        seen = generator.random(DRAWS) < freedom / (PRIOR_RUNS + freedom)
        sign = np.where(generator.random(DRAWS) < 0.5, -1.0, 1.0)
        apart = np.where(seen, sign * shapes[generator.integers(len(shapes), size=DRAWS)], apart)
    return between * apart + one.misses[generator.integers(len(one.misses), size=DRAWS)]


def _dealt(before: Floats, after: Floats) -> tuple[float, float]:
    """The share of the ways to deal the runs to the sides that part them as far; and the least it can be."""
    every, count = np.concatenate([before, after]), len(before)
    ways = math.comb(len(every), count)
    least = (2 if len(before) == len(after) else 1) / ways
    if ways <= _MOST_DEALT:
        chosen = np.array(list(itertools.combinations(range(len(every)), count)))
    else:
        generator = Generator(PCG64(1))
        chosen = np.argsort(generator.random((_MOST_DEALT, len(every))), axis=1)[:, :count]
        chosen[0] = np.arange(count)
        least = 1 / _MOST_DEALT
    first = every[chosen].mean(axis=1)
    second = (every.sum() - first * count) / len(after)
    apart = abs(float(after.mean() - before.mean()))
    return float((np.abs(second - first) >= apart - 1e-12).mean()), least
