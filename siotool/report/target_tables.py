"""What a report says of each target, where there were several."""

from siotool import units
from siotool.document.document import Row, Section, Table, columns
from siotool.report import ways
from siotool.report.contents import Report, TargetFigures
from siotool.report.run_tables import label
from siotool.report.sizing_tables import cell


def targets(report: Report) -> Section:
    """Return the connections and the operations of each target; nothing of a single one."""
    whole = sum(target.weight for target in report.targets)
    opened = Table(
        columns("target", "users>", "peak open>", "established>", "failed>", "closed>", "in>?", "out>?"),
        [Row(_connections(target, whole)) for target in report.targets],
        "In and out: bytes on the wire. Deliveries are counted for all targets together.",
        how=[ways.COUNTS, ways.WIRE],
    )
    done = Table(
        columns("operation", "target", "count>", "errors>", "p50>", "p99>", "max>"),
        [Row(cells) for target in report.targets for cells in _operations(target)],
        how=[ways.COUNTS, ways.RESPONSE],
    )
    return Section("targets", "Targets", [opened, done] if report.targets else [])


def _connections(target: TargetFigures, whole: int) -> list[str]:
    known = target.connections
    return [
        target.url,
        units.format_share(target.weight / whole),
        f"{known.peak:,}",
        f"{known.established:,} of {known.attempted:,}",
        f"{sum(known.failed.values()):,}",
        f"{sum(known.closed.values()):,}",
        units.format_size(target.wire_bytes_in),
        units.format_size(target.wire_bytes_out),
    ]


def _operations(target: TargetFigures) -> list[list[str]]:
    return [
        [
            label(row.op, row.name),
            target.url.partition("://")[2],
            f"{row.count:,}",
            f"{row.failed:,}",
            *(cell(value, units.format_duration) for value in (row.p50_s, row.p99_s, row.max_s)),
        ]
        for row in target.operations
    ]
