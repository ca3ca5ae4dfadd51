"""How many servers keep enough of them in service: k of n, exactly.

Servers fail independently, each out of service for a share ``down`` of the time, so the
number of servers in service among n is binomial. The tail is summed term by term from a
saddle-point value of its largest term (C. Loader, "Fast and Accurate Computation of
Binomial Probabilities", 2000), which keeps full precision from k = 1 to k in the millions.
scipy.special offers the same number, but importing it costs as much CPU as a whole plan may.
"""

import math
from collections.abc import Callable

from siotool.errors import InputError

#: More servers than any fleet has; an answer beyond it is a slip in the figures.
MOST_SERVERS = 100_000_000

#: A target missed by less than rounding noise is met: two servers at 90 % are up 99 %.
_NOISE = 1e-9


def shortfall_probability(servers: int, needed: int, down: float) -> float:
    """Return P[fewer than ``needed`` of ``servers`` are in service], each down for a share ``down``."""
    spare = servers - needed
    if needed <= 0:
        return 0.0
    if spare < 0:
        return 1.0
    if down <= 0:
        return 0.0
    if down >= 1:
        return 1.0
    # "more than `spare` servers are down"; sum whichever tail does not hold the mean
    if spare + 1 > servers * down:
        return min(1.0, _upper_tail(spare + 1, servers, down))
    return max(0.0, 1.0 - _upper_tail(needed, servers, 1 - down))


def servers_for(needed: int, down: float, target: float) -> int:
    """Return the smallest n such that ``needed`` of n servers are in service with probability ``target``.

    ``down`` is the share of time a server is out of service, 0 ≤ down < 1; 0 < target < 1.
    Raises InputError when no reasonable fleet does it.
    """
    if needed <= 0 or down <= 0:
        return max(0, needed)
    allowed = (1 - target) * (1 + _NOISE)

    def enough(servers: int) -> bool:
        return shortfall_probability(servers, needed, down) <= allowed

    too_few, spare = needed - 1, 1
    while not enough(needed + spare - 1):
        too_few = needed + spare - 1
        if too_few > MOST_SERVERS:
            raise InputError(
                f"more than {MOST_SERVERS:,} servers would be needed to keep {needed:,} in service",
                "check downtime and workday: a server is hardly ever in service with these",
            )
        spare *= 2
    return _first(enough, too_few, needed + spare - 1)


def _first(enough: Callable[[int], bool], low: int, high: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _upper_tail(first: int, n: int, p: float) -> float:
    """P[Bin(n, p) >= first] for ``first`` above the mean n·p: terms shrink from the first on."""
    term = total = _binomial_pmf(first, n, p)
    odds = p / (1 - p)
    for k in range(first, n):
        term *= (n - k) / (k + 1) * odds
        if term <= total * 1e-18:
            break
        total += term
    return total


def _binomial_pmf(k: int, n: int, p: float) -> float:
    """Loader's saddle-point form; 0 < p < 1 and k > 0."""
    q = 1 - p
    if k == n:
        return math.exp(n * math.log(p))
    exponent = (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(n - k)
        - _deviance(k, n * p)
        - _deviance(n - k, n * q)
    )
    return math.exp(exponent) * math.sqrt(n / (2 * math.pi * k * (n - k)))


def _stirling_error(n: int) -> float:
    """ln n! − ln(√(2πn) (n/e)ⁿ)."""
    if n < 16:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
    square = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n


def _deviance(x: float, mean: float) -> float:
    """x ln(x/mean) + mean − x, without cancellation where x is close to the mean."""
    if abs(x - mean) >= 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    v = (x - mean) / (x + mean)
    total = (x - mean) * v
    term = 2 * x * v
    for j in range(1, 1000):
        term *= v * v
        previous, total = total, total + term / (2 * j + 1)
        if total == previous:
            break
    return total
