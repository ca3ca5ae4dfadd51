"""The CPU of an event loop as a curve of its load.

    work = base + idle × connections + turn × turns/s + inbound × messages/s + publish × broadcasts/s
           + ack × acks/s + long_ack × long acks/s + delivery × deliveries/s + long × long deliveries/s
           + byte × bytes/s sent + byte_in × bytes/s received + connect × handshakes/s
    cores = work + A × (1 − exp(−work ÷ W))

It is not straight in the load. A loop wakes up for what has come: at a light load for each message,
at a heavy one for many at once, so that turns saturate:

    turns/s = T × (1 − exp(−messages/s ÷ T))

A process that has little to do finds its caches cold each time, and wakes its clients with each write; the
more it has to do, the less that adds to it: A is what that comes to at most, and W the work from which on it
hardly grows.

Four different servers, on Node.js and Python, agree on this shape: T of 300, A and W of 0.16
(``python -m tests.bench.curve_shapes``). Another is taken only where the phases show it clearly.

Small messages are copied into the frame, longer ones are written beside it, which costs more once
and hardly grows: a delivery or an answer of ``size`` bytes counts for 1 − exp(−(size − 80) ÷ 300) of a long
one. Bytes are those of packets: a server that compresses works on those, and not on what is left of them.

A machine is not always as fast: a neighbour on the host, or a lower clock, makes the same work take more
CPU. Where a loop of fixed work ran beside the server, what that cost, over its middle, is the machine's
*pace* (``siotool.plan.evidence.holds``), and the server's CPU is read at pace 1.

Costs are not negative (scipy.optimize.nnls: Lawson & Hanson, "Solving Least Squares Problems", 1974,
ch. 23). Errors count in proportion to the CPU, with a floor.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product

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
    "publish",
    "long",
    "long_ack",
    "byte_in",
    "idle",
    "base",
)
#: Turns per second that a loop makes at most, T above, and others that are tried.
TURNS_MOST, OTHER_TURNS = 300.0, (100.0, 1000.0, 3000.0)
#: A and W above, in cores, and others that are tried.
WAKING, WAKING_CORES, WAKING_WORK = 0.16, (0.04, 0.08, 0.12, 0.16, 0.24), (0.04, 0.08, 0.16, 0.3)
#: Another shape is taken where it leaves no more than this share of the squared errors: a few noisy phases
#: prefer one or the other by chance.
MUCH_BETTER = 0.6
#: Sizes in bytes of a message around which it becomes a long one.
_SHORT_BYTES, _LONG_BYTES = 80.0, 300.0
_HALVINGS = 30
#: An error counts as a share of the CPU, and of these cores.
FLOOR_CORES = 0.01


def saturating(amount: Floats | float, most: float) -> Floats:
    """As much as an amount while it is small, and no more than ``most``."""
    return np.asarray(-most * np.expm1(-np.asarray(amount) / most))


class CurveShape(msgspec.Struct, frozen=True):
    """How the curve bends: T, and the A and W of its docstring, in cores. Without a bend A is 0."""

    turns_most: float
    waking_cores: float = 0.0
    waking_work: float = 1.0

    def cores(self, work: Floats) -> Floats:
        """The cores that some work takes, which is what its parts cost in cores."""
        return work + self.waking_cores / self.waking_work * saturating(work, self.waking_work)

    def work(self, cores: Floats) -> Floats:
        """The work that takes some cores: the inverse of ``cores``, to a billionth of a core."""
        if not self.waking_cores:
            return cores
        low, high = np.zeros_like(cores), cores
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = self.cores(middle) < cores
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def slope(self, work: Floats) -> Floats:
        """How many cores a little more work takes, as a share of it."""
        bend: Floats = 1 + self.waking_cores / self.waking_work * np.exp(-work / self.waking_work)
        return bend


class CostCurve(msgspec.Struct, frozen=True):
    """Costs in CPU seconds by the names of ``TERMS``, and how they add up."""

    costs: dict[str, float]
    shape: CurveShape

    def cores(self, load: Mapping[str, float]) -> float:
        """Return the cores that a load takes, by the columns of ``siotool.runs.seconds``."""
        amounts = terms(load, self.shape.turns_most)
        work = sum(cost * amounts[name] for name, cost in self.costs.items())
        return float(self.shape.cores(np.asarray(work)))


#: The squared errors of a curve, and the curve.
Fitted = tuple[float, CostCurve]


def long_share(size: float) -> float:
    """How much of a long delivery one of so many bytes is."""
    return 1 - math.exp(-max(0.0, size - _SHORT_BYTES) / _LONG_BYTES)


def terms(load: Mapping[str, float], turns_most: float) -> dict[str, float]:
    """Amounts per second by the names of ``TERMS``."""
    inbound = load.get("inbound_per_s", 0.0)
    deliveries, acks = load.get("deliveries_per_s", 0.0), load.get("acks_per_s", 0.0)
    sent = load.get("payload_in_per_s", 0.0)
    size = sent / (deliveries + acks) if deliveries + acks > 0 else 0.0
    return {
        "delivery": deliveries,
        "inbound": inbound,
        "ack": acks,
        "connect": load.get("handshakes_per_s", 0.0),
        "byte": sent,
        "turn": float(saturating(inbound, turns_most)),
        "publish": load.get("published_per_s", 0.0),
        "long": deliveries * long_share(size),
        "long_ack": acks * long_share(size),
        "byte_in": load.get("payload_out_per_s", 0.0),
        "idle": load.get("connections", 0.0),
        "base": 1.0,
    }


def design(holds: Sequence[HeldPhase], names: Sequence[str], turns_most: float) -> Floats:
    """One row for each hold, one column for each named term."""
    return np.array([[terms(hold.load, turns_most)[name] for name in names] for hold in holds])


def solve(table: Floats, cores: Floats, shape: CurveShape) -> Floats:
    """Return the cost of each column: errors count relative to ``FLOOR_CORES`` and the CPU itself."""
    scale = np.where(table.max(axis=0) > 0, table.max(axis=0), 1.0)
    work = shape.work(cores)
    weights = shape.slope(work) / (FLOOR_CORES + cores)
    costs: Floats = nnls(table / scale * weights[:, None], work * weights)[0] / scale
    return costs


#: The shape that servers have as a rule.
USUAL_SHAPE = CurveShape(TURNS_MOST, WAKING, WAKING)


def fit_curve(holds: Sequence[HeldPhase], cores: Floats, names: Sequence[str]) -> CostCurve:
    """The curve that explains the cores of some holds: of the usual shape, or of one that is much better."""
    usual = _fitted(holds, cores, names, USUAL_SHAPE)
    bends = ((0.0, 1.0), *product(WAKING_CORES, WAKING_WORK))
    shapes = (CurveShape(turns, *bend) for turns in (TURNS_MOST, *OTHER_TURNS) for bend in bends)
    other = min((_fitted(holds, cores, names, shape) for shape in shapes), key=lambda one: one[0])
    return (other if other[0] <= MUCH_BETTER * usual[0] else usual)[1]


def _fitted(holds: Sequence[HeldPhase], cores: Floats, names: Sequence[str], shape: CurveShape) -> Fitted:
    table = design(holds, names, shape.turns_most)
    costs = solve(table, cores, shape)
    errors = (shape.cores(table @ costs) - cores) / (FLOOR_CORES + cores)
    return float((errors**2).sum()), CostCurve(dict(zip(names, map(float, costs), strict=True)), shape)
