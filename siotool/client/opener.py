"""Opens the transport that a client begins with."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from siotool.client.choices import ClientName, TransportName
from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.jsonp_polling import JsonpPolling
from siotool.client.observer import ByteCounts
from siotool.client.polling import Polling
from siotool.client.upgrade import Upgrading
from siotool.client.websockets import WebSockets
from siotool.protocol.socket_io import Parser


class Opens(Protocol):
    """Opens connections to one endpoint."""

    def by(self, name: TransportName) -> Callable[[Connection[Any]], Awaitable[None]]:
        """What opens a connection by a transport; it raises what ``failures.classify`` can name."""


def opener_of(client: ClientName, endpoint: Endpoint, traffic: ByteCounts, parser: Parser) -> Opens:
    """What opens connections with a client."""
    if client == "native":
        return Opener(endpoint, traffic)
    from siotool.client.reference.carrier import References  # noqa: PLC0415  # heavy, and rarely used

    return References(endpoint, traffic, parser)


class Opener:
    """Opens connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, traffic: ByteCounts) -> None:
        self._endpoint = endpoint
        self._traffic = traffic
        self._websockets = WebSockets(endpoint, traffic)

    def by(self, name: TransportName) -> Callable[[Connection[Any]], Awaitable[None]]:
        """What opens a connection by a transport; it raises what ``failures.classify`` can name."""
        if name == "websocket":
            return self._websockets.open

        async def opened(connection: Connection[Any]) -> None:
            polling = connection.transport = self._polling(name, connection)
            await polling.open()

        return opened

    def _polling(self, name: TransportName, connection: Connection[Any]) -> Polling:
        if name == "upgrade":
            return Upgrading(connection, self._endpoint, self._websockets, self._traffic)
        kind = JsonpPolling if name == "jsonp" else Polling
        return kind(connection, self._endpoint, self._traffic)
