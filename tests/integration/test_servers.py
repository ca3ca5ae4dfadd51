"""The servers and proxies of tests/integration/servers, on which other tests rely."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.integration.lone_client import LoneClient
from tests.integration.servers.every import EVERY
from tests.integration.servers.node import Version, feathers_server, node_server, node_servers
from tests.integration.servers.official import WELL, official
from tests.integration.servers.process import Server
from tests.integration.servers.proxy import Sticky, haproxy, nginx
from tests.integration.servers.raw import Wire, run
from tests.integration.servers.tls import Certificates, make_certificates
from tests.integration.servers.token import token

pytestmark = [pytest.mark.slow, pytest.mark.node]

ROOT = Path(__file__).parents[2]


@contextmanager
def client(url: str, transport: str | None = None, **options: Any) -> Iterator[socketio.SimpleClient]:
    """Connect python-socketio's client: it speaks Engine.IO 4."""
    with socketio.SimpleClient(reconnection=False) as one:
        one.connect(url, transports=[transport] if transport else None, **options)
        yield one


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("name", EVERY)
def test_every_server_speaks_the_vocabulary_on_every_namespace(name: str) -> None:
    version: Version = "2" if name == "socket.io-2" else "4"
    well = {**WELL, "echo": [WELL["echo"]]} if name == "nest" else WELL
    with EVERY[name]() as server:
        for namespace in ("/", "/chat", "/dyn-7"):
            assert official(version, server.url + namespace) == well
        assert official(version, server.url + "/auth", query={"token": token("anna")}) == well
        connects = server.seen("connect")
        # a client of Socket.IO 2 always joins the main namespace first
        others = [line for line in connects if line["namespace"] != "/"]
        assert [line["namespace"] for line in others] == ["/chat", "/dyn-7", "/auth"]
        assert others[-1]["user"] == "anna"
        assert {line["eio"] for line in connects} == {3 if version == "2" else 4}
        assert [line["query"]["transport"] for line in server.seen("http", upgrade=True)] == ["websocket"] * 4
        asked = server.wait_for("event", event="ask me", namespace="/chat")
        assert (asked["sid"], asked["args"]) == (others[0]["sid"], ["it"])
        assert server.seen("event", event="echo")[1]["args"] == [{"in": [b"\x07\xff", "text"]}]
        assert server.wait_for("answer", namespace="/dyn-7")["args"] == ["I am it"]
        server.wait_for("disconnect", namespace="/auth")
        refused = official(version, server.url + "/auth", query={"token": token("anna", secret=b"guess")})
        assert refused["data"] == {"code": "TOKEN_INVALID"}
        assert server.wait_for("refused")["namespace"] == "/auth"
        assert server.tell("emit", event="x")["kind"] == "done"


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_msgpack_takes_the_place_of_json(version: Version) -> None:
    with node_server(version, msgpack=True) as server:
        assert official(version, server.url, msgpack=True) == WELL


def test_feathers_answers_a_service_and_broadcasts_what_was_created() -> None:
    with feathers_server() as server, client(server.url, "websocket") as one:
        made = {"id": 1, "text": "hi"}
        assert one.call("create", ("messages", {"text": "hi"}, {})) == (None, made)
        assert one.receive(10) == ["messages created", made]


def test_socket_io_4_serves_clients_of_version_2_where_it_is_allowed_to() -> None:
    with node_server(allowEIO3=True, transports="polling") as server:
        assert official("2", server.url) == {**WELL, "transport": "polling"}
        assert server.wait_for("connect")["eio"] == 3


def test_a_namespace_asks_for_a_token_and_says_what_is_wrong_with_it() -> None:
    with node_server() as server:
        assert official("4", server.url + "/auth", auth={"token": token("anna")}) == WELL
        assert server.wait_for("connect")["user"] == "anna"
        assert official("4", server.url + "/auth", auth={"token": token("anna", exp=1)}) == {
            "error": "the token has expired",
            "data": {"code": "TOKEN_EXPIRED", "expired_at": 1},
        }
        forged = official("4", server.url + "/auth", query={"token": token("anna", secret=b"guess")})
        assert forged["data"] == {"code": "TOKEN_INVALID"}
    with node_server("2", login=True) as server:
        assert official("2", server.url) == {"error": "", "data": {"code": "TOKEN_MISSING"}}
        assert official("2", server.url, query={"token": token("anna")}) == WELL


def test_a_server_is_told_to_emit_to_ask_and_to_kick() -> None:
    with node_server() as server, client(server.url, "websocket") as one:
        server.tell("emit", event="news", args=[b"\x00", 1])
        assert one.receive(10) == ["news", b"\x00", 1]
        one.client.on("who", lambda: "me")
        assert server.tell("ask", event="who")["answers"] == [["me"]]
        assert server.tell("kick")["kicked"] == 1
        assert server.wait_for("disconnect")["reason"] == "server namespace disconnect"


def test_a_server_ends_with_its_standard_input_and_may_come_back_at_its_port() -> None:
    with node_server() as server:
        server.stop()
        assert server.process.returncode == 0
        with node_server(port=server.port) as again:
            assert again.url == server.url


