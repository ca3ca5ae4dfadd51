"""A report's outages, and the users that were away, as tables."""

from siotool import units
from siotool.document.document import Row, Section, Sentence, Table, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.contents import Report
from siotool.report.outage_figures import AwayFigures, OutageFigures
from siotool.report.sizing_tables import cell, plural
from siotool.report.uncertain import with_interval


def outages(report: Report) -> Section:
    """Return a row for each outage; nothing when no connection was lost that came back."""
    title = "Outages"
    if not report.outages and not (report.away and report.away.lost):
        return Section("outages", title, [])
    delivers = report.delivery.published > 0
    named = columns("at>", "lost>", "why", "back p50>", "back p90>?", "back p99>", "all back>", "attempts>?")
    named += columns("most per s>", "recovered>?")
    named += columns("lost messages>", "replayed>?", "missed>", "duplicate>?") if delivers else []
    rows = [
        Row(_outage(outage)[: len(named)], "bad" if outage.back_all_s is None else "")
        for outage in report.outages
    ]
    note = (
        "Times are from the loss of each user's connection. An outage is one event: its percentiles are "
        "of all its users, and have no interval. Most per s: connects tried in the worst second."
    )
    if report.away is not None and report.away.apart > 0:
        note += f" {_apart(report.away)}"
    elif report.away is not None and len(rows) > 1 and (half := _half(report.away)):
        note += f" Of the users of all outages {half}."
    if not rows:
        return Section(
            "outages",
            title,
            [Sentence(_apart(report.away), "note", [ways.AWAY, ways.INTERVALS])] if report.away else [],
        )
    return Section(
        "outages", title, [Table(named, rows, note, how=[ways.AWAY, ways.ACCOUNT, ways.INTERVALS])]
    )


def _apart(away: AwayFigures) -> str:
    half = _half(away)
    back = f"; of all lost users {half}" if half else ""
    return f"{plural(away.apart, 'connection')} were lost in no outage, one by one{back}."


def _half(away: AwayFigures) -> str:
    if away.p50_s is None:
        return ""
    time = with_interval(away.p50_s, away.p50_low_s, away.p50_high_s, units.format_duration)
    return f"half were back in {time}"


def _outage(outage: OutageFigures) -> list[str]:
    reasons = ", ".join(f"{kind} {count:,}" for kind, count in outage.reasons.items()) or NONE
    share = f" ({units.format_share(outage.recovered / outage.back)})" if outage.recovered else ""
    return [
        f"{outage.t_s:.0f} s",
        f"{outage.lost:,}",
        reasons,
        _time(outage.back_p50_s),
        _time(outage.back_p90_s),
        _time(outage.back_p99_s),
        "never" if outage.back_all_s is None else _time(outage.back_all_s),
        f"{outage.attempts:,}",
        units.format_count(outage.attempts_peak_per_s),
        f"{outage.recovered:,}{share}",
        f"{outage.messages_lost:,}",
        f"{outage.replayed:,}",
        f"{outage.missed:,}",
        f"{outage.duplicate:,}",
    ]


def _time(seconds: float | None) -> str:
    return cell(seconds, units.format_duration)
