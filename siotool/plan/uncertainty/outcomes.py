"""What many draws of a plan say: servers needed in each, infinity where no fleet suffices."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.plan.inputs.distributions import Floats
from siotool.plan.numbers import Number


class Summary(msgspec.Struct, frozen=True):
    """Servers that suffice in 50, 90 and 95 % of the draws, and the share that no fleet suffices in.

    A quantile is infinite where too many draws have no fleet.
    """

    p50: float
    p90: float
    p95: float
    infeasible: float


def as_draws(servers: Number) -> Floats:
    """Return one value per draw; a plan without anything uncertain has a single one.

    Raises ValueError for what is not a number: a model that makes NaN is wrong.
    """
    draws: Floats = np.atleast_1d(np.asarray(servers, dtype=np.float64))
    if np.isnan(draws).any():
        raise ValueError(f"servers are not a number in {int(np.isnan(draws).sum())} of {draws.size} draws")
    return draws


def quantiles(servers: Number, *shares: float) -> list[float]:
    """Return, for each share, the smallest drawn count that suffices in this share of the draws.

    No interpolation: whole servers stay whole, and ``suffices`` of the answer is the share at least.
    """
    draws = as_draws(servers)
    at = [place(share, draws.size) for share in shares]
    return [float(value) for value in np.partition(draws, at)[at]]


def summary(servers: Number) -> Summary:
    """Return the quantiles a plan answers with."""
    draws = as_draws(servers)
    p50, p90, p95 = quantiles(draws, 0.5, 0.9, 0.95)
    return Summary(p50, p90, p95, float(np.isinf(draws).mean()))


def suffices(servers: Number, fleet: float) -> float:
    """Return the probability that ``fleet`` servers are enough."""
    return float((as_draws(servers) <= fleet).mean())


def binding(names: Sequence[str], needed: Sequence[Number]) -> dict[str, float]:
    """Return the probability that each constraint decides.

    ``needed`` holds the servers that each of ``names`` asks for, draw by draw, best not yet
    rounded up; constraints that ask for equally many share the draw. The result adds up to 1.
    """
    rows = np.stack(np.broadcast_arrays(*(as_draws(servers) for servers in needed)))
    decides = rows == rows.max(axis=0)
    shares = (decides / decides.sum(axis=0)).mean(axis=1)
    return {name: float(share) for name, share in zip(names, shares, strict=True)}


def capped(servers: Floats) -> Floats:
    """Return the draws with infinity replaced by the largest finite count, for variances."""
    finite = servers[np.isfinite(servers)]
    return np.minimum(servers, float(finite.max()) if finite.size else 0.0)


def place(share: float, count: int) -> int:
    """Return where a quantile stands among ``count`` sorted draws."""
    return min(count - 1, max(0, math.ceil(share * count - 1e-9) - 1))
