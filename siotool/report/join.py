"""Join measured runs with planned figures: runs in, one report out.

Several runs are pooled when they are of one service (``siotool.runs.sameness``) and one scenario:
counts and histograms are added, peaks are the largest of any run, means weigh every second alike.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from operator import is_
from pathlib import Path

import msgspec
import numpy as np

from siotool.errors import InputError
from siotool.report.audience_rows import sum_up_audiences
from siotool.report.backlog_figures import sum_up_backlog
from siotool.report.bad_day_causes import undrained
from siotool.report.capacity_figures import capacity_of, unlike_searches
from siotool.report.comparison_figures import Beside
from siotool.report.contents import (
    Bandwidth,
    ConnectionFigures,
    OperationFigures,
    Report,
    RunInfo,
    Steady,
    UserClassFigures,
    Valid,
)
from siotool.report.default_gates import judge_all
from siotool.report.delivery_figures import DeliveryFigures
from siotool.report.doubts import find_doubts, find_remarks
from siotool.report.fault_effects import Storm, no_storm, sum_up_faults
from siotool.report.fault_spans import BEFORE, is_well_again
from siotool.report.gates import Gate, Scope
from siotool.report.generator_figures import sum_up_generator
from siotool.report.generator_lateness import lateness_words
from siotool.report.leak_figures import LeakFigures, find_leak
from siotool.report.node_deliveries import node_remarks, sum_up_by_node
from siotool.report.operations import sum_up
from siotool.report.outages import sum_up_away, sum_up_outages
from siotool.report.overload import overload
from siotool.report.parts import PartFigures, connects_of, part_of
from siotool.report.planned import Planned
from siotool.report.series import make_series
from siotool.report.server_remarks import server_remarks
from siotool.report.servers import sum_up_all, sum_up_each
from siotool.report.sizing_figures import Counts
from siotool.report.steady_state import judge_around
from siotool.report.stopping import stops_of
from siotool.report.targets import by_class, sum_up_targets, unlike_targets
from siotool.report.users import sum_up_exceptions, sum_up_user_classes
from siotool.report.variables import MeasuredParts, size
from siotool.report.verdict import verdict_of
from siotool.report.visits import sum_up_visits
from siotool.runfile import Header, Interval, Run
from siotool.runs.clock_error import clock_error_s
from siotool.runs.hold import SHARE_OF_PEAK, SHORTEST_S
from siotool.runs.judged_part import judged_part
from siotool.runs.sameness import check_same
from siotool.runs.seconds import Seconds, seconds_of
from siotool.units import format_share


def summarize(
    runs: Sequence[Run],
    planned: Planned,
    gates: Sequence[Gate] = (),
    *,
    counts: Callable[[ConnectionFigures, Bandwidth, Seconds], Counts] = lambda *_: Counts(),
    default_gates: bool = False,
    beside: Beside | None = None,
    same_target: bool = False,
    storm: Storm = no_storm,
) -> Report:
    """Return the report of one or more runs of the same target and scenario.

    ``counts`` asks the planner what it makes of the planned figures, and of those measured, second by second.
    ``default_gates`` judges by the default gates too. ``beside`` is what a baseline adds.
    ``same_target``: the user says that the runs are of one service. ``storm`` predicts how many connects a
    second a fault makes. Raises InputError when they cannot be pooled.
    """
    _check_alike(runs, same_target=same_target)
    whole, runs = runs, [judged_part(run) for run in runs]
    seconds = seconds_of(runs)
    all_judged = all(map(is_, runs, whole))
    of_all = seconds if all_judged else seconds_of(whole)
    steady = _steady(seconds)
    operations = sum_up(runs, seconds.held.tolist(), held_s=steady.duration_s)
    connections = _connections(runs, seconds)
    bandwidth = _bandwidth(runs, seconds)
    server, servers = sum_up_all(runs, seconds), sum_up_each(runs, seconds)
    outages, faults = sum_up_outages(runs), sum_up_faults(runs, storm)
    delivery, user_classes = _delivery(runs), sum_up_user_classes(runs)
    by_node = sum_up_by_node(runs)
    capacity = capacity_of(whole)
    counted = counts(connections, bandwidth, of_all)
    sizing = size(
        planned,
        counted,
        MeasuredParts(connections, bandwidth, server, steady, seconds, outages, capacity),
        runs[-1].header,
        _overload(runs, operations.rows, connections, delivery, user_classes, broken=bool(faults)),
    )
    beside = beside or Beside(None, [], [])
    leak = find_leak(seconds, server.memory_bytes if server else None)
    late = lateness_words(runs, operations.rows)
    doubts = [*find_doubts(whole, runs, seconds), *late.doubts, *beside.doubts]
    report = Report(
        verdict="passed",
        valid=_valid(whole, doubts),
        doubts=doubts,
        remarks=[
            *find_remarks(runs, seconds, steady, operations.rows, delivery),
            *unlike_searches(whole),
            *unlike_targets(runs),
            *late.remarks,
            *node_remarks(by_node),
            *server_remarks(server, servers),
            *undrained(faults, connections.users_planned or connections.users_peak or 0),
            *beside.remarks,
            *([f"whether the server leaks: {leak}"] if isinstance(leak, str) and leak else []),
        ],
        target=runs[0].header.target,
        targets=sum_up_targets(runs, seconds.held.tolist(), held_s=steady.duration_s),
        scenario=runs[0].header.workload.scenario,
        runs=[_run_info(run) for run in whole],
        steady=steady,
        sizing=sizing,
        connections=connections,
        operations=operations.rows,
        operations_merged=operations.merged,
        delivery=delivery,
        outages=outages,
        away=sum_up_away(runs, outages),
        faults=faults,
        backlog=sum_up_backlog(runs, delivery, counted.backlog),
        audiences=sum_up_audiences(runs, clock_error_s(runs)),
        delivery_by_node=by_node,
        bandwidth=bandwidth,
        server=server,
        servers=servers,
        capacity=capacity,
        leak=leak if isinstance(leak, LeakFigures) else None,
        generator=sum_up_generator(runs, seconds),
        gates=[],
        exceptions=sum_up_exceptions(runs),
        user_classes=user_classes,
        visits=sum_up_visits(runs, user_classes),
        comparison=beside.comparison,
        # all of the runs, also where the figures are of a part
        series=make_series(
            [interval for run in whole for interval in run.intervals],
            of_all,
            operations.rows,
            operations.times if all_judged else {},
        ),
    )
    judging = partial(judge_around, well_again=all(map(is_well_again, runs))) if report.faults else judge_all
    results = judging(report, gates, lambda scope: figures_of(runs, scope), defaults=default_gates)
    judged = msgspec.structs.replace(report, gates=[*results, *stops_of(runs)])
    return msgspec.structs.replace(judged, verdict=verdict_of(judged))


def look_at(header: Header, interval: Interval, gate: Gate) -> PartFigures:
    """Return what a gate measures in one interval of a run that goes on."""
    return figures_of([Run(Path(), header, [interval], [], None)], gate.scope or Scope())


def figures_of(runs: Sequence[Run], scope: Scope) -> PartFigures:
    """Return what gates are judged by in a part of the runs: of one stage, of one user class, or both."""
    parts = [part_of(run, scope) for run in runs]
    seconds = seconds_of(parts)
    held_s = float(seconds["duration_s"][seconds.held].sum())
    operations = sum_up(parts, seconds.held.tolist(), held_s=held_s)
    connections = _connections(parts, seconds)
    return PartFigures(
        operations=operations.rows,
        operations_merged=operations.merged,
        connections=connects_of(operations.rows, connections) if scope.user_class else connections,
        delivery=_delivery(parts),
        bandwidth=_bandwidth(parts, seconds),
        server=sum_up_all(parts, seconds),
        exceptions=sum_up_exceptions(parts),
        empty=not len(seconds),
    )


def _check_alike(runs: Sequence[Run], *, same_target: bool) -> None:
    if not runs:
        raise InputError("no run to report", "name a run folder or its run.jsonl")
    check_same(runs, same_target=same_target)
    first = runs[0]
    for run in runs:
        ours, theirs = first.header.workload.scenario, run.header.workload.scenario
        if ours != theirs:
            raise InputError(
                f"runs of different scenarios cannot be pooled: {first.path} has {ours}, {run.path} has "
                f"{theirs}",
                "report them one by one",
            )


def _valid(runs: Sequence[Run], doubts: Sequence[str]) -> Valid:
    if not any(interval.connections.attempted for run in runs for interval in run.intervals):
        return "no"
    return "suspect" if doubts else "yes"


def _run_info(run: Run) -> RunInfo:
    header = run.header
    workload = header.workload
    return RunInfo(
        run=header.run,
        started_at=header.started_at,
        duration_s=run.end.t_s if run.end else run.intervals[-1].t_s if run.intervals else None,
        ended=run.end.reason if run.end else "cut",
        users_planned=workload.users_max,
        stages=workload.stages,
        settings=workload.settings,
        processes=workload.processes,
        seed=workload.seed,
        siotool=header.siotool,
        machine="; ".join(
            dict.fromkeys(f"{one.system}, {one.cpus} cores, Python {one.python}" for one in header.generators)
        ),
        bytes_source=header.bytes_source,
        arrivals=workload.arrivals,
    )


def _steady(seconds: Seconds) -> Steady:
    """The seconds that means are over."""
    duration = float(seconds["duration_s"][seconds.held].sum())
    how = (
        f"the {duration:.0f} s in which at least {format_share(SHARE_OF_PEAK)} of the peak were connected"
        if seconds.steady
        else f"all {duration:.0f} s with open connections; the load was never steady for {SHORTEST_S:g} s"
    )
    return Steady(
        found=seconds.steady,
        duration_s=duration,
        connections_mean=_known(seconds.mean("connections", seconds.held)),
        how=how if duration else "no second with open connections",
    )


def _overload(
    runs: Sequence[Run],
    operations: Sequence[OperationFigures],
    connections: ConnectionFigures,
    delivery: DeliveryFigures,
    user_classes: Sequence[UserClassFigures],
    *,
    broken: bool,
) -> str:
    """Why the load was too much, of what was before the first fault: what follows is not the load's doing."""
    if not broken:
        return overload(operations, connections, delivery, user_classes)
    before = figures_of(runs, Scope(fault=BEFORE))
    return overload(before.operations, before.connections, before.delivery, [])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _connections(runs: Sequence[Run], seconds: Seconds) -> ConnectionFigures:
    intervals = [interval.connections for run in runs for interval in run.intervals]
    return ConnectionFigures(
        peak=max((interval.open for interval in intervals), default=None),
        mean=_known(seconds.mean("connections")),
        attempted=sum(interval.attempted for interval in intervals),
        established=sum(interval.established for interval in intervals),
        failed=by_class(interval.failed for interval in intervals),
        hung=by_class(interval.hung for interval in intervals),
        closed=by_class(interval.closed for interval in intervals),
        stayed_away=by_class(interval.stayed_away for interval in intervals),
        users_peak=max((interval.users for interval in intervals), default=None),
        users_planned=max(run.header.workload.users_max for run in runs),
    )


