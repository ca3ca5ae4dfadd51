"""What faults did to the clients of some runs."""

from collections.abc import Sequence
from typing import Protocol

from siotool.histogram import Histogram, merged
from siotool.report.fault_figures import FaultFigures, FaultLatency
from siotool.report.fault_spans import FaultSpan, all_over_s, during, fault_spans, since, until
from siotool.report.outages import (
    begin_of,
    drain_after,
    figures_of_span,
    lost_by_second,
    lost_in,
    spans_of,
)
from siotool.report.peaks import usual_s
from siotool.runfile import Header, Interval, Run
from siotool.runs.seconds import UNDER_WAY_S

#: What is most likely to be felt by users, first.
_OPS = ("ack", "deliver", "connect", "reconnect")
#: What is before a fault begins so long after the one before it: waiting messages come in between.
AFTERMATH_S = 5.0
#: A second counts as full load with this share of the most connections.
_FULL = 0.95


class Storm(Protocol):
    """Predicts the most connects in a second, of clients that lost their connection at once."""

    def __call__(self, header: Header, clients: int, unreachable_s: float, *, hanging: bool) -> float | None:
        """They find no server for some seconds; ``hanging``: attempts get no answer meanwhile."""


def no_storm(header: Header, clients: int, unreachable_s: float, *, hanging: bool) -> None:
    """Predict nothing."""


def sum_up_faults(runs: Sequence[Run], storm: Storm) -> list[FaultFigures]:
    """Return the faults of some runs, in order."""
    found: list[FaultFigures] = []
    offset = 0.0
    for run in runs:
        spans = fault_spans(run)
        for place, span in enumerate(spans):
            before_s = all_over_s(spans[:place]) + AFTERMATH_S if place else 0.0
            after_s = all_over_s(spans[: place + 1])
            found.append(_figures(run, span, (before_s, after_s), offset, storm))
        offset += run.intervals[-1].t_s if run.intervals else 0.0
    return found


def _figures(
    run: Run, span: FaultSpan, around: tuple[float, float], offset: float, storm: Storm
) -> FaultFigures:
    """``around``: when the faults before this one were over for good, and when this one is too."""
    planned = run.header.faults[span.number]
    inside = [one for one in during(run, span) if not one.draining]
    usual = usual_s([one.duration_s for one in run.intervals])
    drain = _drain(run, span, inside)
    outage = figures_of_span(inside, drain, 0.0, lost_by_second(run.intervals), usual)
    unreachable_s = _unreachable_s(inside, span.t_s)
    hanging = any(sum(one.connections.hung.values()) for one in inside)
    at_once = max((sum(one.connections.closed.values()) for one in inside), default=0)
    peak = storm(run.header, at_once, unreachable_s, hanging=hanging) if at_once else None
    return FaultFigures(
        do=planned.do,
        undo=planned.undo,
        t_s=round(offset + span.t_s, 3),
        until_s=round(offset + span.until_s, 3),
        well_s=None if span.well_s is None else round(offset + span.well_s, 3),
        failed="; ".join(f"{step.step}: {step.said}" for step in span.steps if step.failed),
        parts=list(dict.fromkeys(part for step in span.steps for part in step.parts)),
        lost=outage.lost,
        reasons=outage.reasons,
        back=outage.back,
        back_p50_s=outage.back_p50_s,
        back_p90_s=outage.back_p90_s,
        back_p99_s=outage.back_p99_s,
        back_all_s=outage.back_all_s,
        attempts_peak_per_s=outage.attempts_peak_per_s,
        storm_peak_per_s=peak,
        unreachable_s=unreachable_s,
        recovered=outage.recovered,
        recovered_share=outage.recovered / outage.back if outage.back else None,
        replayed=outage.replayed,
        messages_lost=outage.messages_lost,
        acknowledged_lost=_acknowledged_lost(run, inside),
        missed=outage.missed,
        duplicate=outage.duplicate,
        latencies=_latencies(
            _full([one for one in until(run, span.t_s) if one.t_s > around[0]]),
            inside,
            [one for one in since(run, around[1]) if one.t_s <= span.next_s],
        ),
    )


def _drain(run: Run, span: FaultSpan, inside: Sequence[Interval]) -> list[Interval]:
    """The seconds after a fault in which users get what they missed in it, up to the next fault or outage."""
    if not inside:
        return []
    held = [one for one in run.intervals if not one.draining]
    begins = [begin_of(held[first:after]) for first, after in spans_of(held)]
    later = [begin for begin in begins if begin >= inside[-1].t_s]
    return drain_after(inside, run.intervals, min([span.next_s - UNDER_WAY_S, *later]))


def _full(intervals: Sequence[Interval]) -> list[Interval]:
    most = max((one.connections.open for one in intervals), default=0)
    return [one for one in intervals if one.connections.open >= _FULL * most]


def _acknowledged_lost(run: Run, inside: Sequence[Interval]) -> int | None:
    if not any(one.delivery.acknowledged for one in run.intervals):
        return None
    lost = lost_by_second(run.intervals, acknowledged=True)
    return lost_in(inside, lost)


def _unreachable_s(inside: Sequence[Interval], t_s: float) -> float:
    """How long no connect succeeded after the first connections were lost, in whole seconds of the run."""
    first = next((one for one in inside if sum(one.connections.closed.values())), None)
    if first is None:
        return 0.0
    back = next((one for one in inside if one.t_s > first.t_s and one.connections.established), None)
    if first.connections.established or back is None:
        return 0.0
    return max(0.0, round(back.t_s - back.duration_s - max(t_s, first.t_s - first.duration_s), 3))


def _latencies(
    before: Sequence[Interval], during: Sequence[Interval], after: Sequence[Interval]
) -> list[FaultLatency]:
    parts = (before, during, after)
    ops = [op for op in _OPS if any(_times(part, op).count for part in parts)]
    return [FaultLatency(op, *(_times(part, op).quantile(0.99) for part in parts)) for op in ops]


def _times(intervals: Sequence[Interval], op: str) -> Histogram:
    return merged(one.response for interval in intervals for one in interval.operations if one.op == op)
