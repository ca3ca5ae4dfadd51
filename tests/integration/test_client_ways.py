"""Our client through proxies, TLS and compression, as each transport meets them."""

import asyncio
import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from siotool.client.address import Address
from siotool.client.choices import TlsOptions, TransportName
from siotool.client.dialer import dial
from siotool.client.identity import Identity
from siotool.errors import InputError
from tests.integration.lone_client import LoneClient
from tests.integration.servers.node import node_server, node_servers
from tests.integration.servers.proxy import haproxy, nginx
from tests.integration.servers.tls import Certificates, make_certificates

pytestmark = [pytest.mark.slow, pytest.mark.node]

POLLING_FIRST: list[TransportName] = ["upgrade", "polling"]


async def talk(url: str, transport: TransportName, **options: Any) -> LoneClient:
    """Connect, call once, upgrade where that is due, call again, leave."""
    client = LoneClient(url, transport=transport, **options)
    failure = await client.connect()
    if failure is not None:
        raise failure
    assert await client.call("echo", 1) == [1]
    if transport == "upgrade":
        await client.witness.until_any("upgraded", "upgrade failed")
    assert await client.call("echo", 2) == [2]
    await client.leave()
    return client


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_a_failed_upgrade_leaves_the_client_on_polling_and_is_told_with_its_cause() -> None:
    with node_server("4") as server, nginx([server], upgrade=False) as proxy:
        client = asyncio.run(talk(proxy.url, "upgrade"))
        [(_, kind, _)] = [heard for heard in client.witness.heard if heard[0] == "upgrade failed"]
        assert kind == "http_400"
        assert not server.seen("upgrade")
        assert "websocket" not in client.witness.phases


@pytest.mark.parametrize("proxy", [nginx, haproxy])
@pytest.mark.parametrize("transport", POLLING_FIRST)
def test_a_balancer_that_is_sticky_by_cookie_gets_the_cookie_back(
    proxy: Callable[..., Any], transport: TransportName
) -> None:
    with node_servers(2) as servers, proxy(servers, sticky="cookie") as balancer:
        identity = Identity(headers=(("Cookie", "own=1"),))
        for _ in range(6):
            asyncio.run(talk(balancer.url, transport, identity=identity))
        lines = [line for server in servers for line in server.seen("http")]
        later = [line["headers"]["cookie"] for line in lines if "sid" in line["query"]]
        assert later
        # HAProxy takes its own cookie off again
        own = "own=1; " if proxy is nginx else "own=1"
        assert all(cookie.startswith(own) for cookie in later)


def test_behind_a_balancer_that_is_not_sticky_sessions_are_unknown() -> None:
    async def kinds() -> set[str]:
        found = set()
        for _ in range(6):
            client = LoneClient(balancer.url, transport="polling")
            failure = await client.connect()
            found.add(failure.kind if failure is not None else "")
            if failure is None:
                client.connection.end("client")
                await client.witness.until("ended")
        return found

    with node_servers(2) as servers, nginx(servers, sticky="none") as balancer:
        assert "session_unknown" in asyncio.run(kinds())


@pytest.mark.parametrize("transport", ["websocket", "upgrade"])
def test_certificates_are_checked_as_they_are_to_be(
    transport: TransportName, certificates: Certificates
) -> None:
    def kind(**options: str | bool) -> str:
        client = LoneClient(server.url, transport=transport, tls=TlsOptions(**options))  # type: ignore[arg-type]
        failure = asyncio.run(client.connect())
        assert failure is not None
        return failure.kind

    ca = str(certificates.ca)
    with node_server("4", tls=certificates.server()) as server:
        assert kind() == "tls"
        assert kind(ca_file=str(certificates.other_ca)) == "tls"
        assert kind(ca_file=ca, server_name="elsewhere.example") == "tls"
        phases = asyncio.run(talk(server.url, transport, tls=TlsOptions(ca_file=ca))).witness.phases
        assert phases[:2] == ["tcp", "tls"]
        asyncio.run(talk(server.url, transport, tls=TlsOptions(ca_file=ca, server_name="localhost")))
        asyncio.run(talk(server.url, transport, tls=TlsOptions(insecure=True)))
    with node_server("4", tls=certificates.server(ask_client=True)) as server:
        assert kind(ca_file=ca) in ("tls", "reset", "transport_close")
        own = TlsOptions(
            ca_file=ca, cert_file=str(certificates.client_cert), key_file=str(certificates.client_key)
        )
        asyncio.run(talk(server.url, transport, tls=own))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"ca_file": "missing.pem"}, "cannot read certificates", id="no such file"),
        pytest.param({"ca_file": "text.pem"}, "no certificate or key in it", id="no certificate"),
        pytest.param({"cert_file": "text.pem"}, "the client certificate", id="no client certificate"),
    ],
)
def test_a_file_that_is_no_certificate_is_refused(options: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("hello")
    tls = TlsOptions(**{key: str(tmp_path / name) for key, name in options.items()})
    with pytest.raises(InputError, match=said):
        LoneClient("https://127.0.0.1:1", tls=tls)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_what_a_server_compresses_is_counted_before_and_after(transport: TransportName) -> None:
    rows = [{"id": number, "state": "online", "room": "lobby"} for number in range(200)]

    async def hear() -> LoneClient:
        client = LoneClient(server.url, transport=transport)
        assert await client.connect() is None
        answers = [await client.call("echo", rows) for _ in range(3)]
        assert answers == [[rows]] * 3
        client.pool.read_wire()
        await client.leave()
        return client

    with node_server("4", perMessageDeflate={"threshold": 100}, httpCompression=True) as server:
        traffic = asyncio.run(hear()).pool.traffic
        assert traffic.payload_in > 3 * 8000
        assert traffic.wire_in < traffic.payload_in / 4
        if transport == "websocket":
            assert traffic.wire_out < traffic.payload_out / 4
            [line] = [line for line in server.seen("http") if line.get("upgrade")]
            assert line["headers"]["sec-websocket-extensions"] == (
                "permessage-deflate; client_max_window_bits"
            )
    assert len(zlib.compress(repr(rows).encode())) < 3000, "the rows can be compressed"


def test_addresses_are_tried_in_turn_and_a_silent_one_is_given_up_soon() -> None:
    async def first_that_answers() -> tuple[str, float]:
        started = monotonic()
        sock = await dial(addresses)
        sock.close()
        return sock.getpeername()[0] if sock.fileno() >= 0 else "", monotonic() - started

    with socket.create_server(("127.0.0.3", 0)) as server:
        port = server.getsockname()[1]
        family = int(socket.AF_INET)
        # nobody listens at the first; the second's queue is full and answers nothing
        with socket.socket() as full:
            full.bind(("127.0.0.2", port))
            full.listen(0)
            fillers = [socket.socket() for _ in range(3)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.2", port))
            addresses = [Address(family, f"127.0.0.{last}", port) for last in (1, 2, 3)]
            _, took = asyncio.run(first_that_answers())
            server.settimeout(5)
            server.accept()[0].close()
            assert took >= 0.2, "the silent one had its quarter of a second"
            for filler in fillers:
                filler.close()
