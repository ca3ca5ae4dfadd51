"""The k of n of ``siotool.plan.redundancy.availability``, for a hundred thousand draws at once.

With k servers needed, the servers found out of service before the k-th one in service are
negative binomial, so the spares to have are a quantile of it. A second-order normal estimate
of that quantile (Cornish and Fisher, 1938) is moved to the exact one with scipy's incomplete
beta function. Where the probability comes within 1e-7 of the one allowed, the scalar function
decides, so that both always agree.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from siotool.errors import InputError
from siotool.plan.numbers import Number
from siotool.plan.redundancy.availability import MOST_SERVERS, servers_for

#: scipy's incomplete beta function is good to about 1e-12 here; this is a wide margin.
_DOUBT = 1e-7
_NOISE = 1e-9  # as in siotool.plan.redundancy.availability

Floats = NDArray[Any]


def servers_for_draws(servers: Number, share: Number, target: float) -> Floats:
    """Return, draw by draw, the smallest n of which ``servers`` are in service with probability ``target``.

    ``servers`` (whole numbers, as floats) and ``share`` (of time out of service) broadcast
    against each other; 0 < ``target`` < 1. Equal to ``servers_for``, except that a draw which
    no reasonable fleet serves, for which that raises InputError, is infinity.
    """
    needed, down = np.broadcast_arrays(np.asarray(servers, float), np.asarray(share, float))
    answer: Floats = np.maximum(needed, 0.0)
    walk = (needed > 0) & (down > 0)
    answer[walk & (~np.isfinite(needed) | (down >= 1))] = np.inf
    walk &= np.isfinite(needed) & (down < 1)
    pairs, back = _unique(needed[walk], down[walk])
    answer[walk] = _servers(pairs.real, pairs.imag, target)[back]
    return answer


def _unique(needed: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Distinct pairs, each as one complex number: sorting those is faster than sorting rows."""
    pairs, back = np.unique(needed + 1j * down, return_inverse=True)
    return pairs, back


def _servers(needed: Floats, down: Floats, target: float) -> Floats:
    allowed = (1 - target) * (1 + _NOISE)
    spare, doubtful = _walk(needed, down, allowed, _estimate(needed, down, allowed))
    servers = needed + spare
    for i in np.flatnonzero(doubtful & np.isfinite(servers)):
        servers[i] = _scalar(int(needed[i]), float(down[i]), target)
    return servers


def _scalar(needed: int, down: float, target: float) -> float:
    try:
        return float(servers_for(needed, down, target))
    except InputError:
        return np.inf


def _estimate(needed: Floats, down: Floats, allowed: float) -> Floats:
    """Spares by the normal quantile, corrected for skew; 0 where hardly a server is ever down."""
    up = 1 - down
    mean, spread = needed * down / up, np.sqrt(needed * down) / up
    z = special.ndtri(1 - allowed)
    skew = (1 + down) / np.sqrt(needed * down)
    estimate: Floats = np.ceil(mean + spread * (z + (z * z - 1) * skew / 6) - 0.5)
    return np.asarray(np.clip(estimate, 0.0, float(MOST_SERVERS)))


def _walk(needed: Floats, down: Floats, allowed: float, start: Floats) -> tuple[Floats, Floats]:
    """Return the fewest spares that are enough, and where rounding might have decided it."""
    enough, too_few = np.full(start.shape, np.inf), np.full(start.shape, -1.0)
    doubtful = np.zeros(start.shape, bool)
    trial, step = start.copy(), np.ones(start.shape)
    open_ = np.arange(start.size)
    while open_.size:
        k, s = needed[open_], trial[open_]
        short = special.betainc(s + 1, k, down[open_])
        doubtful[open_] |= np.abs(short - allowed) <= _DOUBT * allowed
        met = short <= allowed
        enough[open_] = np.where(met, s, enough[open_])
        too_few[open_] = np.where(met, too_few[open_], s)
        above, below = enough[open_], too_few[open_]
        unbounded = np.isinf(above)
        # double while one side is open, halve once both are known
        onward = np.where(unbounded, below + step[open_], np.maximum(above - step[open_], below + 1))
        halved = np.floor((above + below) / 2)
        trial[open_] = np.where(unbounded | (below < 0), onward, halved)
        step[open_] *= 2
        going = (above - below > 1) & (below <= MOST_SERVERS)
        open_ = open_[going]
    return enough, doubtful
