"""What a report says of the run itself: operations, errors, users, deliveries, bytes, the server."""

from collections.abc import Sequence

from siotool import units
from siotool.document.document import Column, Row, Section, Table, columns
from siotool.document.groups import NONE
from siotool.report import audience_tables, node_deliveries, ways
from siotool.report.clock_words import CLOCKS, clock_error
from siotool.report.contents import OperationFigures, Report, RunInfo, UserClassFigures
from siotool.report.sizing_tables import cell, plural
from siotool.report.uncertain import with_interval


def _section(
    key: str,
    title: str,
    named: Sequence[Column],
    rows: Sequence[Sequence[str]],
    note: str = "",
    *,
    how: Sequence[str],
) -> Section:
    """One table under its title; nothing of a table without rows."""
    return Section(key, title, [Table(named, [*map(Row, rows)], note, how=how)] if rows else [])


def label(op: str, name: str) -> str:
    """Name an operation: ``ack echo``; a name that only repeats the operation is left out."""
    return op if name in ("", op) else f"{op} {name}"


def operations(report: Report) -> Section:
    """Return each operation's count, errors and rate, and then its response times."""
    service = any(row.service_p99_s is not None for row in report.operations)
    named = columns("operation", "count>", "errors>", "per s>", "mean>", "max>")
    named += columns("p99 service>?") if service else []
    # all names of one operation together stand below the last of them
    together = {row.op: row for row in report.operations_merged}
    last = {row.op: row for row in report.operations}
    rows: list[tuple[str, OperationFigures]] = []
    for row in report.operations:
        rows.append((label(row.op, row.name), row))
        if row.op in together and row is last[row.op]:
            rows.append((f"{row.op} (all)", together[row.op]))
    if not rows:
        return Section("operations", "Operations", [])
    counts = Table(
        named,
        [Row([name, *_operation(row)][: len(named)]) for name, row in rows],
        "Rates of ack and deliver are over the hold phase; all others over the run.",
        how=[ways.COUNTS, ways.HOLD, ways.RESPONSE, *([ways.SERVICE] if service else [])],
    )
    clocks = any(row.clock_error_s is not None for _, row in rows)
    percentiles = columns("response time", "p50>", "p90>?", "p95>", "p99>", "p99.9>?")
    percentiles += columns("clocks ±>") if clocks else []
    times = Table(
        percentiles,
        [
            Row([name, *_times(row), clock_error(row.clock_error_s, row.p50_s)][: len(percentiles)])
            for name, row in rows
        ],
        "In brackets: where a percentile lies with 95 %; nothing where the run was too short to tell."
        + (CLOCKS if clocks else ""),
        how=[ways.RESPONSE, ways.INTERVALS],
    )
    return Section("operations", "Operations", [counts, times])


def _operation(row: OperationFigures) -> list[str]:
    times = [row.mean_s, row.max_s, row.service_p99_s]
    return [
        f"{row.count:,}",
        f"{row.failed:,}",
        cell(row.rate_per_s, units.format_count),
        *(cell(value, units.format_duration) for value in times),
    ]


def _times(row: OperationFigures) -> list[str]:
    return [
        with_interval(value, low, high, units.format_duration)
        for value, low, high in (
            (row.p50_s, row.p50_low_s, row.p50_high_s),
            (row.p90_s, row.p90_low_s, row.p90_high_s),
            (row.p95_s, row.p95_low_s, row.p95_high_s),
            (row.p99_s, row.p99_low_s, row.p99_high_s),
            (row.p99_9_s, row.p99_9_low_s, row.p99_9_high_s),
        )
    ]


def errors(report: Report) -> Section:
    """Return failures and closed connections by class, with their share of what was tried."""
    connections = report.connections
    found = [(label(row.op, row.name), row.errors, row.count + row.failed) for row in report.operations]
    found += [
        ("connection failed", connections.failed, connections.attempted),
        ("connection closed", connections.closed, connections.established),
        ("… hung while connecting", connections.hung, sum(connections.hung.values())),
    ]
    rows = [
        [what, name, f"{count:,}", units.format_share(count / whole) if whole else NONE]
        for what, classes, whole in found
        for name, count in classes.items()
    ]
    named = columns("what", "class", "count>", "share>")
    return _section("errors", "Errors and closed connections", named, rows, how=[ways.COUNTS])


