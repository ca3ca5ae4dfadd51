"""What a report shows of servers: of one, of several, and only what their sources knew."""

import msgspec
import pytest

from siotool.report.server_tables import server


@pytest.fixture
def report(make_run, reported):
    return reported(make_run(), {})


def rows(table):
    return {row.cells[0]: row.cells[1] for row in table.rows}


def test_nothing_is_shown_of_a_server_that_was_not_sampled(make_run, reported):
    assert server(reported(make_run(server=None), {})).blocks == []


def test_only_what_a_source_knew_has_a_row(report):
    (table,) = server(report).blocks
    assert "event loop busy, largest" not in rows(table)
    known = msgspec.structs.replace(
        report.server,
        loop_utilization_mean=0.62,
        loop_utilization_max=0.9,
        loop_lag_max_s=0.02,
        connections_max=100,
        connections_share=1.2,
        connections_how="as the server counts them",
        polling_max=3,
        events_received_per_s=40.0,
        events_sent_per_s=400.0,
        memory_bytes=None,
        files_limit=None,
    )
    (table,) = server(msgspec.structs.replace(report, server=known)).blocks
    shown = rows(table)
    assert shown["event loop busy, mean of hold phase"] == "62 %"
    assert shown["event loop lag, largest"] == "20 ms"
    assert shown["connections held, most"] == "100 (100 %)"  # a share is of all there were, at most
    assert shown["… by long polling, most"] == "3"
    assert shown["events sent per second"] == "400"
    bare = msgspec.structs.replace(
        known, cpu_share_mean=None, loop_utilization_mean=None, connections_share=None
    )
    (table,) = server(msgspec.structs.replace(report, server=bare)).blocks
    assert "connections held, most" not in rows(table)
    assert rows(table)["event loop busy, mean of hold phase"] == "–"


@pytest.mark.parametrize(
    ("imbalance", "said"),
    [
        pytest.param(1.25, "The fullest server held 1.25 times the mean of all.", id="it is known"),
        pytest.param(None, "How the connections were spread over the servers is not known.", id="it is not"),
    ],
)
def test_several_servers_have_a_row_each(report, imbalance, said):
    all_of = msgspec.structs.replace(report.server, imbalance=imbalance)
    one = msgspec.structs.replace(report.server, name="a", connections_share=None, missed_s=0.0)
    other = msgspec.structs.replace(report.server, name="b", connections_share=0.4, missed_s=3.0)
    together, each = server(msgspec.structs.replace(report, server=all_of, servers=[one, other])).blocks
    assert together.note == said
    assert [row.cells[0] for row in each.rows] == ["a", "b"]
    assert [row.cells[9] for row in each.rows] == ["–", "3 s"]
    assert "(40 %)" in each.rows[1].cells[1]


def test_what_stands_beside_the_servers_is_marked(report):
    one = msgspec.structs.replace(report.server, name="a")
    beside = msgspec.structs.replace(report.server, name="nginx", beside=True, connections_share=None)
    together, each = server(msgspec.structs.replace(report, servers=[one, beside])).blocks
    assert together.note == "", "one server is not spread over"
    assert [row.cells[0] for row in each.rows] == ["a", "nginx (beside)"]
    assert "are no part of all servers" in each.note
