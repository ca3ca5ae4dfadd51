"""What a report says of a search for capacity. SI units are in the names."""

from collections.abc import Iterator, Sequence

import msgspec

from siotool.report.limiting_resource import limiting_resource
from siotool.runfile import Run
from siotool.runs.server_count import count_servers
from siotool.search.joined_searches import joined_searches
from siotool.searched import HoldOutcome, SearchAxis


class HoldFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load that was held: see ``searched.Hold``. ``from_s`` and ``to_s`` are seconds of its run."""

    load: float
    outcome: HoldOutcome
    gate: str
    missed: float
    allowed: float
    operations: int
    blocks: int
    settling_s: float
    from_s: float
    to_s: float
    restarts: int
    doubts: list[str]


class CapacityFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The highest load that meets the gates: from ``low`` to ``high`` with a ``confidence``.

    ``high`` is null where no load failed: the capacity is ``at_least`` the low end. ``value`` is null
    then, and where no load passed. ``gate`` failed first, ``limited_by`` is what ran out (``server: …``,
    ``generator``, ``unsampled``, ``bound`` for the load that was not to be exceeded, or ``time``;
    empty where that was held and not shown to pass).
    ``confidence`` is below that aimed at where no load failed and the holds were too short for more.
    ``complete`` is false where the search was ended early. ``why`` says what ended it.
    ``servers`` carried it together: null where it is not known how many, and ``servers_how`` says why.
    """

    search: SearchAxis
    value: float | None
    low: float
    high: float | None
    at_least: bool
    confidence: float
    unit: str
    gate: str
    limited_by: str
    seconds: float
    complete: bool
    why: str
    servers: int | None
    servers_how: str
    holds: list[HoldFigures]


def capacity_of(runs: Sequence[Run]) -> CapacityFigures | None:
    """What the runs found; None where none of them searched.

    Of several searches the interval holds all of theirs, at the least of their confidences: servers
    differ from start to start by more than one search can see.
    """
    found = [run.capacity for run in runs if run.capacity is not None]
    if not found or len({one.search for one in found}) > 1:
        return None
    known = joined_searches(found)
    servers = count_servers([run for run in runs if run.capacity is not None])
    return CapacityFigures(
        search=known.search,
        value=known.value,
        low=known.low,
        high=known.high,
        at_least=known.high is None,
        confidence=known.confidence,
        unit=known.unit,
        gate=known.gate,
        limited_by=_limit(known.limited_by, runs),
        seconds=known.seconds,
        complete=known.complete,
        why=known.why,
        servers=servers.number,
        servers_how=servers.how,
        holds=[
            HoldFigures(
                load=hold.load,
                outcome=hold.outcome,
                gate=hold.gate,
                missed=hold.missed,
                allowed=hold.allowed,
                operations=hold.operations,
                blocks=hold.blocks,
                settling_s=hold.settling_s,
                from_s=hold.begin_s,
                to_s=hold.t_s,
                restarts=hold.restarts,
                doubts=hold.doubts,
            )
            for run in runs
            for hold in run.holds
        ],
    )


def unlike_searches(runs: Sequence[Run]) -> Iterator[str]:
    """A remark on runs that searched along different axes, as no capacity is told then."""
    axes = sorted({run.capacity.search for run in runs if run.capacity is not None})
    if len(axes) > 1:
        yield (
            f"the runs searched along different axes (--search {', '.join(axes)}): they have no capacity in "
            "common. Report them one by one"
        )


def _limit(limited_by: str, runs: Sequence[Run]) -> str:
    resource = limiting_resource(runs) if limited_by == "server" else ""
    return f"{limited_by}: {resource}" if resource else limited_by
