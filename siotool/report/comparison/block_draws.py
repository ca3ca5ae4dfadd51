"""The lower level of the bootstrap: a run's blocks drawn anew, and its metrics made of them again."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.random import Generator

from siotool.histogram import Sparse, bucket_value, merged
from siotool.report.comparison.scales import Scale
from siotool.runs.seconds import Floats

#: So many times the blocks of a run are drawn.
REDRAWN = 500


class DrawnRun(msgspec.Struct, frozen=True, eq=False):
    """A metric of one run on its scale: its value, and by how much redrawn blocks miss it."""

    value: float
    misses: Floats


def redraw_ratio(
    amounts: Sequence[float], over: Sequence[float], scale: Scale, generator: Generator
) -> DrawnRun:
    """One sum over another, block by block."""
    above, below = np.array(amounts), np.array(over)
    weights = _weights(len(above), generator)
    ratios = (weights @ above) / np.maximum(weights @ below, 1e-300)
    return _drawn(scale.to(float(above.sum() / below.sum())), scale.rows_to(ratios), len(above))


def redraw_quantiles(
    blocks: Sequence[Sparse], quantiles: Sequence[float], scales: Sequence[Scale], generator: Generator
) -> list[DrawnRun]:
    """Percentiles of a run's times, of histograms block by block; the same blocks for all of them."""
    whole = merged(blocks)
    filled = np.flatnonzero(whole.counts)
    values = np.array([min(max(bucket_value(int(i)), whole.min_s), whole.max_s) for i in filled])
    table = np.zeros((len(blocks), len(filled)))
    for row, block in enumerate(blocks):
        bucket, count = block.buckets()
        table[row, np.searchsorted(filled, bucket)] = count
    counts = np.cumsum(_weights(len(blocks), generator) @ table, axis=1)
    found = []
    for quantile, scale in zip(quantiles, scales, strict=True):
        exact = whole.quantile(quantile)
        assert exact is not None
        ranks = np.maximum(np.ceil(quantile * counts[:, -1:] - 1e-9), 1)
        places = np.minimum((counts < ranks).sum(axis=1), len(filled) - 1)
        found.append(_drawn(scale.to(exact), scale.rows_to(values[places]), len(blocks)))
    return found


def _weights(blocks: int, generator: Generator) -> Floats:
    """How often each block is drawn, a row for each redrawing."""
    return generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=REDRAWN).astype(np.float64)


def _drawn(value: float, redrawn: Floats, blocks: int) -> DrawnRun:
    """Redrawn values around their mean; of few blocks they lie too close together by (n − 1)/n."""
    few = np.sqrt(blocks / (blocks - 1)) if blocks > 1 else 0.0
    return DrawnRun(value, (redrawn - redrawn.mean()) * few)
