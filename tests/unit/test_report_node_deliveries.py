"""What a report says of deliveries on one node and across nodes."""

import msgspec
import pytest

from siotool.deliveries_by_node import DeliveriesByNode, NodeDeliveries
from siotool.errors import RunFileError
from siotool.report.delivery_figures import ByNodeFigures, NodeFigures
from siotool.report.node_deliveries import node_remarks, sum_up_by_node, tables
from siotool.runfile import FILE_NAME, Delivery
from siotool.runs import reading


def part(expected, lost, sparse=None, times=()):
    response = sparse(times) if sparse else NodeDeliveries().response
    return NodeDeliveries(expected, expected - lost, lost, response)


def figures(expected, lost):
    return NodeFigures(expected, expected - lost, lost, 0.002, 0.004)


def test_a_run_without_nodes_has_no_such_figures(make_run, reported):
    report = reported(make_run())
    assert report.delivery_by_node is None
    assert tables(None) == node_remarks(None) == []


def test_intervals_are_summed_up_by_relation(make_run, sparse):
    first = DeliveriesByNode(2, part(10, 0, sparse, [0.001] * 10), part(10, 1, sparse, [0.003] * 9))
    second = DeliveriesByNode(3, part(5, 0, sparse, [0.002] * 5), unknown=part(4, 4))
    run = make_run()
    given = [first, second, *[None] * (len(run.intervals) - 2)]
    intervals = [
        msgspec.structs.replace(one, by_node=by_node)
        for one, by_node in zip(run.intervals, given, strict=True)
    ]
    found = sum_up_by_node([msgspec.structs.replace(run, intervals=intervals)])
    assert found.nodes == 3
    assert (found.same.expected, found.same.received, found.same.lost) == (15, 15, 0)
    assert (found.across.expected, found.across.received, found.across.lost) == (10, 9, 1)
    assert (found.unknown.received, found.unknown.p50_s) == (0, None)
    assert found.same.p50_s == pytest.approx(0.001, rel=0.01)
    assert found.across.p99_s == pytest.approx(0.003, rel=0.01)
    (table,) = tables(found)
    assert [row.cells[0] for row in table.rows] == ["on the same node", "across nodes", "node of one unknown"]
    assert [row.cells[4] for row in table.rows] == ["0 %", "10 %", "100 %"]
    assert [row.tone for row in table.rows] == ["", "bad", "bad"]
    assert "Users were on 3 nodes." in table.note


def test_a_table_names_what_is_unknown_only_where_something_is():
    nothing = NodeFigures(0, 0, 0, None, None)
    (table,) = tables(ByNodeFigures(1, figures(7, 0), nothing, nothing))
    assert [row.cells[0] for row in table.rows] == ["on the same node", "across nodes"]
    assert table.rows[1].cells[1:] == ["0", "0", "0", "–", "–", "–"]


@pytest.mark.parametrize(
    ("same", "across", "said"),
    [
        pytest.param((1000, 0), (1000, 1000), "does no adapter join the servers?", id="none is joined"),
        pytest.param((1000, 300), (1000, 1000), "does no adapter join the servers?", id="and some are lost"),
        pytest.param((1000, 1), (1000, 30), "what joins the servers lost them", id="joined, but badly"),
        pytest.param((1000, 30), (1000, 50), "", id="a server that loses everywhere"),
        pytest.param((1000, 1000), (1000, 1000), "", id="all is lost"),
        pytest.param((1000, 0), (1000, 0), "", id="nothing is lost"),
        pytest.param((1000, 0), (9, 9), "", id="too few across"),
        pytest.param((9, 0), (1000, 1000), "", id="too few on one node"),
    ],
)
def test_losses_across_nodes_are_told_apart_from_others(same, across, said):
    found = node_remarks(ByNodeFigures(2, figures(*same), figures(*across), figures(0, 0)))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_the_remark_stands_in_the_report(make_run, reported):
    def change(interval):
        by_node = DeliveriesByNode(2, part(5, 0), part(5, 5))
        return msgspec.structs.replace(interval, by_node=by_node, delivery=Delivery(1, 10, 5, 5))

    report = reported(make_run(change=change))
    assert report.delivery_by_node.across.lost == 150
    assert any("across nodes were lost (150 of 150)" in remark for remark in report.remarks)


def test_deliveries_by_node_that_do_not_add_up_are_refused(make_run, tmp_path):
    run = make_run()
    wrong = DeliveriesByNode(2, across=NodeDeliveries(3, 1, 1))
    lines = [run.header, msgspec.structs.replace(run.intervals[0], by_node=wrong)]
    (tmp_path / FILE_NAME).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    with pytest.raises(RunFileError, match="3 deliveries by node do not add up"):
        reading.read(tmp_path)
