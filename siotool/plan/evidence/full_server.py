"""How much a full server does of what its costs say fills it.

What waits for a server that is nearly full is worked off together: a writer is woken once for several
messages, and each costs less. Other servers do less than their costs say. No phase that a server keeps up
with easily shows it. In a climb (``siotool.calibration.design``) the load grows until answers or
deliveries come late (``siotool.runs.keeping_up``): between the last load that the server kept up with
and the first that it did not, it was full.
"""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Literal, NamedTuple

import msgspec

from siotool.plan.evidence.curve import CostCurve, terms
from siotool.plan.evidence.holds import HeldPhase
from siotool.runs.keeping_up import keeps_up

#: What climbs, and the costs that are of it: work on what comes in, and on what is delivered.
_OF = {
    "call": ("inbound", "ack", "long_ack", "byte_in"),
    "all": ("delivery", "long", "byte", "publish"),
}

#: A server that takes less than this share of its CPU, or its loops of the time, is late for another reason.
_FULL = 0.85


class FullWork(msgspec.Struct, frozen=True, kw_only=True):
    """What a full server does of one ``kind``, over what its costs say fills it.

    ``low`` is of the highest load that it kept up with, ``high`` of the lowest that it did not keep up with,
    ``value`` between both.
    """

    kind: Literal["call", "all"]
    value: float
    low: float
    high: float


class FullTimes(NamedTuple):
    """The same of a load, which is of several kinds."""

    value: float
    low: float
    high: float


def full_work(
    climbs: Sequence[HeldPhase], others: Sequence[HeldPhase], curve: CostCurve, full_cores: float
) -> list[FullWork]:
    """What the climbs of a calibration show; nothing of a kind that the server kept up with throughout.

    Nor is there of one that it did not keep up with though it was not full: others had its CPU, perhaps.
    ``others`` are phases that did not fill it. ``full_cores`` is the CPU of a full server.
    """

    def times(hold: HeldPhase) -> float:
        return curve.cores(hold.load) * hold.pace / full_cores

    def full(hold: HeldPhase) -> bool:
        return hold.cores >= _FULL * full_cores or hold.loop >= _FULL

    found = []
    kinds: tuple[Literal["call", "all"], ...] = ("call", "all")
    for kind in kinds:
        steps = [hold for hold in climbs if hold.phase.kind == kind]
        failed = [times(hold) for hold in steps if not keeps_up(hold.late)]
        kept = [times(hold) for hold in steps if keeps_up(hold.late)]
        kept = kept or [times(hold) for hold in others if hold.phase.kind == kind and keeps_up(hold.late)]
        was_full = all(full(hold) for hold in steps if not keeps_up(hold.late))
        if failed and kept and was_full:
            low, high = max(kept), min(failed)
            # noise: it kept up with more than it did not keep up with
            low, high = min(low, high), max(low, high)
            found.append(FullWork(kind=kind, value=sqrt(low * high), low=low, high=high))
    return found


def full_times(known: Sequence[FullWork], curve: CostCurve, load: Mapping[str, float]) -> FullTimes | None:
    """How many times of what its costs say a full server does of a load: of its kinds by their share of it.

    None where nothing of it is known. A kind that is not known is taken to be as the other.
    """
    if not known:
        return None
    by_kind: dict[str, FullWork] = {one.kind: one for one in known}
    amounts = terms(load, curve.shape.turns_most)
    work = {
        kind: sum(curve.costs.get(name, 0.0) * amounts[name] for name in names) for kind, names in _OF.items()
    }
    total = sum(work.values())

    def mean(of: Callable[[FullWork], float]) -> float:
        if total <= 0:
            return of(known[0])
        return total / sum(part / of(by_kind.get(kind, known[0])) for kind, part in work.items())

    return FullTimes(mean(lambda one: one.value), mean(lambda one: one.low), mean(lambda one: one.high))
