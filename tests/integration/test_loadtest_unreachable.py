"""Targets that are not there, or are something else: exit 3, the reason, and no run folder."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler
from queue import Queue
from typing import Any

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from tests.integration.servers import node as servers

pytestmark = pytest.mark.slow


@contextmanager
def _http(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Files(SimpleHTTPRequestHandler):
    """What ``python -m http.server`` answers with."""

    def log_message(self, *_: Any) -> None:
        pass


class _Forbidden(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(403, "no entry")

    def log_message(self, *_: Any) -> None:
        pass


class _Redirect(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(301)
        self.send_header("Location", "https://elsewhere.invalid/")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class _PollingOnly(BaseHTTPRequestHandler):
    """A proxy that lets long polling through and knows no WebSocket."""

    def do_GET(self) -> None:
        if "Upgrade" in self.headers:
            self.send_error(400, "no upgrade here")
            return
        body = b'0{"sid":"x","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def dead_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def files() -> Iterator[str]:
    with _http(_Files) as url:
        yield url


@contextmanager
def forbidden() -> Iterator[str]:
    with _http(_Forbidden) as url:
        yield url


@contextmanager
def polling_only() -> Iterator[str]:
    with _http(_PollingOnly) as url:
        yield url


def asked_for_websocket(target: Callable[[], Any]) -> Callable[[], Any]:
    """A target that is asked for a WebSocket at once."""

    @contextmanager
    def asked() -> Iterator[list[str]]:
        with target() as url:
            yield [url, "--transport", "websocket"]

    return asked


@contextmanager
def redirect() -> Iterator[str]:
    with _http(_Redirect) as url:
        yield url


@contextmanager
def hangs_up() -> Iterator[str]:
    """A server too busy to speak: it accepts, and closes."""
    with _tcp(b"") as url:
        yield url


@contextmanager
def never_answers() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def speaks_something_else() -> Iterator[str]:
    """A server with words of its own, as SSH or SMTP."""
    with _tcp(b"220 mail.example ESMTP\r\n") as url:
        yield url


@contextmanager
def _tcp(greeting: bytes) -> Iterator[str]:
    def greet(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):
                connection.sendall(greeting)
                connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Chatter(WSListener):
    """A WebSocket server that has never heard of Engine.IO."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, b"hello there")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())


class _Mute(WSListener):
    pass


@contextmanager
def _websocket(listener: type[WSListener]) -> Iterator[str]:
    ports: Queue[int] = Queue()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    opened: list[WSTransport] = []

    class Kept(listener):  # type: ignore[misc, valid-type]
        def on_ws_connected(self, transport: WSTransport) -> None:
            opened.append(transport)
            super().on_ws_connected(transport)

    async def serve() -> None:
        server = await ws_create_server(lambda _request: Kept(), "127.0.0.1", 0)
        async with server:
            ports.put(server.sockets[0].getsockname()[1])
            await ended.wait()
        # a socket that is left open is one that another test is blamed for
        for transport in opened:
            transport.disconnect(graceful=False)
        await asyncio.gather(*(transport.wait_disconnected() for transport in opened))

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=10)}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@contextmanager
def chatter() -> Iterator[str]:
    with _websocket(_Chatter) as url:
        yield url


@contextmanager
def mute() -> Iterator[str]:
    with _websocket(_Mute) as url:
        yield url


@contextmanager
def unknown_host() -> Iterator[str]:
    yield "http://nonexistent.invalid:3000"


