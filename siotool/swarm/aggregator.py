"""Merges workers' intervals: of all workers into one of the run, or several of one worker into one."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any, TypeVar, cast

import msgspec

from siotool.histogram import Sparse, merged
from siotool.measured_servers import ServerUse
from siotool.runfile import (
    Delivery,
    Interval,
    Losses,
    ScenarioFailure,
    TargetUse,
    UserClass,
    Visits,
    WorkerHealth,
)
from siotool.runs.classes import operations_of_classes
from siotool.swarm.operation_merging import merged_operations, operations_by_class
from siotool.swarm.worker_report import WorkerInterval

T = TypeVar("T")

#: A second that is closed at most so late still ends on the whole second.
_LATE_S = 0.2
#: Timers may fire a moment early.
_EARLY_S = 0.01
#: Fields that describe the end of an interval rather than all of it.
_LEVELS = ("open", "users", "overdue", "pending", "away_now", "other_users")
#: Fields taken from the last interval where several of a worker are joined.
_LAST = ("worker", "until", "final", "draining")


def summed(values: Sequence[T], levels: Collection[str] = ()) -> T:
    """Counts add up, lists follow each other, records are added field by field.

    Texts, and fields that are ``levels``, are those of the last.
    """
    found: Sequence[Any] = values
    last: Any = found[-1]
    total: Any = last
    if isinstance(last, list):
        total = [item for value in found for item in value]
    elif isinstance(last, dict):
        total = {key: sum(value.get(key, 0) for value in found) for value in found for key in value}
    elif isinstance(last, msgspec.Struct):
        fields = [name for name in last.__struct_fields__ if name not in levels]
        added = {name: summed([getattr(value, name) for value in found], levels) for name in fields}
        total = msgspec.structs.replace(last, **added)
    elif not isinstance(last, str):
        total = sum(found)
    return cast(T, total)


def merge_targets(parts: Sequence[WorkerInterval], levels: Collection[str] = ()) -> list[TargetUse]:
    """One entry for each target, of which all parts have the same."""
    return [merge_uses(uses, levels) for uses in zip(*(part.targets for part in parts), strict=True)]


def merge_uses(uses: Sequence[TargetUse], levels: Collection[str] = ()) -> TargetUse:
    """Several as one."""
    return TargetUse(
        connections=summed([use.connections for use in uses], levels),
        operations=merged_operations(use.operations for use in uses),
        bytes=summed([use.bytes for use in uses]),
    )


def merge_user_classes(parts: Sequence[WorkerInterval], levels: Collection[str] = ()) -> list[UserClass]:
    """One entry for each user class, in the order of appearance."""
    groups: dict[str, list[UserClass]] = defaultdict(list)
    for part in parts:
        for found in part.user_classes:
            groups[found.name].append(found)
    return [summed(group, levels) for group in groups.values()]


def merge_visits(parts: Sequence[WorkerInterval]) -> Visits:
    """All visits together."""
    found = [part.visits for part in parts]
    return Visits(
        offered=sum(one.offered for one in found),
        arrived=sum(one.arrived for one in found),
        no_place=sum(one.no_place for one in found),
        length=merged(one.length for one in found).sparse(),
    )


def merge_losses(parts: Sequence[WorkerInterval], levels: Collection[str] = ()) -> Losses:
    """All losses and returns together."""
    found = [part.losses for part in parts]
    counts = {
        name: sum(getattr(one, name) for one in found)
        for name in ("away_now", "back", "recovered", "replayed", "caught_up")
    }
    if "away_now" in levels:
        counts["away_now"] = found[-1].away_now
    return Losses(
        **counts,
        away=merged(one.away for one in found).sparse(),
        silence=merged(one.silence for one in found).sparse(),
        drained=merged(one.drained for one in found).sparse(),
        drained_ago=_drained_ago(parts, following="away_now" in levels),
    )


def _drained_ago(parts: Sequence[WorkerInterval], *, following: bool) -> list[tuple[int, Sparse]]:
    """Drains by when their users had come back, before the end of the last part.

    ``following``: the parts are one after the other, of a worker.
    """
    ago = defaultdict[int, list[Sparse]](list)
    end = parts[-1].until if following else 0.0
    for part in parts:
        later = round(end - part.until) if following else 0
        for seconds, times in part.losses.drained_ago:
            ago[seconds + later].append(times)
    return [(seconds, merged(times).sparse()) for seconds, times in sorted(ago.items())]


def merge_exceptions(parts: Sequence[WorkerInterval]) -> list[ScenarioFailure]:
    """One entry for each kind, message and place."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for part in parts:
        for found in part.exceptions:
            counts[found.kind, found.message, found.where] += found.count
    return [ScenarioFailure(*key, count=count) for key, count in counts.items()]


