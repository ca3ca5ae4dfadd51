"""The HTTP of the reference client: aiohttp's, to the target's addresses, with sockets that are counted."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from siotool.client.endpoint import Endpoint
from siotool.client.failures import ClientFailure, classify
from siotool.client.identity import Identity
from siotool.client.observer import ByteCounts
from siotool.client.tcp import Meter

_SWITCHING, _TOO_LARGE, _REFUSED = 101, 413, 400
#: Characters of a refusal that are repeated.
_QUOTED = 200
#: engine.io's code for a session that the server does not know.
_UNKNOWN_SESSION = 1


def counted_socket(make_socket: Any) -> Any:
    """The class of sockets that this process has, with a ``closing`` that is called before the end."""

    class Counted(make_socket):  # type: ignore[misc]
        closing: Callable[[Any], None] | None = None

        def close(self) -> None:
            if self.closing is not None:
                self.closing(self)
                self.closing = None
            super().close()

    return Counted


class CountedHttp:
    """One connection's HTTP session: cookies, headers and sockets of its own."""

    def __init__(self, endpoint: Endpoint, make_socket: Any, traffic: ByteCounts, identity: Identity) -> None:
        """``make_socket``: what ``counted_socket`` returned. Call it in a running loop."""
        self._make_socket = make_socket
        self._traffic = traffic
        #: Called with how long each part of connecting took.
        self.phase: Callable[[str, float], None] | None = None
        #: Called with the values of cookies that the server sets.
        self.cookies: Callable[[list[str]], None] | None = None
        #: Called with what gives the values of a header of the answer that opens a session.
        self.opening_answer: Callable[[Callable[[str], list[str]]], None] | None = None
        self._since = monotonic()
        self._meters: dict[Any, Meter] = {}
        self._over = False
        self._websockets: list[aiohttp.ClientResponse] = []
        #: Why the last request had no answer; or the status of its answer, and what a refusal said.
        self._error: BaseException | None = None
        self._status = 0
        self._body = b""
        #: When the last request for a WebSocket began.
        self.asked_for_websocket = 0.0
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Resolver(endpoint),
                ssl=endpoint.tls or True,
                socket_factory=self._socket,
                limit=0,
            ),
            headers=list(identity.headers),
            # by default aiohttp keeps no cookies of numeric addresses
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            trace_configs=[self._traced()],
        )

    def failure(self, otherwise: str) -> ClientFailure:
        """Why the last request failed; ``otherwise`` where it did not."""
        if self._error is not None:
            return _named(self._error)
        if self._status < _REFUSED:
            return ClientFailure("protocol_error", otherwise)
        if self._status == _TOO_LARGE:
            return ClientFailure("too_large", "HTTP 413: a payload was too large for the server")
        try:
            known = json.loads(self._body)
        except ValueError:
            known = None
        if isinstance(known, dict) and known.get("code") == _UNKNOWN_SESSION:
            return ClientFailure("session_unknown", f"HTTP {self._status}: {known.get('message')}")
        text = self._body.decode("utf-8", "replace").strip()
        return ClientFailure(f"http_{self._status}", text[:_QUOTED])

    @property
    def refused(self) -> bool:
        """Whether the server refused the last request."""
        return self._error is None and self._status >= _REFUSED

    def read_wire(self) -> None:
        """Count what TCP carried since the last call."""
        for meter in self._meters.values():
            self._count(meter)

    def cut(self) -> None:
        """End every socket, and open none any more."""
        self._over = True
        self.read_wire()
        for meter in self._meters.values():
            meter.shut()

    async def close(self) -> None:
        """Give everything back; python-engineio forgets a WebSocket whose probe was not answered."""
        for response in self._websockets:
            response.close()
        await self.session.close()

    def _count(self, meter: Meter) -> None:
        received, sent, _ = meter.read()
        self._traffic.wire_in += received
        self._traffic.wire_out += sent

    def _socket(self, address: Any) -> Any:
        if self._over:
            raise ConnectionAbortedError("the connection has ended")
        family, kind, protocol, *_ = address
        sock = self._make_socket(family, kind, protocol)
        sock.closing = self._closing
        self._meters[sock] = Meter(sock)
        return sock

    def _closing(self, sock: Any) -> None:
        self._count(self._meters.pop(sock))

    def _passed(self, phase: str) -> None:
        now = monotonic()
        if self.phase is not None:
            self.phase(phase, now - self._since)
        self._since = now

    def _traced(self) -> aiohttp.TraceConfig:
        traced = aiohttp.TraceConfig()

        async def began(_session: Any, _context: Any, request: Any) -> None:
            self._since = monotonic()
            if request.url.scheme in ("ws", "wss"):
                self.asked_for_websocket = self._since

        async def connected(_session: Any, _context: Any, _parameters: Any) -> None:
            self._passed("tcp")

        async def answered(_session: Any, _context: Any, request: Any) -> None:
            self._error, self._status = None, request.response.status
            if request.method == "POST" or self._status >= _REFUSED:
                # python-engineio leaves these unread, and so their connections in use
                self._body = await request.response.read()
            if self.cookies is not None and request.response.cookies:
                self.cookies([found.value for found in request.response.cookies.values()])
            opened = self._status < _REFUSED and "sid" not in request.url.query
            if opened and self.opening_answer is not None:
                headers = request.response.headers
                self.opening_answer(lambda name: headers.getall(name, []))
            if self._status == _SWITCHING:
                self._websockets.append(request.response)
                self._passed("websocket")
            elif "sid" not in request.url.query:
                self._passed("first poll")

        async def failed(_session: Any, _context: Any, request: Any) -> None:
            self._error = request.exception

        traced.on_request_start.append(began)
        traced.on_connection_create_end.append(connected)
        traced.on_request_end.append(answered)
        traced.on_request_exception.append(failed)
        return traced


class _Resolver(AbstractResolver):
    """Gives the addresses that were looked up before; aiohttp's own would start a thread for it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """The target's addresses, whatever the host."""
        return [
            ResolveResult(
                hostname=host, host=found.host, port=found.port, family=found.family, proto=0, flags=0
            )
            for found in self._endpoint.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _named(error: BaseException) -> ClientFailure:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            found = ClientFailure("tls", str(error.certificate_error))
        case aiohttp.ClientConnectorSSLError():
            found = ClientFailure("tls", str(error.os_error))
        case aiohttp.ClientConnectorError():
            found = classify(error.os_error)
        case aiohttp.ServerTimeoutError():
            found = classify(TimeoutError())
        case aiohttp.ClientResponseError():
            found = ClientFailure("not_http", f"no HTTP answer: {error.message}")
        case aiohttp.ClientError() if not isinstance(error, OSError):
            found = ClientFailure("transport_close", str(error))
        case _:
            found = classify(error)
    return found
