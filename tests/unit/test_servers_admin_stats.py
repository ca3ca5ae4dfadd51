"""What the messages of @socket.io/admin-ui say, and messages that say nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from siotool.swarm.servers.admin_source import AdminSource
from siotool.swarm.servers.admin_stats import ServerStats, stats_of
from siotool.swarm.servers.opened_servers import admin_target
from siotool.swarm.servers.source import SourceGone

MESSAGE: dict[str, Any] = {
    "serverId": "host#1",
    "hostname": "host",
    "pid": 1,
    "uptime": 5.5,
    "clientsCount": 12,
    "pollingClientsCount": 3,
    "aggregatedEvents": [
        {"timestamp": 1, "type": "packetsIn", "count": 5},
        {"timestamp": 2, "type": "packetsIn", "count": 7},
        {"timestamp": 2, "type": "rawDisconnection", "subType": "transport close", "count": 1},
    ],
    "namespaces": [{"name": "/", "socketsCount": 10}, {"name": "/admin", "socketsCount": 2}],
}


def test_a_message_is_one_server_without_its_admin_clients() -> None:
    assert stats_of([MESSAGE], 9.0, "/admin") == ServerStats(
        "host#1", "host", 1, 9.0, 10, 3, {"packetsIn": 12, "rawDisconnection": 1}
    )


def test_what_was_counted_before_is_added() -> None:
    first, second = stats_of([MESSAGE], 9.0, "/admin"), stats_of([MESSAGE], 11.0, "/admin")
    assert first is not None
    assert second is not None
    assert second.after(first).counted == {"packetsIn": 24, "rawDisconnection": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param([None], id="null"),
        pytest.param(["text"], id="a text"),
        pytest.param([{"hostname": "host"}], id="no server id"),
        pytest.param([{**MESSAGE, "clientsCount": "many"}], id="a count that is none"),
        pytest.param([{**MESSAGE, "aggregatedEvents": {"a": 1}}], id="events that are no list"),
    ],
)
def test_what_is_no_message_says_nothing(arguments: list[Any]) -> None:
    assert stats_of(arguments, 9.0, "/admin") is None


def test_counts_below_zero_are_not_known() -> None:
    """The admin UI's count of polling clients falls below 0 when it was started late."""
    found = stats_of([{**MESSAGE, "pollingClientsCount": -1, "clientsCount": None}], 9.0, "/admin")
    assert found is not None
    assert (found.connections, found.polling) == (None, None)


def heard(at: float, connections: int, packets: int) -> ServerStats:
    return ServerStats("one", "host", 1, at, connections, 0, {"packetsIn": packets})


def test_rates_are_means_since_the_statistics_before() -> None:
    feed: Any = SimpleNamespace(servers={"one": heard(10.0, 5, 100)}, lost="")
    source = AdminSource(feed, ["one"], "http://host/admin")
    first = source.read(lambda: 10.1)
    assert first is not None
    assert first.gauges == {"connections": 5.0, "polling": 0.0}
    assert source.read(lambda: 11.1) is None, "nothing new was heard"
    feed.servers["one"] = heard(12.0, 7, 150)
    second = source.read(lambda: 12.1)
    assert second is not None
    assert second.at == 12.0
    assert second.gauges["events_received_per_s"] == 25.0
    assert second.gauges["connections"] == 7.0


def test_statistics_that_do_not_come_are_missed() -> None:
    feed: Any = SimpleNamespace(servers={"one": heard(10.0, 5, 100)}, lost="transport_close")
    with pytest.raises(SourceGone, match="transport_close"):
        AdminSource(feed, ["one"], "http://host/admin").read(lambda: 16.0)


@pytest.mark.parametrize(
    ("url", "host", "namespace"),
    [
        pytest.param("http://me:pw@host:3000/admin", "http://host:3000", "/admin", id="all of it"),
        pytest.param("https://host", "https://host", "/admin", id="the usual namespace"),
        pytest.param("http://host/ops/", "http://host", "/ops", id="another namespace"),
    ],
)
def test_the_path_of_an_admin_url_is_its_namespace(url: str, host: str, namespace: str) -> None:
    target, found = admin_target(url, "/app/socket.io/")
    assert (target.url, target.path, found) == (host, "/app/socket.io/", namespace)