def _delivery(runs: Sequence[Run]) -> DeliveryFigures:
    total: Counter[str] = Counter()
    for run in runs:
        for interval in run.intervals:
            total.update(msgspec.structs.asdict(interval.delivery))
    losses = [interval.losses for run in runs for interval in run.intervals]
    caught_up = sum(part.caught_up for part in losses)
    total["missed_while_away"] = max(0, total["while_away"] - caught_up)
    total["replayed"] = sum(part.replayed for part in losses)
    total["pending"] = sum(run.intervals[-1].delivery.pending for run in runs if run.intervals)
    return DeliveryFigures(**{field: total[field] for field in DeliveryFigures.__struct_fields__})


def _bandwidth(runs: Sequence[Run], seconds: Seconds) -> Bandwidth:
    total = [interval.bytes for run in runs for interval in run.intervals]
    into, out, connections = (
        _known(seconds.mean(column, seconds.held))
        for column in ("bytes_in_per_s", "bytes_out_per_s", "connections")
    )
    return Bandwidth(
        payload_bytes_in=sum(part.payload_in for part in total),
        payload_bytes_out=sum(part.payload_out for part in total),
        wire_bytes_in=sum(part.wire_in for part in total),
        wire_bytes_out=sum(part.wire_out for part in total),
        wire_in_bytes_per_s=into,
        wire_out_bytes_per_s=out,
        per_connection_in_bytes_per_s=into / connections if into is not None and connections else None,
        per_connection_out_bytes_per_s=out / connections if out is not None and connections else None,
        source=", ".join(sorted({run.header.bytes_source for run in runs})),
    )
