"""One planted fault each: the probe names it by the check that it belongs to, and by no other."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import socketio
from aiohttp import web

from tests.integration.probing import answering, connects, found, named, probe, serving
from tests.integration.servers.node import node_server, node_servers
from tests.integration.servers.process import Server
from tests.integration.servers.proxy import haproxy, nginx
from tests.integration.servers.python import python_server
from tests.integration.servers.tls import make_certificates
from tests.integration.servers.token import token

pytestmark = [pytest.mark.slow, pytest.mark.node]

OLD = {"eio4": "warning"}


def socketio_app(**options: Any) -> tuple[socketio.AsyncServer, web.Application]:
    sio = socketio.AsyncServer(async_mode="aiohttp", **options)
    app = web.Application()
    sio.attach(app)
    return sio, app


# ── reaching ──────────────────────────────────────────────────────────────────────────


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    result = probe(f"http://127.0.0.1:{port}")
    assert named(result) == {"reachable": "error"}
    assert "refused" in found(result, "reachable").seen
    assert result.code() == 3


def test_a_name_without_an_address() -> None:
    result = probe("http://no-such-host.invalid")
    assert named(result) == {"reachable": "error"}
    assert found(result, "reachable").seen.startswith("no-such-host.invalid port 80: dns")


def test_a_proxy_whose_server_is_gone() -> None:
    """nginx and HAProxy answer for it: each in its own words."""
    with node_server() as server, nginx([server]) as first, haproxy([server]) as second:
        server.kill()
        for url, words in (
            (first.url, "502 “502 Bad Gateway” (Server: nginx"),
            (second.url, "503 “503 Service"),
        ):
            result = probe(url)
            assert named(result) == {"reachable": "error"}
            assert words in found(result, "reachable").seen
            assert "are the servers running" in found(result, "reachable").do
            assert result.code() == 3


def test_a_limit_of_requests() -> None:
    with serving(answering(429, "slow down \x1b[31m<b>")) as url:
        result = probe(url)
    assert named(result) == {"reachable": "error"}
    assert "429 “slow down \N{REPLACEMENT CHARACTER}[31m<b>”" in found(result, "reachable").seen


def test_a_redirect_to_another_host_is_named_and_not_followed() -> None:
    with serving(answering(301, "", Location="https://chat.example.org/socket.io/?token=secret")) as url:
        result = probe(url)
    assert named(result) == {"reachable": "error"}
    assert "301, a redirect to https://chat.example.org/socket.io/" in found(result, "reachable").seen
    assert "secret" not in str(result)


def test_a_redirect_within_the_host_is_followed_and_named() -> None:
    _, app = socketio_app()
    with serving(app) as real:

        async def redirect(request: web.Request) -> web.Response:
            raise web.HTTPFound(f"{real}/socket.io/?{request.query_string}")

        first = web.Application()
        first.router.add_route("*", "/{any:.*}", redirect)
        with serving(first) as url:
            result = probe(url)
    assert named(result) == {"reachable": "warning"}
    assert f"by redirects over {real}/socket.io/" in found(result, "reachable").seen
    assert result.target == f"{real}/socket.io/"


def test_a_redirect_to_a_port_where_nothing_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with serving(answering(301, "", Location=f"https://127.0.0.1:{port}/socket.io/")) as url:
        result = probe(url)
    assert named(result) == {"reachable": "error"}
    assert f"a redirect leads to https://127.0.0.1:{port}/socket.io/" in found(result, "reachable").seen


def test_tls_and_plain_http_taken_for_each_other(tmp_path: Path) -> None:
    with node_server(tls=make_certificates(tmp_path).server()) as secure:
        result = probe(secure.url.replace("https", "http"))
        assert named(result) == {"reachable": "error"}
        assert found(result, "reachable").do == f"use https://127.0.0.1:{secure.port}"
    with node_server() as plain:
        result = probe(plain.url.replace("http", "https"))
        assert named(result) == {"reachable": "error"}
        assert "plain HTTP? then use http://" in found(result, "reachable").do


def test_certificates_that_nobody_trusts(tmp_path: Path) -> None:
    """Signed by itself, signed by an unknown authority, for another name: one check, each its reason."""
    files = make_certificates(tmp_path)
    with node_server(tls=files.server()) as server:
        unknown = probe(server.url)
        other_name = probe(server.url, ca_file=str(files.ca), server_name="chat.example.org")
        insecure = probe(server.url, insecure=True)
    assert named(unknown) == named(other_name) == {"tls": "error"}
    assert "unable to get local issuer certificate" in found(unknown, "tls").seen
    assert "chat.example.org" in found(other_name, "tls").seen
    assert not connects(unknown)["socket.io-client 4"]
    assert unknown.clients[-1].how.endswith("--insecure")
    assert named(insecure) == {"tls": "warning"}
    assert insecure.code() == 0
    key, cert = tmp_path / "self.key", tmp_path / "self.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 3 -subj /CN=staging.test "
        "-addext subjectAltName=IP:127.0.0.1".split(),
        check=True,
        capture_output=True,
    )
    with node_server(tls={"key": key, "cert": cert}) as server:
        itself, trusted = probe(server.url), probe(server.url, ca_file=str(cert))
    assert named(itself) == {"tls": "error"}
    assert "self-signed certificate" in found(itself, "tls").seen
    assert "certificate of staging.test" in found(itself, "tls").seen
    assert named(trusted) == {"tls": "warning"}
    assert "expires in 3 days" in found(trusted, "tls").means


# ── the path ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["asgi", "aiohttp", "flask"])
def test_a_wrong_path_is_neither_credentials_nor_origin(kind: Any) -> None:
    """An ASGI server answers 404 to a request there, and 403 to an upgrade."""
    with python_server(kind) as server:
        result = probe(server.url, "/nope/")
    assert named(result) == {"path": "error"}
    assert "404" in found(result, "path").seen
    assert found(result, "path").do == "give --path /socket.io/"
    assert result.code() == 4


def test_a_wrong_path_on_a_server_that_does_not_answer_there() -> None:
    """As a Node.js server without a listener of its own."""

    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    _, app = socketio_app()
    app.router.add_route("*", "/nope/", never)
    with serving(app) as url:
        result = probe(url, "/nope/", timeout_s=1.0)
    assert named(result) == {"path": "error"}
    assert "no answer within" in found(result, "path").seen
    assert found(result, "path").do == "give --path /socket.io/"


def test_a_page_is_no_socket_io() -> None:
    with serving(answering(200, "<html><title>Our &lt;shop&gt;</title></html>")) as url:
        result = probe(url)
    assert named(result) == {"path": "error"}
    assert "200 “Our <shop>”" in found(result, "path").seen


# ── transports, revisions, parsers ────────────────────────────────────────────────────


@pytest.mark.parametrize("start", ["2", "3", "4", "asgi", "aiohttp", "flask"])
def test_long_polling_alone(start: Any) -> None:
    made = python_server if len(start) > 1 else node_server
    with made(start, transports="polling", quiet=True) as server:
        result = probe(server.url)
    assert named(result) == {"websocket": "warning"} | (OLD if start == "2" else {})
    assert "ransport" in found(result, "websocket").seen
    assert result.clients[-1].how.endswith("--transport polling")


@pytest.mark.parametrize("start", ["2", "4", "asgi", "aiohttp"])
def test_websocket_alone(start: Any) -> None:
    made = python_server if len(start) > 1 else node_server
    with made(start, transports="websocket", quiet=True) as server:
        result = probe(server.url)
    assert named(result) == {"polling": "warning"} | (OLD if start == "2" else {})
    assert "ransport" in found(result, "polling").seen
    assert "--transport websocket" in result.clients[-1].how
    assert {"how": result.clients[2 if start == "2" else 0].how} == {"how": 'transports: ["websocket"]'}


@pytest.mark.parametrize(
    ("start", "transports"),
    [
        pytest.param("2", ["polling", "websocket"], id="2"),
        pytest.param("2", ["polling"], id="2, long polling"),
        pytest.param("3", ["polling", "websocket"], id="3"),
        pytest.param("4", ["polling", "websocket"], id="4"),
        pytest.param("4", ["polling"], id="4, long polling"),
        pytest.param("aiohttp", ["polling", "websocket"], id="aiohttp"),
    ],
)
def test_messagepack(start: Any, transports: list[str]) -> None:
    made = python_server if len(start) > 1 else node_server
    with made(start, msgpack=True, transports=transports, quiet=True) as server:
        result = probe(server.url)
    expected = {"parser": "warning"} | (OLD if start == "2" else {})
    assert named(result) == expected | ({"websocket": "warning"} if len(transports) == 1 else {})
    assert "MessagePack are answered" in found(result, "parser").seen
    assert "--parser msgpack" in result.clients[-1].how
    assert not connects(result)["socket.io-client-swift 16"]


def test_a_proxy_that_drops_the_upgrade() -> None:
    with node_server() as server, nginx([server], upgrade=False) as proxy:
        result = probe(proxy.url)
    assert named(result) == {"websocket": "error"}
    assert "400 “Bad request”" in found(result, "websocket").seen
    assert "drops the Upgrade header" in found(result, "websocket").means
    assert result.clients[-1].how.endswith("--transport polling")


def test_a_proxy_that_keeps_no_session_on_its_server() -> None:
    with node_servers(2) as servers:
        for proxied in (nginx, haproxy):
            with proxied(servers, sticky="none") as proxy:
                result = probe(proxy.url)
            assert named(result) == {"sticky": "error"}
            assert "“Session ID unknown”" in found(result, "sticky").seen
            assert "at least 2 servers" in found(result, "backends").seen
            assert result.clients[0].how == 'transports: ["websocket"]'


def test_servers_of_different_settings_behind_one_address() -> None:
    with (
        node_server(pingInterval=20_000) as first,
        node_server(pingInterval=30_000) as second,
        haproxy([first, second], sticky="cookie") as proxy,
    ):
        result = probe(proxy.url)
    assert named(result) == {"backends": "warning"}
    assert "30000/20000 ms" in found(result, "backends").seen


def test_a_proxy_whose_idle_timeout_is_below_the_ping_interval() -> None:
    with node_server() as server:
        for proxied in (nginx, haproxy):
            with proxied([server], idle_timeout_s=1) as proxy:
                result = probe(proxy.url, patient=True)
            assert named(result) == {"idle-timeout": "error"}
            assert "of silence; the ping interval is 25 s" in found(result, "idle-timeout").seen


# ── who is let in ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", ["2", "4"])
def test_an_origin_that_allow_request_refuses(version: Any) -> None:
    old = OLD if version == "2" else {}
    with node_server(version, origin="https://app.example.org") as server:
        without = probe(server.url)
        with_it = probe(server.url, origin="https://app.example.org")
        shown = probe(server.url, headers=(("Origin", "https://app.example.org"),))
        other = probe(server.url, headers=(("Origin", "https://evil.example.org"),))
    assert named(without) == named(other) == {"cors": "error"}
    assert "403 “origin not allowed”" in found(without, "cors").seen
    assert named(with_it) == {"cors": "warning"} | old
    assert found(with_it, "cors").do == "give --header 'Origin: https://app.example.org'"
    assert named(shown) == old


@pytest.mark.parametrize("kind", ["asgi", "aiohttp", "flask"])
def test_an_origin_that_is_not_on_the_list_of_python_socketio(kind: Any) -> None:
    with python_server(kind, cors_allowed_origins=["https://app.example.org"]) as server:
        assert named(probe(server.url)) == {}
        assert named(probe(server.url, origin="https://app.example.org")) == {}
        asked = probe(server.url, origin="https://evil.example.org")
        shown = probe(server.url, headers=(("Origin", "https://evil.example.org"),))
    assert named(asked) == named(shown) == {"cors": "error"}
    assert "ot an accepted origin.”" in found(asked, "cors").seen
    assert "neither the path nor credentials" in found(shown, "cors").means


def test_a_server_that_wants_some_origin() -> None:
    """A check of its own that answers with the code of Engine.IO, and python-socketio's list behind it."""

    @web.middleware
    async def need(request: web.Request, handler: Any) -> Any:
        if request.headers.get("Origin") is None:
            return web.json_response({"code": 4, "message": "Forbidden"}, status=403)
        return await handler(request)

    sio = socketio.AsyncServer(async_mode="aiohttp")
    app = web.Application(middlewares=[need])
    sio.attach(app)
    with serving(app) as url:
        result = probe(url)
    assert named(result) == {"cors": "error"}
    assert f"with Origin {url} a session opens" in found(result, "cors").seen


