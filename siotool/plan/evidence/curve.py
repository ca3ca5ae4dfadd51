"""The CPU of an event loop as a curve of its load.

    cores = base + idle × connections + turn × turns/s + inbound × messages/s + ack × acks/s
            + delivery × deliveries/s + long × long deliveries/s
            + byte × bytes/s sent + byte_in × bytes/s received + connect × handshakes/s

It is not straight in the load. A loop wakes up for what has come: at a light load for each message,
at a heavy one for many at once, so that turns saturate:

    turns/s = T × (1 − exp(−messages/s ÷ T))

Small messages are copied into the frame, longer ones are written beside it, which costs more once
and hardly grows: a delivery of ``size`` bytes counts for 1 − exp(−(size − 80) ÷ 300) of a long one.

A machine is not always as fast: a neighbour on the host, or a lower clock, makes the same work take more
CPU. Where a loop of fixed work ran beside the server, what a pass of it took, over the run's middle, is the
machine's *pace* (``siotool.plan.evidence.holds``), and the server's CPU is read at pace 1.

Costs are not negative (scipy.optimize.nnls: Lawson & Hanson, "Solving Least Squares Problems", 1974,
ch. 23). Errors count in proportion to the CPU, with a floor.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from scipy.optimize import nnls

from siotool.plan.evidence.holds import HeldPhase
from siotool.runs.seconds import Floats

#: Terms of the sum, by the name of their cost.
TERMS = (
    "delivery",
    "inbound",
    "ack",
    "connect",
    "byte",
    "turn",
    "long",
    "byte_in",
    "idle",
    "base",
)
#: Turns per second that a loop makes at most, T above: a generator's timers count milliseconds, so what
#: it sends comes a thousand times a second at most. Another T is taken where it leaves no more than this
#: share of the squared errors: a few noisy phases prefer one or the other by chance.
TURNS_MOST, OTHER_TURNS, MUCH_BETTER = 1000.0, (300.0, 3000.0), 0.6
#: Sizes in bytes of a message around which it becomes a long one.
_SHORT_BYTES, _LONG_BYTES = 80.0, 300.0
#: An error counts as a share of the CPU, and of these cores.
FLOOR_CORES = 0.01


class CostCurve(msgspec.Struct, frozen=True):
    """Costs in CPU seconds by the names of ``TERMS``; ``turns_most`` is T above."""

    costs: dict[str, float]
    turns_most: float

    def cores(self, load: Mapping[str, float]) -> float:
        """Return the cores that a load takes, by the columns of ``siotool.runs.seconds``."""
        amounts = terms(load, self.turns_most)
        return sum(cost * amounts[name] for name, cost in self.costs.items())


def long_share(size: float) -> float:
    """How much of a long delivery one of so many bytes is."""
    return 1 - math.exp(-max(0.0, size - _SHORT_BYTES) / _LONG_BYTES)


def terms(load: Mapping[str, float], turns_most: float) -> dict[str, float]:
    """Amounts per second by the names of ``TERMS``."""
    inbound = load.get("inbound_per_s", 0.0)
    deliveries, acks = load.get("deliveries_per_s", 0.0), load.get("acks_per_s", 0.0)
    sent = load.get("bytes_in_per_s", 0.0)
    size = sent / (deliveries + acks) if deliveries + acks > 0 else 0.0
    return {
        "delivery": deliveries,
        "inbound": inbound,
        "ack": acks,
        "connect": load.get("handshakes_per_s", 0.0),
        "byte": sent,
        "turn": turns_most * (1 - math.exp(-inbound / turns_most)),
        "long": deliveries * long_share(size),
        "byte_in": load.get("bytes_out_per_s", 0.0),
        "idle": load.get("connections", 0.0),
        "base": 1.0,
    }


def design(holds: Sequence[HeldPhase], names: Sequence[str], turns_most: float) -> Floats:
    """One row for each hold, one column for each named term."""
    return np.array([[terms(hold.load, turns_most)[name] for name in names] for hold in holds])


def solve(table: Floats, cores: Floats) -> Floats:
    """Return the cost of each column: errors count relative to ``FLOOR_CORES`` and the CPU itself."""
    scale = np.where(table.max(axis=0) > 0, table.max(axis=0), 1.0)
    weights = 1 / (FLOOR_CORES + cores)
    costs: Floats = nnls(table / scale * weights[:, None], cores * weights)[0] / scale
    return costs


def fit_curve(holds: Sequence[HeldPhase], cores: Floats, names: Sequence[str]) -> CostCurve:
    """The curve that explains the cores of some holds best."""
    usual, *others = (_fitted(holds, cores, names, most) for most in (TURNS_MOST, *OTHER_TURNS))
    best = min(others)
    return best[2] if best[0] <= MUCH_BETTER * usual[0] else usual[2]


def _fitted(
    holds: Sequence[HeldPhase], cores: Floats, names: Sequence[str], most: float
) -> tuple[float, float, CostCurve]:
    table = design(holds, names, most)
    costs = solve(table, cores)
    errors = (table @ costs - cores) / (FLOOR_CORES + cores)
    return float((errors**2).sum()), most, CostCurve(dict(zip(names, map(float, costs), strict=True)), most)
