"""A report's backlog as tables: what users missed and got, what the store took, and what the plan said."""

from siotool import units
from siotool.document.document import Row, Section, Table, columns
from siotool.report import ways
from siotool.report.backlog_figures import AgainstPlan, BacklogFigures, StoreFigures
from siotool.report.contents import Report
from siotool.report.sizing_tables import cell
from siotool.report.uncertain import with_interval

#: Beyond this difference a planned figure is marked.
OFF = 0.15


def backlog(report: Report) -> Section:
    """Return what was kept for users that were away; nothing where nothing was."""
    known = report.backlog
    if known is None:
        return Section("backlog", "Backlog", [])
    tables = [_account(known)]
    if known.store is not None:
        tables.append(_store(known.store))
    if known.planned:
        rows = [
            Row(
                [one.name, _written(one, one.planned), _written(one, one.measured), f"{one.difference:+.1%}"],
                "bad" if abs(one.difference) > OFF else "",
            )
            for one in known.planned
        ]
        named = columns("backlog", "planned>", "measured>", "difference>")
        tables.append(Table(named, rows, how=[ways.PLANNED, ways.ACCOUNT]))
    return Section("backlog", "Backlog", [*tables])


def _account(known: BacklogFigures) -> Table:
    named = columns("sent while away>", "replayed>", "missed>", "duplicate>", "users>", "drained p50>")
    named += columns("p90>?", "p99>", "max>", "most per s>")
    cells = [
        *(f"{count:,}" for count in (known.due, known.replayed, known.missed, known.duplicate, known.users)),
        *(
            with_interval(*times, units.format_duration)
            for times in (
                (known.drain_p50_s, known.drain_p50_low_s, known.drain_p50_high_s),
                (known.drain_p90_s, known.drain_p90_low_s, known.drain_p90_high_s),
                (known.drain_p99_s, known.drain_p99_low_s, known.drain_p99_high_s),
            )
        ),
        cell(known.drain_max_s, units.format_duration),
        cell(known.replayed_peak_per_s, units.format_count),
    ]
    note = (
        "Drained: from a user's return until it had the last of what was sent while it was away. In "
        "brackets: where a percentile lies with 95 %. Users that come back from one outage, or in one "
        "second, are one event; nothing where there were too few events to tell."
    )
    return Table(
        named,
        [Row(cells, "bad" if known.missed else "")],
        note,
        how=[ways.AWAY, ways.ACCOUNT, ways.INTERVALS],
    )


def _store(known: StoreFigures) -> Table:
    named = columns("store", "messages kept>", "bytes>", "a message>", "written/s while away>", "most per s>")
    cells = [
        known.name,
        f"{known.messages:,}",
        units.format_size(known.bytes),
        cell(known.bytes_per_message, units.format_size),
        cell(known.written_per_s, units.format_count),
        cell(known.written_peak_per_s, units.format_count),
    ]
    return Table(
        named, [Row(cells)], "By how much it grew over the run, indexes included.", how=[ways.SAMPLES]
    )


def _written(one: AgainstPlan, value: float) -> str:
    if one.unit == "B":
        return units.format_size(value)
    return units.format_duration(value) if one.unit == "s" else f"{units.format_count(value)}{one.unit}"
