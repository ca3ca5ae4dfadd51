"""Users that came and went: how many, at what rate, and how long they stayed."""

from collections.abc import Sequence

from siotool.histogram import merged
from siotool.report.contents import UserClassFigures, VisitFigures
from siotool.runfile import Run


def sum_up_visits(runs: Sequence[Run], user_classes: Sequence[UserClassFigures]) -> VisitFigures | None:
    """Visits over some runs, whose ``user_classes`` are known; None where no user arrived or ended."""
    intervals = [interval for run in runs for interval in run.intervals]
    offered, arrived, no_place = (
        sum(getattr(interval.visits, name) for interval in intervals)
        for name in ("offered", "arrived", "no_place")
    )
    ended = sum(found.ended for found in user_classes)
    seconds = sum(map(_arriving_s, runs))
    if not seconds and not ended:
        return None
    length = merged(interval.visits.length for interval in intervals)
    return VisitFigures(
        started=sum(found.started for found in user_classes),
        ended=ended,
        offered=offered,
        arrived=arrived,
        no_place=no_place,
        offered_per_s=offered / seconds if seconds else None,
        achieved_per_s=arrived / seconds if seconds else None,
        length_p50_s=length.quantile(0.50),
        length_p90_s=length.quantile(0.90),
        length_p99_s=length.quantile(0.99),
        length_max_s=length.max_s if length.count else None,
    )


def _arriving_s(run: Run) -> float:
    """Seconds in which users arrived: not the time that the run took to end after the last of them."""
    arrivals = run.header.workload.arrivals
    loaded = sum(interval.duration_s for interval in run.intervals if not interval.draining)
    return min(arrivals.duration_s, loaded) if arrivals is not None else 0.0
