"""What a plan shows of the calibration behind it: costs, the fit against the phases, and how far it goes."""

from collections.abc import Callable

import numpy as np

from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.evidence.calibrated import CPU_BETWEEN_STARTS, CalibratedProfile
from siotool.plan.evidence.profile import Extrapolation, extrapolated
from siotool.plan.evidence.resample import lag1
from siotool.plan.evidence.summary import load_per_server
from siotool.plan.model import Evidence, MeasuredCost
from siotool.units import format_share


def describe_profile(profile: CalibratedProfile) -> Callable[[Evaluation[float]], Evidence]:
    """Return a function that describes the calibration for a plan once it has been evaluated."""
    used = [phase for phase in profile.phases if phase.used]
    seen, fitted = (np.array([getattr(one, name) for one in used]) for name in ("cores", "fitted_cores"))
    errors = seen - fitted
    variance = float(((seen - seen.mean()) ** 2).sum())

    def of(evaluation: Evaluation[float]) -> Evidence:
        beyond: Extrapolation = extrapolated(profile.measured_to, load_per_server(evaluation))
        return Evidence(
            runs=[profile.run],
            costs=[
                MeasuredCost(one.name, one.unit, one.value, one.low, one.high, f"calibrated: {one.words}")
                for one in profile.costs
                if one.separable
            ],
            residual_sd_cores=float(errors.std()),
            lag1=lag1(errors, np.zeros(len(errors), dtype=np.intp)),
            explained=1 - float((errors**2).sum()) / variance if variance > 0 else 0.0,
            observed_cores=[float(value) for value in seen],
            predicted_cores=[float(value) for value in fitted],
            remarks=[*profile.doubts, *profile.remarks, *_remarks(profile)],
            extrapolation=beyond.factor if beyond.factor < float("inf") else None,
            beyond=list(beyond.sentences),
            scaling=None,
        )

    return of


def _remarks(profile: CalibratedProfile) -> list[str]:
    said = [f"{one.name}: {one.sentence}" for one in profile.costs if not one.separable]
    said.append(
        f"servers differ from start to start by some {format_share(CPU_BETWEEN_STARTS)}, which one "
        "calibration does not show: the costs are drawn with it"
    )
    return said
