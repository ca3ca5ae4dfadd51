"""Whether a server keeps up with its load: nearly all answers and deliveries come soon."""

from collections.abc import Iterable

from siotool.histogram import later
from siotool.runfile import Interval

#: An answer or a delivery is late after so many seconds; a server that keeps up is late with so large a share
#: at most.
LATE_S, MOST_LATE = 0.3, 0.01


def late_share(intervals: Iterable[Interval]) -> float:
    """The share of answers and deliveries that came late or failed; 1 where none ended of what was sent.

    Deliveries that are lost never end.
    """
    late = ended = 0
    sent = False
    for interval in intervals:
        sent = sent or any(one.issued for one in interval.user_classes)
        for one in interval.operations:
            if one.op in ("ack", "deliver"):
                failed = sum(one.errors.values())
                late += later(one.response, LATE_S) + failed
                ended += one.count + failed
    return late / ended if ended else float(sent)


def keeps_up(share: float) -> bool:
    """Whether a server that is late with such a share of what it is to do keeps up."""
    return share <= MOST_LATE