def test_pages_of_other_origins_without_cors_headers() -> None:
    with node_server() as server:
        result = probe(server.url, origin="https://app.example.org")
    assert named(result) == {"cors": "error"}
    assert "Access-Control-Allow-Origin missing" in found(result, "cors").seen
    assert "xhr poll error" in found(result, "cors").means


@pytest.mark.parametrize("start", ["2", "4", "asgi", "flask"])
def test_credentials_are_needed(start: Any) -> None:
    made = python_server if len(start) > 1 else node_server
    old = OLD if start == "2" else {}
    with made(start, login=True) as server:
        without = probe(server.url)
        wrong = probe(server.url, auth={"token": "x"}, query=(("token", "x"),))
        right = probe(server.url, auth={"token": token("anna")}, query=(("token", token("anna")),))
    assert named(without) == named(wrong) == {"auth": "error"} | old
    assert "/ “" in found(without, "auth").seen
    assert found(wrong, "auth").do.startswith("check --auth")
    assert named(right) == old
    assert not connects(without)["siotool"]


def test_the_handshake_asks_for_a_password() -> None:
    with serving(answering(401, "who are you?", WWW_Authenticate='Basic realm="x"')) as url:
        result = probe(url)
    assert named(result) == {"auth": "error"}
    assert "401 “who are you?”, asks for Basic" in found(result, "auth").seen


