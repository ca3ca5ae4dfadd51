"""When faults lasted: from their begin until everybody was back, and the parts of a run around them.

The rule, with the seconds of the run file:

- A fault lasts from the begin of its ``do`` to the end of its ``undo``, or of ``do`` where nothing
  undoes it.
- It goes on until the outages are over that touch that time, or begin up to ``TOUCHES_S`` after it; an
  outage that lasts to the end of the run is never over.
- It goes on as long as messages are lost that were sent up to ``TOUCHES_S`` after that.
- Its row and its gates end where the next fault begins at the latest.
- ``before`` is all up to ``UNDER_WAY_S`` before the first fault: what was sent then may be hit by it.
  ``after`` is all from ``SETTLE_S`` after all faults were over, also one that
  lasted longer than those that began after it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

import msgspec

from siotool.faults.planned_fault import FaultStep
from siotool.report.outages import lost_by_second, lost_in, second_of, spans_of
from siotool.runfile import Interval, Run
from siotool.runs.seconds import UNDER_WAY_S

#: A connection may be missed so long after what broke it: a proxy, or the kernel, takes a moment.
TOUCHES_S = 2.0
#: What was under way when everybody was back has an end of its own.
SETTLE_S = 2.0
#: Times are rounded to milliseconds, and a second may be closed a little late.
_ROUNDING_S = 0.05
#: What gates call the parts of a run with faults; a fault itself is called by its number, from 1 on.
BEFORE, AFTER = "before", "after"


class FaultSpan(NamedTuple):
    """One fault in seconds of its run; ``well_s`` None: not everybody was back at the end.

    ``next_s`` is when the next fault begins, infinite for the last.
    """

    number: int
    t_s: float
    until_s: float
    well_s: float | None
    end_s: float
    next_s: float
    steps: list[FaultStep]


def fault_spans(run: Run) -> list[FaultSpan]:
    """Return the faults of a run that were begun, in order."""
    intervals = [interval for interval in run.intervals if not interval.draining]
    outages = [
        (intervals[first].t_s - intervals[first].duration_s, intervals[after - 1].t_s)
        if after < len(intervals)
        else (intervals[first].t_s - intervals[first].duration_s, inf)
        for first, after in spans_of(intervals)
    ]
    steps = [[step for step in run.fault_steps if step.fault == n] for n, _ in enumerate(run.header.faults)]
    begun = [(n, found) for n, found in enumerate(steps) if found]
    lost = lost_by_second(run.intervals)
    return list(_spans(begun, outages, lost))


def _spans(
    begun: Sequence[tuple[int, list[FaultStep]]],
    outages: Sequence[tuple[float, float]],
    lost: Counter[int],
) -> Iterator[FaultSpan]:
    for place, (number, steps) in enumerate(begun):
        t_s = min(step.t_s for step in steps)
        until_s = max(step.t_s + step.took_s for step in steps)
        next_s = begun[place + 1][1][0].t_s if place + 1 < len(begun) else inf
        # a fault that begins meanwhile does not end this one
        later_s = min(
            (steps[0].t_s for _, steps in begun[place + 1 :] if steps[0].t_s > until_s), default=inf
        )
        last_s = min(until_s + TOUCHES_S, later_s - UNDER_WAY_S)
        touched = [end for begin, end in outages if begin <= last_s and end >= t_s]
        well_s = max([until_s, *touched])
        while well_s < _last_lost_s(lost, well_s, later_s):
            well_s = _last_lost_s(lost, well_s, later_s)
        known_s = well_s if well_s < inf else None
        yield FaultSpan(number, t_s, until_s, known_s, min(well_s, next_s), next_s, steps)


def _last_lost_s(lost: Counter[int], end_s: float, next_s: float) -> float:
    """The end of the last second, soon after a fault's end, in which messages were sent that were lost."""
    if end_s == inf:
        return inf
    soon = range(second_of(end_s), second_of(min(end_s + TOUCHES_S, next_s - UNDER_WAY_S)) + 1)
    return max([end_s, *(float(second) for second in soon if lost[second])])


def part_of_faults(run: Run, part: str) -> Run:
    """Return the intervals of a run that are before or after its faults, or of a fault by its number.

    A run without a fault is before its first one. Deliveries that were lost count where their message was
    sent, not where they were given up.
    """
    spans = fault_spans(run)
    if part == BEFORE:
        found = until(run, spans[0].t_s) if spans else run.intervals
    elif part == AFTER:
        found = since(run, all_over_s(spans)) if spans else []
    else:
        found = [one for span in spans if span.number == int(part) - 1 for one in during(run, span)]
    lost = lost_by_second(run.intervals)
    return msgspec.structs.replace(
        run, intervals=[_with_own_losses(interval, lost_in([interval], lost)) for interval in found]
    )


def is_well_again(run: Run) -> bool:
    """Whether a run goes on under load after its last fault is over; true where it had none."""
    spans = fault_spans(run)
    if not spans:
        return True
    return any(not one.draining for one in since(run, all_over_s(spans)))


def all_over_s(spans: Sequence[FaultSpan]) -> float:
    """When the last of some faults was over; infinite where one never was."""
    return max(inf if span.well_s is None else span.well_s for span in spans)


def until(run: Run, t_s: float) -> list[Interval]:
    """The seconds of a run before a fault that begins then."""
    return [one for one in run.intervals if one.t_s <= t_s - UNDER_WAY_S + _ROUNDING_S]


def since(run: Run, end_s: float) -> list[Interval]:
    """The seconds of a run after a fault that is over then."""
    return [one for one in run.intervals if one.t_s - one.duration_s >= end_s + SETTLE_S - _ROUNDING_S]


def during(run: Run, span: FaultSpan) -> list[Interval]:
    """The seconds of a run that belong to a fault."""
    before, after = len(until(run, span.t_s)), len(since(run, span.end_s))
    return until(msgspec.structs.replace(run, intervals=run.intervals[before : -after or None]), span.next_s)


def _with_own_losses(interval: Interval, lost: int) -> Interval:
    """An interval with the deliveries lost of what was sent in it, in place of those given up in it."""
    delivery = interval.delivery
    own = msgspec.structs.replace(delivery, lost=lost, expected=delivery.received + lost)
    return msgspec.structs.replace(interval, delivery=own)
