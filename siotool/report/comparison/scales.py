"""On which scale a metric is compared, how much runs are assumed to differ, and what is worth telling.

Costs, sizes and times are compared as ratios, so on the scale of their logarithm; shares, which may be
0, on the scale of 2 asin √p, on which a count of n scatters by 1/√n whatever the share is (M. F.
Freeman, J. W. Tukey, "Transformations related to the angular and the square root", 1950).

The assumed scatter between two runs of one server is what 42 real ones showed, rounded up
(docs/comparison.md). It counts as much as ``PRIOR_RUNS`` runs that repeat another: with two or three runs
a side it steadies the scatter that was seen; with one a side there is nothing else.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import numpy as np

from siotool.runs.seconds import Floats

#: How many repeated runs the assumed scatter counts for.
PRIOR_RUNS = 4.0


class Scale(msgspec.Struct, frozen=True):
    """How one metric is compared.

    ``to`` and ``back`` go to the scale and back. ``run_scatter`` is the assumed standard deviation of one
    run on it. An effect of less than ``least`` is not told: as a share of the baseline where ``relative``,
    else in the metric's unit.
    """

    run_scatter: float
    least: float
    relative: bool = True

    def to(self, value: float) -> float:
        """A metric's value on the scale."""
        return math.log(value) if self.relative else 2 * math.asin(math.sqrt(min(max(value, 0.0), 1.0)))

    def rows_to(self, values: Floats) -> Floats:
        """Many values on the scale."""
        if self.relative:
            return np.asarray(np.log(np.maximum(values, 1e-300)))
        return np.asarray(2 * np.arcsin(np.sqrt(np.clip(values, 0.0, 1.0))))

    def back(self, value: float) -> float:
        """What has a value on the scale."""
        return math.exp(value) if self.relative else math.sin(min(max(value, 0.0), math.pi) / 2) ** 2

    def noise(self, base: float, scatter: float) -> float:
        """A scatter on the scale, around ``base`` on it, in words' units: a share, or the metric's own."""
        if self.relative:
            return math.expm1(scatter)
        return self.back(base + scatter) - self.back(base)


#: Buckets of a histogram are 1 % wide to both sides, so a smaller difference of times may be theirs.
_LEAST_OF_TIMES = 0.02
_LEAST = 0.01
_SHARES = Scale(run_scatter=0.02, least=0.001, relative=False)
_OF_COSTS = {True: Scale(0.04, _LEAST), False: Scale(0.08, _LEAST)}
_BY_NAME: Mapping[str, Scale] = MappingProxyType(
    {
        "bytes_per_connection": Scale(0.005, _LEAST),
        "rss": Scale(0.03, _LEAST),
        "rss_per_connection": Scale(0.10, _LEAST),
    }
)
_OF_TIMES: Mapping[str, Scale] = MappingProxyType(
    {
        "p50": Scale(0.10, _LEAST_OF_TIMES),
        "p95": Scale(0.12, _LEAST_OF_TIMES),
        "p99": Scale(0.15, _LEAST_OF_TIMES),
    }
)
#: There are few connects, all in the second in which the load begins.
_OF_CONNECTS = Scale(0.30, _LEAST_OF_TIMES)


def scale_of_times(percentile: str, operation: str) -> Scale:
    """The scale of a percentile of an operation's times."""
    return _OF_CONNECTS if operation in ("connect", "reconnect") else _OF_TIMES[percentile]


def scale_of_amounts(name: str, kind: str, *, referred: bool) -> Scale:
    """The scale of any other metric; ``referred``: costs are seen beside those of the generator."""
    if kind == "share":
        return _SHARES
    return _OF_COSTS[referred] if kind == "cost" else _BY_NAME[name]
