"""Faults that only a server of a few lines has, in the test's own process: the probe names each."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import socketio
from aiohttp import WSMsgType, web

from tests.integration.probing import connects, found, named, probe, serving

pytestmark = pytest.mark.slow

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

#: What credentials are recognised by.
SECRET = (("Authorization", "Bearer token-1234"), ("X-Key", "key-5678"))


def chat(middleware: Middleware) -> tuple[socketio.AsyncServer, web.Application]:
    """A Socket.IO server behind a proxy of one function."""
    sio = socketio.AsyncServer(async_mode="aiohttp")
    app = web.Application(middlewares=[web.middleware(middleware)])
    sio.attach(app)
    return sio, app


def upgrading(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


# ── redirects ─────────────────────────────────────────────────────────────────────────


def test_a_websocket_that_is_redirected_does_not_take_the_credentials_there() -> None:
    there: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        there.append(request.path_qs)
        return web.Response(status=404)

    other = web.Application()
    other.router.add_route("*", "/{any:.*}", elsewhere)
    with serving(other) as led_to:

        async def lead(request: web.Request, handler: Handler) -> web.StreamResponse:
            if upgrading(request):
                raise web.HTTPTemporaryRedirect(f"{led_to}/socket.io/?{request.query_string}")
            return await handler(request)

        with serving(chat(lead)[1]) as url:
            result = probe(url, headers=SECRET, timeout_s=1.0)
    assert there == []
    assert named(result) == {"websocket": "error"}
    assert found(result, "websocket").seen.endswith(f"307, a redirect to {led_to}/socket.io/")
    assert "never for WebSocket" in found(result, "websocket").means


def test_where_a_redirect_leads_away_no_session_is_judged_though_a_websocket_opens() -> None:
    joins: list[str] = []

    async def lead(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not upgrading(request):
            raise web.HTTPFound("https://chat.example.org/socket.io/")
        return await handler(request)

    sio, app = chat(lead)
    sio.on("connect", lambda sid, *_: joins.append(sid))
    with serving(app) as url:
        result = probe(url, headers=SECRET, auth={"token": "token-1234"}, timeout_s=1.0)
    assert named(result) == {"reachable": "error"}
    assert "a redirect to https://chat.example.org/socket.io/" in found(result, "reachable").seen
    assert joins == []


def test_a_redirect_that_takes_the_slash_away_is_followed() -> None:
    """It was asked with a slash again, and again."""
    sio = socketio.AsyncServer(async_mode="aiohttp")

    async def without(request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(f"/socket.io?{request.query_string}")

    app = web.Application()
    app.router.add_route("*", "/socket.io/", without)
    app.router.add_route("*", "/socket.io", sio.handle_request)
    with serving(app) as url:
        result = probe(url)
    assert named(result) == {"reachable": "warning"}
    assert f"by redirects over {url}/socket.io" in found(result, "reachable").seen
    assert "addTrailingSlash: false" in found(result, "reachable").do


def test_redirects_between_a_path_and_its_slash_have_no_end() -> None:
    async def other(request: web.Request) -> web.Response:
        raise web.HTTPFound("/socket.io" if request.path.endswith("/") else "/socket.io/")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", other)
    with serving(app) as url:
        result = probe(url, timeout_s=1.0)
    assert named(result) == {"reachable": "error"}
    assert "redirects without end" in found(result, "reachable").seen


# ── what is posted, origins, namespaces ───────────────────────────────────────────────


def test_a_filter_that_refuses_to_post_is_not_ok() -> None:
    async def deny(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(status=403, text="<h1>Forbidden</h1>", content_type="text/html")
        return await handler(request)

    with serving(chat(deny)[1]) as url:
        result = probe(url)
    assert named(result) == {"sticky": "error"}
    assert found(result, "sticky").seen.startswith("POSTs of long polling get 403 “Forbidden”: 10 of 10")
    assert result.clients[0].how == 'transports: ["websocket"]'


def test_what_fails_with_an_origin_for_another_reason_is_no_list_of_origins() -> None:
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "Origin" in request.headers:
            return web.Response(status=429, text="slow down")
        return await handler(request)

    with serving(chat(limit)[1]) as url:
        result = probe(url, origin="https://app.example.org")
    assert named(result) == {"cors": "warning"}
    seen = "could not be judged: Origin https://app.example.org got 429 “slow down”"
    assert found(result, "cors").seen == seen


def test_a_header_of_the_proxy_beside_that_of_the_server_is_what_browsers_refuse() -> None:
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if "Origin" in request.headers and not upgrading(request):
            response.headers.add("Access-Control-Allow-Origin", request.headers["Origin"])
        return response

    sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")
    app = web.Application(middlewares=[web.middleware(add)])
    sio.attach(app)
    with serving(app) as url:
        result = probe(url, origin="https://app.example.org")
    assert named(result) == {"cors": "error"}
    assert "https://app.example.org, https://app.example.org" in found(result, "cors").seen
    assert "not both" in found(result, "cors").do


def test_a_silent_namespace_beside_one_that_is_joined_is_named_with_auth_too() -> None:
    """Both were waited for once more without auth, and the time of the check was over."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    sio = socketio.AsyncServer(async_mode="aiohttp")
    sio.on("connect", never, namespace="/slow")
    sio.on("connect", lambda _sid, _environ, auth: bool(auth), namespace="/")
    app = web.Application()
    sio.attach(app)
    with serving(app) as url:
        result = probe(url, namespaces=("/", "/slow"), auth={"token": "token-1234"}, timeout_s=1.0)
    assert named(result) == {"namespace": "error"}
    assert found(result, "namespace").seen == "opened, but no answer: /slow; joined: /"
    assert found(result, "auth").seen.startswith("joined with --auth, refused without: /")


