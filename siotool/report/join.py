"""Join what was seen with what was planned: runs in, one report out.

Several runs are pooled when they have the same target and scenario: counts and histograms
are added, peaks are the largest of any run, means weigh every second alike. A run given
twice would count twice, and runs of different targets have no common figure: both are
refused.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pandas as pd

from siotool.errors import InputError
from siotool.report.contents import (
    Bandwidth,
    ConnectionFigures,
    Counts,
    DeliveryFigures,
    Report,
    RunInfo,
    ServerFigures,
    Valid,
)
from siotool.report.default_gates import judge_all
from siotool.report.doubts import find_doubts, find_remarks
from siotool.report.gates import Gate
from siotool.report.operations import sum_up
from siotool.report.overload import overload
from siotool.report.planned import Planned
from siotool.report.series import make_series
from siotool.report.users import sum_up_exceptions, sum_up_user_classes
from siotool.report.variables import size
from siotool.report.verdict import verdict_of
from siotool.runfile import MeasuredServer, Run
from siotool.runs.hold import (
    Hold,
    cost_per_connection,
    hold_phase,
    per_connection_second,
    per_second,
    weighted_mean,
)
from siotool.runs.seconds import interval_table
from siotool.runs.slope import OWN_MEMORY_BYTES


def summarize(
    runs: Sequence[Run],
    planned: Planned,
    gates: Sequence[Gate] = (),
    *,
    counts: Callable[[ConnectionFigures, Bandwidth], Counts] = lambda *_: Counts(),
    default_gates: bool = False,
) -> Report:
    """Return the report of one or more runs of the same target and scenario.

    ``counts`` asks the planner what it makes of the planned figures, and of the measured ones.
    ``default_gates`` holds the runs to the default gates too. Raises InputError when they cannot
    be pooled.
    """
    _check_alike(runs)
    table = interval_table(runs)
    hold = hold_phase(table)
    intervals = [interval for run in runs for interval in run.intervals]
    operations = sum_up(intervals, hold.rows.tolist(), held_s=hold.steady.duration_s)
    connections = _connections(runs, table)
    bandwidth = _bandwidth(runs, table[hold.rows])
    server = _server(runs, table, hold)
    delivery, user_classes = _delivery(runs), sum_up_user_classes(runs)
    sizing = size(
        planned,
        counts(connections, bandwidth),
        connections,
        bandwidth,
        server,
        hold.steady,
        overload(operations.rows, connections, delivery, user_classes),
    )
    doubts = find_doubts(runs, table)
    report = Report(
        verdict="passed",
        valid=_valid(connections, doubts),
        doubts=doubts,
        remarks=find_remarks(runs, table, hold.steady, operations.rows),
        target=runs[0].header.target,
        scenario=runs[0].header.workload.scenario,
        runs=[_run_info(run) for run in runs],
        steady=hold.steady,
        sizing=sizing,
        connections=connections,
        operations=operations.rows,
        operations_merged=operations.merged,
        delivery=delivery,
        bandwidth=bandwidth,
        server=server,
        gates=[],
        exceptions=sum_up_exceptions(runs),
        user_classes=user_classes,
        series=make_series(intervals, table, hold, operations.rows),
    )
    judged = msgspec.structs.replace(report, gates=judge_all(report, gates, defaults=default_gates))
    return msgspec.structs.replace(judged, verdict=verdict_of(judged))


def _check_alike(runs: Sequence[Run]) -> None:
    if not runs:
        raise InputError("no run to report", "name a run folder or its run.jsonl")
    first = runs[0]
    seen: dict[str, Run] = {}
    for run in runs:
        header, twin = run.header, seen.get(run.header.run)
        if twin is not None:
            raise InputError(f"{twin.path} and {run.path} are the same run {header.run}", "name it once")
        seen[header.run] = run
        for what, ours, theirs in (
            ("target", _address(first), _address(run)),
            ("scenario", first.header.workload.scenario, header.workload.scenario),
        ):
            if ours != theirs:
                raise InputError(
                    f"runs of different {what}s cannot be pooled: {first.path} has {ours}, "
                    f"{run.path} has {theirs}",
                    "report them one by one",
                )


def _address(run: Run) -> str:
    target = run.header.target
    return f"{target.url} {target.path} {target.namespace} {target.transport}"


def _valid(connections: ConnectionFigures, doubts: Sequence[str]) -> Valid:
    if not connections.attempted:
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
    )


def _connections(runs: Sequence[Run], table: pd.DataFrame) -> ConnectionFigures:
    intervals = [interval.connections for run in runs for interval in run.intervals]
    failed: Counter[str] = Counter()
    hung: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    for interval in intervals:
        failed.update(interval.failed)
        hung.update(interval.hung)
        closed.update(interval.closed)
    return ConnectionFigures(
        peak=max((interval.open for interval in intervals), default=None),
        mean=weighted_mean(table, "mean_open"),
        attempted=sum(interval.attempted for interval in intervals),
        established=sum(interval.established for interval in intervals),
        failed=dict(sorted(failed.items())),
        hung=dict(sorted(hung.items())),
        closed=dict(sorted(closed.items())),
        users_peak=max((interval.users for interval in intervals), default=None),
        users_planned=max(run.header.workload.users_max for run in runs),
    )


def _delivery(runs: Sequence[Run]) -> DeliveryFigures:
    total: Counter[str] = Counter()
    for run in runs:
        for interval in run.intervals:
            total.update(msgspec.structs.asdict(interval.delivery))
    total["pending"] = sum(run.intervals[-1].delivery.pending for run in runs if run.intervals)
    return DeliveryFigures(**{field: total[field] for field in DeliveryFigures.__struct_fields__})


def _bandwidth(runs: Sequence[Run], held: pd.DataFrame) -> Bandwidth:
    total = [interval.bytes for run in runs for interval in run.intervals]
    return Bandwidth(
        payload_bytes_in=sum(part.payload_in for part in total),
        payload_bytes_out=sum(part.payload_out for part in total),
        wire_bytes_in=sum(part.wire_in for part in total),
        wire_bytes_out=sum(part.wire_out for part in total),
        wire_in_bytes_per_s=per_second(held, "wire_in"),
        wire_out_bytes_per_s=per_second(held, "wire_out"),
        per_connection_in_bytes_per_s=per_connection_second(held, "wire_in"),
        per_connection_out_bytes_per_s=per_connection_second(held, "wire_out"),
        source=", ".join(sorted({run.header.bytes_source for run in runs})),
    )


def _server(runs: Sequence[Run], table: pd.DataFrame, hold: Hold) -> ServerFigures | None:
    sampled = table[table["server_cpu"].notna()]
    servers = [run.header.server for run in runs if run.header.server is not None]
    if not len(sampled) or not servers:
        return None
    server = servers[0]
    held = table[hold.rows & table["server_cpu"].notna()]
    cpu = weighted_mean(held, "server_cpu")
    wire = per_second(held.assign(wire=held["wire_in"] + held["wire_out"]), "wire")
    memory = cost_per_connection(table, hold.rows, "server_rss", OWN_MEMORY_BYTES)
    files = cost_per_connection(table, hold.rows, "server_files")
    return ServerFigures(
        cpu_cores_mean=cpu,
        cpu_cores_max=float(sampled["server_cpu"].max()),
        cpu_share_mean=cpu / server.cores if cpu is not None and server.cores > 0 else None,
        cores=server.cores,
        rss_bytes_max=int(sampled["server_rss"].max()),
        rss_bytes_base=memory.base,
        rss_bytes_per_connection=memory.per_connection,
        rss_how=memory.how,
        memory_bytes=server.memory_bytes,
        files_open_max=int(sampled["server_files"].max()),
        files_base=files.base,
        files_per_connection=files.per_connection,
        files_how=files.how,
        files_limit=server.files_limit,
        processes_max=int(sampled["server_processes"].max()),
        wire_bytes_per_s=wire,
        source=_sources(servers),
    )


def _sources(servers: Sequence[MeasuredServer]) -> str:
    return "; ".join(dict.fromkeys(server.source for server in servers))