def test_a_refusal_for_another_reason_than_the_origin() -> None:
    @web.middleware
    async def key(request: web.Request, handler: Any) -> Any:
        if request.headers.get("X-Key") is None:
            return web.json_response({"code": 4, "message": "Forbidden"}, status=403)
        return await handler(request)

    sio = socketio.AsyncServer(async_mode="aiohttp")
    app = web.Application(middlewares=[key])
    sio.attach(app)
    with serving(app) as url:
        assert named(probe(url)) == {"auth": "error"}
        assert named(probe(url, headers=(("X-Key", "1"),))) == {}


@pytest.mark.parametrize("start", ["2", "4", "asgi", "flask"])
def test_a_namespace_that_does_not_exist(start: Any) -> None:
    made = python_server if len(start) > 1 else node_server
    with made(start) as server:
        result = probe(server.url, namespaces=("/chat", "/nope"))
    assert named(result) == {"namespace": "error"} | (OLD if start == "2" else {})
    assert found(result, "namespace").seen.startswith("refused: /nope “")
    assert found(result, "namespace").seen.endswith("; joined: /chat")


def test_a_namespace_that_never_answers() -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    sio, app = socketio_app()
    sio.on("connect", never, namespace="/slow")
    sio.on("connect", lambda *_: None, namespace="/")
    with serving(app) as url:
        result = probe(url, namespaces=("/", "/slow"), timeout_s=1.0)
    assert named(result) == {"namespace": "error"}
    assert found(result, "namespace").seen == "opened, but no answer: /slow; joined: /"
    assert "--auth?" in found(result, "namespace").do


ADMIN = """
import asyncio, json, sys
import socketio
from aiohttp import web
sio = socketio.AsyncServer(async_mode="aiohttp")
auth = {"username": "anna", "password": "secret"} if sys.argv[1] == "closed" else False
sio.instrument(auth=auth)
app = web.Application()
sio.attach(app)
async def main():
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"kind": "ready", "port": runner.addresses[0][1], "pid": 0}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""


@pytest.mark.parametrize(("state", "level"), [("open", "warning"), ("closed", "info")])
def test_the_admin_ui(state: str, level: str) -> None:
    """A process of its own: python-socketio changes its classes for it."""
    server = Server([sys.executable, "-c", ADMIN, state])
    try:
        result = probe(server.url)
    finally:
        server.stop()
    assert named(result) == ({"admin-ui": "warning"} if state == "open" else {})
    assert found(result, "admin-ui").level == level
