"""siotool against real frameworks, balancers and TLS: what it speaks, and what it says where it cannot."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from siotool.client.choices import TlsOptions, TransportName
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from tests.integration.lone_client import LoneClient
from tests.integration.servers.every import EVERY
from tests.integration.servers.node import node_server, node_servers
from tests.integration.servers.process import Server
from tests.integration.servers.proxy import Sticky, haproxy, nginx
from tests.integration.servers.python import Kind, python_server
from tests.integration.servers.tls import Certificates, make_certificates
from tests.integration.servers.token import token

pytestmark = [pytest.mark.slow, pytest.mark.node]

FRAMEWORKS = ("nest", "feathers", "asgi", "aiohttp", "flask")
TRANSPORTS: tuple[TransportName, ...] = ("websocket", "upgrade", "polling")
DEEP = {"in": [b"\x00\xff", {"text": "é"}]}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def converse(one: LoneClient) -> list[Any]:
    """Connect, use each kind of exchange once, and leave; returns what was heard."""
    assert await one.connect() is None
    if one.transport == "upgrade":
        await one.witness.until("upgraded")
    namespace = one.identity.namespaces[0]
    assert await one.call("echo", DEEP) == [DEEP]
    [answer] = await one.call("binary", b"abc")
    assert answer["nested"]["list"] == [b"\x01", b"\x02\x03"]
    await one.call("join", "kitchen")
    one.emit("say", "kitchen", "psst")
    await one.witness.until("event", namespace, "say", ["psst"])
    one.handlers[namespace, "whoami"] = lambda said, reply: reply(one.parser.encode((said[0] + "!",)))
    assert await one.call("ask me", "you") == ["you!"]
    await one.leave()
    assert not [heard for heard in one.witness.heard if heard[0] in ("remark", "upgrade failed")]
    return one.witness.heard


def talk(url: str, transport: TransportName, **options: Any) -> list[Any]:
    """Do all of ``converse``."""
    return asyncio.run(converse_with(url, transport, **options))


async def converse_with(url: str, transport: TransportName, **options: Any) -> list[Any]:
    return await converse(LoneClient(url, transport=transport, **options))


def refusal(url: str, transport: TransportName, **options: Any) -> ClientFailure:
    """Connect, and return why that failed."""

    async def connect() -> ClientFailure | None:
        return await LoneClient(url, transport=transport, **options).connect()

    failure = asyncio.run(connect())
    assert failure is not None
    return failure


# ── frameworks ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_is_spoken_to_over_every_transport_and_its_refusals_are_quoted(name: str) -> None:
    several = Identity(namespaces=("/", "/chat", "/dyn-7"), query=(("room", "a&b"),))
    anna, late = (
        Identity(auth={"token": token("anna", exp=exp)}, namespaces=("/auth",)) for exp in (2**40, 1)
    )
    with EVERY[name]() as server:
        for transport in TRANSPORTS:
            talk(server.url, transport, identity=several)
        connects = server.seen("connect", namespace="/dyn-7")
        assert [line["query"]["room"] for line in connects] == ["a&b"] * len(TRANSPORTS)
        server.wait_for("disconnect", namespace="/dyn-7", nth=len(TRANSPORTS))
        talk(server.url, "upgrade", identity=anna)
        assert server.wait_for("connect", namespace="/auth")["user"] == "anna"
        failure = refusal(server.url, "upgrade", identity=late)
        assert (failure.kind, str(failure)) == ("connect_error", "the token has expired")
        assert failure.data == {"code": "TOKEN_EXPIRED", "expired_at": 1}


@pytest.mark.parametrize("kind", ["asgi", "aiohttp", "flask"])
def test_msgpack_is_spoken_with_servers_in_python(kind: Kind) -> None:
    with python_server(kind, msgpack=True) as server:
        for transport in TRANSPORTS:
            talk(server.url, transport, parser="msgpack")


# ── balancers ─────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def backends() -> Iterator[list[Server]]:
    with node_servers(3) as servers:
        yield servers


@pytest.mark.parametrize("proxy", [nginx, haproxy])
@pytest.mark.parametrize("sticky", ["address", "cookie"])
def test_a_sticky_balancer_keeps_each_session_whole(
    proxy: Any, sticky: Sticky, backends: list[Server], certificates: Certificates
) -> None:
    before = [len(server.seen("connect")) for server in backends]
    with proxy(backends, sticky=sticky, tls=certificates) as between:
        trust = TlsOptions(ca_file=str(certificates.ca))
        for transport in (*TRANSPORTS, "polling"):
            talk(between.url, transport, tls=trust)
    used = [len(server.seen("connect")) - old for server, old in zip(backends, before, strict=True)]
    # by address all are one client's; by cookie each session begins without one
    assert sorted(used) == ([0, 0, 4] if sticky == "address" else [1, 1, 2])


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_a_balancer_that_is_not_sticky_breaks_polling_and_says_how(
    proxy: Any, backends: list[Server]
) -> None:
    with proxy(backends, sticky="none") as between:
        for transport in ("upgrade", "polling"):
            assert "Session ID unknown" in str(refusal(between.url, transport))
        talk(between.url, "websocket")


def test_a_location_without_upgrade_leaves_the_client_on_polling(backends: list[Server]) -> None:
    async def stay(url: str) -> list[Any]:
        one = LoneClient(url, transport="upgrade", path="/deep/socket.io/")
        assert await one.connect() is None
        await one.witness.until("upgrade failed")
        assert await one.call("echo", DEEP) == [DEEP]
        await one.leave()
        return one.witness.heard

    with nginx(backends, upgrade=False, path="/deep/") as between:
        heard = asyncio.run(stay(between.url))
    assert ["upgraded"] not in heard


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_a_short_idle_timeout_ends_a_quiet_connection(proxy: Any, backends: list[Server]) -> None:
    async def wait(url: str) -> list[Any]:
        one = LoneClient(url)
        assert await one.connect() is None
        await one.witness.until("ended")
        return one.witness.heard[-1]

    with proxy(backends, idle_timeout_s=0.3) as between:
        assert asyncio.run(wait(between.url)) == ["ended", "transport_close"]


# ── TLS ───────────────────────────────────────────────────────────────────────────────


def test_tls_trusts_the_authority_it_is_given_and_shows_a_certificate_that_is_asked_for(
    certificates: Certificates,
) -> None:
    ours = TlsOptions(
        ca_file=str(certificates.ca),
        cert_file=str(certificates.client_cert),
        key_file=str(certificates.client_key),
    )
    with node_server(tls=certificates.server(ask_client=True)) as server:
        for transport in TRANSPORTS:
            talk(server.url, transport, tls=ours)
        localhost = server.url.replace("127.0.0.1", "localhost")
        talk(localhost, "upgrade", tls=ours)
        for wrong in (TlsOptions(), TlsOptions(ca_file=str(certificates.other_ca))):
            assert refusal(server.url, "websocket", tls=wrong).kind == "tls"
        # Node.js closes without an alert where a certificate is missing
        without = TlsOptions(ca_file=str(certificates.ca))
        assert refusal(server.url, "websocket", tls=without).kind == "transport_close"


@pytest.mark.parametrize("kind", ["asgi", "aiohttp", "flask"])
def test_tls_of_servers_in_python(kind: Kind, certificates: Certificates) -> None:
    with python_server(kind, tls=certificates.server()) as server:
        talk(server.url, "upgrade", tls=TlsOptions(ca_file=str(certificates.ca)))
        talk(server.url, "polling", tls=TlsOptions(insecure=True))


# ── load tests ────────────────────────────────────────────────────────────────────────

USERS = 6
ECHO = ("--scenario", "echo", "--set", "rate=5", "--set", "event=echo")
CHAT = ("--scenario", "chat", "--set", "rate=1")
MIX = ("--transport-mix", "upgrade=2,websocket=1,polling=1")
#: A server's name, or that of a proxy in front of three; options of it; options of the load test.
RUNS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "flask": ("flask", {}, (*CHAT, *MIX)),
    "nest": ("nest", {}, (*CHAT, *MIX)),
    "asgi": ("asgi", {}, (*CHAT, *MIX)),
    # python-engineio keeps one encoding of bytes for all transports: a broadcast of bytes to a mix breaks it
    "aiohttp": ("aiohttp", {"msgpack": True}, (*ECHO, *MIX, "--parser", "msgpack")),
    "socket.io-2": ("socket.io-2", {}, (*CHAT, *MIX, "--eio", "3")),
    "haproxy": ("haproxy", {"sticky": "cookie"}, (*ECHO, *MIX)),
    "nginx": ("nginx", {"sticky": "address"}, (*ECHO, *MIX)),
}


@pytest.fixture(scope="module")
def runs(
    lasting_start: Callable[..., Any], certificates: Certificates
) -> Iterator[dict[str, Future[tuple[Any, list[dict[str, Any]]]]]]:
    """Every run, two at a time."""

    def measure(name: str) -> tuple[Any, list[dict[str, Any]]]:
        server, options, arguments = RUNS[name]
        with ExitStack() as stack:
            if server in EVERY:
                servers = [stack.enter_context(EVERY[server](**options))]
                url = servers[0].url
            else:
                servers = stack.enter_context(node_servers(3))
                proxy = {"nginx": nginx, "haproxy": haproxy}[server]
                url = stack.enter_context(proxy(servers, tls=certificates, **options)).url
                arguments = (*arguments, "--ca-file", str(certificates.ca))
            begin = ("--users", str(USERS), "--spawn-rate", "10", "--run-time", "4s")
            done = lasting_start(url, *begin, *arguments).finish()
            return done, [line for one in servers for line in one.seen("connect")]

    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(measure, name) for name in RUNS}


@pytest.mark.parametrize("name", RUNS)
def test_a_short_load_test_loses_nothing(name: str, runs: dict[str, Future[Any]]) -> None:
    done, connects = runs[name].result(120)
    # 5: this machine may be too busy for a run that is to be trusted
    assert done.code in (0, 5), done.stderr
    connections = done.report["connections"]
    assert (connections["attempted"], connections["failed"], connections["closed"]) == (USERS, {}, {})
    # one before the run looks whether the server lets us in
    assert len(connects) == USERS + 1
    [calls] = [row for row in done.report["operations"] if row["op"] in ("ack", "deliver")]
    assert calls["count"] > 0
    assert calls["errors"] == {}
    delivery = done.report["delivery"]
    assert delivery["received"] == delivery["expected"]
    assert (delivery["expected"] > 0) == (calls["op"] == "deliver")
    transports = {line["query"]["transport"] for line in connects}
    assert transports == {"polling", "websocket"}
    assert json.loads((Path(done.folder) / "report.json").read_text()) == done.report
