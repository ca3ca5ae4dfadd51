"""What a report says of a search for capacity. SI units are in the names."""

from collections.abc import Sequence

import msgspec

from siotool.runfile import Run
from siotool.searched import FoundCapacity, HoldOutcome, SearchAxis


class HoldFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load that was held: see ``searched.Hold``. ``from_s`` and ``to_s`` are seconds of its run."""

    load: float
    outcome: HoldOutcome
    gate: str
    missed: float
    allowed: float
    operations: int
    blocks: int
    effective: float
    settling_s: float
    from_s: float
    to_s: float
    restarts: int
    doubts: list[str]


class CapacityFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The highest load that meets the gates: from ``low`` to ``high`` with a ``confidence``.

    ``high`` is null where no load failed: the capacity is ``at_least`` the low end. ``value`` is null
    then, and where no load passed. ``gate`` failed first, ``limited_by`` is what ran out (``server: …``,
    ``generator``, or ``bound`` for the load that was not to be exceeded). ``complete`` is false where
    the search was ended early. ``why`` says what ended it.
    """

    search: SearchAxis
    value: float | None
    low: float
    high: float | None
    at_least: bool
    confidence: float
    unit: str
    gate: str
    limited_by: str
    seconds: float
    complete: bool
    why: str
    holds: list[HoldFigures]


def capacity_of(runs: Sequence[Run]) -> CapacityFigures | None:
    """What the runs found; None where none of them searched.

    Of several searches the interval holds all of theirs, at the least of their confidences: servers
    differ from start to start by more than one search can see.
    """
    found = [run.capacity for run in runs if run.capacity is not None]
    if not found or len({one.search for one in found}) > 1:
        return None
    last = found[-1]
    highs = [one.high for one in found if one.high is not None]
    values = sorted(one.value for one in found if one.value is not None)
    open_end = len(highs) < len(found)
    return CapacityFigures(
        search=last.search,
        value=None if open_end or not values else values[len(values) // 2],
        low=min(one.low for one in found),
        high=None if open_end else max(highs),
        at_least=open_end,
        confidence=min(one.confidence for one in found),
        unit=last.unit,
        gate=_most_told(found),
        limited_by=last.limited_by,
        seconds=sum(one.seconds for one in found),
        complete=all(one.complete for one in found),
        why=last.why,
        holds=[
            HoldFigures(
                load=hold.load,
                outcome=hold.outcome,
                gate=hold.gate,
                missed=hold.missed,
                allowed=hold.allowed,
                operations=hold.operations,
                blocks=hold.blocks,
                effective=hold.effective,
                settling_s=hold.settling_s,
                from_s=hold.begin_s,
                to_s=hold.t_s,
                restarts=hold.restarts,
                doubts=hold.doubts,
            )
            for run in runs
            for hold in run.holds
        ],
    )


def _most_told(found: Sequence[FoundCapacity]) -> str:
    gates = [one.gate for one in found if one.gate]
    return max(gates, key=gates.count, default="")
