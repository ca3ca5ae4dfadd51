"""The scalability law of a measured adapter: a check of the costs that a plan counts with, no cost itself.

Servers share the work s, and each has r of its own: what it receives from the adapter, and itself at rest.
Where all receive everything, n servers do, for the same CPU of each,

    n (s + r) / (s + n r) = n / (1 + α (n − 1)),  α = r / (s + r)

times the work of one. So the contention that is measured is what receiving costs, and a plan that counted
with both would charge it twice. But the law is fitted without any cost (``siotool.plan.evidence.usl``): what
fleets lose beyond those that are known is in it.
"""

from collections.abc import Sequence
from math import isfinite

import msgspec

from siotool.plan.adapters.laws import Adapter
from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.evidence.adapter_fit import FLOOR_CORES, AdapterFit
from siotool.plan.evidence.adapter_profile import AdapterProfile, ScalingFigures, asked_of_lab
from siotool.plan.evidence.fleet_phases import FleetPhase, expected_work, fleet_words
from siotool.plan.evidence.usl import Law, fit_usl, throughput
from siotool.plan.model import Scaling
from siotool.units import format_count, format_share

#: Law and costs agree within this.
_WITHIN = 0.15
#: Numbers of servers that the law takes.
_LEAST_FLEETS = 4


def work_per_core(phases: Sequence[FleetPhase]) -> float:
    """Messages that servers read and write for each second of their CPU, where they have anything to do."""
    work = sum(one.inbound_per_s + one.delivered_per_s for one in phases if one.kind != "idle")
    cores = sum(one.cores for one in phases if one.kind != "idle")
    return work / max(cores, FLOOR_CORES["server"])


def scaling_of(
    adapter: Adapter, phases: Sequence[FleetPhase], costs: AdapterFit, seed: int
) -> ScalingFigures | None:
    """The law of work against servers: each fleet's work for each second of CPU, times its servers.

    None for few fleets, and without an adapter: then larger fleets do other work, as fewer receive it.
    """
    nodes = sorted({one.servers for one in phases})
    if len(nodes) < _LEAST_FLEETS or adapter.law == "nobody":
        return None
    work = [n * work_per_core([one for one in phases if one.servers == n]) for n in nodes]
    fit = fit_usl([float(n) for n in nodes], work, seed)
    return ScalingFigures(
        alpha=fit.law.alpha,
        alpha_low=fit.intervals["alpha"][0],
        alpha_high=fit.intervals["alpha"][1],
        beta=fit.law.beta,
        beta_low=fit.intervals["beta"][0],
        beta_high=fit.intervals["beta"][1],
        gamma=fit.law.gamma,
        peak_nodes=fit.law.peak_nodes if isfinite(fit.law.peak_nodes) else None,
        trusted_nodes=fit.trusted_to if isfinite(fit.trusted_to) else None,
        why=fit.why,
        costs_times=_times_by_costs(adapter, phases, costs),
    )


def _times_by_costs(adapter: Adapter, phases: Sequence[FleetPhase], costs: AdapterFit) -> list[float]:
    """The messages of the largest fleet, done by one server and more: what each number does of it."""
    largest = max(one.servers for one in phases)
    these = [one for one in phases if one.servers == largest and one.kind != "idle"]

    def cores(servers: int) -> float:
        works = (expected_work(adapter, msgspec.structs.replace(one, servers=servers)) for one in these)
        return max(servers * sum(costs.cores(work) for work in works), FLOOR_CORES["server"])

    alone = cores(1)
    return [servers * alone / cores(servers) for servers in range(1, largest + 1)]


def law_times(known: ScalingFigures, servers: float) -> float:
    """How many times the work of one server so many do, by the law."""
    law = Law(known.alpha, known.beta, known.gamma)
    return throughput(law, servers) / throughput(law, 1.0)


def is_certain(known: ScalingFigures) -> bool:
    """Whether fleets lose anything by the law's intervals."""
    return known.alpha_low > 0 or known.beta_low > 0


def scaling_beside(profile: AdapterProfile, evaluation: Evaluation[float]) -> Scaling | None:
    """The law beside a plan: of as many processes as the plan has in service, or of the most measured."""
    known = profile.scaling
    if known is None:
        return None
    planned = evaluation.needed * evaluation.world["server.processes"]
    compared = int(min(planned, len(known.costs_times)))
    messages = bool(evaluation.world.demand.streams)
    compares = compared > 1 and is_certain(known) and messages
    by_law, by_costs = (
        (law_times(known, compared), known.costs_times[compared - 1]) if compares else (None, None)
    )
    if by_law is not None and by_costs is not None:
        said = (
            f"it has {format_count(compared)} processes do {by_law:.2f} times the work of one, and the costs "
            f"that this plan counts with {by_costs:.2f} times, for the messages of the measurement. It is a "
            "check and changes no figure: its contention is what receiving from the adapter costs, which "
            "would count twice"
        )
        if planned > compared:
            said += f". More than {format_count(compared)} servers were not measured"
    elif not known.costs_times:
        said = "it is not used: the profile is older than the check, and has no fleets by its costs"
    elif not messages:
        said = "it is not used, as this plan has no messages that the adapter carries"
    elif not is_certain(known):
        said = "by their intervals there may be neither, so it is no check; this plan counts with the costs"
    else:
        said = "it is not used, as this plan has no second process"
    fleets = ", ".join(str(one.servers) for one in profile.fleets if one.fitted)
    return Scaling(
        alpha=known.alpha,
        beta=known.beta,
        gamma=known.gamma,
        trusted_nodes=known.trusted_nodes,
        sentence=(
            f"Scalability law of {profile.adapter} over fleets of {fleets}: contention {known.alpha:.3g} "
            f"({known.alpha_low:.3g} to {known.alpha_high:.3g}), coherency {known.beta:.3g} "
            f"({known.beta_low:.3g} to {known.beta_high:.3g}); {said}."
        ),
        processes=compared if compares else None,
        law_times=by_law,
        costs_times=by_costs,
    )


def disagreement(profile: AdapterProfile, scaling: Scaling | None) -> list[str]:
    """Say by how much law and costs differ where that is more than 15 %."""
    if scaling is None or not scaling.law_times or not scaling.costs_times or scaling.processes is None:
        return []
    off = scaling.law_times / scaling.costs_times - 1
    if abs(off) <= _WITHIN:
        return []
    less = off < 0
    return [
        f"{fleet_words(scaling.processes)} with {profile.adapter} did {format_share(abs(off))} "
        f"{'less' if less else 'more'} by the scalability law that was measured ({scaling.law_times:.2f} "
        f"times the work of one) than by the costs of this plan ({scaling.costs_times:.2f}): it may have "
        f"too {'few' if less else 'many'} servers; measure a fleet apart: siotool lab measure "
        f"{asked_of_lab(profile.adapter)} --check N"
    ]
