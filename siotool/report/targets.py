"""What happened at each of several targets."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from siotool.report.contents import TargetConnections, TargetFigures
from siotool.report.operations import sum_up
from siotool.runfile import Run


def by_class(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts up by class, in alphabetical order."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def sum_up_targets(runs: Sequence[Run], held: Sequence[bool], *, held_s: float) -> list[TargetFigures]:
    """One entry for each target of the runs; none where there is only one, or where theirs differ.

    ``held`` marks the intervals of the hold phase, ``held_s`` long.
    """
    intervals = [interval for run in runs for interval in run.intervals]
    found: list[TargetFigures] = []
    if not _alike(runs):
        return found
    for number, target in enumerate(runs[0].header.targets):
        uses = [interval.targets[number] for interval in intervals]
        connections = [use.connections for use in uses]
        found.append(
            TargetFigures(
                url=target.url,
                weight=target.weight,
                connections=TargetConnections(
                    peak=max((one.open for one in connections), default=0),
                    attempted=sum(one.attempted for one in connections),
                    established=sum(one.established for one in connections),
                    failed=by_class(one.failed for one in connections),
                    hung=by_class(one.hung for one in connections),
                    closed=by_class(one.closed for one in connections),
                ),
                operations=sum_up(runs, held, held_s=held_s, target=number).rows,
                payload_bytes_in=sum(use.bytes.payload_in for use in uses),
                payload_bytes_out=sum(use.bytes.payload_out for use in uses),
                wire_bytes_in=sum(use.bytes.wire_in for use in uses),
                wire_bytes_out=sum(use.bytes.wire_out for use in uses),
            )
        )
    return found


def unlike_targets(runs: Sequence[Run]) -> Iterator[str]:
    """A remark on runs whose targets differ: no figures of each are told then."""
    if not _alike(runs):
        yield "the runs had different targets: figures are of all targets together, and none are of each"


def _alike(runs: Sequence[Run]) -> bool:
    """Whether the targets are the same in their order; those of a lab have other ports each time."""
    first = runs[0].header
    return all(
        header.targets == first.targets
        or (
            header.lab == first.lab != ""
            and [one.weight for one in header.targets] == [one.weight for one in first.targets]
        )
        for header in (run.header for run in runs)
    )
