"""Doubts and remarks about runs.

A *doubt* makes the run suspect (exit code 5): the load that was asked for was not offered, or
the generator, not the target, may have shaped the figures. A *remark* is worth knowing and
changes no verdict. What the target did, however bad, is a result and never a doubt.

=================================================================  =======
the file has no end, or its last line was cut                       doubt
the run was interrupted, or lost its workers                        doubt
seconds are missing, repeated, out of order; counts do not add up   doubt
a generator process above 85 % of the CPU it may have, too often    doubt
a generator process that waited for a CPU 25 % of a second, too often doubt
its loop more than 100 ms late, too often, or more than 1 s once    doubt
less than 99 % of the offered operations issued, by more than two doubt
less than 99 % of the planned users started, or of those to arrive  doubt
users that arrived and found no place                               doubt
a user class that began no operation at all                         doubt
the generator above 90 % of its open-file limit                     doubt
a failure of the generator's own (no port, no file, no memory, bug) doubt
a note of level ``doubt`` in the run file                           doubt
a search for capacity that the generator ended, or its time         doubt
one that showed of no load that it passes, and of none that it fails doubt
a planned fault that was not made before the run ended              doubt
users that stayed unconnected or away; deliveries still open at the end     remark
users that ended by themselves, without an arrival rate             remark
no steady state; too few samples for an interval of a percentile    remark
operations late for their schedule, or more than 1 % not in time    remark
generator and server together above 90 % of one machine's cores     remark
the server near its open-file limit; the server not sampled         remark
pooled runs with different settings; a note of level ``warning``    remark
the server would have compressed for official clients               remark
deliveries that arrived where they were not to                      remark
=================================================================  =======

"Too often" is more than 1 % of the time and about two seconds: one bad second does not make a short
run suspect, and several short intervals at its end neither. Late loops count only while connections are open.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from siotool.report.absences import dropped_after_silence, who_stayed_away
from siotool.report.bad_day_causes import overflowing_queue, torn_sessions
from siotool.report.contents import (
    OperationFigures,
    Steady,
    UserClassFigures,
    format_cores,
)
from siotool.report.continuity import find_gaps
from siotool.report.delivery_figures import DeliveryFigures
from siotool.report.users import sum_up_user_classes
from siotool.report.visits import sum_up_visits
from siotool.runfile import OTHER, Run
from siotool.runs.clock_error import clock_error_s
from siotool.runs.generator_limits import (
    ACHIEVED_LEAST,
    CPU_LIMIT,
    CPU_WAIT_LIMIT,
    FEW_OPERATIONS,
    FILES_LIMIT,
    LOOP_LAG_LIMIT_S,
    OWN_FAILURES,
    own_failures,
)
from siotool.runs.hold import Marks
from siotool.runs.sameness import names
from siotool.runs.seconds import Seconds
from siotool.searched import GENERATOR, LOWEST_FAILED, NOT_SHOWN, TIME, UNSAMPLED
from siotool.units import format_duration, format_share

#: A loop this late did not run at all: it was stopped, suspended, or blocked by a task.
PAUSE_S = 1.0
SCHEDULE_LAG_LIMIT_S = 0.1
LATE_SHARE = 0.01
MACHINE_LIMIT = 0.9
#: Two seconds, less what a timer may take from them.
_TOO_LONG_S = 1.9


def find_doubts(runs: Sequence[Run], judged: Sequence[Run], table: Seconds) -> list[str]:
    """What makes the runs suspect, with figures. ``judged`` and ``table`` are what they are judged by."""
    found: list[str] = []
    for number, (run, part, name) in enumerate(zip(runs, judged, names(runs), strict=True)):
        rows = table.only(table.run == number)
        prefix = f"{name}: " if len(runs) > 1 else ""
        classes = sum_up_user_classes([run])
        of_part = classes if part is run else sum_up_user_classes([part])
        parts = [*_ending(run), *find_gaps(run), *_generator(rows), *_own_failures(part)]
        parts += [*_load(part, of_part), *_proven(run, classes), *_searched(run), *_unmade(run, early=False)]
        found += [prefix + text for text in parts]
        found += [
            f"{prefix}{note.text} (at {note.t_s:.0f} s)" for note in part.notes if note.level == "doubt"
        ]
    return found


def find_remarks(
    runs: Sequence[Run],
    table: Seconds,
    steady: Steady,
    operations: Sequence[OperationFigures],
    delivery: DeliveryFigures,
) -> list[str]:
    """What is worth knowing and makes nothing suspect."""
    found: list[str] = []
    for number, (run, name) in enumerate(zip(runs, names(runs), strict=True)):
        rows, classes = table.only(table.run == number), sum_up_user_classes([run])
        prefix = f"{name}: " if len(runs) > 1 else ""
        found += [
            prefix + text
            for text in (
                *_target(run, rows, classes),
                *_schedule(rows, classes),
                *_machine(run, rows),
                *_unmade(run, early=True),
            )
        ]
        found += [
            f"{prefix}{note.text} (at {note.t_s:.0f} s)" for note in run.notes if note.level == "warning"
        ]
    found += _fan_out(runs, table)
    if delivery.misdelivered:
        found.append(
            f"{delivery.misdelivered:,} deliveries arrived where they were not to: users got messages of "
            'rooms they were not in. Fail a run for that with --fail-if "misdelivered > 0"'
        )
    if any(row.name == OTHER for row in operations):
        found.append(f"there were too many names: the later ones are counted together as {OTHER}")
    if clock_error := clock_error_s(runs):
        found.append(
            f"the clocks of two generators may differ by {format_duration(clock_error)}: times of deliveries "
            "between them are no more exact than that"
        )
    if len({repr(run.header.workload.settings) for run in runs}) > 1:
        found.append("the pooled runs have different settings: their operations may differ")
    if len({run.header.server.cores for run in runs if run.header.server is not None}) > 1:
        found.append("the pooled runs had servers with different numbers of cores; the largest is used")
    if steady.duration_s > 0 and not steady.found:
        found.append(f"no steady state: rates, bandwidth and CPU are over {steady.how}")
    found += _few_samples(operations)
    return found


def _fan_out(runs: Sequence[Run], table: Seconds) -> Iterator[str]:
    """How far messages went: servers from measurement rest on it."""
    if not table["published_per_s"].any():
        return
    sizes = [found.size for run in runs for interval in run.intervals for found in interval.audiences]
    rooms = [
        found.size
        for run in runs
        for interval in run.intervals
        for found in interval.audiences
        if found.to == "room"
    ]
    if rooms and len(rooms) == len(sizes):
        yield (
            f"messages went to rooms of up to {max(rooms):,} users: servers from measurement assume that "
            "the fleet's rooms are no larger"
        )
        return
    yield (
        f"each message was broadcast to all of up to {table.most('connections_end'):,.0f} connections: "
        "servers from measurement assume that the fleet's rooms are no larger"
    )


def _ending(run: Run) -> Iterator[str]:
    if run.end is None:
        seconds = run.intervals[-1].t_s if run.intervals else 0
        where = ", in the middle of a line" if run.truncated_line else ""
        yield f"the run file has no end: it was cut after {seconds:.0f} s{where}"
    elif run.end.reason in ("interrupted", "workers_lost"):
        what = {
            "interrupted": "was interrupted",
            "workers_lost": "lost its workers",
        }[run.end.reason]
        # a load shape decides during the run how long it is
        planned = run.header.workload.duration_s
        of = f" of {format_duration(planned)}" if planned else ""
        yield f"the run {what} after {format_duration(run.end.t_s)}{of}"
    if run.end is not None and run.truncated_line:
        yield "the run file has a cut line after its end, which was left out"


def _searched(run: Run) -> Iterator[str]:
    """A search that the generator ended, or its time, and not the server, or that had nothing to judge by."""
    found = run.capacity
    if found is None:
        return
    by = found.limited_by
    if by == TIME and found.low:
        yield (
            "the search's time was over before it was known which load is too much: the capacity is at least "
            "what it says. Begin with a higher load"
        )
    if found.complete and not found.low and found.why != LOWEST_FAILED and by not in (GENERATOR, UNSAMPLED):
        yield (f"no load was shown to meet the gates: begin with less, or have more operations ({found.why})")
    if found.low and found.why == NOT_SHOWN and not by:
        yield (
            f"{found.why}: the capacity is at least what the search says. Search again with a "
            "higher bound, or with more operations"
        )
    if by == UNSAMPLED:
        yield (
            "a gate is on the server, which was not sampled at higher loads: the capacity is at least what "
            "it says. Name what stays with --server-metrics, or --server NAME=cgroup:/PATH"
        )
    if by == GENERATOR:
        why = "; ".join(dict.fromkeys(text for hold in run.holds for text in hold.doubts))
        said = f" ({why})" if why else ""
        yield (
            "the generator reached its limit before the server did"
            f"{said}: the capacity is at least what it says. Use more --processes, or "
            "name a bound with --max-users"
        )


def _unmade(run: Run, *, early: bool) -> Iterator[str]:
    """Faults that were planned and not made: of a run that failed ``early``, or of any other."""
    if early != (run.end is not None and run.end.reason in ("stopped", "target_lost")):
        return
    made = {step.fault for step in run.fault_steps}
    for number, fault in enumerate(run.header.faults):
        if number not in made:
            yield f"fault {number + 1} ({fault.do}) was not made before the run ended"


def _generator(rows: Seconds) -> Iterator[str]:
    loaded = rows.only(rows["draining"] == 0)  # that many users leave at once costs CPU, and delays nothing
    busy = loaded["generator_cpu_share"] > CPU_LIMIT
    if _too_often(loaded, busy):
        yield (
            f"the generator was the bottleneck for {_seconds(loaded, busy)}: a worker used up to "
            f"{format_share(loaded.most('generator_cpu_share'))} of the CPU it may have; the limit is "
            f"{format_share(CPU_LIMIT)}. Use more --processes, or a machine with more cores"
        )
    waiting = loaded["generator_cpu_wait"] > CPU_WAIT_LIMIT
    if _too_often(loaded, waiting):
        yield (
            f"the generator waited for a CPU for {_seconds(loaded, waiting)}, up to "
            f"{format_share(loaded.most('generator_cpu_wait'))} of a second: other processes or a quota "
            "took it, and response times include this wait"
        )
    connected = loaded.only(loaded["connections"] > 0)
    late = connected["loop_lag_s"] > LOOP_LAG_LIMIT_S
    if _too_often(connected, late):
        yield (
            f"the generator's loop was more than {format_duration(LOOP_LAG_LIMIT_S)} late in "
            f"{_seconds(connected, late)}, at most {format_duration(connected.most('loop_lag_s'))}: response "
            "times include this delay"
        )
    longest = connected.most("loop_lag_s")
    if longest > PAUSE_S:
        at = connected["t_s"][connected["loop_lag_s"] == longest].min()
        yield (
            f"the generator paused for {format_duration(longest)} until {at:.0f} s: it "
            "was stopped or suspended, or a task blocked it; times of what arrived meanwhile are wrong"
        )
    share = rows.most("generator_files_share")
    if share > FILES_LIMIT:
        yield (
            f"the generator had {format_share(share)} of its open-file limit in use; raise it with ulimit -n"
        )


def _own_failures(run: Run) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for interval in run.intervals:
        counts.update(own_failures(interval))
    for kind, count in counts.items():
        yield f"{count:,} failures are the generator's own ({kind}): {OWN_FAILURES[kind]}"


def _proven(run: Run, classes: Sequence[UserClassFigures]) -> Iterator[str]:
    """User classes without an operation. One of which no connect succeeded did all it could."""
    closed = Counter[str]()
    for interval in run.intervals:
        closed.update(interval.connections.closed)
    lost = ", ".join(f"{count:,} {kind}" for kind, count in closed.most_common())
    reason = f"; connections were lost: {lost}" if lost else ""
    for found in classes:
        if not found.started:
            yield f"no user of class {found.name} was started: it proved nothing"
        elif not found.begun and not (found.attempted and not found.established):
            yield f"no user of class {found.name} began an operation: it proved nothing{reason}"


def _load(run: Run, classes: Sequence[UserClassFigures]) -> Iterator[str]:
    for found in classes:
        possible = found.offered - found.withheld
        if found.issued < ACHIEVED_LEAST * possible and possible - found.issued > FEW_OPERATIONS:
            yield (
                f"{found.issued:,} of {possible:,} offered {found.name} operations were issued "
                f"({format_share(found.issued / possible)}): the load was lower than asked for"
            )
    visits = sum_up_visits([run], classes)
    if visits is not None and visits.no_place:
        yield (
            f"{visits.no_place:,} of {visits.offered:,} arrivals found no place: as many users as --users "
            "allows were there; fewer came than asked for"
        )
    if visits is not None:
        possible = visits.offered - visits.no_place
        if visits.arrived < ACHIEVED_LEAST * possible and possible - visits.arrived > FEW_OPERATIONS:
            yield f"{visits.arrived:,} of {possible:,} users that were to arrive were started"
    planned = run.header.workload.users_max
    users = max((one.connections.users for one in run.intervals), default=0)
    # a user that ended within a second was started too
    users = max(users, sum(found.started for found in classes))
    users += max((one.other_users for one in run.intervals), default=0)
    finished = run.end is not None and run.end.reason == "finished"
    if finished and users < min(ACHIEVED_LEAST * planned, planned - 1):
        yield f"{users:,} of {planned:,} planned users were started"


def _target(run: Run, rows: Seconds, classes: Sequence[UserClassFigures]) -> Iterator[str]:
    if not len(rows):
        return
    users, peak = rows.most("users"), rows.most("connections_end")
    if peak < ACHIEVED_LEAST * users:
        yield f"at most {peak:,.0f} of {users:,.0f} users were connected at once"
    yield from who_stayed_away(run)
    yield from dropped_after_silence(run)
    yield from torn_sessions(run)
    yield from overflowing_queue(run)
    pending = run.intervals[-1].delivery.pending
    if pending:
        yield f"{pending:,} deliveries were still under way at the end and count as neither received nor lost"
    ended = sum(found.ended for found in classes)
    if ended and run.header.workload.arrivals is None:
        yield (
            f"{ended:,} users ended by themselves; --arrival-rate would let new ones come all the time (the "
            "load went down as they left)"
        )
    server = run.header.server
    if server is None or not any(interval.servers for interval in run.intervals):
        yield "the server was not sampled (--server-pid): no CPU, memory or capacity was measured"
    elif server.files_limit and rows.most("server_files_most") > FILES_LIMIT * server.files_limit:
        yield f"the server had {rows.most('server_files_most'):,.0f} of {server.files_limit:,} files open"


def _schedule(rows: Seconds, classes: Sequence[UserClassFigures]) -> Iterator[str]:
    for found in classes:
        if found.late > LATE_SHARE * found.issued and found.late > FEW_OPERATIONS:
            yield (
                f"{found.late:,} of {found.issued:,} issued {found.name} operations "
                f"({format_share(found.late / found.issued)}) were not sent in time: their users were still "
                "busy with earlier ones. call(…, wait=False) sends each when it is due"
            )
    late = rows["schedule_lag_s"] > SCHEDULE_LAG_LIMIT_S
    if _too_often(rows, late):
        yield (
            f"operations started up to {format_duration(rows.most('schedule_lag_s'))} after their intended "
            f"start in {_seconds(rows, late)}; response times count from the intended start"
        )


def _machine(run: Run, rows: Seconds) -> Iterator[str]:
    header = run.header
    if len(header.generators) != 1 or any(one.host != header.generators[0].host for one in header.servers):
        return
    beside = [
        sum(use.cpu_cores or 0.0 for use in interval.servers.values() if use.beside)
        for interval in run.intervals
    ]
    together = rows["generator_cpu_sum"] + rows["cpu_cores"] + beside
    cpus = header.generators[0].cpus
    crowded = together > MACHINE_LIMIT * cpus
    if _too_often(rows, crowded):
        yield (
            f"generator and server shared a machine of {format_cores(cpus)} and together used up to "
            f"{np.nanmax(together):.2g} of them ({_seconds(rows, crowded)}): each slowed the other"
        )


def _too_often(rows: Seconds, marked: Marks) -> bool:
    """By time: the last intervals of a run may be a twentieth of a second long."""
    lengths = rows["duration_s"]
    return float(lengths[marked].sum()) >= max(_TOO_LONG_S, 0.01 * float(lengths.sum()))


def _seconds(rows: Seconds, marked: Marks) -> str:
    return f"{rows['duration_s'][marked].sum():.0f} of {rows['duration_s'].sum():.0f} s"


def _few_samples(operations: Sequence[OperationFigures]) -> Iterator[str]:
    few: dict[str, list[str]] = {}
    for row in operations:
        known = {"p50": row.p50_low_s, "p95": row.p95_low_s, "p99": row.p99_low_s}
        first = next((name for name, low in known.items() if low is None), None)
        if row.count and first is not None and row.op != "phase":
            few.setdefault(first, []).append(f"{row.op} {row.name} ({row.count:,})")
    for name, rows in few.items():
        beyond = "" if name == "p99" else " and beyond"
        yield (
            f"no interval for {name}{beyond}, too few samples or too few independent seconds: "
            f"{', '.join(rows)}"
        )
