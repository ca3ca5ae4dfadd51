"""The Universal Scalability Law: what more nodes add, and where they stop adding anything.

    X(N) = γ N / (1 + α (N − 1) + β N (N − 1))

γ is what one node does, α what the nodes wait for in turn (contention), β what each pair of them
must agree on (coherency). N. J. Gunther, "Guerrilla Capacity Planning", 2007, ch. 4–6; fitted as
R's usl package does (https://github.com/smoeding/usl): α and β in [0, 1], from α = 0.01,
β = 0.0001 and the largest γ that any point suggests.

Residuals of such fits resemble their neighbours (lag-1 autocorrelation 0.86 on the 32 points of
https://github.com/codahale/usl4j), so they are redrawn in blocks. R² means nothing for a curve
and is not given: the package above took it out for that reason.

The curve is least right at its end: from the first 14 of those points the peak lies
at 22.6 nodes and 10,550, yet 12,211 was measured at 27. So nothing is predicted beyond the
largest number of nodes measured, unless the peak was passed and β is certainly above 0.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.random import PCG64, Generator
from scipy.optimize import curve_fit

from siotool.errors import InputError
from siotool.plan.evidence.observe import Observations
from siotool.plan.evidence.resample import lag1, redrawn_sums
from siotool.runs.seconds import Floats

#: Parameters of the law; as many different numbers of nodes must have been measured, and one more.
_PARAMETERS = 3
REPLICATES = 200
_REPLICATE_TOLERANCE = 1e-6
_MOST_STEPS = 5000
#: Contention and coherency below this are rounding noise.
_NONE = 1e-10


class Law(msgspec.Struct, frozen=True):
    """The three parameters; ``gamma`` in the throughput's unit for one node."""

    alpha: float
    beta: float
    gamma: float

    @property
    def peak_nodes(self) -> float:
        """Nodes at which throughput is highest, √((1 − α) / β); infinity without coherency cost."""
        return math.sqrt((1 - self.alpha) / self.beta) if self.beta > 0 else math.inf

    @property
    def peak(self) -> float:
        """Highest throughput; the limit γ / α without coherency cost, or infinity."""
        return throughput(self, self.peak_nodes) if math.isfinite(self.peak_nodes) else self.limit

    @property
    def limit(self) -> float:
        """Amdahl's bound γ / α, which contention alone would allow."""
        return self.gamma / self.alpha if self.alpha > 0 else math.inf


class UslFit(msgspec.Struct, frozen=True, eq=False):
    """A law fitted to points, its draws and how far it may be used.

    ``intervals`` are the 90 % bounds of alpha, beta, gamma, peak_nodes and peak. ``replicates`` holds
    alpha, beta and gamma in its columns. ``trusted_to`` is the largest number of nodes to predict
    for, with ``why``.
    """

    law: Law
    nodes: Floats
    observed: Floats
    predicted: Floats
    lag1: float
    replicates: Floats
    intervals: dict[str, tuple[float, float]]
    trusted_to: float
    why: str


def throughput(law: Law, nodes: float) -> float:
    """Throughput of any number of nodes, also beyond ``trusted_to``."""
    return float(_curve(nodes, law.alpha, law.beta, law.gamma))


def fit_usl(
    nodes: Sequence[float], observed: Sequence[float], seed: int = 0, draws: int = REPLICATES
) -> UslFit:
    """Fit the law to points, in any order, several for one number of nodes allowed.

    Raises InputError with fewer than four different numbers of nodes, or figures that are none.
    """
    order = np.argsort(np.asarray(nodes, dtype=float), kind="stable")
    n, x = np.asarray(nodes, dtype=float)[order], np.asarray(observed, dtype=float)[order]
    if not (np.isfinite(n).all() and np.isfinite(x).all() and (n > 0).all() and (x > 0).all()):
        raise InputError("the scalability law needs nodes and throughputs above 0", "leave failed runs out")
    different = len(np.unique(n))
    if different <= _PARAMETERS:
        raise InputError(
            f"{different} different numbers of nodes are too few for the scalability law's "
            f"{_PARAMETERS} parameters",
            f"measure at {_PARAMETERS + 1} or more, such as RUN@1 RUN@2 RUN@4 RUN@8",
        )
    found = _solve(n, x, (0.01, 0.0001, float((x / n).max())))
    predicted = _curve(n, *found)
    residuals = x - predicted
    run = np.zeros(len(n), dtype=np.intp)
    leverage = np.full(len(n), _PARAMETERS / len(n))
    redrawn = redrawn_sums(residuals, leverage, run, draws, Generator(PCG64(seed)), np.eye(len(n)))
    drawn = np.maximum(predicted + redrawn, 1e-12)
    replicates = np.array([_solve(n, one, found, _REPLICATE_TOLERANCE) for one in drawn])
    law = Law(*found)
    laws = [Law(*map(float, row)) for row in replicates]
    intervals = {
        name: _interval([getattr(one, name) for one in laws], getattr(law, name))
        for name in ("alpha", "beta", "gamma", "peak_nodes", "peak")
    }
    trusted_to, why = _trust(law, intervals["beta"][0], n)
    return UslFit(
        law=law,
        nodes=n,
        observed=x,
        predicted=predicted,
        lag1=lag1(residuals, run),
        replicates=replicates,
        intervals=intervals,
        trusted_to=trusted_to,
        why=why,
    )


