"""From the phases of a calibration to the costs of a server (``siotool.plan.evidence.calibrated``)."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.calibration.phase import Phase
from siotool.errors import InputError
from siotool.measured_servers import MeasuredServer
from siotool.plan.evidence.calibrated import (
    CalibratedProfile,
    CostFigure,
    MachineFigures,
    PhaseFigures,
    WayFigures,
)
from siotool.plan.evidence.curve import (
    FLOOR_CORES,
    CostCurve,
    design,
    fit_curve,
    solve,
)
from siotool.plan.evidence.full_server import full_work
from siotool.plan.evidence.heap import course_of, fit_memory
from siotool.plan.evidence.holds import (
    FULL_LOOP,
    LOAD,
    MOST_WITHHELD,
    HeldPhase,
    Load,
    holds_of,
    usual_pace,
)
from siotool.plan.evidence.observe import LEAST_LOOP, check_serves_all
from siotool.plan.evidence.term_words import SPARE, TERM_WORDS, separable
from siotool.plan.evidence.warming_test import still_warming
from siotool.runfile import Run
from siotool.runs.seconds import Floats, seconds_of
from siotool.units import format_share

#: Replicates of every cost, and the interval that is shown of them.
REPLICATES = 400
LOW, HIGH = 0.05, 0.95
#: A phase that the fit follows wholly shows no error: it is not widened more than by one over this.
_LEAST_FREE = 0.1
#: A phase is off by at least this: clocks tick.
_LEAST_CV = 0.01


class _Fit(msgspec.Struct, frozen=True, eq=False):
    """One fit to some holds; ``errors`` are in their order."""

    curve: CostCurve
    errors: Floats


def calibrate(run: Run, phases: Sequence[Phase], seed: int) -> CalibratedProfile:
    """Estimate the costs that a calibration shows; the same seed gives the same profile.

    Raises InputError when the server was not sampled, was not the only one, or took nothing in too many
    phases.
    """
    server = _only_server(run)
    usual = usual_pace(run)
    held = [hold for hold in holds_of(run, phases, usual) if not hold.phase.pilot]
    climbs = [hold for hold in held if hold.phase.growth]
    sound = [hold for hold in held if not (hold.phase.growth or hold.overloaded)]
    rest = [hold for hold in sound if not hold.phase.transport]
    working = [hold for hold in rest if hold.phase.kind != "idle"]
    _check_holds(run, sound)
    if not working:
        raise InputError(
            f"{run.path}: the server kept up with no phase that shows what its work costs",
            "calibrate with fewer --users, and with phases of the run's own transport",
        )
    names, absorbed = separable(rest)
    if len(rest) < len(names) + SPARE:
        raise InputError(
            f"{run.path}: {len(rest)} phases are too few for {len(names)} costs",
            "calibrate longer (--run-time)",
        )
    fit = _fit(rest, names)
    discarded = _warming(working, names, fit)
    if discarded:
        cold = {hold.number for hold in working[:discarded]}
        rest = [hold for hold in rest if hold.number not in cold]
        fit = _fit(rest, names)
    loop_cores = _loop_cores(sound)
    generator = Generator(PCG64(seed))
    replicates = _replicates(rest, names, fit, generator)
    doubts = _doubts(run)
    machine = run.header.generators[0]
    used = {hold.number for hold in rest}
    kinds = Counter((hold.phase.work, hold.phase.users) for hold in rest)
    alone = phases[0].kind == "idle" and not phases[0].pilot
    opening_s = phases[0].duration_s if alone else 0.0
    until_s = sum(phase.duration_s for phase in phases[: max(used) + 1])
    return CalibratedProfile(
        run=run.header.run,
        started_at=run.header.started_at,
        target=run.header.where,
        transport=run.header.target.transport,
        scenario=run.header.workload.scenario,
        siotool=run.header.siotool,
        libraries=run.header.libraries,
        machine=MachineFigures(machine.system, machine.cpus, machine.memory_bytes, machine.cpu),
        server=server.source,
        server_cores=server.cores,
        loop_cores=loop_cores,
        server_memory_bytes=server.memory_bytes,
        seconds=round(run.intervals[-1].t_s, 1),
        curve=fit.curve,
        names=tuple(names),
        replicates=[[float(value) for value in row] for row in replicates],
        costs=_costs(rest, names, absorbed, fit, replicates),
        full=full_work(climbs, sound, fit.curve, loop_cores or server.cores),
        error_cv=_unseen_error(rest, names, fit),
        floor_cores=FLOOR_CORES,
        usual_pace=usual,
        memory=fit_memory(course_of(run, opening_s, until_s), seed),
        other_ways=_other_ways(sound, fit),
        phases=[_phase(hold, fit, hold.number in used) for hold in held],
        discarded=discarded,
        repeats=sum(count - 1 for count in kinds.values()),
        measured_to=_most(sound),
        cores_most=max(hold.cores for hold in sound),
        wanted=[],
        valid="suspect" if doubts else "yes",
        doubts=doubts,
        remarks=_remarks(rest, discarded, len(held) - len(climbs) - len(sound)),
    )


def _only_server(run: Run) -> MeasuredServer:
    """The server that was calibrated. Raises InputError where there was none, or there were several."""
    servers = [one for one in run.header.servers if not one.beside]
    if not servers:
        raise InputError(f"{run.path}: the server was not sampled", "calibrate with --server-pid")
    if len(servers) > 1:
        raise InputError(
            f"{run.path}: {len(servers)} servers were sampled, and a profile is of one",
            "calibrate one of them, at its own URL",
        )
    return servers[0]


def _check_holds(run: Run, sound: Sequence[HeldPhase]) -> None:
    """Refuse a run that shows no cost of its server. ``sound`` are the phases that it kept up with."""
    if not sound:
        raise InputError(f"{run.path}: the server kept up with no phase", "calibrate with fewer --users")
    if not any(hold.cores > FLOOR_CORES for hold in sound if hold.phase.kind != "idle"):
        raise InputError(
            f"{run.path}: the server took no CPU in any phase", "give --server-pid the process that serves"
        )
    seconds = seconds_of([run])
    check_serves_all(run, seconds.only(seconds.usable), 1)


def _loop_cores(holds: Sequence[HeldPhase]) -> float | None:
    """The CPU in cores that the server takes when its event loops are full; None where they are not known."""
    known = [hold for hold in holds if hold.loop > LEAST_LOOP]
    busy = sum(hold.loop * hold.seconds for hold in known)
    return sum(hold.cores * hold.seconds for hold in known) / busy if busy else None


def _doubts(run: Run) -> list[str]:
    """What makes a calibration suspect."""
    said = [f"{note.text} (at {note.t_s:.0f} s)" for note in run.notes if note.level == "doubt"]
    if run.end is None:
        said.append(f"the run has no end: it was cut after {run.intervals[-1].t_s:.0f} s")
    elif run.end.reason != "finished":
        said.append(f"the run ended early, after {run.end.t_s:.0f} s: {run.end.reason.replace('_', ' ')}")
    return said


def _most(holds: Sequence[HeldPhase]) -> Load:
    """The most of each kind of work in any phase, and of bytes both ways."""
    most = {column: max(hold.load[column] for hold in holds) for column in LOAD}
    both = max(hold.load["bytes_in_per_s"] + hold.load["bytes_out_per_s"] for hold in holds)
    return {**most, "bytes_per_s": both}


def _fit(holds: Sequence[HeldPhase], names: Sequence[str]) -> _Fit:
    cores = _at_pace(holds)
    curve = fit_curve(holds, cores, names)
    fitted = np.array([curve.cores(hold.load) for hold in holds])
    return _Fit(curve, (cores - fitted) / (FLOOR_CORES + fitted))


def _at_pace(holds: Sequence[HeldPhase]) -> Floats:
    """The cores that holds would have taken at the machine's middle pace."""
    return np.array([hold.cores / hold.pace for hold in holds])


