"""What the scenario's users did, class by class, and what its own code raised."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain

import msgspec

from siotool.report.contents import ExceptionFigures, UserClassFigures
from siotool.runfile import Run


def sum_up_exceptions(runs: Sequence[Run]) -> list[ExceptionFigures]:
    """One row for each kind, message and place; the most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for run in runs:
        lists = [interval.exceptions for interval in run.intervals]
        for found in chain(*lists, run.end.exceptions if run.end else []):
            counts[found.kind, found.message, found.where] += found.count
    return [ExceptionFigures(*key, count=count) for key, count in counts.most_common()]


def sum_up_user_classes(runs: Sequence[Run]) -> list[UserClassFigures]:
    """One row for each user class, in the order of appearance."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    peaks: Counter[str] = Counter()
    for run in runs:
        for interval in run.intervals:
            for found in interval.user_classes:
                fields = msgspec.structs.asdict(found)
                del fields["name"]
                peaks[found.name] = max(peaks[found.name], fields.pop("users"))
                counts[found.name].update(fields)
    return [
        UserClassFigures(
            name=name,
            users_peak=peaks[name],
            # a task may send several events for one that was due
            achieved=max(0, found["issued"] - found["failed"]),
            **found,
        )
        for name, found in counts.items()
    ]