def joined(parts: Sequence[WorkerInterval]) -> WorkerInterval:
    """One interval of a worker for several that follow each other."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first
    changed: dict[str, Any] = {
        "number": first.number,
        "covers": last.number + last.covers - first.number,
        "health": _health([part.health for part in parts]),
        "operations": merged_operations(part.operations for part in parts),
        "class_operations": operations_by_class(map(operations_of_classes, parts)),
        "user_classes": merge_user_classes(parts, _LEVELS),
        "targets": merge_targets(parts, _LEVELS),
        "visits": merge_visits(parts),
        "losses": merge_losses(parts, _LEVELS),
    }
    for name in WorkerInterval.__struct_fields__:
        if name not in (*changed, *_LAST, *_LEVELS):
            changed[name] = summed([getattr(part, name) for part in parts], _LEVELS)
    return msgspec.structs.replace(last, **changed)


def _health(samples: list[WorkerHealth]) -> WorkerHealth:
    return msgspec.structs.replace(
        samples[-1],
        cpu_cores=sum(sample.cpu_cores for sample in samples) / len(samples),
        cpu_wait=sum(sample.cpu_wait for sample in samples) / len(samples),
        cpu_allowed=min(sample.cpu_allowed for sample in samples),
        loop_lag_s=max(sample.loop_lag_s for sample in samples),
        schedule_lag_s=max(sample.schedule_lag_s for sample in samples),
        files_open=max(sample.files_open for sample in samples),
        clock_error_s=max(sample.clock_error_s for sample in samples),
        late=merged(sample.late for sample in samples).sparse(),
    )


def end_of(parts: list[WorkerInterval], begin: float, before_s: float) -> float:
    """When an interval of the run ends, in seconds since its start ``begin`` (monotonic clock).

    That is the whole second its number says, unless the workers closed it at another moment:
    then the mean of theirs. The last one ends when the last worker is done. ``before_s`` is the
    end of the interval before.
    """
    going = [part.until - begin for part in parts if not part.final]
    if going:
        until, due = sum(going) / len(going), float(max(part.number + part.covers for part in parts))
        until = due if -_EARLY_S <= until - due <= _LATE_S else until
    else:
        until = max(part.until for part in parts) - begin
    return round(max(until, before_s + 1e-3), 3)


def merge(
    parts: list[WorkerInterval],
    t_s: float,
    duration_s: float,
    stage: int,
    delivery: Delivery,
    servers: dict[str, ServerUse],
) -> Interval:
    """The run's interval that ends at ``t_s``, of one interval of each worker."""
    user_classes = merge_user_classes(parts)
    by_class = operations_by_class(map(operations_of_classes, parts))
    return Interval(
        t_s=t_s,
        duration_s=duration_s,
        stage=stage,
        connections=msgspec.structs.replace(
            summed([part.connections for part in parts]), users=sum(found.users for found in user_classes)
        ),
        operations=merged_operations(part.operations for part in parts),
        delivery=delivery,
        bytes=summed([part.bytes for part in parts]),
        generator=[part.health for part in parts],
        servers=servers,
        exceptions=merge_exceptions(parts),
        user_classes=user_classes,
        other_users=sum(part.other_users for part in parts),
        overdue=summed([part.overdue for part in parts]),
        visits=merge_visits(parts),
        losses=merge_losses(parts),
        draining=any(part.draining for part in parts),
        targets=merge_targets(parts),
        class_operations=by_class if len(by_class) > 1 else {},
    )