def exceptions(report: Report) -> Section:
    """Return what the scenario raised, or judged to be wrong."""
    rows = [
        Row([found.kind, found.message, found.where, f"{found.count:,}"], "bad")
        for found in report.exceptions
    ]
    note = "Raised by the scenario's own code, or judged to be wrong by it (check_failed, fail)."
    table = Table(columns("exception", "message", "where", "count>"), rows, note, how=[ways.RAISED])
    return Section("exceptions", "Exceptions and failed checks", [table] if rows else [])


def user_classes(report: Report) -> Section:
    """Return what the users of each class did."""
    named = columns("user class", "users>", "connected>", "begun>", "failed>", "achieved>")
    named += columns("sent>?", "issued>?", "late>?", "withheld>?", "started>?", "ended>?")
    note = (
        "Begun and failed: operations other than connecting. Achieved: scheduled operations that were "
        "issued and did not fail. Late: issued more than 100 ms after they were due. Sent: events to the "
        "server. Users: the most at once."
    )
    rows = [*map(_user_class, report.user_classes)]
    return _section("user_classes", "User classes", named, rows, note, how=[ways.COUNTS])


def _user_class(found: UserClassFigures) -> list[str]:
    counts = (found.sent, found.issued, found.late, found.withheld, found.started, found.ended)
    return [
        found.name,
        f"{found.users_peak:,}",
        f"{found.established:,} of {found.attempted:,}",
        f"{found.begun:,}",
        f"{found.failed:,}",
        f"{found.achieved:,} of {found.offered:,}" if found.offered else "not scheduled",
        *(f"{count:,}" for count in counts),
    ]


def visits(report: Report) -> Section:
    """Return how many users came and went, and how long they stayed."""
    known = report.visits
    if known is None:
        return Section("visits", "Visits", [])
    rows = [["users started", f"{known.started:,}"]]
    if known.offered_per_s is not None:
        rows = [
            ["arrivals offered", f"{known.offered:,} ({units.format_count(known.offered_per_s)} per second)"],
            ["arrived", f"{known.arrived:,} ({cell(known.achieved_per_s, units.format_count)} per second)"],
            ["found no place", f"{known.no_place:,}"],
            *rows,
        ]
    rows.append(["ended by themselves", f"{known.ended:,}"])
    lengths = (known.length_p50_s, known.length_p90_s, known.length_p99_s, known.length_max_s)
    for name, length in zip(("p50", "p90", "p99", "longest"), lengths, strict=True):
        rows.append([f"length of a visit, {name}", cell(length, units.format_duration)])
    return _section("visits", "Visits", columns("visits", "count>"), rows, how=[ways.COUNTS, ways.VISITS])


#: What no server should do to a delivery.
_FAULTS = frozenset({"lost", "duplicate", "misdelivered"})


def delivery(report: Report) -> Section:
    """Return how many deliveries of stamped messages were received, lost or repeated."""
    known = report.delivery
    title = "Delivery"
    if not known.published and not known.expected:
        return Section("delivery", title, [])
    counts = [
        ("received", known.received),
        ("lost", known.lost),
        ("duplicate", known.duplicate),
        ("reordered", known.reordered),
        ("misdelivered", known.misdelivered),
        ("late", known.late),
        ("still under way at the end", known.pending),
    ]
    if known.replayed or known.missed_while_away:
        counts += [
            ("replayed to recovered sessions", known.replayed),
            ("missed while away, not expected", known.missed_while_away),
        ]
    rows = [Row(["expected", f"{known.expected:,}", ""])]
    for name, count in counts:
        share = units.format_share(count / known.expected) if known.expected else NONE
        rows.append(Row([name, f"{count:,}", share], "bad" if name in _FAULTS and count else ""))
    note = f"{plural(known.published, 'stamped message')} published."
    table = Table(columns("deliveries", "count>", "of expected>"), rows, note, how=[ways.ACCOUNT])
    more = [*node_deliveries.tables(report.delivery_by_node), *audience_tables.tables(report.audiences)]
    return Section("delivery", title, [table, *more])