@pytest.mark.parametrize(
    ("target", "said", "advice"),
    [
        pytest.param(
            dead_port,
            "reachable: 127.0.0.1 port ",
            "is the server running, and on this port?",
            id="a dead port",
        ),
        pytest.param(
            unknown_host,
            "cannot find nonexistent.invalid",
            "check the host's name",
            id="a host without a name",
        ),
        pytest.param(
            files,
            "path: /socket.io/: 404 “Error response”. An HTTP server is there",
            "give the path with --path",
            id="an HTTP server that is not Socket.IO",
        ),
        pytest.param(
            forbidden,
            "auth: the handshake is refused with 403 “Error response”",
            "give what it asks for with --header",
            id="an HTTP server that lets nobody in",
        ),
        pytest.param(
            redirect,
            "a redirect to https://elsewhere.invalid/",
            "give the address it redirects to",
            id="an HTTP server that sends one elsewhere",
        ),
        pytest.param(
            hangs_up,
            "path: /socket.io/: the connection was closed without an answer",
            "check the path (--path)",
            id="a server that hangs up at once",
        ),
        pytest.param(
            asked_for_websocket(polling_only),
            "websocket: the server offers it, and it does not open: 400",
            "proxy_set_header Upgrade",
            id="a proxy that stops WebSockets",
        ),
        pytest.param(
            asked_for_websocket(chatter),
            "path: /socket.io/: 400 “No WebSocket UPGRADE header",
            "give the path with --path",
            id="a WebSocket server that does not speak Engine.IO",
        ),
        pytest.param(
            speaks_something_else,
            "path: /socket.io/: ",
            "check the path (--path)",
            id="a server that does not speak HTTP",
        ),
        pytest.param(
            asked_for_websocket(mute),
            "path: /socket.io/: ",
            "give the path with --path",
            id="a WebSocket server that says nothing",
        ),
        pytest.param(
            never_answers,
            "path: /socket.io/: no answer within",
            "whether the server is stuck",
            id="a port that accepts and never answers",
        ),
    ],
)
def test_a_target_that_is_none_is_told_at_once(
    target: Callable[[], Any], said: str, advice: str, loadtest: Callable[..., Any]
) -> None:
    """In the words of the probe, of which tests/integration/test_probe_faults.py has more."""
    with target() as given:
        url, *options = [given] if isinstance(given, str) else given
        done = loadtest(url, *options, "--run-time", "60s", "--fail-if", "lost > 0")
    assert (done.code, done.stdout) == (3, "")
    message, hint = done.stderr.splitlines()
    assert message.startswith("siotool: ")
    assert url.removeprefix("http://").partition(":")[0] in message
    assert said in message
    assert advice in hint
    assert not done.folder.exists()


@pytest.mark.node
def test_a_namespace_refuses_in_the_servers_own_words(
    loadtest: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    server = node_server()
    for auth in ([], ["--auth", '{"token": "guess"}']):
        done = loadtest(server.url, "--namespace", "/private", *auth)
        assert (done.code, done.stdout) == (3, "")
        assert f"{server.url}/socket.io/: auth: refused: /private “not allowed”" in done.stderr
        assert "--auth" in done.stderr
        assert "guess" not in done.stderr
        assert not done.folder.exists()
    assert server.counters()["received"] == {}


@pytest.mark.node
@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            ["--namespace", "/nowhere"], "namespace: refused: /nowhere “Invalid namespace”", id="namespace"
        ),
        pytest.param(["--path", "/elsewhere/"], "path: /elsewhere/: 404", id="path"),
        pytest.param(
            ["--parser", "msgpack", "--namespace", "/nowhere"], "namespace: refused: /nowhere", id="parser"
        ),
    ],
)
def test_a_place_that_the_server_does_not_have(
    options: list[str], said: str, loadtest: Callable[..., Any], node_server: Callable[..., Any]
) -> None:
    done = loadtest(node_server().url, *options)
    assert done.code == 3
    assert said in done.stderr
    assert not done.folder.exists()


@pytest.mark.node
@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        pytest.param(
            {"transports": "polling"},
            ["--transport", "websocket"],
            "400 “Transport unknown”",
            id="polling only",
        ),
        pytest.param(
            {"transports": "websocket"}, [], "polling: not offered: 400 “Transport unknown”", id="no polling"
        ),
        pytest.param({"msgpack": True}, [], "packets in MessagePack are answered", id="another parser"),
        pytest.param({"origin": "https://app.example.org"}, [], "cors: a request", id="an origin"),
    ],
)
def test_a_server_of_other_settings_says_which(
    settings: dict[str, Any], options: list[str], said: str, loadtest: Callable[..., Any]
) -> None:
    with servers.node_server("4", quiet=True, **settings) as server:
        done = loadtest(server.url, *options)
    assert done.code == 3
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_ctrl_c_while_waiting_for_an_answer(start: Callable[..., Any], until: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        test = start(f"http://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            test.interrupt()
            done = test.finish()
    assert (done.code, done.stdout) == (130, "")
    assert not done.folder.exists()
    assert "Traceback" not in done.stderr
