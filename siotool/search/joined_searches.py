"""Several searches as one: of a server that was started again, or of several runs."""

from collections.abc import Sequence

import msgspec

from siotool.searched import FAILED_IN_ONE, GENERATOR, LOWEST_FAILED, TIME, UNSAMPLED, FoundCapacity

#: What keeps a search from an upper end: what takes most from the result comes first. Empty: its highest load
#: was not shown.
_LIMITS = (GENERATOR, UNSAMPLED, TIME, "", "bound")


def joined_searches(found: Sequence[FoundCapacity]) -> FoundCapacity:
    """Return the interval that holds those of all searches, at the least of their confidences.

    Servers differ from start to start by more than one search can see. Without an upper end where one of them
    has none: what kept it from one is what takes most from the result, and that is also why it ended; else
    it ended as the search did whose low end is the least. Where one was ended early, its word counts. The
    value is the middle one of theirs. Where the lowest load of one failed, it failed in all.
    Where a bound ended one, and another has an upper end, the reason says both.
    """
    last = found[-1]
    highs = [one.high for one in found if one.high is not None]
    values = sorted(one.value for one in found if one.value is not None)
    open_end = len(highs) < len(found)
    limited = min((one for one in found if one.high is None), key=_severity, default=last)
    least = min(found, key=lambda one: one.low)
    told = limited if open_end and least.low else least
    told = next((one for one in found if not one.complete), told)
    why = LOWEST_FAILED if any(one.why == LOWEST_FAILED for one in found) else told.why
    failed_in_one = bool(highs) or any(one.why == FAILED_IN_ONE for one in found)
    if told.limited_by == "bound" and told.complete and failed_in_one and why != LOWEST_FAILED:
        why = FAILED_IN_ONE
    gates = [one.gate for one in found if one.gate]
    return msgspec.structs.replace(
        last,
        value=None if open_end or not values else values[len(values) // 2],
        low=min(one.low for one in found),
        high=None if open_end else max(highs),
        confidence=min(one.confidence for one in found),
        gate=max(gates, key=gates.count, default=""),
        limited_by=limited.limited_by,
        seconds=round(sum(one.seconds for one in found), 1),
        complete=all(one.complete for one in found),
        why=why,
    )


def _severity(one: FoundCapacity) -> int:
    return _LIMITS.index(one.limited_by) if one.limited_by in _LIMITS else 0
