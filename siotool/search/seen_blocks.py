"""What was seen of a load, second by second: the blocks that its verdict rests on.

Operations of one second depend on each other: a server that is slow for half a second delays all of
that time's. So operations are never taken for independent: blocks of about a second are counted.
"""

from collections.abc import Sequence

import msgspec


class Block(msgspec.Struct, frozen=True):
    """One second of a load. ``missed`` and ``tried`` have a figure for each objective, in their order.

    ``missed`` may exceed ``tried`` by rounding only. ``there``: the load was offered in all of it.
    ``level_s`` is the mean response time, or another level that falls while a server recovers; None
    where nothing ended. ``doubts`` are reasons why it says nothing of the server.
    """

    duration_s: float
    missed: tuple[float, ...]
    tried: tuple[float, ...]
    there: bool = True
    level_s: float | None = None
    doubts: tuple[str, ...] = ()


class Visit(msgspec.Struct):
    """One hold: the blocks that were counted at a load, after it had settled."""

    load: float
    blocks: list[Block]
    settling_s: float = 0.0


class Totals(msgspec.Struct, frozen=True):
    """Missed and tried operations of one objective at one load, over ``blocks`` seconds."""

    load: float
    missed: float
    tried: float
    blocks: int


def totals_by_load(visits: Sequence[Visit], objective: int) -> list[Totals]:
    """What was counted at each load, over all its holds, in the order of loads; none without operations."""
    found: dict[float, Totals] = {}
    for visit in visits:
        before = found.get(visit.load, Totals(visit.load, 0.0, 0.0, 0))
        found[visit.load] = Totals(
            visit.load,
            before.missed + sum(block.missed[objective] for block in visit.blocks),
            before.tried + sum(block.tried[objective] for block in visit.blocks),
            before.blocks + len(visit.blocks),
        )
    return [found[load] for load in sorted(found) if found[load].tried > 0]
