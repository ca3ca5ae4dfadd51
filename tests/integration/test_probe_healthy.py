"""The probe against servers that have no fault: it finds none, and says what they speak."""

from typing import Any

import pytest

from tests.integration.probing import connects, found, named, probe, relay
from tests.integration.servers.every import EVERY
from tests.integration.servers.node import node_server, node_servers
from tests.integration.servers.proxy import haproxy, nginx
from tests.integration.servers.tls import make_certificates

pytestmark = [pytest.mark.slow, pytest.mark.node]

CONNECTIONS_AT_MOST = 40


@pytest.mark.parametrize("name", EVERY)
def test_a_healthy_server_has_no_error(name: str) -> None:
    """Socket.IO 2 is old, which is a warning to those who have newer clients."""
    with EVERY[name]() as server:
        result = probe(server.url)
    assert named(result) == ({"eio4": "warning"} if name == "socket.io-2" else {}), result.checks
    assert result.code() == 0
    assert connects(result)["siotool"]
    assert connects(result)["socket.io-client 2"] == (name == "socket.io-2")
    assert connects(result)["socket.io-client 4"] == (name != "socket.io-2")
    for check in (
        "reachable",
        "path",
        "polling",
        "websocket",
        "upgrade",
        "sticky",
        "parser",
        "namespace",
        "auth",
    ):
        assert found(result, check).level == "ok", check


def test_a_probe_is_a_few_dozen_connections_and_the_application_sees_one_client() -> None:
    """Each session is left in order: its server does not wait for heartbeats that never come."""
    with node_server(cors={"origin": "*"}) as server, relay(server.port) as (url, seen):
        result = probe(url, origin="https://app.example.org")
        server.wait_for("disconnect")
        joined = [line["namespace"] for line in server.seen("connect")]
        reasons = [line["reason"] for line in server.seen("disconnect")]
    assert named(result) == {}
    assert 20 < len(seen) < CONNECTIONS_AT_MOST
    assert joined == ["/"]
    assert reasons == ["transport close"]


def test_a_target_that_is_far_away_has_no_error() -> None:
    """A quarter of a second there and back: nothing is taken for silence."""
    with node_server(allowEIO3=True) as server, relay(server.port, delay_s=0.125) as (url, _):
        result = probe(url)
    assert named(result) == {}, result.checks
    assert all(connects(result).values())


def test_a_target_that_is_slow_is_not_waited_for_without_end() -> None:
    """Seven tenths of what an answer may take, each: three in a row are not finished in time."""
    with node_server() as server, relay(server.port, delay_s=0.35) as (url, _):
        result = probe(url, timeout_s=1.0)
    assert named(result) == {}, result.checks
    assert found(result, "sticky").seen == "not finished in time"
    assert found(result, "polling").level == "ok"


@pytest.mark.parametrize(
    ("options", "check", "level", "seen"),
    [
        pytest.param(
            {"perMessageDeflate": True}, "compression", "info", "deflate accepted", id="compressing"
        ),
        pytest.param({}, "compression", "ok", "deflate not accepted", id="not compressing"),
        pytest.param({}, "compression", "ok", "is compressed (gzip)", id="compressing HTTP"),
        pytest.param({"httpCompression": False}, "compression", "ok", "is not compressed", id="plain HTTP"),
        pytest.param({"connectionStateRecovery": {}}, "recovery", "info", "on: ", id="recovery on"),
        pytest.param({}, "recovery", "info", "off: ", id="recovery off"),
        pytest.param({"allowEIO3": True}, "eio3", "ok", "long polling and by WebSocket", id="both revisions"),
        pytest.param({"allowEIO3": True}, "polling", "ok", "JSONP too", id="JSONP"),
        pytest.param({}, "eio3", "info", "400 “Unsupported protocol version”", id="one revision"),
        pytest.param({"maxHttpBufferSize": 5000}, "max-payload", "ok", "5,000 bytes", id="largest message"),
        pytest.param({"pingInterval": 90_000}, "ping", "warning", "each 1.5 min", id="rare pings"),
        pytest.param(
            {"pingInterval": 7000, "pingTimeout": 3000}, "ping", "ok", "each 7 s, its answer within 3 s"
        ),
        pytest.param({}, "admin-ui", "ok", "no answer on /admin", id="no admin UI"),
        pytest.param({"cors": {"origin": "*"}}, "cors", "ok", "Access-Control-Allow-Origin *", id="CORS"),
        pytest.param({"cookie": True}, "sticky", "ok", "5 sessions", id="a cookie that names the session"),
    ],
)
def test_what_a_server_is_set_to_is_seen(options: dict[str, Any], check: str, level: str, seen: str) -> None:
    with node_server("4", **options) as server:
        result = probe(server.url, origin="https://app.example.org" if check == "cors" else "")
    finding = found(result, check)
    assert (finding.level, seen in finding.seen) == (level, True), finding


def test_sessions_kept_by_a_cookie_and_by_the_address_are_told_apart() -> None:
    with node_servers(2) as servers:
        for proxied in (nginx, haproxy):
            with proxied(servers, sticky="cookie") as proxy:
                result = probe(proxy.url)
                assert named(result) == {}
                assert "kept by the cookie backend: without it" in found(result, "sticky").seen
                assert "withCredentials" in found(result, "sticky").do
                assert "at least 2 servers" in found(result, "backends").seen
            with proxied(servers, sticky="address") as proxy:
                result = probe(proxy.url)
                assert named(result) == {}
                assert found(result, "sticky").level == "ok"
                assert "cookie" not in found(result, "sticky").seen


def test_a_prefix_of_a_proxy_is_a_path() -> None:
    with node_server() as server, nginx([server], path="/app/") as proxy:
        result = probe(proxy.url, "/app/socket.io")
    assert named(result) == {}
    assert result.clients[-1].how == f"siotool loadtest {proxy.url} --path /app/socket.io"


def test_silence_of_a_ping_interval_is_survived_in_both_revisions(tmp_path) -> None:
    for version in ("4", "2"):
        with node_server(version, pingInterval=400) as server:
            result = probe(server.url, patient=True, only=("idle-timeout",))
        assert [finding.level for finding in result.checks] == ["ok"], version
    with node_server("4", pingInterval=400, transports="polling") as server:
        assert found(probe(server.url, patient=True, only=("idle-timeout",)), "idle-timeout").level == "ok"


def test_a_certificate_that_is_trusted_is_said_with_its_end(tmp_path) -> None:
    files = make_certificates(tmp_path)
    with node_server(tls=files.server(ask_client=True)) as server:
        shown = {"cert_file": str(files.client_cert), "key_file": str(files.client_key)}
        result = probe(server.url, ca_file=str(files.ca), **shown)
    assert named(result) == {}
    assert "TLSv1.3" in found(result, "tls").seen
    assert "valid until " in found(result, "tls").seen
