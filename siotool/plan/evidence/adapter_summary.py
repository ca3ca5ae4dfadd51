"""What a plan shows of the measured adapter behind it."""

from collections.abc import Callable

import msgspec
import numpy as np

from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.evidence.adapter_inputs import message_seen
from siotool.plan.evidence.adapter_profile import AdapterProfile
from siotool.plan.evidence.adapter_scaling import disagreement, scaling_beside
from siotool.plan.evidence.fleet_phases import fleet_words
from siotool.plan.evidence.profile import extrapolated
from siotool.plan.evidence.resample import lag1
from siotool.plan.evidence.summary import load_per_server
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.ranges import Replicates
from siotool.plan.model import Evidence, MeasuredCost
from siotool.units import format_duration, format_share

#: The costs that nothing else measures, with their bytes by a plan's keys, and how to measure them better.
_OF_THE_ADAPTER = {"receive": "server.adapter_cost", "publish": "server.publish_cost"}
_OF_THE_BACKEND = {
    "message": "topology.backend_publish_cost",
    "receiver": "topology.backend_delivery_cost",
}
_MORE = "more --nodes or --rounds"


def describe_adapter(profile: AdapterProfile, given: Inputs) -> Callable[[Evaluation[float]], Evidence]:
    """Return a function that describes the measurement for a plan once it has been evaluated.

    ``given`` are the plan's figures that were typed or measured.
    """
    seen, fitted = (
        np.array([getattr(one, name) for one in profile.phases]) for name in ("cores", "fitted_cores")
    )
    errors = seen - fitted
    variance = float(((seen - seen.mean()) ** 2).sum())

    def of(evaluation: Evaluation[float]) -> Evidence:
        load = load_per_server(evaluation)
        scaling = scaling_beside(profile, evaluation)
        beyond = extrapolated(profile.measured_to, {key: load.get(key, 0.0) for key in profile.measured_to})
        return Evidence(
            runs=[profile.run],
            costs=costs_of_adapter(profile),
            residual_sd_cores=float(errors.std()),
            lag1=lag1(errors, np.zeros(len(errors), dtype=np.intp)),
            explained=1 - float((errors**2).sum()) / variance if variance > 0 else 0.0,
            observed_cores=[float(value) for value in seen],
            predicted_cores=[float(value) for value in fitted],
            remarks=said_of_adapter(profile, given),
            extrapolation=beyond.factor if beyond.factor < float("inf") else None,
            beyond=[*beyond.sentences, *disagreement(profile, scaling)],
            scaling=scaling,
        )

    return of


def with_adapter(
    describe: Callable[[Evaluation[float]], Evidence], profile: AdapterProfile, given: Inputs
) -> Callable[[Evaluation[float]], Evidence]:
    """The same description with the adapter's costs beside those that it has.

    The scalability law of a service's own runs stays; the adapter's is then a remark.
    """

    def of(evaluation: Evaluation[float]) -> Evidence:
        own = describe(evaluation)
        scaling = scaling_beside(profile, evaluation)
        said = [scaling.sentence] if scaling is not None and own.scaling is not None else []
        return msgspec.structs.replace(
            own,
            runs=[*own.runs, profile.run],
            costs=[*own.costs, *costs_of_adapter(profile)],
            remarks=[*own.remarks, *said_of_adapter(profile, given), *said],
            beyond=[*own.beyond, *disagreement(profile, scaling)],
            scaling=own.scaling if own.scaling is not None else scaling,
        )

    return of


def costs_of_adapter(profile: AdapterProfile) -> list[MeasuredCost]:
    """The costs of servers and of the backend, each with what it is of."""
    sides = [("server", profile.server)] + ([("backend", profile.backend)] if profile.backend else [])
    return [
        MeasuredCost(
            f"{side} {one.name.replace('_', ' ')}",
            one.unit,
            one.value,
            one.low,
            one.high,
            f"{profile.adapter}: {one.words}",
        )
        for side, costs in sides
        for one in costs.costs
        if one.separable
    ]


def said_of_adapter(profile: AdapterProfile, given: Inputs) -> list[str]:
    """Doubts, remarks, what was not measured well enough, and where the law was not what was counted."""
    said = [*profile.doubts, *profile.remarks]
    said += [
        f"server {name} may be 0: at most {format_duration(cost.high)}; what is believed without a "
        f"measurement stays where it is narrower ({_MORE})"
        for name, key in _OF_THE_ADAPTER.items()
        if key in given and isinstance(cost := given.figures[key].value, Replicates) and cost.low <= 0
    ]
    said += _said_of_backend(profile, given)
    said += [
        f"{fleet_words(one.servers)}: {format_share(one.counted)} of them received what was published "
        f"{one.kind}, and the plan counts with {format_share(one.expected)}"
        for one in profile.laws
        if not one.holds
    ]
    return said


def _said_of_backend(profile: AdapterProfile, given: Inputs) -> list[str]:
    if profile.backend is None or not profile.receivers or "topology.backend_rate" in given:
        return []  # a rate that was typed stands for what was measured
    if _OF_THE_BACKEND["receiver"] not in given:
        return [f"a message may cost the backend nothing: what fills it was not measured ({_MORE})"]
    if not message_seen(profile.backend):
        return [
            "what a message costs the backend once was not told apart from what each of its receivers does: "
            f"the plan is as wide as that leaves it, but for {profile.receivers:.3g} receivers (more --nodes)"
        ]
    return [
        f"backend {name} may be 0: at most {format_duration(cost.high)}; with other numbers of processes "
        f"than were measured the plan is as wide as that leaves it ({_MORE})"
        for name, key in _OF_THE_BACKEND.items()
        if key in given and isinstance(cost := given.figures[key].value, Replicates) and cost.low <= 0
    ]