def _warming(working: Sequence[HeldPhase], names: Sequence[str], fit: _Fit) -> int:
    """How many of the first phases the server was still warming up in."""
    cores = _at_pace(working)
    shape = fit.curve.shape
    table = design(working, names, shape.turns_most)

    def without(first: int) -> tuple[Floats, Floats]:
        work = table @ solve(table[first:], cores[first:], shape)
        fitted = shape.cores(work)
        errors = (cores - fitted) / (FLOOR_CORES + fitted)
        rows = table * (shape.slope(work) / (FLOOR_CORES + fitted))[:, None]
        inverse = np.linalg.pinv(rows[first:].T @ rows[first:])
        leverage = np.einsum("ij,jk,ik->i", rows[:first], inverse, rows[:first])
        left = len(working) - first
        return errors[:first] / np.sqrt(1 + leverage), errors[first:] * np.sqrt(
            left / max(1, left - len(names))
        )

    testable = len(working) - len(names) - SPARE
    return still_warming(min(len(working), max(0, 3 * testable)), without)


def _followed(holds: Sequence[HeldPhase], names: Sequence[str], fit: _Fit) -> Floats:
    """How far the fit follows each hold: 0 not at all, 1 wholly. A hold that it follows shows no error."""
    shape = fit.curve.shape
    table = design(holds, names, shape.turns_most)
    work = table @ np.array([fit.curve.costs[name] for name in names])
    weighted = table * (shape.slope(work) / (FLOOR_CORES + shape.cores(work)))[:, None]
    followed: Floats = np.einsum("ij,ji->i", weighted, np.linalg.pinv(weighted))
    return followed


