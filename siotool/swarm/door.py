"""The way in: a socket to the target, and its upgrade to WebSocket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import picows
from gevent import monkey

from siotool.client.address import Address, websocket_url
from siotool.client.failures import Failure
from siotool.client.fragments import MESSAGE_BYTES
from siotool.swarm.connection import Connection
from siotool.workload import Target

_socket = monkey.get_original("socket", "socket")

#: Receive buffer of a connection; picows doubles it when a frame does not fit.
_READ_BUFFER = 1024
#: How long the other side of a TLS connection may take to say farewell.
_TLS_FAREWELL_S = 1.0


class Door:
    """Opens connections to one target, with the same headers for each."""

    def __init__(self, target: Target, address: Address, headers: list[tuple[str, str]]) -> None:
        self._address = address
        self._headers = headers
        self._url = websocket_url(target)
        self._tls = ssl.create_default_context() if self._url.startswith("wss:") else None
        # it says nothing, and makes no further one for each connection, as picows would of its own
        silent = logging.Logger("picows")
        silent.disabled = True
        self._logger = logging.LoggerAdapter(silent, {})

    async def upgrade(self, connection: Connection) -> None:
        """Open a WebSocket. Raises what ``classify`` can name."""
        options: dict[str, Any] = {} if self._tls is None else {"ssl_shutdown_timeout": _TLS_FAREWELL_S}
        transport, _ = await picows.ws_connect(
            lambda: connection,
            self._url,
            ssl_context=self._tls,
            websocket_handshake_timeout=None,
            logger_name=self._logger,
            max_frame_size=MESSAGE_BYTES,
            extra_headers=self._asked_for(connection),
            max_redirects=0,
            read_buffer_init_size=_READ_BUFFER,
            socket_factory=lambda _url: self._connected(connection),
            use_aiofastnet=False,
            **options,
        )
        if transport.response is None:  # picows returns as if nothing had happened
            raise Failure("transport_close", "closed without an answer")

    def _asked_for(self, connection: Connection) -> Iterator[tuple[str, str]]:
        """The request's headers; picows asks for them when it is about to send it."""
        connection.phase = "upgrade"
        yield from self._headers

    async def _connected(self, connection: Connection) -> socket.socket:
        address = self._address
        sock: socket.socket = _socket(address.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        except BaseException:
            sock.close()
            raise
        connection.attach(sock)
        return sock
