"""What the scenario's users did, class by class, and what its own code raised."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter

from siotool.report.contents import ExceptionFigures, UserClassFigures
from siotool.runfile import Run, UserClass

#: Counts of an interval that are added up.
_SUMMED = tuple(field for field in UserClass.__struct_fields__ if field not in ("name", "users"))
_summed_of = attrgetter(*_SUMMED)


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
    by_name: dict[str, list[UserClass]] = {}
    for run in runs:
        for interval in run.intervals:
            for found in interval.user_classes:
                by_name.setdefault(found.name, []).append(found)
    return [_figures(name, found) for name, found in by_name.items()]


def _figures(name: str, found: Sequence[UserClass]) -> UserClassFigures:
    columns = zip(*map(_summed_of, found), strict=True)
    total = dict(zip(_SUMMED, map(sum, columns), strict=True))
    return UserClassFigures(
        name=name,
        users_peak=max(one.users for one in found),
        # a task may send several events for one that was due
        achieved=max(0, total["issued"] - total["failed"]),
        **total,
    )
