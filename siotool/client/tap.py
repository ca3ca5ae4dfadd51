"""Hears every packet of a connection, both ways: for a look at one client, not for a load.

The transports of a load know nothing of it: these are other classes, and each packet costs more.
"""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Protocol

from picows import WSMsgType

from siotool.client.choices import TransportName
from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.identity import Identity
from siotool.client.jsonp_polling import JsonpPolling
from siotool.client.observer import ByteCounts
from siotool.client.opener import Opener
from siotool.client.polling import Polling
from siotool.client.transport import Receiving
from siotool.client.upgrade import Upgrading
from siotool.client.websocket import TEXT, WebSocket
from siotool.client.websockets import WebSockets
from siotool.protocol.engine_io import BinaryMessage, Frame, Revision


class Tap(Protocol):
    """Is told in the loop's thread what a client does; times are of the monotonic clock."""

    def opening(self, identity: Identity) -> None:
        """A connection is about to be opened, and shows this."""

    def packet(self, frame: Frame, transport: str, now: float, *, outgoing: bool) -> None:
        """A packet was received, or is handed to a transport."""


class _Heard:
    """What a transport calls in place of a connection, which gets the same."""

    def __init__(self, connection: Receiving, tap: Tap, transport: str) -> None:
        self.__dict__.update(connection=connection, tap=tap, transport_name=transport)

    #: A packet that is known would be counted without being received.
    known: dict[bytes, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.connection, name, value)

    def receive_text(self, packet: bytes, now: float) -> None:
        """Take a text packet that arrived at ``now``."""
        self.tap.packet(packet, self.transport_name, now, outgoing=False)
        self.connection.receive_text(packet, now)

    def receive_binary(self, data: bytes, now: float) -> None:
        """Take a message of bytes that arrived at ``now``."""
        self.tap.packet(BinaryMessage(data), self.transport_name, now, outgoing=False)
        self.connection.receive_binary(data, now)


def _bare(connection: Any) -> Any:
    """The connection itself."""
    return connection.connection if isinstance(connection, _Heard) else connection


class _WebSocket(WebSocket):
    __slots__ = ("_tap",)

    def __init__(self, connection: Receiving, traffic: ByteCounts, revision: Revision, tap: Tap) -> None:
        super().__init__(_Heard(connection, tap, "websocket"), traffic, revision)
        self._tap = tap

    def carry(self, connection: Receiving) -> None:
        super().carry(_Heard(_bare(connection), self._tap, "websocket"))

    def _send(self, kind: WSMsgType, packet: bytes) -> None:
        frame = packet if kind is TEXT else BinaryMessage(packet)
        self._tap.packet(frame, "websocket", monotonic(), outgoing=True)
        super()._send(kind, packet)


class _WebSockets(WebSockets):
    def __init__(self, endpoint: Endpoint, traffic: ByteCounts, tap: Tap) -> None:
        super().__init__(endpoint, traffic)
        self._tap = tap

    def listener(self, connection: Receiving) -> WebSocket:
        return _WebSocket(_bare(connection), self._traffic, self._endpoint.revision, self._tap)


class _Tapped(Polling):
    """Long polling that is heard; ``listen`` comes first."""

    _tap: Tap

    def listen(self, tap: Tap) -> None:
        """Let a tap hear the packets."""
        self._tap = tap
        heard: Any = _Heard(self._connection, tap, self.NAME)
        self._connection = heard

    async def _send(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._tap.packet(frame, self.NAME, monotonic(), outgoing=True)
        await super()._send(frames)


class _Polling(_Tapped):
    pass


class _Upgrading(_Tapped, Upgrading):
    pass


class _JsonpPolling(_Tapped, JsonpPolling):
    pass


class TappedOpener(Opener):
    """Opens connections to one endpoint, of which every packet is heard."""

    def __init__(self, endpoint: Endpoint, traffic: ByteCounts, tap: Tap) -> None:
        super().__init__(endpoint, traffic)
        self._websockets = _WebSockets(endpoint, traffic, tap)
        self._tap = tap

    def by(self, name: TransportName) -> Callable[[Connection[Any]], Awaitable[None]]:
        """What opens a connection by a transport, and says so."""
        opener = super().by(name)

        async def opened(connection: Connection[Any]) -> None:
            self._tap.opening(connection.identity)
            await opener(connection)

        return opened

    def _polling(self, name: TransportName, connection: Connection[Any]) -> Polling:
        polling: _Tapped
        if name == "upgrade":
            polling = _Upgrading(connection, self._endpoint, self._websockets, self._traffic)
        else:
            kind = _JsonpPolling if name == "jsonp" else _Polling
            polling = kind(connection, self._endpoint, self._traffic)
        polling.listen(self._tap)
        return polling
