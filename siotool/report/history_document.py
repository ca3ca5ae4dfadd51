"""Past runs as a document: what changed for good, a line for each metric, and a row for each run."""

from collections.abc import Sequence

from siotool.document.document import (
    Axis,
    Block,
    Chart,
    Curve,
    Document,
    Row,
    Section,
    Sentence,
    Table,
    Unit,
    columns,
)
from siotool.document.groups import NONE
from siotool.report.comparison_words import effect
from siotool.report.history_figures import ChangePoint, PastFigures, PastRuns, Trend
from siotool.report.metric_units import written
from siotool.report.moments import minute
from siotool.report.sizing_tables import plural

#: Metrics that have a column of their own, and a chart; the others are in the JSON.
_SHOWN = ("cpu_per_event", "cpu_per_connection", "p99:", "rss", "bytes_per_connection")
_AXES: dict[str, Unit] = {"s": "seconds", "bytes": "bytes", "bytes_per_s": "bytes_per_s", "cores": "cores"}
#: Characters of a version that tell it from the others.
_CODE = 8


def as_document(found: PastRuns) -> Document:
    """Return the document of a history."""
    runs = sum(len(trend.runs) for trend in found.trends)
    changes = [change for trend in found.trends for change in trend.changes]
    return Document(
        name="siotool history",
        context=f"{found.file}: {plural(runs, 'run')}",
        headline=f"{plural(len(changes), 'lasting change')}." if changes else "No lasting change is shown.",
        tone="",
        answer=[said for trend in found.trends for said in _said(trend)],
        sections=[_section(number, trend) for number, trend in enumerate(found.trends, 1)],
        made_of=found.file,
    )


def _said(trend: Trend) -> list[str]:
    return [_change(trend, change) for change in trend.changes]


def _change(trend: Trend, one: ChangePoint) -> str:
    run = next(run for run in trend.runs if run.run == one.run)
    of = f" ({_of(run)})" if _of(run) else ""
    write = written(one.unit)
    return (
        f"{trend.scenario}: {one.metric} {effect(one.change, None if one.unit == 'share' else one.change)} "
        f"since {one.run}{of}: {write(one.before)} over {plural(one.runs_before, 'run')}, then "
        f"{write(one.after)} over {one.runs_since}."
    )


def _of(run: PastFigures) -> str:
    return ", ".join(filter(None, (run.label, run.code[:_CODE])))


def _section(number: int, trend: Trend) -> Section:
    names = _shown(trend)
    blocks: list[Block] = [Sentence(f"{trend.target}, users {trend.conditions['users']}.", "note")]
    if len(trend.runs) > 1:
        blocks += [_chart(number, name, trend) for name in names]
    named = columns("run", *(f"{name}>" for name in names), "verdict", "of")
    changed = {change.run for change in trend.changes}
    blocks.append(Table(named, [_row(run, names, trend, changed) for run in trend.runs]))
    return Section(f"trend-{number}", f"{trend.scenario}: {plural(len(trend.runs), 'run')}", blocks)


def _shown(trend: Trend) -> list[str]:
    """The names of the metrics that are shown: of the times, only those of the first operation."""
    found = []
    for wanted in _SHOWN:
        found += [
            name for name in trend.units if name == wanted or (wanted[-1] == ":" and name.startswith(wanted))
        ][:1]
    return found


def _chart(number: int, name: str, trend: Trend) -> Chart:
    points = [(float(place), run.metrics.get(name)) for place, run in enumerate(trend.runs, 1)]
    return Chart(
        f"trend-{number}-{name.replace(':', '-')}",
        name,
        Axis("count", "run", low=1.0, high=float(len(points))),
        Axis(_AXES[trend.units[name]], low=None, high=None),
        [Curve(name, points)],
        telling=True,
    )


def _row(run: PastFigures, names: Sequence[str], trend: Trend, changed: set[str]) -> Row:
    cells = [written(trend.units[name])(run.metrics[name]) if name in run.metrics else NONE for name in names]
    changes = run.run in changed
    words = ", ".join(filter(None, ("change" if changes else "", _of(run))))
    name = f"{minute(run.started_at)} {run.run}"
    return Row([name, *cells, run.verdict, words], "strong" if changes else "")
