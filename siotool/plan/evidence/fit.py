"""The CPU of a server as a sum of what it does, each at its cost: a fit by non-negative least squares.

    cores = base + idle × connections + inbound × messages/s + ack × acks/s
            + delivery × deliveries/s + byte × bytes/s + connect × handshakes/s

Costs are core-seconds and cannot be negative (scipy.optimize.nnls: C. L. Lawson, R. J. Hanson,
"Solving Least Squares Problems", 1974, ch. 23). ``inbound`` includes the encoding of a broadcast
where it publishes: that is done once for the message. ``delivery`` is one write to one recipient.

A server that warms up costs more than it will later: seconds of the ramp weigh a hundredth of those
of the hold phase, and decide only what these leave open. A server at rest takes no more than it did
in its quietest second.
"""

import msgspec
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import nnls

from siotool.errors import InputError
from siotool.plan.evidence.observe import Observations
from siotool.plan.evidence.regressors import Chosen, choose
from siotool.plan.evidence.resample import lag1, redrawn_sums, run_cv, run_factor
from siotool.plan.inputs.costs import LEARNT
from siotool.runs.seconds import Floats

#: The cost of a server at rest.
BASE = "server.base_cost"
#: Replicates of every figure; a Monte Carlo run draws among them.
REPLICATES = 1000
#: Seconds needed for each cost that is fitted.
_ROWS_PER_COST = 3
#: What a second outside the hold phase weighs, of one within it.
_UNSTEADY = 1e-2


class CpuFit(msgspec.Struct, frozen=True, eq=False):
    """The costs of a server's work in core-seconds, and how well they explain the runs.

    ``costs`` and ``replicates`` have one entry, and one row, for each of ``names``; the draws of
    all rows belong together. ``observed`` and ``predicted`` are cores, one for each row of the
    observations. ``explained`` is the share of the variance that costs explain at best, ramps
    included.
    ``run_cv`` is the scatter between runs, learnt from ``repeats`` repeated runs and a prior.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    costs: Floats
    replicates: Floats
    observed: Floats
    predicted: Floats
    residual_sd_cores: float
    lag1: float
    explained: float
    run_cv: float
    repeats: int
    chosen: Chosen

    def cores(self, load: dict[str, float]) -> Floats:
        """Return the cores that a load takes, one for each replicate; ``load`` by column name.

        Columns without a cost, or inside another cost, need no entry.
        """
        amounts = [1.0 if column == "" else load.get(column, 0.0) for column in self.columns]
        return np.asarray(np.array(amounts) @ self.replicates)


def fit_cpu(observations: Observations, generator: Generator, draws: int = REPLICATES) -> CpuFit:
    """Fit the costs. Raises InputError when the runs are too short or show no load to learn from."""
    chosen = choose(observations)
    if not chosen.work:
        if any(np.count_nonzero(observations.usable[work.column]) for work in LEARNT):
            raise InputError(
                f"{_files(observations)}: the load never varied, so it shows no cost",
                "ramp up from 0, or add a run of another load",
            )
        raise InputError(
            f"{_files(observations)}: the server had nothing to do", "run a scenario that does something"
        )
    seconds = observations.usable
    held = np.where(seconds.held, 1.0, _UNSTEADY)
    weights = np.sqrt(held * seconds["duration_s"] / seconds["duration_s"].mean())
    observed = seconds["cpu_cores"]
    columns = _columns(chosen)
    names = tuple(work.key for work in chosen.work) + ((BASE,) if chosen.base else ())
    if len(seconds) < _ROWS_PER_COST * len(columns):
        raise InputError(
            f"{_files(observations)}: {len(seconds)} s are too few for {len(columns)} costs",
            "run longer, or give more runs",
        )
    design, scale = _design(observations, columns)
    solve = _Solver(design, weights, float(observed.min()) if chosen.base else None)
    scaled = solve(solve.aim(observed))
    predicted = design @ scaled
    errors = observed - predicted
    redrawn = redrawn_sums(errors, solve.leverage, seconds.run, draws, generator, solve.onto)
    cv, repeats = run_cv(*_runs(observations, predicted))
    of_run = run_factor(cv, (draws, len(observations.origins)), generator)
    own = [solve.aim(np.where(seconds.run == number, predicted, 0.0)) for number in range(of_run.shape[1])]
    replicates = np.array([solve(aim) for aim in of_run @ np.array(own) + redrawn]).T / scale[:, None]
    # costs below 0 are cut off, which moves the middle of the others up
    middle = np.median(replicates, axis=1)
    centred = (scaled > 0) & (middle > 0)
    replicates[centred] *= (scaled / scale)[centred, None] / middle[centred, None]
    return CpuFit(
        names=names,
        columns=columns,
        costs=scaled / scale,
        replicates=replicates,
        observed=observed,
        predicted=predicted,
        residual_sd_cores=float(np.sqrt((errors**2).sum() / max(1, len(errors) - len(columns)))),
        lag1=lag1(errors, seconds.run),
        explained=_explained(observations, chosen),
        run_cv=cv,
        repeats=repeats,
        chosen=chosen,
    )


def _explained(observations: Observations, chosen: Chosen) -> float:
    """The share of the CPU's variance over all seconds that costs can explain at best; below 0: none do."""
    observed, alike = observations.usable["cpu_cores"], np.sqrt(observations.usable["duration_s"])
    columns = _columns(msgspec.structs.replace(chosen, base=chosen.light))
    design, _ = _design(observations, columns)
    errors = observed - design @ (solve := _Solver(design, alike, None))(solve.aim(observed))
    variance = float(((observed - observed.mean()) ** 2).sum())
    return 1 - float((errors**2).sum()) / variance if variance > 0 else 0.0


