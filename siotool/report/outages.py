"""Outages: connections that were lost together, and the users that came back.

The rule, with the seconds of the run file:

- A second is *bad* when as many connections were lost in it, or were away at its end, as are 1 % of
  those that were open or away at its begin (at least one).
- An outage is a row of bad seconds, and those after it until nobody is away any more, or no more than
  before it began. So it ends once everybody is back. Two that meet are one.
- Losses in other seconds are ``apart``: one user of ten thousand is no outage.
- What nobody came back from is none: those users were sent away (``server_disconnect``).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from siotool.histogram import Histogram, merged
from siotool.report.outage_figures import AwayFigures, OutageFigures
from siotool.report.peaks import peak_per_s, usual_s
from siotool.report.percentiles import SHARES, Percentile, TimesBySecond
from siotool.runfile import Interval, Run
from siotool.runs.blocks import FEWEST

#: The share of the connections that must be lost, or away, together.
SHARE = 0.01
#: A loss after which a user is not waited for.
_SENT_AWAY = "server_disconnect"
#: A loss that the user's own scenario made.
DROPPED = "dropped"
#: Seconds of a run end a moment after they are full.
_ROUNDING_S = 0.5
#: Times are rounded to milliseconds.
_SAME_S = 0.002


def sum_up_outages(runs: Sequence[Run]) -> list[OutageFigures]:
    """The outages of some runs, in order."""
    found: list[OutageFigures] = []
    offset = 0.0
    for run in runs:
        intervals = [interval for interval in run.intervals if not interval.draining]
        lost, usual = lost_by_second(run.intervals), usual_s([one.duration_s for one in intervals])
        spans = [intervals[first:after] for first, after in spans_of(intervals)]
        begins = [begin_of(span) for span in spans]
        for span, next_s in zip(spans, [*begins[1:], math.inf], strict=False):
            drain = drain_after(span, run.intervals, next_s)
            found.append(figures_of_span(span, drain, offset, lost, usual))
        offset += run.intervals[-1].t_s if run.intervals else 0.0
    return found


def sum_up_away(runs: Sequence[Run], outages: Sequence[OutageFigures]) -> AwayFigures | None:
    """All users that were to come back; None when no connection was lost that was to."""
    intervals = [interval for run in runs for interval in run.intervals if not interval.draining]
    lost = sum(map(_waited_for, intervals)) if _knows(intervals) else 0
    times = merged(interval.losses.away for interval in intervals)
    if not lost and not times.count:
        return None
    lost = max(lost, times.count)
    at = {
        f"p{name}_s": _quantile(times, lost, share)
        for name, share in (("50", 0.5), ("90", 0.9), ("95", 0.95), ("99", 0.99), ("99_9", 0.999))
    }
    whole = times.count >= lost
    known = times_of_events(runs) if whole else {}
    found = {name: known.get(name, Percentile()) for name in SHARES}
    return AwayFigures(
        lost=lost,
        back=times.count,
        apart=sum(sum(interval.connections.closed.values()) for interval in intervals)
        - sum(outage.lost for outage in outages),
        **at,
        **{f"{name}_low_s": one.low for name, one in found.items()},
        **{f"{name}_high_s": one.high for name, one in found.items()},
        max_s=times.max_s if whole else None,
        mean_s=times.mean_s if whole else None,
    )


def times_of_events(runs: Sequence[Run]) -> dict[str, Percentile]:
    """Percentiles of how long users were away, with intervals over events; empty with too few of them.

    The users of one outage wait for the same server: it is one block, and so is each second outside of all.
    Blocks of unlike sizes are worth fewer (L. Kish, "Survey Sampling", 1965, §11.7).
    """
    times, sizes = TimesBySecond(), Counter[int]()
    number = 0
    for run_number, run in enumerate(runs):
        intervals = [interval for interval in run.intervals if not interval.draining]
        event = list(range(number, number + len(intervals)))
        for first, after in spans_of(intervals):
            event[first:after] = [event[first]] * (after - first)
        for block, interval in zip(event, intervals, strict=True):
            times.add(interval.losses.away, block, run_number)
            sizes[block] += interval.losses.away.count
        number += len(intervals)
    return of_blocks(times, sizes)


def of_blocks(times: TimesBySecond, sizes: Counter[int]) -> dict[str, Percentile]:
    """Percentiles of times in blocks of so many; empty where these are worth too few."""
    squares = sum(size**2 for size in sizes.values())
    if not squares or sizes.total() ** 2 / squares < FEWEST:
        return {}
    return times.percentiles(times.histogram())


def spans_of(intervals: Sequence[Interval]) -> Iterator[tuple[int, int]]:
    """First second, and the one after the last, of each outage."""
    first: int | None = None
    before = 0  # users that were away when it began
    previous: Interval | None = None
    for number, interval in enumerate(intervals):
        bad = _is_bad(interval, previous)
        if bad and first is None:
            first, before = number, 0 if previous is None else previous.losses.away_now
        if first is not None and not bad and interval.losses.away_now <= before:
            after = number + 1 if interval.losses.back else number
            if _is_outage(intervals[first:after]):
                yield first, after
            first = None
        previous = interval
    if first is not None and _is_outage(intervals[first:]):
        yield first, len(intervals)


def _is_bad(interval: Interval, previous: Interval | None) -> bool:
    there = 0 if previous is None else previous.connections.open + previous.losses.away_now
    least = max(1.0, SHARE * there)
    return sum(interval.connections.closed.values()) >= least or interval.losses.away_now >= least


def _is_outage(span: Sequence[Interval]) -> bool:
    """Whether somebody was to come back; run files of before did not say who was away."""
    return _knows(span) and any(one.losses.back or _waited_for(one) for one in span)


def _knows(intervals: Sequence[Interval]) -> bool:
    return any(one.losses.away_now or one.losses.back or one.connections.stayed_away for one in intervals)


def _waited_for(interval: Interval) -> int:
    """Connections that were lost, but for those of users that the server sent away."""
    connections = interval.connections
    sent_away = min(connections.closed.get(_SENT_AWAY, 0), connections.stayed_away.get(_SENT_AWAY, 0))
    return sum(connections.closed.values()) - sent_away


def lost_by_second(intervals: Sequence[Interval], *, acknowledged: bool = False) -> Counter[int]:
    """Deliveries that were given up at any time, by the second of the run in which they were sent.

    ``acknowledged``: only those that the server had acknowledged.
    """
    found: Counter[int] = Counter()
    for interval in intervals:
        for ago, count in interval.acknowledged_lost_ago if acknowledged else interval.lost_ago:
            found[second_of(interval.t_s - ago)] += count
    return found


def lost_in(span: Sequence[Interval], lost: Counter[int]) -> int:
    """How many of the deliveries ``lost``, by the second in which they were sent, were sent in a span.

    An interval of a busy machine has several seconds, one that was cut short may have none.
    """
    return sum(
        lost[second]
        for interval in span
        for second in range(second_of(interval.t_s - interval.duration_s) + 1, second_of(interval.t_s) + 1)
    )


def second_of(t_s: float) -> int:
    """The number of the second of a run that ends about then."""
    return math.ceil(round(t_s, 3) - _ROUNDING_S)


def begin_of(span: Sequence[Interval]) -> float:
    """When the first second of a span begins."""
    return span[0].t_s - span[0].duration_s


def drain_after(span: Sequence[Interval], intervals: Sequence[Interval], next_s: float) -> list[Interval]:
    """The seconds after a span, up to the last in which users still got what they had missed.

    A server with a store sends it after their return, also while the run only waits for what is under way.
    What comes after ``next_s``, when the next span begins, is of that one.
    """
    end_s = span[-1].t_s
    later = [one for one in intervals if end_s < one.t_s <= next_s + _SAME_S]
    last = max((number for number, one in enumerate(later, 1) if one.losses.caught_up), default=0)
    return later[:last]


def figures_of_span(
    span: Sequence[Interval], drain: Sequence[Interval], offset: float, lost: Counter[int], usual: float
) -> OutageFigures:
    """What happened in some seconds, and what came of it in its ``drain``.

    ``lost`` are deliveries by the second in which they were sent, ``usual`` is how long an interval of the
    run usually is. A span without a second is that of a fault
    which the next one follows at once.
    """
    begin_s, end_s = (begin_of(span), span[-1].t_s) if span else (0.0, 0.0)
    reasons: Counter[str] = Counter()
    for interval in span:
        reasons.update(interval.connections.closed)
    times = merged(interval.losses.away for interval in span)
    waited_for = max(times.count, sum(map(_waited_for, span)))
    missed = sum(one.delivery.while_away - one.losses.caught_up for one in span)
    # what single users miss meanwhile may be what comes
    missed += min(0, sum(one.delivery.while_away - one.losses.caught_up for one in drain))
    return OutageFigures(
        t_s=round(offset + begin_s, 3),
        until_s=round(offset + end_s, 3),
        lost=reasons.total(),
        reasons={kind: count for kind, count in reasons.most_common() if count},
        back=times.count,
        back_p50_s=_quantile(times, waited_for, 0.5),
        back_p90_s=_quantile(times, waited_for, 0.9),
        back_p99_s=_quantile(times, waited_for, 0.99),
        back_all_s=times.max_s if 0 < waited_for <= times.count else None,
        attempts=sum(interval.connections.attempted for interval in span),
        attempts_peak_per_s=peak_per_s(((one.connections.attempted, one.duration_s) for one in span), usual),
        recovered=sum(interval.losses.recovered for interval in span),
        replayed=sum(interval.losses.replayed for interval in [*span, *drain]),
        missed=max(0, missed),
        duplicate=sum(interval.delivery.duplicate for interval in [*span, *drain]),
        messages_lost=lost_in(span, lost),
        away_user_s=_away_user_s(span, times, waited_for) * (1 - _dropped(reasons)),
    )


def _away_user_s(span: Sequence[Interval], times: Histogram, waited_for: int) -> float:
    """Time that users were away, added up: exact where all came back, else by who was away each second."""
    by_second = sum(interval.losses.away_now * interval.duration_s for interval in span)
    return times.sum_s if times.count >= waited_for else max(times.sum_s, by_second)


def _dropped(reasons: Counter[str]) -> float:
    """The share of the lost connections that their own scenario dropped."""
    return reasons[DROPPED] / reasons.total() if reasons.total() else 0.0


def _quantile(times: Histogram, lost: int, share: float) -> float | None:
    """How long a share of the lost ones took at most, of which ``times`` are those that came back."""
    if not lost or share * lost > times.count:
        return None
    return times.quantile(min(1.0, share * lost / times.count))
