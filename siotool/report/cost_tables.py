"""What one of each costs, as a table."""

from collections.abc import Callable

from siotool import units
from siotool.document.document import Row, Section, Table, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.contents import Report
from siotool.report.cost_figures import Cost
from siotool.report.uncertain import with_interval


def costs(report: Report) -> Section:
    """Return the cost of one connection, delivery, call and handshake; nothing where none is known."""
    rows = [
        Row(
            [
                one.of,
                _cell(one.cpu_s, units.format_duration),
                _cell(one.memory_bytes, units.format_size),
                _cell(one.wire_bytes, units.format_size),
                one.missing,
            ]
        )
        for one in report.sizing.costs
    ]
    known = any(one.cpu_s or one.memory_bytes or one.wire_bytes for one in report.sizing.costs)
    named = columns("one", "server CPU>", "memory>", "wire>", "what is missing")
    note = "Of a connection: CPU and bytes in each second that it is open. In brackets: 90 % intervals."
    table = Table(named, rows, note, how=[ways.COSTS])
    return Section("costs", "What one of each costs", [table] if known else [])


def _cell(cost: Cost | None, write: Callable[[float], str]) -> str:
    return NONE if cost is None else with_interval(cost.value, cost.low, cost.high, write)