def test_an_origin_that_is_not_let_in_is_refused_by_engine_io() -> None:
    with node_server(origin="https://good.example") as server:
        with client(server.url, headers={"Origin": "https://good.example"}) as one:
            assert one.call("echo", 1) == 1
        with pytest.raises(socketio.exceptions.ConnectionError), client(server.url):
            pass
        assert server.wait_for("connection_error")["reason"] == "origin not allowed"


def test_tls_by_a_ca_of_the_tests_with_a_client_certificate_or_without(certificates: Certificates) -> None:
    with node_server(tls=certificates.server(ask_client=True)) as server:
        assert server.url.startswith("https://")
        pair = {"cert": certificates.client_cert, "key": certificates.client_key}
        assert official("4", server.url, ca=certificates.ca, **pair) == WELL
        assert "error" in official("4", server.url, ca=certificates.other_ca, **pair)
        assert "error" in official("4", server.url, ca=certificates.ca)


@pytest.mark.parametrize("proxy", [nginx, haproxy])
@pytest.mark.parametrize("sticky", ["address", "cookie"])
def test_a_sticky_proxy_keeps_a_session_at_one_server(
    proxy: Any, sticky: Sticky, certificates: Certificates
) -> None:
    with node_servers(3) as servers, proxy(servers, sticky=sticky, tls=certificates) as between:
        # the client keeps cookies only when it is told to
        kept = {"withCredentials": True, "ca": certificates.ca}
        for _ in range(3):
            assert official("4", between.url, **kept) == WELL
        used = [server for server in servers if server.seen("http")]
        assert len(used) == (1 if sticky == "address" else 3)
        assert not any(server.seen("connection_error") for server in servers)


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_a_proxy_that_is_not_sticky_loses_sessions(proxy: Any) -> None:
    with node_servers(3) as servers, proxy(servers, sticky="none") as between:
        assert "error" in official("4", between.url)
        refusals = [line["message"] for server in servers for line in server.seen("connection_error")]
        assert set(refusals) == {"Session ID unknown"}
        assert official("4", between.url, transports=["websocket"]) == WELL


def test_a_location_without_upgrade_and_behind_a_prefix_leaves_clients_on_polling() -> None:
    with node_server() as server, nginx([server], upgrade=False, path="/deep/down/") as between:
        path = "/deep/down/socket.io/"
        assert official("4", between.url, path=path) == {**WELL, "transport": "polling"}
        refused = official("4", between.url, path=path, transports="websocket")
        assert refused["error"] == "websocket error"


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_a_proxy_with_a_short_idle_timeout_cuts_a_quiet_connection(proxy: Any) -> None:
    with (
        node_server() as server,
        proxy([server], idle_timeout_s=0.3) as between,
        client(between.url, "websocket"),
    ):
        assert server.wait_for("disconnect")["reason"] == "transport close"


#: Starts one server of each kind, and two proxies; says their processes, and waits to be killed.
PARENT = """
import json, os, signal
from contextlib import ExitStack
from tests.integration.lone_client import LoneClient
from tests.integration.servers.every import EVERY
from tests.integration.servers.proxy import haproxy, nginx
with ExitStack() as stack:
    started = {name: stack.enter_context(start()) for name, start in EVERY.items()}
    servers = list(started.values())
    started["nginx"] = stack.enter_context(nginx(servers))
    started["haproxy"] = stack.enter_context(haproxy(servers))
    print(json.dumps({name: one.pid for name, one in started.items()}), flush=True)
    signal.pause()
"""


def test_a_killed_parent_takes_every_server_along(
    alive: Callable[[int], bool], until: Callable[..., Any]
) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        assert all(alive(pid) for pid in pids.values())
        parent.kill()
        until(
            lambda: not [name for name, pid in pids.items() if alive(pid)],
            what="all end with their parent",
        )


def test_options_of_the_server_itself_are_handed_on() -> None:
    async def look(wire: Wire) -> None:
        status, body = await wire.request(EIO="4", transport="polling")
        assert status == 404, body
        wire.address = server.url + "/some/path/"
        session = await wire.open_polling()
        assert (session.handshake["pingInterval"], session.handshake["maxPayload"]) == (700, 5000)
        assert (await wire.open_websocket()).compressed
        assert "connection" in wire.cookies

    options = {"pingInterval": 700, "maxHttpBufferSize": 5000, "path": "/some/path"}
    with node_server(**options, cookie={"name": "connection"}, perMessageDeflate={"threshold": 0}) as server:
        run(look, server.url)


def test_a_lost_session_is_recovered_by_a_server_that_may() -> None:
    async def come_back(server: Server) -> list[Any]:
        one = LoneClient(server.url)
        assert await one.connect() is None
        server.tell("emit", event="news", args=[1])
        await one.witness.until("event", "/", "news")
        server.tell("drop")
        await one.witness.until("ended")
        server.tell("emit", event="news", args=[2])
        one.witness.heard.clear()
        assert await one.connect_again() is None
        await one.witness.until("event", "/", "news")
        await one.leave()
        return one.witness.heard

    with node_server(connectionStateRecovery={}) as server:
        heard = asyncio.run(come_back(server))
        server.wait_for("connect", nth=2)
        assert [line["recovered"] for line in server.seen("connect")] == [False, True]
    assert ["joined", True] in heard
    # with an offset, as the server adds one to each event
    assert [one[3][0] for one in heard if one[0] == "event"] == [2]
