"""The profile of a server, measured: what each thing it does costs, how sure that is, and how far.

Costs have the names and units that ``plan.inputs.costs`` gives them; those at rest are of one process.
A plan file has no key for the others:

| figure | unit | what |
|---|---|---|
| ``files_base``, ``files_per_connection`` | files | open file descriptors: of one process at rest |
| ``bytes_in_per_connection_per_s``, ``bytes_out_…`` | bytes/s | wire bytes, as the client sees them |
"""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.plan.evidence.fit import BASE, REPLICATES, CpuFit, fit_cpu
from siotool.plan.evidence.observe import Observations, event_loops, limit_share
from siotool.plan.evidence.regressors import Absorbed
from siotool.plan.evidence.resample import PRIOR_RUN_CV, redrawn_sums, run_factor
from siotool.plan.inputs.costs import COSTS, LEARNT
from siotool.plan.inputs.provenance import Provenance, measured
from siotool.runs.seconds import Floats
from siotool.runs.slope import OWN_MEMORY_BYTES, fit_gauge, lines
from siotool.units import format_count, format_share

#: Figures lie between ``low`` and ``high`` with a probability of 90 %.
LOW, HIGH = 0.05, 0.95
#: Scatter between runs of the open files of a connection: there is none, a connection is a file.
_FILES_CV = 0.0
_MEMORY = ("server.memory_base", "server.memory_per_connection")
_FILES = ("files_base", "files_per_connection")
#: Why nothing is learnt of the CPU.
_UNEXPLAINED = (
    "the CPU did not follow the load (its mean explains more than any costs do), so the runs are no evidence "
    "for it; look for other work on that machine, and check --server-pid"
)
#: Why there is no mean of a scenario and another.
_UNLIKE = "the runs differ in their workload, whose bandwidth this is: size from the messages"


class Estimate(msgspec.Struct, frozen=True, eq=False):
    """One measured figure in ``unit``, its 90 % interval and the draws it stands for."""

    value: float
    low: float
    high: float
    unit: str
    replicates: Floats
    provenance: Provenance
    how: str


class ServerProfile(msgspec.Struct, frozen=True, eq=False):
    """All that a set of runs says about a server.

    ``absorbed`` are costs inside another one (use 0 for them), ``absent`` figures that the runs
    show nothing of (use a published or typed one), each with its sentence. ``measured_to`` is the
    most of each kind of work that one server was seen doing in a second, by the column names of
    ``Observations``; ``share_of_limit`` the most that a hold phase took
    of its event loops' time, or of its CPU. ``one_workload``
    where all runs had the same scenario and settings. ``remarks`` are further doubts.
    """

    figures: dict[str, Estimate]
    absorbed: tuple[Absorbed, ...]
    absent: tuple[Absorbed, ...]
    measured_to: dict[str, float]
    cpu: CpuFit
    share_of_limit: float
    one_workload: bool
    runs: tuple[str, ...]
    remarks: tuple[str, ...]

    def draws(self, count: int, generator: Generator) -> dict[str, Floats]:
        """Return ``count`` draws of every figure; figures that were fitted together stay together."""
        chosen = generator.integers(len(self.cpu.replicates[0]), size=count)
        return {name: figure.replicates[chosen] for name, figure in self.figures.items()}


def measure(observations: Observations, seed: int, draws: int = REPLICATES) -> ServerProfile:
    """Estimate every figure that the observations can show; the same seed gives the same profile.

    Raises InputError when the runs are too short or the server had nothing to do.
    """
    generator = Generator(PCG64(seed))
    cpu = fit_cpu(observations, generator, draws)
    runs = tuple(origin.run for origin in observations.origins)
    origin = measured(runs)
    seconds = f"non-negative least squares over {len(observations.usable.run)} s"
    processes = min(event_loops(one.cores) for one in observations.origins)
    units, per = (
        {cost.key: cost.unit for cost in COSTS},
        dict.fromkeys((BASE, _MEMORY[0], _FILES[0]), processes),
    )
    figures = {
        name: _figure(float(cost), sample, units[name], origin, seconds, per.get(name, 1))
        for name, cost, sample in zip(cpu.names, cpu.costs, cpu.replicates, strict=True)
    }
    absent, absorbed = list(cpu.chosen.absent), cpu.chosen.absorbed
    if cpu.explained < 0:
        # a mean would have said more of the runs than these costs do
        absent += [Absorbed(name, _UNEXPLAINED) for name in figures]
        absent += [Absorbed(one.cost, _UNEXPLAINED) for one in absorbed]
        figures, absorbed = {}, ()
    for column, base, slope, unit, cv, own in (
        ("rss_bytes", *_MEMORY, "bytes", cpu.run_cv, OWN_MEMORY_BYTES),
        ("files_open", *_FILES, "files", _FILES_CV, 0.0),
    ):
        line = fit_gauge(observations.whole, column, own)
        if isinstance(line, str):
            absent += [Absorbed(base, line), Absorbed(slope, line)]
            continue
        x, y = line.points
        slopes, bases = lines(x, y, generator.integers(len(x), size=(draws, len(x))))
        factor = run_factor(cv / np.sqrt(len(runs)), draws, generator)
        bases, slopes = np.maximum(bases, 0.0), np.maximum(slopes, 0.0) * factor
        figures[base] = _figure(line.base, bases, unit, origin, line.how, per.get(base, 1))
        figures[slope] = _figure(line.slope, slopes, unit, origin, line.how)
    unlike = len({one.workload for one in observations.origins}) > 1
    for side in ("in", "out"):
        if unlike:
            absent.append(Absorbed(f"bytes_{side}_per_connection_per_s", _UNLIKE))
            continue
        value, sample = _per_connection(observations, f"bytes_{side}_per_s", draws, generator)
        how = "wire bytes per open connection and second of the hold phase"
        figures[f"bytes_{side}_per_connection_per_s"] = _figure(value, sample, "bytes/s", origin, how)
    nodes = np.array([one.nodes for one in observations.origins], dtype=float)[observations.usable.run]
    return ServerProfile(
        figures=figures,
        absorbed=absorbed,
        absent=tuple(absent),
        measured_to={work.column: float((observations.usable[work.column] / nodes).max()) for work in LEARNT},
        cpu=cpu,
        share_of_limit=_share_of_limit(observations),
        one_workload=not unlike,
        runs=runs,
        remarks=tuple(_remarks(observations, cpu, figures)),
    )


