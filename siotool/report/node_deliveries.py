"""Deliveries by the nodes of sender and receiver: summed up, as a table, and what they say of the adapter."""

from collections.abc import Sequence

from siotool import units
from siotool.deliveries_by_node import NodeDeliveries
from siotool.document.document import Row, Table, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.delivery_figures import ByNodeFigures, NodeFigures
from siotool.report.percentiles import TimesBySecond
from siotool.report.sizing_tables import plural
from siotool.report.uncertain import with_interval
from siotool.runfile import Run

#: Servers that are not joined lose every delivery between them; a busy adapter loses some.
_ALL = 0.999
#: Fewer deliveries than this say nothing of the servers.
_FEW = 10


def sum_up_by_node(runs: Sequence[Run]) -> ByNodeFigures | None:
    """All intervals together; None where no node is known."""
    intervals = ((number, interval) for number, run in enumerate(runs) for interval in run.intervals)
    found = [
        (second, run, interval.by_node)
        for second, (run, interval) in enumerate(intervals)
        if interval.by_node is not None
    ]
    if not found:
        return None
    return ByNodeFigures(
        nodes=max(one.nodes for *_, one in found),
        same=_figures([(second, run, one.same) for second, run, one in found]),
        across=_figures([(second, run, one.across) for second, run, one in found]),
        unknown=_figures([(second, run, one.unknown) for second, run, one in found]),
    )


def _figures(parts: Sequence[tuple[int, int, NodeDeliveries]]) -> NodeFigures:
    """The figures of parts, each with its second, counted through all runs, and the number of its run."""
    times = TimesBySecond()
    for second, run, part in parts:
        times.add(part.response, second, run)
    known = times.percentiles(times.histogram())
    p50, p99 = known["p50"], known["p99"]
    return NodeFigures(
        expected=sum(part.expected for *_, part in parts),
        received=sum(part.received for *_, part in parts),
        lost=sum(part.lost for *_, part in parts),
        p50_s=p50.value,
        p50_low_s=p50.low,
        p50_high_s=p50.high,
        p99_s=p99.value,
        p99_low_s=p99.low,
        p99_high_s=p99.high,
    )


def tables(by_node: ByNodeFigures | None) -> list[Table]:
    """Return a row for each relation of nodes; nothing where no node is known."""
    if by_node is None:
        return []
    named = columns("sender and receiver", "expected>", "received>", "lost>", "of expected>", "p50>", "p99>")
    parts = [("on the same node", by_node.same), ("across nodes", by_node.across)]
    if by_node.unknown.expected:
        parts.append(("node of one unknown", by_node.unknown))
    note = f"By the server that each was on. Users were on {plural(by_node.nodes, 'node')}."
    return [
        Table(named, [_row(*part) for part in parts], note, how=[ways.ACCOUNT, ways.RESPONSE, ways.INTERVALS])
    ]


def _row(name: str, part: NodeFigures) -> Row:
    share = units.format_share(part.lost / part.expected) if part.expected else NONE
    counts = (f"{count:,}" for count in (part.expected, part.received, part.lost))
    times = (
        with_interval(*time, units.format_duration)
        for time in (
            (part.p50_s, part.p50_low_s, part.p50_high_s),
            (part.p99_s, part.p99_low_s, part.p99_high_s),
        )
    )
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
