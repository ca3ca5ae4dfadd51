"""HTTP/1.1 as long polling needs it: one request at a time over a connection that stays open.

httptools parses; sockets are ours, so that the kernel's count of each is known.
"""

import asyncio
import zlib
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

import httptools

from siotool.client.dialer import dial
from siotool.client.endpoint import Endpoint
from siotool.client.failures import ClientFailure
from siotool.client.read_rate import ReadRate
from siotool.client.tcp import Meter

#: The largest body that is taken, as it arrives and as it was before it was compressed.
BODY_BYTES = 10 * 1024 * 1024
#: All headers of an answer together.
_HEAD_BYTES = 64 * 1024
#: All of an answer as it arrives: its body in chunks, with what stands between them.
_ANSWER_BYTES = 4 * BODY_BYTES
#: How long the other side of a TLS connection may take to close it.
TLS_CLOSE_S = 1.0
#: zlib reads the headers of gzip and of zlib itself.
_ANY_HEADER = 32 + zlib.MAX_WBITS
_COMPRESSED = frozenset(("gzip", "deflate"))


class HttpAnswer(NamedTuple):
    """An HTTP response; header names in lower case. ``arrived`` is when its last byte came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    arrived: float

    def all(self, name: str) -> list[str]:
        """The values of a header, by its name in lower case."""
        return [value for key, value in self.headers if key == name]


class IdleClosedError(ConnectionError):
    """The server closed a connection that was kept open, before it answered: to be tried anew."""


class HttpConnection(asyncio.Protocol):
    """One socket, and the request under way on it."""

    def __init__(self, meter: Meter, count: Callable[[Meter], None]) -> None:
        """``count`` adds what the socket carried since it was last called."""
        self._meter = meter
        self._count = count
        self.open = True
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[HttpAnswer] | None = None
        self._answered = 0
        self._rate: ReadRate | None = None
        #: What the server said too early to be an answer.
        self._early: ClientFailure | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._begun = False
        self._arrived = 0.0
        self._head_bytes = self._bytes = 0
        self._headers_complete = False

    @property
    def _sized(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)

    # ── asyncio's and httptools' calls ────────────────────────────────────────────────

    def connection_made(self, transport: Any) -> None:
        """The socket is open, and TLS agreed."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Something of an answer came."""
        if self._rate is not None:
            self._rate.read(len(data))
        if self._waiting is None or self._waiting.done():
            if not self._answered:
                self._early = ClientFailure("not_http", f"it says {data[:40]!r} before it is asked")
            self.close()  # nothing was asked
            return
        self._arrived = monotonic()
        self._begun = True
        self._bytes += len(data)
        try:
            if self._bytes > _ANSWER_BYTES:
                raise ClientFailure("too_large", f"an answer of more than {_ANSWER_BYTES} bytes")
            self._parser.feed_data(data)
            if not self._headers_complete:
                self._head_bytes += len(data)
                if self._head_bytes > _HEAD_BYTES:
                    raise ClientFailure("too_large", f"more than {_HEAD_BYTES} bytes of headers")
        except ClientFailure as error:
            self._fail(error)
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error.__context__, ClientFailure) else None
            self._fail(cause or ClientFailure("not_http", f"no HTTP answer: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > _HEAD_BYTES:
            raise ClientFailure("too_large", f"more than {_HEAD_BYTES} bytes of headers")
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        self._headers_complete = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if len(self._body) + len(body) > BODY_BYTES:
            raise ClientFailure("too_large", f"a body of more than {BODY_BYTES} bytes")
        self._body += body

    def on_message_complete(self) -> None:
        """The answer is whole."""
        waiting, self._waiting = self._waiting, None
        status, keeps = self._parser.get_status_code(), self._parser.should_keep_alive()
        headers, body, arrived = self._headers, bytes(self._body), self._arrived
        self._answered += 1
        if not keeps:
            self.close()
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(HttpAnswer(status, headers, _plain(headers, body), arrived))
        except ClientFailure as error:
            waiting.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by either side."""
        self.open = False
        self._count(self._meter)
        if self._waiting is None or self._waiting.done():
            return
        if exc is None and self._headers_complete and not self._sized:
            self.on_message_complete()  # a body without a length lasts until the end
        elif self._answered and not self._begun:
            self._fail(IdleClosedError())
        else:
            self._fail(exc or ClientFailure("transport_close", "closed without a whole answer"))

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
        self.close()

    # ── what a transport asks for ─────────────────────────────────────────────────────

    async def request(self, data: bytes) -> HttpAnswer:
        """Send a whole request and wait for its answer. Raises OSError or ClientFailure."""
        if self._early is not None:
            raise self._early
        if self._transport is None or not self.open:
            raise IdleClosedError
        if self._answered:
            self._begin()
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._waiting

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return 0 if self._transport is None or not self.open else self._transport.get_write_buffer_size()

    def read_wire(self) -> None:
        """Count what TCP carried since the last call."""
        self._count(self._meter)

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second."""
        if self._transport is not None:
            self._rate = ReadRate(self._transport, self._meter.sock, bytes_per_s)

    def freeze(self) -> None:
        """Read nothing from now on."""
        if self._rate is not None:
            self._rate.frozen = True
        if self._transport is not None and self.open:
            self._transport.pause_reading()

    def reset(self) -> None:
        """Close the socket at once with a TCP reset."""
        self._meter.reset_at_end()
        self.close()

    def close(self) -> None:
        """Close the socket at once."""
        self.open = False
        self._count(self._meter)
        if self._transport is not None:
            self._transport.abort()


async def open_connection(
    endpoint: Endpoint, count: Callable[[Meter], None], phase: Callable[[str, float], None]
) -> HttpConnection:
    """Open a connection; ``phase`` is told how long its parts took. Raises OSError."""
    started = monotonic()
    sock = await dial(endpoint.addresses, endpoint.make_socket)
    meter = Meter(sock)
    connected = monotonic()
    phase("tcp", connected - started)
    options: dict[str, Any] = {}
    if endpoint.tls is not None:
        options = {"ssl": endpoint.tls, "server_hostname": endpoint.server_name}
        options["ssl_shutdown_timeout"] = TLS_CLOSE_S
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(meter, count), sock=sock, **options
        )
    except BaseException:
        count(meter)
        sock.close()
        raise
    if endpoint.tls is not None:
        phase("tls", monotonic() - connected)
    return connection


def _plain(headers: list[tuple[str, str]], body: bytes) -> bytes:
    encoding = next((value.strip().lower() for key, value in headers if key == "content-encoding"), "")
    if encoding not in _COMPRESSED or not body:
        return body
    try:
        plain = zlib.decompressobj(_ANY_HEADER).decompress(body, BODY_BYTES + 1)
    except zlib.error as error:
        raise ClientFailure("protocol_error", f"a body that is not {encoding}: {error}") from error
    if len(plain) > BODY_BYTES:
        raise ClientFailure("too_large", f"a compressed body of more than {BODY_BYTES} bytes")
    return plain
