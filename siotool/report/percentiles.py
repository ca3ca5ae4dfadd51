"""Percentiles of times that came in by the second, each with the interval that it lies in with 95 %.

A percentile's interval lies between two order statistics. How far these are from it, in ranks,
follows from how much the share of the times at or below it scatters (R. S. Woodruff, "Confidence intervals
for medians and other position measures", JASA 47, 1952): the binomial's exact bounds (C. J. Clopper,
E. S. Pearson, Biometrika 26, 1934), for as many times as the run is worth (E. L. Korn, B. I. Graubard,
"Confidence intervals for proportions with small expected number of positive counts", Survey
Methodology 24, 1998). The times of one second are one block: they share a queue. What a block adds is
that share's variance over blocks, with what neighbouring blocks have in common (``siotool.runs.blocks``).

Far out, blocks show too few times to tell how they bunch. They bunch there at least as much as a normal
copula makes of how they do at the median, and blocks resemble each other as much as they do at p95.
"""

import math
from collections.abc import Sequence
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from siotool.histogram import SIZE, Histogram, Sparse, bucket_edges
from siotool.runs.blocks import CONFIDENCE, FEWEST, inflation, sums_of_squares, widening
from siotool.runs.bucket_table import Buckets, buckets_of, joined
from siotool.runs.seconds import Floats

#: Names of the percentiles, and their shares.
SHARES = MappingProxyType({"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999})
#: So many of them show how neighbouring seconds resemble each other: farther out there are too few times.
_STEADY = 3
_TAIL = (1 - CONFIDENCE) / 2
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)


class Percentile(msgspec.Struct, frozen=True):
    """A percentile in seconds, None without times; ``low`` and ``high`` are None where they are not known."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class TimesBySecond:
    """Histograms of times, each of a second; several may be of the same one."""

    def __init__(self) -> None:
        self._parts: list[Sparse] = []
        self._second: list[int] = []
        self._run: dict[int, int] = {}
        self._made: list[Buckets] = []

    def add(self, times: Sparse, second: int, run: int) -> None:
        """Add the times of one second; ``second`` counts through all runs."""
        if times.steps:
            self._parts.append(times)
            self._second.append(second)
            self._run[second] = run

    def merge(self, other: "TimesBySecond") -> None:
        """Add all times of another one."""
        self._made += other.pieces()
        self._run |= other._run

    def histogram(self) -> Histogram:
        """All times in one histogram."""
        pieces = self.pieces()
        whole = Histogram()
        for piece in pieces:
            # exact: no count is beyond 2**53
            whole.counts += np.bincount(piece.bucket, piece.times, SIZE).astype(np.int64)
        whole.sum_s = math.fsum(piece.sum_s for piece in pieces)
        whole.min_s = min(float(piece.least.min(initial=math.inf)) for piece in pieces)
        whole.max_s = max(float(piece.most.max(initial=0.0)) for piece in pieces)
        return whole

    def percentiles(self, whole: Histogram) -> dict[str, Percentile]:
        """Percentiles of all times by name; ``whole`` is their ``histogram``."""
        run = np.array([self._run[number] for number in sorted(self._run)], dtype=np.intp)
        ranks = _ranks(whole, self.pieces(), sorted(self._run), run)
        return {
            name: Percentile(whole.quantile(share), *_between(whole, ranks.get(share)))
            for name, share in SHARES.items()
        }

    def pieces(self) -> list[Buckets]:
        """All that was added, by the second: made once, a run of an hour has millions of buckets."""
        if self._parts or not self._made:
            self._made.append(buckets_of(self._parts, self._second))
            self._parts, self._second = [], []
        return self._made

    def buckets(self) -> Buckets:
        """All that was added, as one."""
        pieces = self.pieces()
        return pieces[0] if len(pieces) == 1 else joined(pieces)


def _ranks(
    whole: Histogram,
    pieces: Sequence[Buckets],
    seconds: Sequence[int],
    run: NDArray[np.intp],
) -> dict[float, tuple[float, float]]:
    """Of each share, the shares of all times between which its percentile lies, where these are known.

    ``seconds`` are those that have times, and ``run`` is the run of each.
    """
    blocks = len(run)
    if blocks < FEWEST:
        return {}
    shares = np.array(list(SHARES.values()))
    count = float(whole.count)
    cumulative = np.cumsum(whole.counts)
    at = np.searchsorted(cumulative, np.maximum(1, np.ceil(shares * count - 1e-9)))
    # of each block: times above the bucket of one percentile, and up to that of the next
    parts = len(shares) + 1
    part = np.searchsorted(at, np.arange(SIZE))
    first = np.zeros(max(seconds) + 1, dtype=np.intp)
    first[list(seconds)] = np.arange(blocks) * parts
    between = np.zeros(blocks * parts)
    for piece in pieces:
        between += np.bincount(first[piece.group] + part[piece.bucket], piece.times, blocks * parts)
    upto = np.cumsum(between.reshape(blocks, parts), axis=1).T
    below, each = upto[:-1], upto[-1]
    reached = cumulative[at] / count
    errors = below - reached[:, None] * each
    lasting = inflation(errors, run)
    lasting[_STEADY:] = np.maximum(lasting[_STEADY:], lasting[_STEADY - 1])
    independent = blocks / lasting
    # variance of the share, over that of as many independent times
    alone = reached * (1 - reached) * count
    effect = np.divide(sums_of_squares(errors) * lasting, alone, out=np.ones(len(shares)), where=alone > 0)
    effect = np.maximum(1.0, np.maximum(effect, _bunched(effect[0], shares, count / blocks * lasting[0])))
    worth = count / effect / widening(independent) ** 2
    below_it = worth * shares
    low = betaincinv(below_it, worth - below_it + 1, _TAIL)
    high = betaincinv(below_it + 1, worth - below_it, 1 - _TAIL)
    # the largest time must lie beyond the percentile, and the smallest below it, nearly for certain
    known = (independent >= FEWEST) & (shares**worth <= _TAIL) & ((1 - shares) ** worth <= _TAIL)
    return {
        share: (float(one), float(other))
        for share, one, other, there in zip(SHARES.values(), low, high, known, strict=True)
        if there
    }


def _bunched(effect: float, shares: Floats, block: float) -> Floats:
    """The design effect at each share, from that at the median, where a normal copula binds a block.

    ``block`` is how many times hang together: those of a block, and of the blocks that it resembles.
    """
    common = min(max(0.0, (effect - 1) / max(1.0, block - 1)), 1.0)
    correlation = min(math.sin(math.pi / 2 * common), 0.999)
    if correlation <= 0:
        return np.ones(len(shares))
    reach = (_POINTS[:, None] + 1) / 2 * correlation
    level = ndtri(shares)[None, :]
    density = np.exp(-(level**2) / (1 + reach)) / np.sqrt(1 - reach**2)
    joint = (_WEIGHTS[:, None] * density).sum(axis=0) / (shares * (1 - shares))
    return 1 + (effect - 1) * np.asarray(joint / joint[0])


def _between(whole: Histogram, ranks: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """The times at two ranks: the outer edges of their buckets."""
    if ranks is None:
        return None, None
    cumulative = np.cumsum(whole.counts)
    needed = np.clip(np.ceil(np.array(ranks) * whole.count - 1e-9), 1, whole.count)
    low, high = (int(one) for one in np.searchsorted(cumulative, needed))
    return max(bucket_edges(low)[0], whole.min_s), min(bucket_edges(high)[1], whole.max_s)
