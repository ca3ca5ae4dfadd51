"""The report's tables in words: what every renderer shows, in a reader's order of questions."""

import math
from collections.abc import Callable

from siotool import units
from siotool.page.table import Column, Row, Table
from siotool.report.contents import ConstraintFigures, OperationFigures, Report, RunInfo, format_cores
from siotool.report.gates import show
from siotool.report.words import label, plural

NONE = "–"


def tables(report: Report) -> list[Table]:
    """Return the report's tables in reading order, without the empty ones."""
    makers: tuple[Callable[[Report], Table], ...] = (
        _sizing,
        _constraints,
        _gates,
        _operations,
        _errors,
        _exceptions,
        _user_classes,
        _delivery,
        _connections,
        _bandwidth,
        _server,
        _runs,
    )
    return [table for make in makers if (table := make(report)).rows]


def _cell(value: float | None, write: Callable[[float], str]) -> str:
    return NONE if value is None else write(value)


_UNITS: dict[str, Callable[[float], str]] = {
    "connections": units.format_count,
    "bytes_per_s": units.format_byte_rate,
    "bytes": units.format_size,
    "s": units.format_duration,
    "share": units.format_share,
    "cores": format_cores,
    "files": units.format_count,
    "sockets": units.format_count,
    "sessions": units.format_count,
}


def _sizing(report: Report) -> Table:
    sizing = report.sizing
    rows = [
        Row(
            [
                variable.name.replace("_", " "),
                _cell(variable.planned, _UNITS[variable.unit]),
                _cell(variable.measured, _UNITS[variable.unit]),
                variable.how,
            ]
        )
        for variable in sizing.variables
    ]
    counts = (
        ("by the formula", sizing.document_planned, sizing.document_measured, "the formula alone"),
        ("servers", sizing.servers_planned, sizing.servers_measured, sizing.servers_measured_how),
    )
    for name, before, after, how in counts:
        cells = [name, _cell(before, units.format_count), _cell(after, units.format_count), how]
        rows.append(Row(cells, tone="strong" if name == "servers" else ""))
    columns = [Column("variable"), Column("planned", True), Column("measured", True), Column("how measured")]
    note = "servers = connections × consumption rate × (1 − downtime / workday) / (capacity × utilization)"
    return Table("sizing", "Sizing: planned and measured", columns, rows, note)


def _constraints(report: Report) -> Table:
    sizing = report.sizing
    most = sizing.servers_needed
    named = [one for one in sizing.constraints if one.name == sizing.binding]
    deciding = max(named, key=lambda one: math.inf if one.servers is None else one.servers, default=None)
    rows = []
    for constraint in sizing.constraints:
        binding = constraint is deciding
        cells = [
            _constraint_name(constraint, binding=binding),
            _amount(constraint.demand, constraint.unit),
            _cell(constraint.capacity_per_server, lambda each, unit=constraint.unit: _amount(each, unit)),  # type: ignore[misc]
            "none enough" if constraint.servers is None else f"{constraint.servers:,}",
            constraint.how,
        ]
        rows.append(Row(cells, tone="strong" if binding else ""))
    columns = [
        Column("constraint"),
        Column("demand", True, wide_only=True),
        Column("per server", True, wide_only=True),
        Column("servers", True),
        Column("what it is"),
    ]
    note = "Each resource on its own, at the utilization above."
    if most is not None:
        note += f" {plural(most, 'server')} needed, spares for bad days included."
    return Table("constraints", "What limits a server", columns, rows, note)


def _constraint_name(constraint: ConstraintFigures, *, binding: bool) -> str:
    planned = ", planned" if constraint.figures == "planned" else ""
    return f"{constraint.name}{planned}{' (binding)' if binding else ''}"


def _amount(value: float, unit: str) -> str:
    write = _UNITS.get(unit.replace("/", "_per_"))
    return write(value) if write is not None else f"{units.format_count(value)} {unit}"


def _operations(report: Report) -> Table:
    service = any(row.service_p99_s is not None for row in report.operations)
    columns = [
        Column("operation"),
        Column("count", True),
        Column("errors", True),
        Column("per s", True),
        Column("p50", True),
        Column("p90", True, wide_only=True),
        Column("p95", True),
        Column("p99", True),
        Column("max", True),
    ]
    if service:
        columns.append(Column("p99 service", True, wide_only=True))
    # all names of one operation together stand below the last of them
    together = {row.op: row for row in report.operations_merged}
    last = {row.op: row for row in report.operations}
    rows = []
    for row in report.operations:
        rows.append(Row(_operation(row, service=service)))
        if row.op in together and row is last[row.op]:
            rows.append(Row([f"{row.op} (all)", *_operation(together[row.op], service=service)[1:]]))
    note = (
        "Response times, from the intended start. Rates of ack and deliver are over "
        f"{report.steady.how}; all others over the run."
    )
    return Table("operations", "Operations", columns, rows, note)


