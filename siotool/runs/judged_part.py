"""Which part of a run its figures and its gates are of: all of it, or the capacity that it found.

A search for capacity goes beyond the edge on purpose, and far below it too. A mean over all of that has no
meaning. So its figures are of the highest load that passed, and where none passed, of the lowest one. A doubt
about the run, as that a worker was lost, is said once and stays; one about a single second goes with it.
"""

import msgspec

from siotool.runfile import Run
from siotool.searched import Hold

#: Times are rounded to milliseconds, and a second may be closed a little late.
_TOLERANCE_S = 0.05


def judged_part(run: Run) -> Run:
    """Return the run with the seconds that it is judged by; the run itself where it did not search."""
    holds = judged_holds(run)
    if run.capacity is None or not holds:
        return run
    spans = [(hold.begin_s - _TOLERANCE_S, hold.t_s + _TOLERANCE_S) for hold in holds]
    intervals = [
        one
        for one in run.intervals
        if any(begin <= one.t_s - one.duration_s and one.t_s <= end for begin, end in spans)
    ]
    judged = {one.t_s for one in intervals}
    notes = [note for note in run.notes if note.level != "doubt" or not note.momentary or note.t_s in judged]
    return msgspec.structs.replace(run, intervals=intervals, notes=notes)


def judged_holds(run: Run) -> list[Hold]:
    """Return the holds of the highest load that passed, or of the lowest one; empty without a search."""
    counted = [hold for hold in run.holds if hold.outcome != "generator" and hold.blocks]
    failed = [hold.load for hold in counted if hold.outcome == "failed"]
    passed = [
        hold.load
        for hold in counted
        if hold.outcome == "passed"
        and hold.missed <= hold.allowed
        and hold.load < min(failed, default=hold.load + 1)
    ]
    chosen = max(passed) if passed else min((hold.load for hold in counted), default=0.0)
    return [hold for hold in counted if hold.load == chosen]
