"""What a report says of a backlog: what users missed while away and got, and what the store took for it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from siotool.histogram import Histogram, merged
from siotool.report.delivery_figures import DeliveryFigures
from siotool.report.drain_percentiles import drain_percentiles
from siotool.report.peaks import peak_per_s, usual_s
from siotool.report.percentiles import Percentile
from siotool.runfile import Interval, Run


class StoreFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the store says of itself over the run: by how much it grew.

    ``messages`` were kept, in ``bytes`` on disk with indexes; ``bytes_per_message`` is their slope over all
    seconds. ``written_per_s`` are those kept per second
    while users were away, ``written_peak_per_s`` in the best second of the run.
    """

    name: str
    messages: int
    bytes: int
    bytes_per_message: float | None
    written_per_s: float | None
    written_peak_per_s: float | None


class AgainstPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of the plan's storage and the one that was measured; ``difference`` is of the plan's."""

    name: str
    unit: str
    planned: float
    measured: float
    difference: float


class BacklogFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was sent to users while they were away, and what of it came once they were back.

    ``due = replayed + missed``; ``duplicate`` are those of the whole run. ``drain_*`` is how long a
    user took, from the begin of the connect that brought it back, until it had the last of it. Percentiles
    lie between ``low`` and ``high`` with 95 %, over the times of return (``drain_percentiles``).
    ``replayed_peak_per_s`` are deliveries in the best second.
    """

    due: int
    replayed: int
    missed: int
    duplicate: int
    users: int
    drain_p50_s: float | None
    drain_p50_low_s: float | None
    drain_p50_high_s: float | None
    drain_p90_s: float | None
    drain_p90_low_s: float | None
    drain_p90_high_s: float | None
    drain_p99_s: float | None
    drain_p99_low_s: float | None
    drain_p99_high_s: float | None
    drain_max_s: float | None
    replayed_peak_per_s: float | None
    store: StoreFigures | None
    planned: list[AgainstPlan]


class PlannedStore(NamedTuple):
    """A store of the plan: its name there, and the bytes of a message in it."""

    name: str
    bytes_per_message: float


class PlannedBacklog(msgspec.Struct, frozen=True):
    """The storage of a plan. ``stores`` are by the names of measured ones; ``chosen`` is for any other."""

    written_per_s: float
    drain_s: float | None
    stores: Mapping[str, PlannedStore]
    chosen: PlannedStore | None


def sum_up_backlog(
    runs: Sequence[Run], delivery: DeliveryFigures, planned: PlannedBacklog | None
) -> BacklogFigures | None:
    """Return the backlog of some runs; None where no store was measured, and nothing came to those back."""
    intervals = [interval for run in runs for interval in run.intervals]
    replayed = sum(interval.losses.caught_up for interval in intervals)
    usual = usual_s([interval.duration_s for interval in intervals])
    store, drains = _store(runs, usual), merged(interval.losses.drained for interval in intervals)
    if store is None and not replayed:
        return None
    known = drain_percentiles(runs)
    between = {name: known.get(name, Percentile()) for name in ("p50", "p90", "p99")}
    return BacklogFigures(
        due=replayed + delivery.missed_while_away,
        replayed=replayed,
        missed=delivery.missed_while_away,
        duplicate=delivery.duplicate,
        users=drains.count,
        drain_p50_s=_quantile(drains, 0.5),
        drain_p90_s=_quantile(drains, 0.9),
        drain_p99_s=_quantile(drains, 0.99),
        **{f"drain_{name}_low_s": one.low for name, one in between.items()},
        **{f"drain_{name}_high_s": one.high for name, one in between.items()},
        drain_max_s=drains.max_s if drains.count else None,
        replayed_peak_per_s=peak_per_s(((one.losses.caught_up, one.duration_s) for one in intervals), usual),
        store=store,
        planned=[] if planned is None else _against(planned, store, drains.max_s if drains.count else None),
    )


def _quantile(times: Histogram, share: float) -> float | None:
    return times.quantile(share) if times.count else None


class _Growth(NamedTuple):
    """What a store grew by from the end of one interval to that of a later one."""

    seconds: float
    messages: int
    bytes: int
    away: bool


def _store(runs: Sequence[Run], usual: float) -> StoreFigures | None:
    names = [
        name
        for run in runs
        for interval in run.intervals
        for name, use in interval.servers.items()
        if use.store_messages is not None
    ]
    if not names:
        return None
    growths = [growth for run in runs for growth in _growths(run.intervals, names[0])]
    messages, size = sum(one.messages for one in growths), max(0, sum(one.bytes for one in growths))
    away = [one for one in growths if one.away]
    away_s = sum(one.seconds for one in away)
    return StoreFigures(
        name=names[0],
        messages=messages,
        bytes=size,
        bytes_per_message=_per_message(runs, names[0]),
        written_per_s=sum(one.messages for one in away) / away_s if away_s else None,
        written_peak_per_s=peak_per_s(((one.messages, one.seconds) for one in growths), usual)
        if growths
        else None,
    )


def _per_message(runs: Sequence[Run], name: str) -> float | None:
    """The slope of bytes over messages, by least squares over all seconds; None where no message was kept.

    A store's size on disk rises and falls by what it writes ahead, and tidies up: the last second alone
    would show one moment of that.
    """
    messages, sizes = [np.zeros(0)], [np.zeros(0)]
    for run in runs:
        uses = [one.servers[name] for one in run.intervals if name in one.servers]
        kept = [(use.store_messages, use.store_bytes or 0) for use in uses if use.store_messages is not None]
        if kept:
            # each run begins with a store of its own
            counted, held = (np.array(column) - np.mean(column) for column in zip(*kept, strict=True))
            messages.append(counted)
            sizes.append(held)
    x, y = np.concatenate(messages), np.concatenate(sizes)
    return max(0.0, float(x @ y / (x @ x))) if x.any() else None


def _growths(intervals: Sequence[Interval], name: str) -> list[_Growth]:
    """The growth from each second in which the store answered to the next; ``away``: users were, at both."""
    found: list[_Growth] = []
    before: Interval | None = None
    for interval in intervals:
        use = interval.servers.get(name)
        if use is None or use.store_messages is None:
            continue
        if before is not None and interval.t_s > before.t_s:
            last = before.servers[name]
            found.append(
                _Growth(
                    interval.t_s - before.t_s,
                    max(0, use.store_messages - (last.store_messages or 0)),
                    # a store that tidies up becomes smaller meanwhile
                    (use.store_bytes or 0) - (last.store_bytes or 0),
                    before.losses.away_now > 0 and interval.losses.away_now > 0,
                )
            )
        before = interval
    return found


def _against(planned: PlannedBacklog, store: StoreFigures | None, drain_s: float | None) -> list[AgainstPlan]:
    found = []
    if store is not None:
        like = planned.stores.get(store.name, planned.chosen)
        if like is not None:
            name = f"a message in {like.name}"
            found.append(_row(name, "B", like.bytes_per_message, store.bytes_per_message))
        found.append(_row("messages written", "/s", planned.written_per_s, store.written_per_s))
    if planned.drain_s is not None:
        found.append(_row("time to drain", "s", planned.drain_s, drain_s))
    return [row for row in found if row is not None]


def _row(name: str, unit: str, planned: float, measured: float | None) -> AgainstPlan | None:
    if measured is None or not planned:
        return None
    return AgainstPlan(name, unit, planned, measured, measured / planned - 1)