def points(observations: Observations) -> tuple[list[float], list[float]]:
    """Return nodes and capacity of each run, for ``fit_usl``.

    Capacity is messages in and deliveries per second in the hold phase, extrapolated linearly
    to all cores of the sampled processes: a run that left them half idle could have carried
    twice as much. Raises InputError when runs are not of one scenario with the same settings.
    """
    first = observations.origins[0]
    nodes, capacity = [], []
    seconds = observations.usable
    for number, origin in enumerate(observations.origins):
        if (origin.scenario, origin.settings) != (first.scenario, first.settings):
            raise InputError(
                f"{first.file} and {origin.file} differ in their scenario or its settings",
                "the scalability law compares the same work on different numbers of nodes",
            )
        mine = seconds.held & (seconds.run == number)
        work = seconds.mean("inbound_per_s", mine) + seconds.mean("deliveries_per_s", mine)
        cores = seconds.mean("cpu_cores", mine)
        if not (work > 0 and cores > 0):  # or nothing was held
            raise InputError(f"{origin.file}: the server carried no messages", "leave this run out")
        nodes.append(float(origin.nodes))
        capacity.append(work * origin.cores / cores)
    return nodes, capacity


def _curve(n: Any, alpha: Any, beta: Any, gamma: Any) -> Any:
    return gamma * n / (1 + alpha * (n - 1) + beta * n * (n - 1))


def _slopes(n: Floats, alpha: float, beta: float, gamma: float) -> Floats:
    """Derivatives of the curve by its parameters, one row for each point."""
    below = 1 + alpha * (n - 1) + beta * n * (n - 1)
    by_gamma = n / below
    by_alpha = -gamma * by_gamma * (n - 1) / below
    return np.stack([by_alpha, by_alpha * n, by_gamma], axis=1)


def _solve(
    n: Floats, x: Floats, start: tuple[float, float, float], tolerance: float = 1e-14
) -> tuple[float, float, float]:
    """Least squares within the bounds."""
    unit = float((x / n).max())  # γ near 1 keeps the three parameters comparable
    begin = (min(start[0], 0.99), min(start[1], 0.99), start[2] / unit)
    found, _ = curve_fit(
        _curve,
        n,
        x / unit,
        p0=begin,
        jac=_slopes,
        bounds=([0.0, 0.0, 0.0], [1.0, 1.0, np.inf]),
        x_scale=(0.01, 0.0001, 1.0),
        ftol=tolerance,
        xtol=tolerance,
        gtol=tolerance,
        max_nfev=_MOST_STEPS,
    )
    # the solver stays inside its bounds: a parameter that it leaves near 0 is 0
    a, b, g = (float(value) if value > _NONE else 0.0 for value in found)
    return a, b, g * unit


def _interval(values: list[float], value: float) -> tuple[float, float]:
    low, high = np.quantile(values, (0.05, 0.95), method="inverted_cdf")  # no mean of two infinities
    return min(float(low), value), max(float(high), value)


def _trust(law: Law, beta_low: float, n: Floats) -> tuple[float, str]:
    largest = float(n.max())
    if beta_low > 0 and law.peak_nodes < largest:
        return math.inf, f"the peak at {law.peak_nodes:.3g} nodes is below the largest measured"
    if beta_low > 0:
        why = f"the peak at {law.peak_nodes:.3g} nodes lies beyond the {largest:g} measured"
    else:
        why = f"nothing measured up to {largest:g} nodes shows where the curve bends down"
    return largest, why
