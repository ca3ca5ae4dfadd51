"""Bytes on the wire of one of each kind of work: those of a second are the sum of what was done in it.

    bytes/s = a × connections + b × deliveries/s + c × acknowledgements/s + d × handshakes/s

Fitted over the seconds as the CPU is, by non-negative least squares, of the kinds of work that the runs can
separate (``regressors.inflation``). Bytes are counted exactly: what scatters is in which second something is
counted. Intervals are those of least squares, with the autocorrelation of the residuals, at 90 %.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import numpy as np
from scipy.optimize import nnls
from scipy.special import stdtrit

from siotool.plan.evidence.observe import Observations
from siotool.plan.evidence.regressors import INFLATION_LIMIT, LEAST_ROWS, LEAST_VARIED, inflation
from siotool.runs import blocks

#: Kinds of work, those first whose bytes a run has most of, and the run that would separate them.
_WORK: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "deliveries_per_s": ("deliveries", "--scenario chat"),
        "acks_per_s": ("acknowledged calls", "--scenario echo"),
        "handshakes_per_s": ("handshakes", "--scenario idle with a ramp"),
        "connections": ("connections", "--scenario idle"),
    }
)
_HIGH = 0.95


class WireCosts(msgspec.Struct, frozen=True):
    """By the column of a kind of work: value, low and high in bytes, or a sentence with the reason."""

    found: Mapping[str, tuple[float, float, float] | str]

    def of(self, column: str) -> tuple[float, float, float] | str:
        """Return the bytes of one, or why they are not known."""
        return self.found.get(column, "")


def wire_costs(observations: Observations) -> WireCosts:
    """Fit what the seconds show."""
    seconds = observations.usable
    found: dict[str, tuple[float, float, float] | str] = {}
    kept: list[str] = []
    for column, (words, run) in _WORK.items():
        values = seconds[column]
        if np.count_nonzero(values) < LEAST_ROWS or np.ptp(values) < LEAST_VARIED * values.max():
            found[column] = f"no run shows those of {words}; try {run}"
            continue
        if (
            kept
            and inflation(np.array([seconds[one] for one in (*kept, column)]), centred=False)
            > INFLATION_LIMIT
        ):
            others = " and ".join(_WORK[one][0] for one in kept)
            found[column] = f"inside those of {others}; try {run}"
            continue
        kept.append(column)
    if not kept or len(seconds) < 3 * len(kept):
        return WireCosts(found)
    design = np.array([seconds[one] for one in kept]).T
    scale = design.max(axis=0)
    solved = nnls(design / scale, seconds["bytes_per_s"])[0]
    errors = seconds["bytes_per_s"] - design / scale @ solved
    errors = errors - errors.mean()
    times = float(blocks.inflation(errors[None, :], seconds.run)[0])
    freedom = max(len(errors) / times - len(kept), 1.0)
    spread = np.linalg.inv((design / scale).T @ (design / scale)).diagonal()
    half = stdtrit(freedom, _HIGH) * np.sqrt(
        times * float((errors**2).sum()) / max(1.0, len(errors) - len(kept)) * spread
    )
    for column, value, by, wide in zip(kept, solved / scale, scale, half, strict=True):
        low, high = max(0.0, value - wide / by), value + wide / by
        if value > 0 and high - low <= 2 * value:
            found[column] = (float(value), float(low), float(high))
        else:
            words, run = _WORK[column]
            found[column] = f"the bytes of {words} are lost among the others; try {run}"
    return WireCosts(found)
