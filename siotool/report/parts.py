"""A part of a run as gates see it: one stage, the users of one class, or both."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from siotool.report.contents import (
    Bandwidth,
    ConnectionFigures,
    ExceptionFigures,
    OperationFigures,
    Report,
)
from siotool.report.delivery_figures import DeliveryFigures
from siotool.report.fault_spans import AFTER, part_of_faults
from siotool.report.gates import Scope
from siotool.report.outage_figures import AwayFigures, OutageFigures
from siotool.report.server_figures import ServerFigures
from siotool.runfile import Interval, Run
from siotool.runs.classes import operations_of_classes


class PartFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a part of some runs; an outage belongs to no part. ``empty``: no second is of it."""

    operations: Sequence[OperationFigures]
    operations_merged: Sequence[OperationFigures]
    connections: ConnectionFigures
    delivery: DeliveryFigures
    bandwidth: Bandwidth
    server: ServerFigures | None
    exceptions: Sequence[ExceptionFigures]
    outages: Sequence[OutageFigures] = ()
    away: AwayFigures | None = None
    empty: bool = False


#: What gates are judged by.
Measurable = Report | PartFigures


def part_of(run: Run, scope: Scope) -> Run:
    """Return a run of the intervals of a stage, with the operations of a user class.

    What was under way at the end of the last stage belongs to that stage, as its failures do. What the
    scenario raised after the last second belongs to what is after the faults.
    """
    if scope.fault is not None:
        run = part_of_faults(run, scope.fault)
    intervals = [
        interval for interval in run.intervals if scope.stage is None or interval.stage == scope.stage - 1
    ]
    if scope.user_class is not None:
        intervals = [_of_class(interval, scope.user_class) for interval in intervals]
    end = run.end if scope.stage is None and scope.fault in (None, AFTER) else None
    return Run(path=run.path, header=run.header, intervals=intervals, notes=run.notes, end=end)


def _of_class(interval: Interval, user_class: str) -> Interval:
    found = operations_of_classes(interval).get(user_class, [])
    return msgspec.structs.replace(interval, operations=found)


def connects_of(operations: Sequence[OperationFigures], of_all: ConnectionFigures) -> ConnectionFigures:
    """Return the connects of a user class, as its operations count them, in place of those of all."""
    rows = [row for row in operations if row.op in ("connect", "reconnect")]
    failed: Counter[str] = Counter()
    for row in rows:
        failed.update(row.errors)
    established = sum(row.count for row in rows)
    return msgspec.structs.replace(
        of_all, attempted=established + failed.total(), established=established, failed=dict(failed)
    )
