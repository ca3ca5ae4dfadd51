"""Does the plan's model predict a run? What it says of the run's own workload, and what was seen.

A model that is right at 90 % intervals is wrong in one row of ten. One row more or less inside
proves little; the table says by how much, which shows more than whether.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from siotool.errors import InputError
from siotool.plan.evidence.observe import Observations, Origin
from siotool.plan.evidence.profile import HIGH, LOW
from siotool.runs.seconds import Floats

#: A figure predicted without any spread counts as met within this share of it.
EXACT_WITHIN = 0.01

#: What a run shows of the constraints, by name: its unit, and how it was seen.
OBSERVED = (
    ("cpu", "cores", "mean CPU of the server's processes in the hold phase"),
    ("bandwidth_in", "bytes/s", "wire bytes to the clients, mean of the hold phase"),
    ("bandwidth_out", "bytes/s", "wire bytes from the clients, mean of the hold phase"),
    ("memory", "bytes", "largest resident memory"),
    ("files", "files", "most open files"),
    ("connections", "connections", "most open at once"),
)


class CheckedFigure(msgspec.Struct, frozen=True):
    """One figure, predicted with 90 % bounds and observed. ``inside``: the observation lies within them."""

    name: str
    unit: str
    low: float
    value: float
    high: float
    observed: float
    inside: bool
    how: str

    @property
    def error(self) -> float:
        """Observed over predicted, less one: 0.2 when a fifth more was seen than predicted."""
        return self.observed / self.value - 1 if self.value else math.inf if self.observed else 0.0


class Verification(msgspec.Struct, frozen=True):
    """A run compared with its prediction: one row for each figure, and what they come to."""

    version: Literal[1]
    run: str
    checks: tuple[CheckedFigure, ...]
    summary: str


def observed(observations: Observations) -> dict[str, float]:
    """Return what a run shows of each constraint, in the units of ``OBSERVED``; one run only."""
    _one_run(observations)
    whole = observations.whole
    return {
        "cpu": whole.mean("cpu_cores", whole.held),
        "bandwidth_in": whole.mean("bytes_in_per_s", whole.held),
        "bandwidth_out": whole.mean("bytes_out_per_s", whole.held),
        "memory": whole.most("rss_bytes"),
        "files": whole.most("files_open"),
        "connections": whole.most("connections_end"),
    }


def verify(predicted: Mapping[str, Floats | float], observations: Observations) -> Verification:
    """Compare predictions, as draws or single figures by the names of ``OBSERVED``, with one run.

    Raises InputError for a name that no run shows, or without any prediction.
    """
    origin = _one_run(observations)
    seen = observed(observations)
    unknown = sorted(set(predicted) - set(seen))
    if unknown or not predicted:
        raise InputError(
            f"{', '.join(unknown) or 'nothing'} cannot be compared with {origin.file}",
            f"a run shows {', '.join(seen)}",
        )
    checks = tuple(
        check(name, unit, predicted[name], seen[name], how)
        for name, unit, how in OBSERVED
        if name in predicted
    )
    return Verification(version=1, run=origin.run, checks=checks, summary=summary(checks))


def summary(checks: Sequence[CheckedFigure]) -> str:
    """Return how many figures lay inside, and the one that was missed by most, in a sentence."""
    inside = sum(one.inside for one in checks)
    said = f"{inside} of {len(checks)} figures lie within their 90 % interval"
    missed = [one for one in checks if not one.inside]
    if not missed:
        return f"{said}."
    worst = max(missed, key=lambda one: abs(one.error))
    side = "above" if worst.error > 0 else "below"
    amount = f"{abs(worst.error):.0%}".replace("%", " %") if math.isfinite(worst.error) else "far"
    return f"{said}; {worst.name.replace('_', ' ')} was seen {amount} {side} its prediction."


def check(name: str, unit: str, draws: Floats | float, seen: float, how: str) -> CheckedFigure:
    """Hold what was seen of a figure against its predictions."""
    low, value, high = (float(bound) for bound in np.quantile(draws, (LOW, 0.5, HIGH)))
    slack = EXACT_WITHIN * abs(value) if low == high else 0.0
    inside = low - slack <= seen <= high + slack
    return CheckedFigure(name, unit, low, value, high, seen, inside, how)


def _one_run(observations: Observations) -> Origin:
    if len(observations.origins) != 1:
        raise InputError(
            f"{len(observations.origins)} runs cannot be verified at once", "give them one by one"
        )
    return observations.origins[0]