def connections(report: Report) -> Section:
    """Return how many connections were tried, open and lost."""
    known = report.connections
    rows = [
        ["peak open", cell(known.peak, units.format_count)],
        ["mean open", cell(known.mean, units.format_count)],
        ["attempted", f"{known.attempted:,}"],
        ["established", f"{known.established:,}"],
        ["failed", f"{sum(known.failed.values()):,}"],
        ["hung while connecting", f"{sum(known.hung.values()):,}"],
        ["closed before the end", f"{sum(known.closed.values()):,}"],
        ["users", cell(known.users_peak, units.format_count) + _of(known.users_planned)],
    ]
    named = columns("connections", "count>")
    return _section("connections", "Connections", named, rows, how=[ways.COUNTS])


def bandwidth(report: Report) -> Section:
    """Return bytes on the wire and of payload."""
    known = report.bandwidth

    def rates(*values: float | None) -> list[str]:
        return [cell(value, units.format_byte_rate) for value in values]

    def sizes(*values: int) -> list[str]:
        return [units.format_size(value) for value in values]

    each = rates(known.per_connection_in_bytes_per_s, known.per_connection_out_bytes_per_s)
    rows = [
        ["per connection, hold phase", *each],
        ["all together, hold phase", *rates(known.wire_in_bytes_per_s, known.wire_out_bytes_per_s)],
        ["wire total", *sizes(known.wire_bytes_in, known.wire_bytes_out)],
        ["payload total", *sizes(known.payload_bytes_in, known.payload_bytes_out)],
    ]
    named, how = columns("bandwidth", "in>", "out>"), [ways.WIRE, ways.PAYLOAD, ways.HOLD]
    return _section("bandwidth", "Bandwidth", named, rows, "As the clients see it.", how=how)


def generator(report: Report) -> Section:
    """Return what the generator used to make the load."""
    known = report.generator

    def cores(value: float | None) -> str:
        return cell(value, lambda known: f"{known:.2f} cores")

    rows = [
        ["processes", f"{known.processes:,}"],
        ["CPU of all, mean of hold phase", cores(known.cpu_cores_mean)],
        ["CPU of all, largest second", cores(known.cpu_cores_max)],
        ["busiest process, share of its CPU", cell(known.cpu_share_max, units.format_share)],
        ["memory (RSS) of all, largest", cell(known.rss_bytes_max, units.format_size)],
        ["loop lag, longest", cell(known.loop_lag_s_max, units.format_duration)],
        ["late for the schedule, longest", cell(known.schedule_lag_s_max, units.format_duration)],
        ["share of the open-file limit, largest", cell(known.files_share_max, units.format_share)],
    ]
    named, how = columns("generator", "measured>"), [ways.GENERATOR, ways.HOLD]
    return _section("generator", "Generator", named, rows, how=how)


def runs(report: Report) -> Section:
    """Return how each run was made, and how it ended."""
    named = columns(
        "run", "ended", "after>", "users>", "workers>?", "seed>?", "settings", "stages?", "made by?"
    )
    return _section("runs", "Runs", named, [*map(_run, report.runs)], how=[ways.RECORD])


def _of(planned: int) -> str:
    return f" of {planned:,}" if planned else ""


def _run(run: RunInfo) -> list[str]:
    # as they were asked for: 5 s to 200 users, 25 s to 200
    stages = [f"{units.format_duration(stage.duration_s)} to {stage.users:,}" for stage in run.stages]
    if (found := run.arrivals) is not None:
        how = f"{units.format_duration(found.duration_s)} ({found.process})"
        stages += [f"{units.format_count(found.rate_per_s)} users arrive per second, for {how}"]
        if found.most:
            stages.append(f"at most {found.most:,} at once")
    return [
        run.run,
        run.ended,
        cell(run.duration_s, units.format_duration),
        f"{run.users_planned:,}" if run.users_planned else NONE,
        f"{run.processes}",
        f"{run.seed}",
        ", ".join(f"{key}={value}" for key, value in run.settings.items()) or NONE,
        ", ".join(stages) or NONE,
        f"siotool {run.siotool} on {run.machine}, {run.started_at}",
    ]
