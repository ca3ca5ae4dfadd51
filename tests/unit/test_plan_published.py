"""Published tables, worked out again: the tables themselves are in tests/published."""

from collections import Counter

import pytest

from tests.published import azure, check, tables

CHECKS = tables.checks()
CURRENT = [c for c in CHECKS if not c.stale]
STALE = [c for c in CHECKS if c.stale]


def named(checks):
    return [pytest.param(c, id=f"{c.table}: {c.cell}") for c in checks]


@pytest.mark.parametrize("cell", named(CURRENT))
def test_a_published_figure_is_reproduced(cell):
    assert cell.holds, f"{cell.printed} printed, {cell.computed:g} computed ({cell.source})"


@pytest.mark.parametrize("cell", named(STALE))
def test_a_figure_left_out_really_contradicts_its_source(cell):
    assert not cell.holds, f"{cell.computed:g} agrees with {cell.printed}: it is not stale"
    assert len(cell.stale.split()) > 5


def test_every_cell_is_named_once_and_has_a_source():
    assert [name for name, times in Counter((c.table, c.cell) for c in CHECKS).items() if times > 1] == []
    assert all(c.source for c in CHECKS)


def test_no_table_went_missing():
    assert Counter(c.table for c in CHECKS) == {
        "Azure SignalR": 274,
        "Supabase Realtime": 11,
        "Ably": 1,
        "Centrifugo": 9,
        "Socket.IO on one core": 6,
        "Socket.IO heap": 3,
        "WhatsApp": 1,
        "Discord": 3,
        "Mattermost": 20,
        "Ports": 2,
        "AWS NLB": 2,
        "AWS NAT gateway": 1,
        "kube-proxy": 4,
        "TLS": 2,
        "AWS ALB": 4,
        "AWS API Gateway": 1,
        "Erlang C": 9,
        "Netflix headroom": 7,
        "Square-root staffing": 2,
        "k of n": 10,
        "Static stability": 2,
        "Rooms and nodes": 2,
        "The formula": 10,
    }
    assert Counter(c.table for c in STALE) == {"Azure SignalR": 6, "Supabase Realtime": 4, "Mattermost": 8}


@pytest.mark.parametrize(
    ("kind", "units", "binding"),
    [
        pytest.param("echo", 100, {"inbound"}, id="an echo is limited by what comes in"),
        pytest.param("broadcast", 1, {"deliveries", "bytes out"}, id="a broadcast by what goes out"),
        pytest.param("small group", 10, {"deliveries", "bytes out"}, id="ten in a group, on few units"),
        pytest.param(
            "small group", 50, {"deliveries", "bytes out", "look-ups"}, id="the plateau begins at 50 units"
        ),
        pytest.param("small group", 100, {"look-ups"}, id="more units look up no more"),
        pytest.param("small group", 200, {"look-ups"}, id="the larger tier looks up more"),
        pytest.param("connection", 20, {"inbound", "look-ups"}, id="direct messages: from 20 units on"),
        pytest.param("connection", 100, {"look-ups"}, id="and then no more"),
        pytest.param("user by REST", 10, {"requests"}, id="a request for each message"),
    ],
)
def test_what_stops_a_service(kind, units, binding):
    _, room = azure.largest(kind, units)
    assert {name for name in room.factors if room.binds(name)} == binding


@pytest.mark.parametrize(
    ("computed", "holds"),
    [(47.05, True), (47.149, True), (47.2, True), (47.251, False), (46.9, False)],
)
def test_a_figure_holds_when_it_would_be_printed_the_same(computed, holds):
    assert check.Table("t", "s").rounded("c", 47.1, 0.2, computed).holds is holds


def test_an_exact_figure_forgives_the_last_digit_of_a_float_only():
    exact = check.Table("t", "s").rounded("c", 0.3, 0, 0.1 + 0.2)
    assert exact.holds
    assert not check.Table("t", "s").rounded("c", 0.3, 0, 0.3001).holds