def _unseen_error(holds: Sequence[HeldPhase], names: Sequence[str], fit: _Fit) -> float:
    """What a phase that the fit has not seen is off by (HC2: MacKinnon and White, 1985)."""
    free = np.maximum(_LEAST_FREE, 1 - _followed(holds, names, fit))
    # a phase of connects alone has errors of its own
    usual = np.array([hold.phase.kind not in ("idle", "connect") for hold in holds])
    squares = (fit.errors**2 / free)[usual]
    return max(_LEAST_CV, float(np.sqrt(squares.mean())) if len(squares) else 0.0)


def _replicates(holds: Sequence[HeldPhase], names: Sequence[str], fit: _Fit, generator: Generator) -> Floats:
    """Costs as they might have been as well; one row for each name.

    The errors of the fit are redrawn, each with another sign and size: the wild bootstrap (C. F. J. Wu,
    Annals of Statistics 14, 1986), each wider by how far the fit follows its phase (HC3: MacKinnon and
    White, Journal of Econometrics 29, 1985).
    """
    shape = fit.curve.shape
    table = design(holds, names, shape.turns_most)
    fitted = shape.cores(table @ np.array([fit.curve.costs[name] for name in names]))
    free = np.maximum(_LEAST_FREE, 1 - _followed(holds, names, fit))
    errors = fit.errors * (FLOOR_CORES + fitted) / free
    factors = generator.normal(size=(REPLICATES, len(holds)))
    return np.array([solve(table, np.maximum(0.0, fitted + errors * factor), shape) for factor in factors]).T


def _costs(
    holds: Sequence[HeldPhase], names: Sequence[str], absorbed: dict[str, str], fit: _Fit, replicates: Floats
) -> list[CostFigure]:
    table = design(holds, names, fit.curve.shape.turns_most)
    parts = table * np.array([fit.curve.costs[name] for name in names])
    whole = np.maximum(parts.sum(axis=1, keepdims=True), FLOOR_CORES)
    found = []
    for name, (words, unit) in TERM_WORDS.items():
        if name in absorbed:
            found.append(
                CostFigure(
                    name=name,
                    words=words,
                    unit=unit,
                    value=0.0,
                    low=0.0,
                    high=0.0,
                    share=0.0,
                    separable=False,
                    sentence=absorbed[name],
                )
            )
            continue
        if name not in names:
            continue
        row = list(names).index(name)
        low, high = (float(bound) for bound in np.quantile(replicates[row], (LOW, HIGH)))
        value = fit.curve.costs[name]
        found.append(
            CostFigure(
                name=name,
                words=words,
                unit=unit,
                value=value,
                low=min(low, value),
                high=max(high, value),
                share=float((parts[:, row] / whole[:, 0]).max()),
            )
        )
    return found


def _other_ways(holds: Sequence[HeldPhase], fit: _Fit) -> list[WayFigures]:
    found = []
    for hold in holds:
        opened = hold.load["handshakes_per_s"]
        if hold.phase.transport and opened > 0:
            load = {**hold.load, "handshakes_per_s": 0.0, "payload_in_per_s": 0.0, "payload_out_per_s": 0.0}
            more = hold.cores / hold.pace - fit.curve.cores(load)
            found.append(WayFigures(hold.phase.transport, max(0.0, more / opened), hold.light))
    return found


def _phase(hold: HeldPhase, fit: _Fit, used: bool) -> PhaseFigures:
    return PhaseFigures(
        words=hold.phase.words,
        users=hold.phase.users,
        seconds=hold.seconds,
        cores=hold.cores,
        fitted_cores=fit.curve.cores(hold.load) * hold.pace,
        pace=hold.pace,
        light=hold.light,
        used=used,
        load=hold.load,
    )


def _remarks(holds: Sequence[HeldPhase], discarded: int, overloaded: int) -> list[str]:
    said = []
    if overloaded:
        said.append(
            f"phases that the server did not keep up with, and that are left out: {overloaded}; its event "
            f"loop was busy for more than {format_share(FULL_LOOP)} of the time, or more than "
            f"{format_share(MOST_WITHHELD)} of what was due could not begin"
        )
    if discarded:
        said.append(
            f"the first {discarded} phases cost more than the rest, so the server was still warming up: they "
            "are left out"
        )
    light = [hold for hold in holds if hold.light and hold.phase.kind != "idle"]
    if light:
        said.append(
            f"phases that took 10 % of a core or less: {len(light)}; they are marked as light, and mislead "
            "when they are scaled up"
        )
    return said
