"""Several searches as one: of a server that was started again, or of several runs."""

from collections.abc import Sequence

import msgspec

from siotool.searched import LOWEST_FAILED, FoundCapacity


def joined_searches(found: Sequence[FoundCapacity]) -> FoundCapacity:
    """Return the interval that holds those of all searches, at the least of their confidences.

    Servers differ from start to start by more than one search can see. Without an upper end where one of them
    has none. The value is the middle one of theirs. Where the lowest load of one failed, it failed in all.
    """
    last = found[-1]
    highs = [one.high for one in found if one.high is not None]
    values = sorted(one.value for one in found if one.value is not None)
    open_end = len(highs) < len(found)
    gates = [one.gate for one in found if one.gate]
    return msgspec.structs.replace(
        last,
        value=None if open_end or not values else values[len(values) // 2],
        low=min(one.low for one in found),
        high=None if open_end else max(highs),
        confidence=min(one.confidence for one in found),
        gate=max(gates, key=gates.count, default=""),
        limited_by=next((one.limited_by for one in found if one.high is None), last.limited_by),
        seconds=round(sum(one.seconds for one in found), 1),
        complete=all(one.complete for one in found),
        why=LOWEST_FAILED if any(one.why == LOWEST_FAILED for one in found) else last.why,
    )