# ── silence ───────────────────────────────────────────────────────────────────────────


def opening(interval_ms: int) -> str:
    shown = {"sid": "a", "upgrades": [], "pingInterval": interval_ms, "pingTimeout": 20_000}
    return "0" + json.dumps(shown, separators=(",", ":"))


def websocket_alone(talk: Callable[[web.WebSocketResponse], Awaitable[None]]) -> web.Application:
    """A server of Engine.IO 4 that offers WebSocket alone."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not upgrading(request):
            return web.json_response({"code": 0, "message": "Transport unknown"}, status=400)
        if request.query["EIO"] != "4":
            return web.json_response({"code": 5, "message": "Unsupported protocol version"}, status=400)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(opening(600))
        await talk(socket)
        return socket

    app = web.Application()
    app.router.add_get("/socket.io/", answer)
    return app


def test_a_silent_connection_has_joined_a_namespace_first() -> None:
    """Else Socket.IO itself ends it, after its connectTimeout, and a proxy was blamed for that."""

    async def talk(socket: web.WebSocketResponse) -> None:
        with suppress(TimeoutError):
            asked = await socket.receive(2)
            if asked.type is WSMsgType.TEXT and asked.data.startswith("40"):
                await socket.send_str('40{"sid":"b"}')
                await asyncio.sleep(0.5)
                await socket.send_str("2")
                await socket.receive(5)

    with serving(websocket_alone(talk)) as url:
        result = probe(url, only=("idle-timeout",), patient=True)
    assert found(result, "idle-timeout").level == "ok", result.checks
    assert "then a heartbeat" in found(result, "idle-timeout").seen


def test_an_application_that_sends_silent_clients_away_is_no_proxy() -> None:
    """It was named an idle timeout of something in between."""

    async def talk(socket: web.WebSocketResponse) -> None:
        with suppress(TimeoutError):
            await socket.receive(2)
            await socket.send_str('40{"sid":"b"}')
            await socket.send_str("41")
            await socket.close()

    with serving(websocket_alone(talk)) as url:
        result = probe(url, only=("idle-timeout",), patient=True)
    finding = found(result, "idle-timeout")
    assert (finding.level, finding.seen) == (
        "info",
        "not tried: the application ended the connection by itself",
    )


def test_a_namespace_that_does_not_answer_is_not_waited_in() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        with suppress(TimeoutError):
            while not socket.closed:
                await socket.receive(5)

    with serving(websocket_alone(talk)) as url:
        result = probe(url, only=("idle-timeout",), patient=True, timeout_s=0.5)
    assert found(result, "idle-timeout").seen == "not tried: no namespace was joined"


class OldPolling:
    """A server of Engine.IO 3 and long polling alone: who gives a poll up has left, as on Node.js."""

    def __init__(self) -> None:
        self.sessions: dict[str, asyncio.Queue[str]] = {}
        self.given_up = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query: Any = request.query
        if query["EIO"] != "3":
            return web.json_response({"code": 5, "message": "Unsupported protocol version"}, status=400)
        if query["transport"] != "polling":
            return web.json_response({"code": 0, "message": "Transport unknown"}, status=400)
        if "sid" not in query:
            sid = str(len(self.sessions))
            self.sessions[sid] = asyncio.Queue()
            packet = opening(400).replace('"a"', f'"{sid}"')
            return web.Response(text=f"{len(packet)}:{packet}2:40")
        waiting = self.sessions.get(query["sid"])
        if waiting is None:
            return web.json_response({"code": 1, "message": "Session ID unknown"}, status=400)
        if request.method == "POST":
            if await request.text() == "1:2":
                waiting.put_nowait("1:3")
            return web.Response(text="ok")
        try:
            return web.Response(text=await waiting.get())
        except asyncio.CancelledError:
            self.given_up += 1
            del self.sessions[query["sid"]]
            raise


def test_a_silent_session_of_engine_io_3_keeps_its_poll_waiting() -> None:
    server = OldPolling()
    app = web.Application()
    app.router.add_route("*", "/socket.io/", server.answer)
    with serving(app) as url:
        result = probe(url, only=("idle-timeout",), patient=True)
        given_up = server.given_up
    assert found(result, "idle-timeout").level == "ok", result.checks
    assert given_up == 0


# ── no session ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "words"),
    [(5, "Unsupported protocol version"), (0, "Transport unknown"), (2, "Bad handshake method")],
)
def test_an_engine_io_that_opens_no_session_for_anybody_is_an_error_in_its_own_words(
    code: int, words: str
) -> None:
    """No client could connect, and there were "no errors, no warnings"."""
    refusal = web.json_response({"code": code, "message": words}, status=400).text
    assert refusal is not None

    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=400, text=refusal, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", refuse)
    with serving(app) as url:
        result = probe(url, timeout_s=1.0)
        alone = probe(url, timeout_s=1.0, only=("ping",))
    assert named(result) == named(alone) == {"eio4": "error"}
    assert words in found(result, "eio4").seen
    assert not any(connects(result).values())


def test_an_open_packet_that_nobody_can_read_is_named_and_not_the_other_revision() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.query.get("EIO") == "4":
            return web.Response(text='0{"sid":"a","upgrades":[],"pingInterval":-5,"pingTimeout":1}')
        return web.json_response({"code": 5, "message": "Unsupported protocol version"}, status=400)

    app = web.Application()
    app.router.add_get("/socket.io/", answer)
    with serving(app) as url:
        seen = found(probe(url, timeout_s=1.0), "eio4").seen
    assert "$.pingInterval" in seen
    assert "Unsupported" not in seen
