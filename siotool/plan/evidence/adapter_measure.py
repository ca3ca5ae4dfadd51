"""From the runs of fleets to what an adapter costs (``siotool.plan.evidence.adapter_profile``)."""

from collections.abc import Collection, Sequence

import msgspec
import numpy as np
from numpy.random import PCG64, Generator

from siotool.errors import InputError
from siotool.plan.adapters.laws import Adapter
from siotool.plan.evidence.adapter_fit import AdapterFit, Side, cost_figures, fit_costs
from siotool.plan.evidence.adapter_laws_seen import laws_seen
from siotool.plan.evidence.adapter_profile import (
    AdapterProfile,
    FleetFigures,
    FleetPrediction,
    MeasuredPhase,
    SideCosts,
)
from siotool.plan.evidence.adapter_scaling import scaling_of, work_per_core
from siotool.plan.evidence.calibrated import MachineFigures
from siotool.plan.evidence.fleet_phases import FleetPhase, expected_work, fleet_words, seen_work
from siotool.units import format_share

#: Fleets of other sizes predict one within this.
WITHIN = 0.15
#: A phase shows an error of its own when it took so much CPU.
_SHOWN_CORES = 0.03
#: A machine that was busier than this was full at times.
_FULL = 0.85
#: Numbers of servers that leave enough to predict one of them.
_FOR_PREDICTION = 3