def _operation(row: OperationFigures, *, service: bool) -> list[str]:
    times = [row.p50_s, row.p90_s, row.p95_s, row.p99_s, row.max_s]
    cells = [
        label(row.op, row.name),
        f"{row.count:,}",
        f"{row.failed:,}",
        _cell(row.rate_per_s, units.format_count),
        *(_cell(value, units.format_duration) for value in times),
    ]
    return [*cells, _cell(row.service_p99_s, units.format_duration)] if service else cells


def _errors(report: Report) -> Table:
    connections = report.connections
    found = [
        (label(row.op, row.name), name, count, row.count + row.failed)
        for row in report.operations
        for name, count in row.errors.items()
    ]
    found += [("connection failed", name, n, connections.attempted) for name, n in connections.failed.items()]
    found += [
        ("connection closed", name, n, connections.established) for name, n in connections.closed.items()
    ]
    hung = sum(connections.hung.values())
    found += [("… hung while connecting", name, n, hung) for name, n in connections.hung.items()]
    rows = [
        Row([what, name, f"{count:,}", units.format_share(count / whole) if whole else NONE])
        for what, name, count, whole in found
    ]
    columns = [Column("what"), Column("class"), Column("count", True), Column("share", True)]
    return Table("errors", "Errors and closed connections", columns, rows)


def _exceptions(report: Report) -> Table:
    rows = [
        Row([found.kind, found.message, found.where, f"{found.count:,}"], tone="bad")
        for found in report.exceptions
    ]
    columns = [Column("exception"), Column("message"), Column("where"), Column("count", True)]
    note = "Raised by the scenario's own code, or judged to be wrong by it (check_failed, fail)."
    return Table("exceptions", "Exceptions and failed checks", columns, rows, note)


def _user_classes(report: Report) -> Table:
    rows = [
        Row(
            [
                found.name,
                f"{found.users_peak:,}",
                f"{found.established:,} of {found.attempted:,}",
                f"{found.begun:,}",
                f"{found.failed:,}",
                f"{found.achieved:,} of {found.offered:,}" if found.offered else "not scheduled",
                f"{found.sent:,}",
                f"{found.issued:,}",
                f"{found.withheld:,}",
                f"{found.started:,}",
                f"{found.ended:,}",
            ]
        )
        for found in report.user_classes
    ]
    columns = [
        Column("user class"),
        Column("users", True),
        Column("connected", True),
        Column("begun", True),
        Column("failed", True),
        Column("achieved", True),
        Column("sent", True, wide_only=True),
        Column("issued", True, wide_only=True),
        Column("withheld", True, wide_only=True),
        Column("started", True, wide_only=True),
        Column("ended", True, wide_only=True),
    ]
    note = (
        "Begun and failed: operations other than connecting. Achieved: of what the schedule offered, "
        "what was issued and did not fail. Sent: events to the server. "
        "Users: at most at once, of those started and ended."
    )
    return Table("user_classes", "User classes", columns, rows, note)


def _delivery(report: Report) -> Table:
    delivery = report.delivery
    if not delivery.published and not delivery.expected:
        return Table("delivery", "Delivery", [], [])

    def share(count: int) -> str:
        return units.format_share(count / delivery.expected) if delivery.expected else NONE

    counts = (
        ("received", delivery.received),
        ("lost", delivery.lost),
        ("duplicate", delivery.duplicate),
        ("reordered", delivery.reordered),
        ("late", delivery.late),
        ("still under way at the end", delivery.pending),
    )
    rows = [Row(["expected", f"{delivery.expected:,}", ""])]
    rows += [
        Row([name, f"{count:,}", share(count)], tone="bad" if name in ("lost", "duplicate") and count else "")
        for name, count in counts
    ]
    columns = [Column("deliveries"), Column("count", True), Column("of expected", True)]
    return Table(
        "delivery", "Delivery", columns, rows, f"{plural(delivery.published, 'stamped message')} published."
    )


def _connections(report: Report) -> Table:
    connections = report.connections
    rows = [
        Row(["peak open", _cell(connections.peak, units.format_count)]),
        Row(["mean open", _cell(connections.mean, units.format_count)]),
        Row(["attempted", f"{connections.attempted:,}"]),
        Row(["established", f"{connections.established:,}"]),
        Row(["failed", f"{sum(connections.failed.values()):,}"]),
        Row(["hung while connecting", f"{sum(connections.hung.values()):,}"]),
        Row(["closed before the end", f"{sum(connections.closed.values()):,}"]),
        Row(
            ["users", f"{_cell(connections.users_peak, units.format_count)} of {connections.users_planned:,}"]
        ),
    ]
    return Table("connections", "Connections", [Column("connections"), Column("count", True)], rows)


