"""Opens WebSockets to one target: picows' protocol on a socket that is connected already.

``picows.ws_connect`` would make the same protocol. What it has besides (proxies, redirects,
timeouts) a load test has no use for or has its own of, and it costs CPU at each connect.
"""

import asyncio
import logging
from functools import lru_cache
from typing import Any

from picows import WSAutoPingStrategy
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from picows.url import parse_url

from siotool.client.connection import Connection
from siotool.client.deflate import EXTENSIONS, OFFER
from siotool.client.dialer import dial
from siotool.client.endpoint import Endpoint, with_cookies
from siotool.client.failures import ClientFailure
from siotool.client.fragments import MESSAGE_BYTES
from siotool.client.http import TLS_CLOSE_S
from siotool.client.identity import Identity, Pairs
from siotool.client.observer import ByteCounts
from siotool.client.transport import Receiving
from siotool.client.websocket import WebSocket

#: Receive buffer of a connection; picows doubles it when a frame does not fit.
_READ_BUFFER = 1024


class _Upgrade(WSProtocol):  # type: ignore[misc]  # picows has no types for it
    """picows' protocol, which tells a WebSocket how far its upgrade is, and why it failed."""

    __slots__ = ("websocket",)
    websocket: WebSocket

    def connection_made(self, transport: Any) -> None:
        """The way is open; ask for the upgrade."""
        self.websocket.asking(secured=transport.get_extra_info("ssl_object") is not None)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        super().connection_lost(error)
        if self.listener is None:  # the upgrade has not succeeded
            self.websocket.not_opened(self._why())

    def _why(self) -> Exception:
        """Why there was no upgrade: picows keeps that in a future that is done by now."""
        try:
            self.wait_until_handshake_complete().send(None)
        except StopIteration:
            return ClientFailure("transport_close", "closed without an answer")
        except Exception as error:
            return error
        raise AssertionError("picows has closed its socket, and its handshake goes on")


class WebSockets:
    """Opens WebSockets to one target."""

    def __init__(self, endpoint: Endpoint, traffic: ByteCounts) -> None:
        self._endpoint = endpoint
        self._traffic = traffic
        # silent, and one for all connections: picows by itself makes one for each
        silent = logging.Logger("picows")
        silent.disabled = True
        self._logger = logging.LoggerAdapter(silent, {})
        self._options: dict[str, Any] = {}
        if endpoint.tls is not None:
            self._options = {
                "ssl": endpoint.tls,
                "ssl_shutdown_timeout": TLS_CLOSE_S,
                "server_hostname": endpoint.server_name,
            }
        # most users connect to the same place
        self._place_of = lru_cache(maxsize=64)(self._place)

    async def open(self, connection: Connection[Any]) -> None:
        """Begin to open a WebSocket for a connection, which is told when it is open or why it is not.

        Raises what ``failures.classify`` can name.
        """
        identity = connection.identity
        listener = connection.transport = self.listener(connection)
        await self._ask(listener, self._place_of(identity.query), (*identity.headers, (EXTENSIONS, OFFER)))

    def listener(self, connection: Receiving) -> WebSocket:
        """A WebSocket that is not open yet."""
        return WebSocket(connection, self._traffic, self._endpoint.revision)

    async def connect(self, listener: WebSocket, path: str, identity: Identity, cookies: str = "") -> None:
        """Open a WebSocket at a ``path`` with its query. Raises what ``failures.classify`` can name."""
        opened = listener.opened = asyncio.get_running_loop().create_future()
        headers = (*with_cookies(identity.headers, cookies), (EXTENSIONS, OFFER))
        await self._ask(listener, self._at(path), headers)
        await opened

    async def _ask(self, listener: WebSocket, place: tuple[str, str], headers: Pairs) -> None:
        endpoint = self._endpoint
        sock = await dial(endpoint.addresses, endpoint.make_socket)
        listener.attach(sock)
        protocol = _Upgrade(
            *place,
            True,
            lambda _request, _response: listener,
            self._logger,
            True,
            None,
            False,
            1,
            1,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,
            MESSAGE_BYTES,
            headers,
            _READ_BUFFER,
        )
        protocol.websocket = listener
        await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock, **self._options)
        if endpoint.tls is not None:  # who is refused should know before TLS is closed in order
            await protocol.wait_until_handshake_complete()

    def _place(self, query: Pairs) -> tuple[str, str]:
        return self._at(self._endpoint.path("websocket", Identity(query=query)))

    def _at(self, path: str) -> tuple[str, str]:
        """The host, and a path with its query, as a request has them."""
        parsed = parse_url(self._endpoint.websocket_url(path))
        return parsed.netloc, parsed.resource_name