class MeasuredIn(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how an adapter was measured, as its profile has it."""

    run: str
    started_at: str
    siotool: str
    versions: dict[str, str]
    machine: MachineFigures
    rate_per_s: float
    users: int
    seconds: float


def measure_adapter(
    adapter: Adapter, phases: Sequence[FleetPhase], checked: Collection[int], measured: MeasuredIn, seed: int
) -> AdapterProfile:
    """Fit the costs to all phases but those of ``checked`` numbers of servers, which they then predict.

    Without any, each fleet is predicted from the others, where there are enough. Raises InputError where
    too little was measured, or ``checked`` leaves nothing.
    """
    used = [one for one in phases if one.servers not in checked]
    if not used:
        raise InputError("no fleet is left to learn from", "measure other numbers of servers too")
    server = _fit("server", adapter, used, seed)
    joined = _joined(used)
    backend = _fit("backend", adapter, used, seed) if joined else None
    largest = [one for one in used if one.servers == max(phase.servers for phase in used)]
    published = sum(one.published_per_s for one in largest)
    works = [seen_work(adapter, one) for one in used]
    doubts, remarks = _said(phases)
    predictions = _predictions(adapter, phases, checked, seed)
    remarks += [
        f"{fleet_words(one.servers)}: the {one.side}'s CPU is predicted {format_share(abs(one.error))} too "
        f"{'high' if one.error > 0 else 'low'}, which is more than {format_share(WITHIN)}"
        for one in predictions
        if abs(one.error) > WITHIN
    ]
    return AdapterProfile(
        run=measured.run,
        adapter=adapter.name,
        law=adapter.law,
        started_at=measured.started_at,
        siotool=measured.siotool,
        versions=measured.versions,
        machine=measured.machine,
        rate_per_s=measured.rate_per_s,
        users=measured.users,
        seconds=measured.seconds,
        receivers=sum(sum(one.received_per_s) for one in largest) / published if published else 0.0,
        measured_to={
            "inbound_per_s": max(work.inbound for work in works),
            "deliveries_per_s": max(work.delivered for work in works),
        },
        server=_side("server", adapter, used, server),
        backend=_side("backend", adapter, used, backend) if backend is not None else None,
        fleets=_fleets(phases, checked),
        laws=laws_seen(adapter, phases),
        predictions=predictions,
        scaling=scaling_of(adapter, used, server, seed),
        phases=_phases(adapter, phases, server),
        doubts=doubts,
        remarks=remarks,
    )


def _joined(phases: Sequence[FleetPhase]) -> bool:
    return all(one.backend_cores is not None for one in phases)


def _cores(side: Side, phase: FleetPhase) -> float:
    return phase.cores / phase.servers if side == "server" else phase.backend_cores or 0.0


def _fit(side: Side, adapter: Adapter, phases: Sequence[FleetPhase], seed: int) -> AdapterFit:
    works = [seen_work(adapter, one) for one in phases]
    return fit_costs(side, works, [_cores(side, one) for one in phases], Generator(PCG64(seed)))


def _side(side: Side, adapter: Adapter, phases: Sequence[FleetPhase], fit: AdapterFit) -> SideCosts:
    works = [seen_work(adapter, one) for one in phases]
    replicates = [[float(value) for value in row] for row in fit.replicates]
    names = tuple(term.name for term in fit.terms)
    return SideCosts(names, replicates, cost_figures(fit, side, works), fit.turns_most)


def _predictions(
    adapter: Adapter, phases: Sequence[FleetPhase], checked: Collection[int], seed: int
) -> list[FleetPrediction]:
    """Each fleet that is held out: from the rest of what is fitted, and from what its users did alone.

    Not the fleet of one, unless it is to be checked: it is known wherever one is measured, and no other shows
    what a server alone with its backend costs.
    """
    fitted = sorted({one.servers for one in phases} - set(checked))
    several = [servers for servers in fitted if servers > 1]
    held_out = sorted(checked) or (several if len(fitted) >= _FOR_PREDICTION else [])
    sides: tuple[Side, ...] = ("server", "backend") if _joined(phases) else ("server",)
    found = []
    for servers in held_out:
        rest = [one for one in phases if one.servers != servers and one.servers not in checked]
        these = [one for one in phases if one.servers == servers]
        for side in sides:
            fit = _fit(side, adapter, rest, seed)
            predicted = np.array([fit.cores(expected_work(adapter, one)) for one in these])
            measured = np.array([_cores(side, one) for one in these])
            each = np.where(measured > _SHOWN_CORES, predicted / np.maximum(measured, 1e-9) - 1, 0.0)
            found.append(
                FleetPrediction(
                    servers=servers,
                    side=side,
                    measured_cores=float(measured.mean()),
                    predicted_cores=float(predicted.mean()),
                    error=float(predicted.mean() / max(measured.mean(), 1e-9) - 1),
                    worst=float(each[np.argmax(np.abs(each))]),
                )
            )
    return found


def _fleets(phases: Sequence[FleetPhase], checked: Collection[int]) -> list[FleetFigures]:
    found = []
    for servers in sorted({one.servers for one in phases}):
        these = [one for one in phases if one.servers == servers]
        behind = [one.backend_cores for one in these if one.backend_cores is not None]
        found.append(
            FleetFigures(
                servers=servers,
                published_per_s=_mean([one.published_per_s for one in these]),
                received_per_s=_mean([sum(one.received_per_s) for one in these]) / servers,
                delivered_per_s=_mean([one.delivered_per_s for one in these]) / servers,
                cores=_mean([one.cores for one in these]) / servers,
                backend_cores=_mean(behind) if behind else None,
                machine_most=max(one.machine_share for one in these),
                work_per_core_s=work_per_core(these),
                fitted=servers not in checked,
            )
        )
    return found


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _phases(adapter: Adapter, phases: Sequence[FleetPhase], fit: AdapterFit) -> list[MeasuredPhase]:
    words = {"idle": "idle", "emit": "emits", "room": "messages to rooms", "all": "messages to all"}
    return [
        MeasuredPhase(
            servers=one.servers,
            words=words.get(one.kind, one.kind) + (f" of {one.size} B" if one.kind != "idle" else ""),
            published_per_s=one.published_per_s,
            cores=one.cores / one.servers,
            fitted_cores=fit.cores(seen_work(adapter, one)),
            backend_cores=one.backend_cores,
            machine_share=one.machine_share,
        )
        for one in phases
    ]


def _said(phases: Sequence[FleetPhase]) -> tuple[list[str], list[str]]:
    """Doubts and remarks: a machine that was full, and servers that nobody reached."""
    doubts, remarks = [], []
    for servers in sorted({one.servers for one in phases}):
        these = [one for one in phases if one.servers == servers]
        most = max(one.machine_share for one in these)
        if most > _FULL:
            doubts.append(
                f"{fleet_words(servers)}: fleet and generator took {format_share(most)} of the machine's "
                "CPUs; what they wait for each other is in the costs (a lower --rate)"
            )
        fewest = min(min(one.received_per_s) for one in these if one.kind == "all")
        if servers > 1 and not fewest and any(sum(one.received_per_s) for one in these):
            remarks.append(f"{fleet_words(servers)}: not every server received messages to all")
    return doubts, remarks
