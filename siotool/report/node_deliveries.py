"""Deliveries by the nodes of sender and receiver: summed up, as a table, and what they say of the adapter."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from siotool import units
from siotool.deliveries_by_node import NodeDeliveries
from siotool.document.document import Row, Table, columns
from siotool.document.groups import NONE
from siotool.histogram import merged
from siotool.report import ways
from siotool.report.delivery_figures import ByNodeFigures, NodeFigures
from siotool.report.sizing_tables import cell, plural
from siotool.runfile import Interval

#: Servers that are not joined lose every delivery between them; a busy adapter loses some.
_ALL = 0.999
#: Fewer deliveries than this say nothing of the servers.
_FEW = 10


def sum_up_by_node(intervals: Iterable[Interval]) -> ByNodeFigures | None:
    """All intervals together; None where no node is known."""
    found = [interval.by_node for interval in intervals if interval.by_node is not None]
    if not found:
        return None
    return ByNodeFigures(
        nodes=max(one.nodes for one in found),
        same=_figures([one.same for one in found]),
        across=_figures([one.across for one in found]),
        unknown=_figures([one.unknown for one in found]),
    )


def _figures(parts: Sequence[NodeDeliveries]) -> NodeFigures:
    expected, received, lost = (
        sum(map(attrgetter(name), parts)) for name in ("expected", "received", "lost")
    )
    response = merged(part.response for part in parts)
    return NodeFigures(expected, received, lost, response.quantile(0.5), response.quantile(0.99))


def tables(by_node: ByNodeFigures | None) -> list[Table]:
    """Return a row for each relation of nodes; nothing where no node is known."""
    if by_node is None:
        return []
    named = columns("sender and receiver", "expected>", "received>", "lost>", "of expected>", "p50>", "p99>")
    parts = [("on the same node", by_node.same), ("across nodes", by_node.across)]
    if by_node.unknown.expected:
        parts.append(("node of one unknown", by_node.unknown))
    note = f"By the server that each was on. Users were on {plural(by_node.nodes, 'node')}."
    return [Table(named, [_row(*part) for part in parts], note, how=[ways.ACCOUNT, ways.RESPONSE])]


def _row(name: str, part: NodeFigures) -> Row:
    share = units.format_share(part.lost / part.expected) if part.expected else NONE
    counts = (f"{count:,}" for count in (part.expected, part.received, part.lost))
    times = (cell(time, units.format_duration) for time in (part.p50_s, part.p99_s))
    return Row([name, *counts, share, *times], "bad" if part.lost else "")


def node_remarks(by_node: ByNodeFigures | None) -> list[str]:
    """What losses between servers say, where those within a server are fewer."""
    if by_node is None:
        return []
    same, across = by_node.same, by_node.across
    if across.expected < _FEW or not across.lost or same.expected < _FEW:
        return []
    lost_across, lost_same = across.lost / across.expected, same.lost / same.expected
    if lost_across >= _ALL > lost_same:
        return [
            f"deliveries across nodes were lost ({across.lost:,} of {across.expected:,}), those on the same "
            f"node were not ({same.lost:,} of {same.expected:,}): does no adapter join the servers?"
        ]
    if lost_across > 2 * lost_same:
        return [
            f"deliveries across nodes were lost more often ({units.format_share(lost_across)}) than those on "
            f"the same node ({units.format_share(lost_same)}): what joins the servers lost them"
        ]
    return []