class _Solver:
    """Weighted non-negative least squares on one design; its last column is the server at rest.

    ``rest_at_most`` bounds that column's cost, None where there is no such column.
    """

    def __init__(self, design: Floats, weights: Floats, rest_at_most: float | None) -> None:
        self._rest_at_most = rest_at_most
        orthogonal, self._upper = np.linalg.qr(design * weights[:, None])
        self.leverage: Floats = (orthogonal**2).sum(axis=1)
        #: By what each row counts in the aim.
        self.onto: Floats = orthogonal * weights[:, None]

    def aim(self, target: Floats) -> Floats:
        """What of a target the costs can explain: as many numbers as costs, which add up as targets do."""
        found: Floats = target @ self.onto
        return found

    def __call__(self, aim: Floats) -> Floats:
        """Return the cost of each column that explains a target best, by its ``aim``."""
        found: Floats = nnls(self._upper, aim)[0]
        most = self._rest_at_most
        if most is None or found[-1] <= most:
            return found
        if self._upper.shape[1] == 1:
            return np.array([most])
        rest = nnls(self._upper[:, :-1], aim - most * self._upper[:, -1])[0]
        return np.append(rest, most)


def _columns(chosen: Chosen) -> tuple[str, ...]:
    """The columns of the design; the server at rest is the last, and has no name."""
    return tuple(work.column for work in chosen.work) + (("",) if chosen.base else ())


def _design(observations: Observations, columns: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Columns side by side, each divided by its largest value; and those values."""
    ones = np.ones(len(observations.usable.run))
    table = np.array([ones if column == "" else observations.usable[column] for column in columns]).T
    scale = table.max(axis=0)
    return table / scale, scale


def _runs(observations: Observations, predicted: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Each run's mean CPU over what the fit says of it, and which runs repeat each other."""
    count = len(observations.origins)
    held = observations.usable.held
    ratios = np.ones(count)
    for number in range(count):
        mine = held & (observations.usable.run == number)
        if mine.any() and predicted[mine].sum() > 0:
            ratios[number] = max(observations.usable["cpu_cores"][mine].sum() / predicted[mine].sum(), 1e-9)
    kinds = [origin.alike for origin in observations.origins]
    return ratios, np.array([kinds.index(kind) for kind in kinds])


def _files(observations: Observations) -> str:
    return ", ".join(origin.file for origin in observations.origins)