def _bandwidth(report: Report) -> Table:
    bandwidth = report.bandwidth
    rate = units.format_byte_rate
    rows = [
        Row(
            [
                "per connection, hold phase",
                _cell(bandwidth.per_connection_in_bytes_per_s, rate),
                _cell(bandwidth.per_connection_out_bytes_per_s, rate),
            ]
        ),
        Row(
            [
                "all together, hold phase",
                _cell(bandwidth.wire_in_bytes_per_s, rate),
                _cell(bandwidth.wire_out_bytes_per_s, rate),
            ]
        ),
        Row(["wire total", *_sizes(bandwidth.wire_bytes_in, bandwidth.wire_bytes_out)]),
        Row(["payload total", *_sizes(bandwidth.payload_bytes_in, bandwidth.payload_bytes_out)]),
    ]
    columns = [Column("bandwidth"), Column("in", True), Column("out", True)]
    note = (
        "As the clients see it. Wire is TCP payload: HTTP, frames, heartbeats, TLS. "
        f"Bytes from {bandwidth.source}."
    )
    return Table("bandwidth", "Bandwidth", columns, rows, note)


def _sizes(*values: int) -> list[str]:
    return [units.format_size(value) for value in values]


def _server(report: Report) -> Table:
    server = report.server
    if server is None:
        return Table("server", "Server", [], [])

    def cores(value: float | None) -> str:
        return _cell(value, lambda known: f"{known:.2f} cores")

    of_cores = _cell(
        server.cpu_share_mean, lambda share: f" ({units.format_share(share)} of {server.cores:g})"
    )
    rows = [
        ["CPU, mean of hold phase", cores(server.cpu_cores_mean) + of_cores.strip(NONE), ""],
        ["CPU, largest second", cores(server.cpu_cores_max), ""],
        [
            "memory (RSS), largest",
            _cell(server.rss_bytes_max, units.format_size)
            + (f" of {units.format_size(server.memory_bytes)}" if server.memory_bytes else ""),
            "",
        ],
        [
            "memory per connection",
            _cell(server.rss_bytes_per_connection, units.format_size),
            server.rss_how,
        ],
        ["memory, idle server", _cell(server.rss_bytes_base, units.format_size), "where the slope begins"],
        [
            "open files, largest",
            _cell(server.files_open_max, units.format_count)
            + (f" of {server.files_limit:,}" if server.files_limit else ""),
            "",
        ],
        [
            "open files per connection",
            _cell(server.files_per_connection, units.format_count),
            server.files_how,
        ],
        ["open files, idle server", _cell(server.files_base, units.format_count), "where the slope begins"],
        ["processes, most", _cell(server.processes_max, units.format_count), ""],
        [
            "bytes on the wire, hold phase",
            _cell(server.wire_bytes_per_s, units.format_byte_rate),
            "in and out, of all connections",
        ],
    ]
    columns = [Column("server"), Column("measured", True), Column("how measured")]
    return Table("server", "Server", columns, [Row(row) for row in rows], f"Sampled from {server.source}.")


def _gates(report: Report) -> Table:
    rows = [
        Row(
            [
                "FAILED" if gate.failed else "passed",
                f"{gate.expr} (default)" if gate.default else gate.expr,
                _cell(gate.value, lambda value, unit=gate.unit: show(value, unit)),  # type: ignore[misc]
                gate.reason,
            ],
            tone="bad" if gate.failed else "good",
        )
        for gate in report.gates
    ]
    columns = [Column("verdict"), Column("fails if"), Column("measured", True), Column("of what")]
    return Table("gates", "Gates", columns, rows)


def _runs(report: Report) -> Table:
    rows = [
        Row(
            [
                run.run,
                run.ended,
                _cell(run.duration_s, units.format_duration),
                f"{run.users_planned:,}",
                f"{run.processes}",
                f"{run.seed}",
                ", ".join(f"{key}={value}" for key, value in run.settings.items()) or NONE,
                _stages(run),
                f"siotool {run.siotool} on {run.machine}, {run.started_at}",
            ]
        )
        for run in report.runs
    ]
    columns = [
        Column("run"),
        Column("ended"),
        Column("after", True),
        Column("users", True),
        Column("workers", True, wide_only=True),
        Column("seed", True, wide_only=True),
        Column("settings"),
        Column("stages", wide_only=True),
        Column("made by", wide_only=True),
    ]
    return Table("runs", "Runs", columns, rows)


def _stages(run: RunInfo) -> str:
    """The stages as they were asked for: ``5 s to 200 users, 25 s to 200``."""
    return (
        ", ".join(f"{units.format_duration(stage.duration_s)} to {stage.users:,}" for stage in run.stages)
        or NONE
    )
