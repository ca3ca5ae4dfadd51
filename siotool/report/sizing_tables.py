"""What a report says of servers and of its verdict: planned and measured, what limits a server, the gates."""

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

from siotool import units
from siotool.document.document import Block, Row, Section, Sentence, Table, Tone, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.contents import GateResult, Report, format_cores
from siotool.report.judging import show
from siotool.report.sizing_figures import ConstraintFigures, CountStage, Variable
from siotool.report.uncertain import between, with_interval

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


def cell(value: float | None, write: Callable[[float], str]) -> str:
    """Write a figure where there is one."""
    return NONE if value is None else write(value)


def plural(count: int, noun: str) -> str:
    """Write a count of things: ``1 server``, ``2 servers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def sizing(report: Report) -> Section:
    """Return the formula's variables and the servers they make, planned and measured."""
    known = report.sizing
    rows = [_variable(variable) for variable in known.variables]
    counts: tuple[tuple[str, int | None, int | None, str, Tone], ...] = (
        ("by the formula", known.document_planned, known.document_measured, "the formula alone", ""),
        ("servers", known.servers_planned, known.servers_measured, known.servers_measured_how, "strong"),
    )
    for name, before, after, how, tone in counts:
        interval = _servers_interval(known.stages) if tone and after is not None else ""
        cells = [name, cell(before, units.format_count), cell(after, units.format_count), interval, how]
        rows.append(Row(cells, tone))
    obtained = [ways.PLANNED, ways.FORMULA, ways.PLANNER, ways.HOLD, ways.INTERVALS]
    note = "servers = connections × consumption rate × (1 − downtime / workday) / (capacity × utilization)"
    named = columns("variable", "planned>", "measured>", "interval>", "how measured")
    table = Table(named, rows, note, how=obtained)
    return Section("sizing", "Sizing: planned and measured", [table])


def _servers_interval(stages: Sequence[CountStage]) -> str:
    """The interval of the measured fleet."""
    last = next((one for one in reversed(stages) if one.figures == "measured"), None)
    if last is None or last.low == last.high:
        return ""
    return between(last.low, last.high, units.format_count)


def stages(report: Report) -> Section:
    """Return the servers needed now, at the plan's growth and after redundancy, and what decides each."""
    known = report.sizing.stages
    whose = {"planned", "measured"} <= {one.figures for one in known}
    rows = [_stage(one, whose=whose) for one in known]
    note = (
        "Enough with 95 %; in brackets the 90 % interval of what the figures leave open. "
        "Each row has all that those above it have."
    )
    named = columns("servers", "needed>", "decided by", "what for")
    table = Table(named, rows, note, how=[ways.PLANNER])
    return Section("stages", "Servers now, with growth, with spares", [table] if rows else [])


_STAGES = MappingProxyType({"now": "now", "growth": "with growth", "redundancy": "with spares"})


def _stage(one: CountStage, *, whose: bool) -> Row:
    name = f"{_STAGES[one.stage]}, {one.figures}" if whose else _STAGES[one.stage]
    count = with_interval(one.servers, one.low, one.high, units.format_count)
    if one.low == one.high:
        count = cell(one.servers, units.format_count)
    tone: Tone = "strong" if one.stage == "redundancy" else ""
    return Row([name, count, one.binding or NONE, one.how], tone)


def beliefs(report: Report) -> Section:
    """Return where plan and measurement disagree, and the test that would tell most."""
    known = report.sizing
    blocks: list[Block] = [Sentence(text, how=[ways.PLANNED]) for text in known.disagreements]
    blocks.append(Sentence(f"Next test: {known.next_test.why}.", "remark"))
    blocks.append(Sentence(known.next_test.command, "note"))
    return Section("beliefs", "What to believe, and what to test next", blocks)


def _variable(variable: Variable) -> Row:
    write = _UNITS[variable.unit]
    name = variable.name.replace("_", " ")
    measured = cell(variable.measured, write)
    interval = between(variable.low, variable.high, write, measured) or NONE
    return Row([name, cell(variable.planned, write), measured, interval, variable.how])


def constraints(report: Report) -> Section:
    """Return what each resource asks for."""
    known = report.sizing
    named = [one for one in known.constraints if one.name == known.binding]
    deciding = max(named, key=lambda one: math.inf if one.servers is None else one.servers, default=None)
    rows = [_constraint(one, binding=one is deciding) for one in known.constraints]
    note = "Each resource on its own, at the utilization above."
    if known.servers_needed is not None:
        note += f" {plural(known.servers_needed, 'server')} needed, spares for bad days included."
    table = Table(
        columns("constraint", "demand>?", "per server>?", "servers>", "what it is"),
        rows,
        note,
        how=[ways.PLANNER],
    )
    return Section("constraints", "What limits a server", [table] if rows else [])


def _constraint(constraint: ConstraintFigures, *, binding: bool) -> Row:
    planned = ", planned" if constraint.figures == "planned" else ""

    def amount(value: float) -> str:
        write = _UNITS.get(constraint.unit.replace("/", "_per_"))
        return write(value) if write is not None else f"{units.format_count(value)} {constraint.unit}"

    cells = [
        f"{constraint.name}{planned}{' (binding)' if binding else ''}",
        amount(constraint.demand),
        cell(constraint.capacity_per_server, amount),
        "none enough" if constraint.servers is None else f"{constraint.servers:,}",
        constraint.how,
    ]
    return Row(cells, "strong" if binding else "")


def gates(report: Report) -> Section:
    """Return each gate with its outcome."""
    table = Table(
        columns("verdict", "fails if", "measured>", "of what"), [*map(_gate, report.gates)], how=[ways.JUDGED]
    )
    return Section("gates", "Gates", [table] if report.gates else [])


def _gate(gate: GateResult) -> Row:
    cells = [
        "FAILED" if gate.failed else "passed",
        f"{gate.expr} (default)" if gate.default else gate.expr,
        cell(gate.value, lambda value: show(value, gate.unit)),
        gate.reason,
    ]
    return Row(cells, "bad" if gate.failed else "good")
