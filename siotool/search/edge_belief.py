"""Where the edge lies: a density over the logarithm of load, made by the blocks of all holds.

Probabilistic bisection (Waeber, Frazier and Henderson, Bisection search with noisy responses, SIAM J.
Control Optim. 51(3), 2013) keeps a density over the place of the edge and asks where it says. There an
answer is yes or no; here a hold shows a share of missed operations, which says more. So the density is
that of a response curve: the logarithm of the odds that an operation is missed rises evenly with the
logarithm of load, through the allowed share at the edge, and as steeply as the holds say. All places,
slopes and scatters of a grid are weighed by their likelihood, from a flat beginning.

Operations of one second depend on each other, and so do seconds that follow each other. So the unit is a
piece of a hold (``PIECE`` blocks), and its missed operations are beta-binomial: the share of a
piece scatters around the curve by as much as the pieces show (``scatter``, the correlation of two operations
of a piece; Griffiths, Biometrics 29, 1973).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln

from siotool.search.seen_blocks import Block, Visit, totals_by_load

Floats = NDArray[np.float64]

#: Beyond the loads that were held, the edge may be up to this many times away.
BEYOND = 4.0
#: Blocks that are taken together.
PIECE = 4
#: From this share on a load is only known to be beyond the edge: curves differ there.
MOST_SHARE = 0.35
#: How steep the curve may be: 5 doubles the odds with 15 % more load, 300 with 0.2 %.
SLOPES = np.geomspace(3.0, 100.0, 16)
#: How far the pieces may scatter: 0 where operations are independent, 1 where a piece is missed whole.
SCATTERS = np.array([0.0002, 0.002, 0.015, 0.05, 0.12, 0.25, 0.45, 0.7])
_PLACES = 160
#: The probability beyond each end of the finer look.
_TAIL = 1e-4
#: Logarithms of odds that likelihoods are worked out for.
_LEAST_ODDS, _MOST_ODDS, _STEP = -25.6, -0.6, 0.1
_ODDS = np.arange(_LEAST_ODDS, _MOST_ODDS + _STEP / 2, _STEP)
#: The likelihood counts so many times less: real holds differ by more than any model of them says.
CAUTION = 1.6
#: Before anything was missed, a bad moment is taken to miss this share of a second's operations.
PRIOR_SHARE = 0.2


class EdgeBelief(msgspec.Struct, frozen=True, eq=False):
    """``density`` over the ``places`` (logarithms of load), which sums up to 1.

    ``slope`` is how fast the odds rise, of the objective whose edge is the lowest: a geometric mean.
    """

    places: Floats
    density: Floats
    slope: float

    def quantile(self, share: float) -> float:
        """Return the load below which the edge lies with a probability."""
        summed = np.cumsum(self.density)
        # half of a place's own weight lies below it
        return float(np.exp(np.interp(share, summed - self.density / 2, self.places)))


def believe(visits: Sequence[Visit], allowed: Sequence[float]) -> EdgeBelief | None:
    """Return what the holds say of the edge: of the first objective that fails. None without a block.

    ``allowed`` is the share that each objective allows. Objectives that hardly missed anything say nothing of
    the edge beside others that did.
    """
    loads = [visit.load for visit in visits]
    found = [totals_by_load(visits, number) for number in range(len(allowed))]
    if not any(found):
        return None
    worst = [max((one.missed / one.tried for one in totals), default=-1.0) for totals in found]
    missing = [most > share / 2 for most, share in zip(worst, allowed, strict=True)]
    chosen = [
        number for number, most in enumerate(worst) if most >= 0 and (missing[number] or not any(missing))
    ]
    belief = _over(visits, allowed, chosen, math.log(min(loads) / BEYOND), math.log(max(loads) * BEYOND))
    # a second look, finer where the edge may be at all
    ends = [math.log(belief.quantile(tail)) for tail in (_TAIL, 1 - _TAIL)]
    step = float(belief.places[1] - belief.places[0])
    return _over(visits, allowed, chosen, ends[0] - step, ends[1] + step)


def _over(
    visits: Sequence[Visit], allowed: Sequence[float], chosen: Sequence[int], low: float, high: float
) -> EdgeBelief:
    """The belief over evenly spaced places, by some of the objectives: the first of their edges counts."""
    places = np.linspace(low, high, _PLACES)
    slope, first, later = 0.0, math.inf, np.ones(_PLACES)
    for number in chosen:
        own, own_slope = _of_objective(visits, number, allowed[number], places)
        later *= 1 - np.cumsum(own) + own / 2
        if (middle := float(np.interp(0.5, np.cumsum(own), places))) < first:
            first, slope = middle, own_slope
    density = -np.diff(np.concatenate([[1.0], (later[1:] + later[:-1]) / 2, [0.0]]))
    density = np.maximum(density, 0.0)
    return EdgeBelief(places, density / density.sum(), slope)


def _of_objective(
    visits: Sequence[Visit], number: int, allowed: float, places: Floats
) -> tuple[Floats, float]:
    """The density of the place where one objective fails; the slope there."""
    gain = np.zeros((len(places), len(SLOPES), len(SCATTERS)))
    begin = math.log(allowed / (1 - allowed))
    for load in {visit.load for visit in visits}:
        table = np.zeros((len(_ODDS), len(SCATTERS)))
        for visit in visits:
            if visit.load == load:
                for piece in _pieces(visit.blocks):
                    table += _likelihood(piece, number)
        odds = begin + (math.log(load) - places[:, None]) * SLOPES[None, :]
        at = np.rint((np.clip(odds, _LEAST_ODDS, _MOST_ODDS) - _LEAST_ODDS) / _STEP).astype(np.intp)
        gain += table[at]
    weight = np.exp((gain - gain.max()) / CAUTION)
    weight /= weight.sum()
    slope = float(np.exp(weight.sum(axis=(0, 2)) @ np.log(SLOPES)))
    density: Floats = weight.sum(axis=(1, 2))
    return density, slope


def _pieces(blocks: Sequence[Block]) -> list[Sequence[Block]]:
    """Pieces of about ``PIECE`` blocks that follow each other."""
    count = max(1, round(len(blocks) / PIECE))
    cuts = [round(number * len(blocks) / count) for number in range(count + 1)]
    return [blocks[begin:end] for begin, end in pairwise(cuts) if end > begin]


def _likelihood(piece: Sequence[Block], number: int) -> Floats:
    """The logarithm of the beta-binomial likelihood of a piece, by odds and scatter."""
    tried = sum(block.tried[number] for block in piece)
    missed = min(sum(block.missed[number] for block in piece), MOST_SHARE * tried)
    share = 1 / (1 + np.exp(-_ODDS))[:, None]
    size = (1 / SCATTERS - 1)[None, :]
    own, rest = share * size, (1 - share) * size
    found: Floats = (
        (gammaln(missed + own) - gammaln(own))
        + (gammaln(tried - missed + rest) - gammaln(rest))
        - (gammaln(tried + size) - gammaln(size))
    )
    return found


def proven(own: Sequence[Visit], allowed: Sequence[float], meant: Sequence[int] = (0,)) -> float:
    """Return how many standard deviations a load's holds are below the edge; less than 0: beyond it.

    It is the signed root of twice the logarithm of the likelihood ratio, divided by the operations that
    are taken to be missed together (``PRIOR_SHARE``). Of the objective nearest to failing, among those
    that are ``meant`` and those that missed an operation; 0 without operations.
    """
    found: list[float] = []
    for number, share in enumerate(allowed):
        for one in totals_by_load(own, number):
            if not one.missed and number not in meant:
                continue
            missed = min(max(one.missed / one.tried, 1e-12), 1 - 1e-12)
            twice = missed * math.log(missed / share) + (1 - missed) * math.log((1 - missed) / (1 - share))
            effect = max(1.0, PRIOR_SHARE * one.tried / one.blocks)
            root = math.sqrt(max(0.0, 2 * one.tried * twice / effect))
            found.append(root if missed < share else -root)
    return min(found, default=0.0)


def surety(
    own: Sequence[Visit], allowed: Sequence[float], meant: Sequence[int] = (0,), *, times: float = 1.0
) -> float:
    """Return the confidence with which a load's holds show that it passes; 0 without operations.

    It is that of the exact binomial bound (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934) for as many
    operations as there are where those that are taken to be missed together count as one (``PRIOR_SHARE``).
    Of the objective nearest to failing, as in ``proven``; where none of the ``meant`` was tried, of one that
    allows most. ``times``: of holds that are so many times as long and miss as large a share.
    """
    counted = [(number, one) for number in range(len(allowed)) for one in totals_by_load(own, number)]
    chosen = [(number, one) for number, one in counted if one.missed or number in meant]
    if not any(number in meant for number, _ in chosen):
        most = max((allowed[number] for number, _ in counted), default=0.0)
        chosen += [(number, one) for number, one in counted if allowed[number] == most]
    found = []
    for number, one in chosen:
        alone = times / max(1.0, PRIOR_SHARE * one.tried / one.blocks)
        missed, passed = one.missed * alone, (one.tried - one.missed) * alone
        found.append(float(betainc(missed + 1, passed, allowed[number])) if passed > 0 else 0.0)
    return min(found, default=0.0)
