"""Deliveries by the size of the audience, and how far apart its members got a message."""

from collections.abc import Sequence

from siotool import units
from siotool.document.document import Row, Table, columns
from siotool.report import ways
from siotool.report.clock_words import CLOCKS, clock_error
from siotool.report.delivery_figures import AudienceFigures
from siotool.report.uncertain import with_interval


def tables(audiences: Sequence[AudienceFigures]) -> list[Table]:
    """Return the counts and the times by size; nothing without messages."""
    if not audiences:
        return []
    counted = columns("audience", "messages>", "expected>", "lost>", "duplicate>", "reordered>")
    counted += columns("misdelivered>")
    found = [
        Table(
            counted,
            [*map(_counts, audiences)],
            "By how many users were to receive a message.",
            how=[ways.ACCOUNT],
        )
    ]
    if timed := [audience for audience in audiences if audience.complete]:
        named = columns("audience", "complete>", "receiver", "p50>", "p99>")
        note = (
            "When the first receiver, half of them (median) and the last one had a message, from its "
            "intended start. Spread: how long after the first the last one did. Of messages that reached "
            "everyone. In brackets: where a percentile lies with 95 %; nothing where the run was "
            "too short to tell."
        )
        if any(audience.clock_error_s is not None for audience in timed):
            named += columns("clocks ±>")
            note += CLOCKS
        rows = [Row(cells[: len(named)]) for audience in timed for cells in _times(audience)]
        found.append(Table(named, rows, note, how=[ways.ACCOUNT, ways.RESPONSE, ways.INTERVALS]))
    return found


def _counts(audience: AudienceFigures) -> Row:
    counts = (
        audience.messages,
        audience.expected,
        audience.lost,
        audience.duplicate,
        audience.reordered,
        audience.misdelivered,
    )
    bad = audience.lost or audience.duplicate or audience.misdelivered
    return Row([_label(audience), *(f"{count:,}" for count in counts)], "bad" if bad else "")


def _times(audience: AudienceFigures) -> list[list[str]]:
    """A row each of the first, the median and the last receiver, and of the spread."""
    a = audience
    times = {
        "first": (
            (a.first_p50_s, a.first_p50_low_s, a.first_p50_high_s),
            (a.first_p99_s, a.first_p99_low_s, a.first_p99_high_s),
        ),
        "median": (
            (a.median_p50_s, a.median_p50_low_s, a.median_p50_high_s),
            (a.median_p99_s, a.median_p99_low_s, a.median_p99_high_s),
        ),
        "last": (
            (a.last_p50_s, a.last_p50_low_s, a.last_p50_high_s),
            (a.last_p99_s, a.last_p99_low_s, a.last_p99_high_s),
        ),
        "spread": (
            (a.spread_p50_s, a.spread_p50_low_s, a.spread_p50_high_s),
            (a.spread_p99_s, a.spread_p99_low_s, a.spread_p99_high_s),
        ),
    }
    return [
        [
            _label(audience),
            f"{audience.complete:,}",
            who,
            *(with_interval(*time, units.format_duration) for time in both),
            clock_error(audience.clock_error_s, audience.first_p50_s),
        ]
        for who, both in times.items()
    ]


def _label(audience: AudienceFigures) -> str:
    """``all 51–100``, ``room 11–20``, ``user``."""
    if audience.to == "user":
        return "user"
    first = f"{audience.size_from:,}–" if audience.size_from < audience.size else ""
    return f"{audience.to} {first}{audience.size:,}"
