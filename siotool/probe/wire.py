"""The probe's requests: each line is one TCP connection, nothing is followed, retried or pooled."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from siotool.client.cookies import cookie_header
from siotool.client.endpoint import with_cookies
from siotool.client.tls import context as tls_context
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.reply import Reply

#: Bytes of an answer that are read, and of a message.
_BODY_BYTES = 65_536
_MESSAGE_BYTES = 4_000_000
#: So many connections may be under way at once.
_AT_ONCE = 12

#: The other side went away, or did not speak HTTP.
_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (ssl.SSLError, "tls"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientResponseError, "not_http"),
    (aiohttp.ClientError, "closed"),
    (OSError, "closed"),
    (ValueError, "not_http"),
)


def trusting(settings: ProbeSettings, *, anyone: bool = False) -> ssl.SSLContext:
    """TLS as the settings ask; ``anyone`` trusts any certificate. Raises InputError."""
    options = settings.tls
    return tls_context(msgspec.structs.replace(options, ca_file="", insecure=True) if anyone else options)


class Line:
    """One connection of the probe's; a WebSocket takes another one."""

    def __init__(self, session: aiohttp.ClientSession, settings: ProbeSettings) -> None:
        self._session = session
        self._settings = settings
        self._name = settings.tls.server_name or None

    async def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Send a request; a failure is an answer too."""
        start = monotonic()
        limit_s = timeout_s or self._settings.timeout_s
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=self.headers(headers or {}, cookies or {}),
                    data=body,
                    allow_redirects=False,
                    server_hostname=self._name,
                ) as response,
            ):
                begun = bytearray()
                while len(begun) < _BODY_BYTES and (chunk := await response.content.read(_BODY_BYTES)):
                    begun += chunk
                return Reply(response.status, _headed(response), bytes(begun), monotonic() - start)
        except Exception as error:
            return _failed(error, monotonic() - start, limit_s)

    async def upgrade(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> "aiohttp.ClientWebSocketResponse | Reply":
        """Open a WebSocket that offers compression; where it is refused, the answer."""
        start = monotonic()
        limit_s = self._settings.timeout_s
        shown = self.headers(headers or {}, cookies or {})
        try:
            async with asyncio.timeout(limit_s):
                return await self._session.ws_connect(
                    URL(url, encoded=True),
                    headers=shown,
                    compress=15,
                    server_hostname=self._name,
                    autoping=True,
                    max_msg_size=_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=0.2),
                )
        except _RedirectedError as error:
            return msgspec.structs.replace(error.reply, seconds=monotonic() - start)
        except aiohttp.WSServerHandshakeError as error:
            said = list(error.headers.items()) if error.headers is not None else []
            if error.status == 101:
                return Reply(failure="not_http", detail=error.message, seconds=monotonic() - start)
            return await self._refusal(url, shown, Reply(error.status, said, seconds=monotonic() - start))
        except Exception as error:
            return _failed(error, monotonic() - start, limit_s)

    async def _refusal(self, url: str, shown: list[tuple[str, str]], refused: Reply) -> Reply:
        """The same request once more: the library keeps no body of a refused upgrade."""
        upgrading = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        again = await self.ask(url.replace("ws", "http", 1), headers={**dict(shown), **upgrading})
        return again if again.status == refused.status else msgspec.structs.replace(refused, fickle=True)

    def headers(self, more: Mapping[str, str], cookies: Mapping[str, str]) -> list[tuple[str, str]]:
        """The settings' headers with some more; cookies join those that the settings have."""
        replaced = {name.lower() for name in more}
        own = tuple(pair for pair in self._settings.identity.headers if pair[0].lower() not in replaced)
        return [*with_cookies(own, cookie_header(cookies)), *more.items()]


class _RedirectedError(Exception):
    """An upgrade was answered with a redirect, which is not followed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.said)
        self.reply = reply


def _following_none() -> aiohttp.TraceConfig:
    """Ends a request that is redirected: the library would ask again elsewhere, with the credentials."""

    async def refuse(_session: Any, _context: Any, led: aiohttp.TraceRequestRedirectParams) -> None:
        led.response.close()
        raise _RedirectedError(Reply(led.response.status, _headed(led.response)))

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


def _headed(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]


def _failed(error: Exception, seconds: float, limit_s: float) -> Reply:
    for kind, name in _FAILURES:
        if isinstance(error, kind):
            detail = f"no answer within {limit_s:g} s" if name == "timeout" else str(error)
            if name == "closed":
                detail = "the connection was closed without an answer"
            return Reply(seconds=seconds, failure=name, detail=detail or type(error).__name__)
    raise error


class Wire:
    """Makes lines, counts them, and keeps few of them open at once."""

    def __init__(self, settings: ProbeSettings, context: ssl.SSLContext | None) -> None:
        self.settings = settings
        self.opened = 0
        self._context: Any = context if context is not None else True
        self._room = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A connection of its own, closed at the end."""
        async with self._room:
            self.opened += 1
            connector = aiohttp.TCPConnector(ssl=self._context, limit=0, use_dns_cache=False)
            async with aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "siotool probe"},
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[_following_none()],
            ) as session:
                yield Line(session, self.settings)
