"""A report's faults as tables."""

from siotool import units
from siotool.document.document import Row, Section, Table, Tone, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.contents import Report
from siotool.report.fault_figures import FaultFigures
from siotool.report.sizing_tables import cell


def faults(report: Report) -> Section:
    """Return what each fault did to connections and messages, and to response times; nothing without one."""
    title = "Faults"
    if not report.faults:
        return Section("faults", title, [])
    named = columns(
        "fault", "at>", "lasted>", "lost>", "why?", "back p50>", "back p90>?", "back p99>", "all back>"
    )
    named += columns("most per s>", "storm planned>", "recovered>?")
    rows = [Row(_connections(number, one), _tone(one)) for number, one in enumerate(report.faults, 1)]
    note = (
        "Lasted: until it was undone. Most per s: connects tried in the worst second; storm planned: the "
        "same, as siotool plan storm has it for as many clients as were lost in the worst second."
    )
    blocks = [Table(named, rows, note, how=[ways.BROKEN, ways.AWAY])]
    if report.delivery.published:
        named = columns(
            "fault", "lost messages>", "acknowledged but lost>", "missed>", "duplicate>", "replayed>?"
        )
        rows = [Row(_messages(number, one)) for number, one in enumerate(report.faults, 1)]
        note = "Lost: expected by users that were connected. Missed: sent while their user was away."
        blocks.append(Table(named, rows, note, how=[ways.BROKEN, ways.ACCOUNT]))
    rows = [
        Row([str(number), one.op, *(cell(value, units.format_duration) for value in values)])
        for number, fault in enumerate(report.faults, 1)
        for one in fault.latencies
        for values in [(one.before_s, one.during_s, one.after_s)]
    ]
    if rows:
        named = columns("fault", "operation", "p99 before>", "p99 during>", "p99 after>")
        blocks.append(Table(named, rows, how=[ways.BROKEN, ways.RESPONSE]))
    return Section("faults", title, blocks)


def _tone(fault: FaultFigures) -> Tone:
    return "bad" if fault.failed or fault.well_s is None else ""


def _connections(number: int, fault: FaultFigures) -> list[str]:
    back = (fault.back_p50_s, fault.back_p90_s, fault.back_p99_s)
    never = fault.lost > 0 and fault.back_all_s is None
    share = fault.recovered_share
    return [
        f"{number}: {fault.do}" + (f" (FAILED: {fault.failed})" if fault.failed else ""),
        f"{fault.t_s:.0f} s",
        units.format_duration(fault.until_s - fault.t_s),
        f"{fault.lost:,}",
        ", ".join(f"{kind} {count:,}" for kind, count in fault.reasons.items()) or NONE,
        *(cell(seconds, units.format_duration) for seconds in back),
        "never" if never else cell(fault.back_all_s, units.format_duration),
        units.format_count(fault.attempts_peak_per_s),
        cell(fault.storm_peak_per_s, units.format_count),
        f"{fault.recovered:,} ({units.format_share(share)})"
        if share and fault.recovered
        else f"{fault.recovered:,}",
    ]


def _messages(number: int, fault: FaultFigures) -> list[str]:
    return [
        str(number),
        f"{fault.messages_lost:,}",
        cell(fault.acknowledged_lost, units.format_count),
        f"{fault.missed:,}",
        f"{fault.duplicate:,}",
        f"{fault.replayed:,}",
    ]
