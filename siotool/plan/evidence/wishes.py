"""Intervals that a calibration was to reach: whether it did, and why not."""

import math
from collections.abc import Sequence

import msgspec

from siotool.plan.evidence.calibrated import CalibratedProfile, WantedInterval
from siotool.units import format_duration, format_share

#: Widths shrink with the square root of the rounds; no calibration is longer than this.
_LONGEST_S = 3600.0


def with_wishes(
    profile: CalibratedProfile,
    wanted: Sequence[tuple[str, float]],
    rounds: int,
    seconds: float,
    *,
    beside_s: float = 0.0,
) -> CalibratedProfile:
    """Return the profile with a verdict on each cost that was to be known within a share of itself.

    ``rounds`` took ``seconds``. A calibration takes ``beside_s`` more, however many there are.
    """
    verdicts = [_verdict(profile, name, within, rounds, seconds, beside_s) for name, within in wanted]
    return msgspec.structs.replace(profile, wanted=verdicts)


def _verdict(
    profile: CalibratedProfile, name: str, within: float, rounds: int, seconds: float, beside_s: float
) -> WantedInterval:
    width, why = _width(profile, name)
    asked = f"{name} ±{format_share(within)}"
    if width is None:
        return WantedInterval(
            name, within, None, False, f"{asked}: {why}, and more rounds would not change that"
        )
    if width <= within:
        return WantedInterval(name, within, width, True, f"{asked}: known within ±{format_share(width)}")
    needed = math.ceil(rounds * (width / within) ** 2)
    longer = beside_s + seconds * needed / max(1, rounds)
    hope = (
        f"some {needed} rounds would reach it, about {format_duration(longer)}"
        if longer <= _LONGEST_S
        else "so many rounds that it cannot be reached on this machine: phases of one kind differ by more"
    )
    return WantedInterval(
        name,
        within,
        width,
        False,
        f"{asked}: known within ±{format_share(width)} after {rounds} rounds; {hope}",
    )


def _width(profile: CalibratedProfile, name: str) -> tuple[float | None, str]:
    if name == "memory":
        memory = profile.memory
        if memory is None or memory.per_connection_bytes <= 0:
            return None, "the server's memory did not rise with its connections"
        half = (memory.per_connection_high - memory.per_connection_low) / 2
        return half / memory.per_connection_bytes, ""
    cost = next((one for one in profile.costs if one.name == name), None)
    if cost is None or not cost.separable:
        return None, cost.sentence if cost is not None else "no phase had any"
    if cost.value <= 0:
        return None, "it cannot be told from 0"
    return cost.width, ""