def _share_of_limit(observations: Observations) -> float:
    usable = observations.usable
    share = limit_share(usable, observations.origins)
    shares = [
        float(np.average(share[mine], weights=usable["duration_s"][mine]))
        for number in range(len(observations.origins))
        if (mine := usable.held & (usable.run == number) & np.isfinite(share)).any()
    ]
    return max(shares, default=0.0)


class Extrapolation(msgspec.Struct, frozen=True):
    """How far a plan goes beyond what was measured: ``factor`` 1 or less is within it.

    ``column`` is the kind of work that goes furthest; one sentence for each that goes beyond.
    """

    factor: float
    column: str
    sentences: tuple[str, ...]


def extrapolation(profile: ServerProfile, per_server: dict[str, float]) -> Extrapolation:
    """Compare the load of one planned server, by column name, with what the runs measured."""
    return extrapolated(profile.measured_to, per_server)


def extrapolated(measured_to: Mapping[str, float], per_server: Mapping[str, float]) -> Extrapolation:
    """Compare the load of one planned server, by column name, with the most that was measured of it.

    Work that a plan asks for and that was not measured at all is infinitely far.
    """
    factors: dict[str, float] = {}
    sentences = []
    for work in LEARNT:
        asked, seen = per_server.get(work.column, 0.0), measured_to.get(work.column, 0.0)
        if asked <= 0:
            continue
        factor = factors[work.column] = asked / seen if seen > 0 else float("inf")
        if factor > 1 + 1e-9:
            amount = format_count(asked if asked < 10 else round(asked))
            beyond = f"{_times(factor)} what was measured" if seen > 0 else "and no run had any"
            sentences.append(f"this plan takes {amount} {work.words} per server, {beyond}")
    furthest = max(factors, key=lambda column: factors[column], default="")
    return Extrapolation(factors.get(furthest, 0.0), furthest, tuple(sentences))


def _times(factor: float) -> str:
    return f"{factor:.2g} times" if factor < 10 else f"{factor:,.0f} times"


def _figure(
    value: float, replicates: Floats, unit: str, provenance: Provenance, how: str, per: int = 1
) -> Estimate:
    """Estimate one figure; ``per``: the processes that the value is of together."""
    value, replicates = value / per, replicates / per
    low, high = (float(bound) for bound in np.quantile(replicates, (LOW, HIGH)))
    return Estimate(value, min(low, value), max(high, value), unit, replicates, provenance, how)


def _per_connection(
    observations: Observations, column: str, draws: int, generator: Generator
) -> tuple[float, Floats]:
    """A total per connection-second of the hold phase, with block bootstrap replicates.

    What is sent is decided by the workload, not by the server: runs do not scatter beyond that.
    """
    rows = observations.whole.only(observations.whole.held)
    seconds, run = rows["duration_s"], rows.run
    amount, connected = rows[column] * seconds, rows["connections"] * seconds
    ratio = float(amount.sum() / connected.sum())
    errors = amount - ratio * connected
    leverage = np.full(len(errors), 1 / max(2, len(errors)))
    redrawn = redrawn_sums(errors, leverage, run, draws, generator, np.ones((len(errors), 1)))[:, 0]
    return ratio, np.maximum(0.0, ratio + redrawn / connected.sum())


def _remarks(observations: Observations, cpu: CpuFit, figures: dict[str, Estimate]) -> list[str]:
    remarks = []
    if cpu.repeats == 0:
        several = "one run" if len(observations.origins) == 1 else "no run repeats another"
        remarks.append(
            f"{several}: there is no variance between runs to see, so one of {format_share(PRIOR_RUN_CV)} "
            "is assumed and added; repeat a run to measure it"
        )
    if not cpu.chosen.base:
        remarks.append(
            "too few seconds had a light load, or all runs held the same one, so what the server takes at "
            "rest is assumed to be 0; add a run with other users"
        )
    for name in cpu.names:
        if name in figures and name != BASE and figures[name].low <= 0:
            remarks.append(f"{name} may be 0: at most {figures[name].high:.2g} {figures[name].unit}")
    return remarks
