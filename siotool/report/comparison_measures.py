"""What gates measure of a comparison with a baseline: a value, or None where there is none, and how."""

from siotool.report.comparison_figures import Comparison, MetricChange
from siotool.report.comparison_words import change, servers
from siotool.report.contents import Report
from siotool.report.gates import COMPARE, Gate
from siotool.report.parts import Measurable

_NOTHING = "compared with nothing (--baseline)"


def measure_worse(gate: Gate, report: Measurable) -> tuple[float | None, str]:
    """How many metrics are worse; or, in a share, by how much one of them is worse at least.

    That is the lower end of the interval, the largest of all that are worse; 0 where none is.
    """
    found = report.comparison if isinstance(report, Report) else None
    if found is None:
        return None, _NOTHING
    if not found.metrics:
        return None, "the baseline and this run have no metric in common"
    worse = _worse(found)
    said = ", ".join(map(change, worse)) or f"no difference for the worse in {len(found.metrics)} metrics"
    if gate.unit == "share":
        return max(0.0, *map(_least, worse), 0.0), said
    return float(len(worse)), said


def metrics_beyond(gate: Gate, found: Comparison) -> list[MetricChange]:
    """Return the metrics that fail a gate on ``worse``: all that are, or those by more than its share."""
    if gate.metric != "worse" or gate.comparison not in (">", ">="):
        return []
    worse = _worse(found)
    if gate.unit == "count":
        return worse
    return [one for one in worse if COMPARE[gate.comparison](_least(one), gate.limit)]


def measure_more_servers(report: Measurable) -> tuple[float | None, str]:
    """How many servers more there are at least: the lower end of the interval; below 0 for fewer."""
    found = report.comparison if isinstance(report, Report) else None
    if found is None:
        return None, _NOTHING
    if found.servers.low is None:
        return None, found.servers.how
    return float(found.servers.low), servers(found.servers)


def _worse(found: Comparison) -> list[MetricChange]:
    return [one for one in found.metrics if one.verdict == "worse"]


def _least(one: MetricChange) -> float:
    """By how much a metric is worse at least, as a share."""
    return one.low if one.relative_low is None else one.relative_low
