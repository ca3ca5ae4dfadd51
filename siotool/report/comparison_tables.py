"""What a report says of its baseline: what is not the same, what changed and by how much."""

from collections.abc import Sequence

from siotool.document.document import Bar, Block, Row, Section, Sentence, Table, Tone, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.comparison_figures import Change, Comparison, MetricChange, ServersChange
from siotool.report.comparison_words import change, effect, interval, servers
from siotool.report.contents import Report
from siotool.report.metric_units import written

_TONES: dict[Change, Tone] = {"worse": "bad", "better": "good", "no difference shown": ""}
_ORDER: tuple[Change, ...] = ("worse", "better", "no difference shown")
#: A bar's track reaches this far to both sides at most, as a share of the baseline.
_TRACK = 0.5
_HOW = (
    "Change: of these runs over the baseline, more is worse; with its 95 % interval. From: a true change "
    "of so much is found in 9 of 10 comparisons. The verdicts hold for all metrics together "
    "(docs/comparison.md)."
)


def comparison(report: Report) -> Section:
    """Return the section; empty where there was no baseline."""
    blocks: list[Block] = []
    found = report.comparison
    if found is not None:
        blocks += [Sentence(f"Not the same: {said}.", "warning") for said in found.not_same]
        blocks += [Sentence(_sides(found)), Sentence(_servers(found.servers))]
        rows = sorted(found.metrics, key=lambda one: _ORDER.index(one.verdict))
        named = columns("metric", "baseline>", "now>", "change>", "interval>", "from>?")
        blocks.append(Table(named, _rows(rows), _HOW, how=[ways.COMPARED]))
        blocks += [Sentence(f"{said[0].upper()}{said[1:]}.", "note") for said in found.notes]
        if found.absent:
            blocks.append(Sentence(f"Not compared: {'; '.join(found.absent)}.", "note"))
    return Section("comparison", "Compared with the baseline", blocks)


def _servers(found: ServersChange) -> str:
    """Say the difference in servers, and in money where it is known."""
    if found.effect is None:
        return f"No difference in servers: {found.how}."
    said = servers(found)
    if found.per_month is not None:
        said += f", {found.per_month:+,.0f} {found.currency} a month"
    return f"Servers: {found.measured:,}, with the baseline's costs {found.baseline:,}: {said}."


def _sides(found: Comparison) -> str:
    runs = f"{len(found.runs)} run{'s' * (len(found.runs) > 1)}"
    where = "the history" if found.source == "history" else "the baseline"
    base = f"{len(found.baseline)} of {where}: {_some(found.baseline)}"
    worse = [change(one) for one in found.metrics if one.verdict == "worse"]
    better = [change(one) for one in found.metrics if one.verdict == "better"]
    said = [f"worse: {', '.join(worse)}"] * bool(worse) + [f"better: {', '.join(better)}"] * bool(better)
    return f"{runs} against {base}. {'; '.join(said) or 'No difference shown'}."


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _rows(metrics: Sequence[MetricChange]) -> list[Row]:
    ends = [abs(end) for one in metrics for end in (one.relative_low, one.relative_high) if end is not None]
    track = min(_TRACK, max(ends, default=_TRACK)) or _TRACK
    return [_row(one, track) for one in metrics]


def _row(one: MetricChange, track: float) -> Row:
    write = written(one.unit)
    cells = [
        one.name,
        write(one.baseline),
        write(one.measured),
        effect(one.effect, one.relative),
        interval(one),
        NONE if not one.smallest_detectable else effect(one.smallest_detectable, _share(one)).lstrip("+"),
    ]
    return Row(cells, _TONES[one.verdict], _bar(one, track), one.verdict)


def _share(one: MetricChange) -> float | None:
    return None if one.relative is None else one.smallest_detectable / one.baseline


def _bar(one: MetricChange, track: float) -> Bar | None:
    """The interval, with a mark where nothing changed."""
    if one.relative_low is None or one.relative_high is None:
        return None
    low, high = (50 + 50 * min(max(end / track, -1.0), 1.0) for end in (one.relative_low, one.relative_high))
    return Bar(begin=low, soft=max(high - low, 0.5), mark=50.0)
