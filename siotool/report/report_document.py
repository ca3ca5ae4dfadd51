"""A report as a document: what was proven, how many servers, what is doubtful, and every figure."""

from collections.abc import Callable, Sequence

import msgspec

from siotool import units
from siotool.document.document import Chart, Document, Level, Section, Sentence
from siotool.report import (
    backlog_tables,
    capacity_tables,
    comparison_tables,
    cost_tables,
    fault_tables,
    leak_tables,
    outage_tables,
    run_tables,
    server_tables,
    sizing_tables,
    target_tables,
    ways,
)
from siotool.report.contents import Report
from siotool.report.moments import minute
from siotool.report.sizing_tables import plural
from siotool.report.time_charts import over_time
from siotool.report.verdict import sentence

#: A Socket.IO server's default path.
DEFAULT_PATH = "/socket.io/"


#: The order in which a report is read: the sections of each chapter. A section without blocks is left out.
_ORDER: tuple[Callable[[Report], Section], ...] = (
    # verdict
    sizing_tables.gates,
    capacity_tables.capacity,
    # sizing
    sizing_tables.sizing,
    sizing_tables.stages,
    sizing_tables.constraints,
    sizing_tables.beliefs,
    cost_tables.costs,
    comparison_tables.comparison,
    # doubts
    lambda report: _sentences("doubts", "What is doubtful", report.doubts, "doubt"),
    lambda report: _sentences("remarks", "Worth knowing", report.remarks, "remark"),
    # connections
    run_tables.connections,
    target_tables.targets,
    run_tables.user_classes,
    run_tables.visits,
    run_tables.errors,
    # latency
    run_tables.operations,
    run_tables.exceptions,
    # delivery
    run_tables.delivery,
    # bandwidth
    run_tables.bandwidth,
    # server
    server_tables.server,
    leak_tables.leak,
    # generator
    run_tables.generator,
    # reconnection
    fault_tables.faults,
    outage_tables.outages,
    backlog_tables.backlog,
    # method
    run_tables.runs,
)


def as_document(report: Report) -> Document:
    """Return the report in a reader's order of questions, without its empty parts."""
    binding = _binding(report)
    charts = over_time(report)
    made = [section for of in _ORDER if (section := of(report)).blocks]
    sections = [_illustrated(section, charts.get(section.key, [])) for section in made]
    return Document(
        name="siotool report",
        context=_load(report),
        verdict=sentence(report),
        tone="good" if report.verdict == "passed" else "bad",
        headline=_servers(report),
        answer=[binding] if binding else [],
        sections=[*sections, ways.method(report, sections)],
        made_of=", ".join(run.run for run in report.runs),
    )


def _illustrated(section: Section, charts: Sequence[Chart]) -> Section:
    """The section with its charts: one stands before its table, several stand below."""
    blocks = [*charts, *section.blocks] if len(charts) == 1 else [*section.blocks, *charts]
    return msgspec.structs.replace(section, blocks=blocks)


def _sentences(key: str, title: str, texts: Sequence[str], level: Level) -> Section:
    return Section(key, title, [Sentence(text, level, [ways.DOUBTED]) for text in texts])


def _servers(report: Report) -> str:
    sizing = report.sizing
    planned, measured = sizing.servers_planned, sizing.servers_measured
    if planned is None and measured is None:
        return f"No number of servers: {sizing.servers_measured_how}."
    each = f"; a server is {sizing.server}" if sizing.server else ""
    at_most = "at most " if sizing.bound else ""
    said = []
    if planned is not None:
        said.append(f"{plural(planned, 'server')} planned{_formula(sizing.document_planned)}")
    if measured is not None:
        count = f"{measured:,}" if said else plural(measured, "server")
        said.append(f"{at_most}{count} from measurement{_formula(sizing.document_measured)}")
    else:
        said.append("none from measurement")
    sentence = ", ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}{each}."


def _formula(count: int | None) -> str:
    return "" if count is None else f" ({count:,} by the formula alone)"


def _binding(report: Report) -> str:
    sizing = report.sizing
    said = []
    if sizing.servers_planned is not None and sizing.servers_measured is None:
        said.append(f"None from measurement: {sizing.servers_measured_how}.")
    if sizing.binding is not None and sizing.servers_needed is not None:
        said.append(
            f"The binding constraint is {sizing.binding}: {plural(sizing.servers_needed, 'server')} needed."
        )
    if sizing.bound:
        said.append(f"The measured count is a bound: {sizing.bound}.")
    return " ".join(said)


def _load(report: Report) -> str:
    users = max(run.users_planned for run in report.runs) or report.connections.users_peak or 0
    duration = sum(run.duration_s or 0.0 for run in report.runs)
    runs = f", {len(report.runs)} runs" if len(report.runs) > 1 else ""
    target = report.target
    namespace = f" {target.namespace}" if target.namespace != "/" else ""
    path = target.path if target.path != DEFAULT_PATH else ""
    others = f" and {plural(len(report.targets) - 1, 'other target')}" if report.targets else ""
    return (
        f"{report.scenario}: {plural(users, 'user')} for {units.format_duration(duration)}{runs} "
        f"at {target.url}{others}{path}{namespace}, {_when(report)}"
    )


def _when(report: Report) -> str:
    """When the run began, or the first and the last of several."""
    first, *_, last = sorted({minute(run.started_at, " UTC") for run in report.runs}) * 2
    return f"begun {first}" if first == last else f"begun {first} to {last}"
