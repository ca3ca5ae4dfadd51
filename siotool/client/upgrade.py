"""From long polling to WebSocket, as engine.io-client does it: probe, pause, upgrade.

The WebSocket is opened beside the polling and asked for a pong. Once it came, polling stops: the
server ends the GET that waits. Then the WebSocket carries everything. Where any of it fails, the
connection stays on long polling.
"""

import asyncio
from time import monotonic
from typing import Any

from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.failures import ClientFailure, classify
from siotool.client.polling import Polling
from siotool.client.websocket import WebSocket
from siotool.client.websockets import WebSockets
from siotool.protocol.engine_io import PROBE, PROBED, UPGRADED, BinaryMessage
from siotool.protocol.faults import RemoteProtocolError

_WEBSOCKET = "websocket"
#: Where a hanging upgrade is given up: servers do so after ten seconds (``upgradeTimeout``).
_TIMEOUT_S = 10.0


class Upgrading(Polling):
    """Long polling that moves to WebSocket as soon as it can."""

    def __init__(
        self, connection: Connection[Any], endpoint: Endpoint, websockets: WebSockets, traffic: Any
    ) -> None:
        super().__init__(connection, endpoint, traffic)
        self._websockets = websockets
        self._probe: Probe | None = None
        self._upgrading: asyncio.Task[None] | None = None
        self._bytes_per_s: float | None = None

    async def open(self) -> None:
        """Ask for a session, begin to poll, and to move. Raises what ``failures.classify`` can name."""
        await super().open()
        if _WEBSOCKET in self._connection.session.upgrades and not self._connection.close_reason:
            self._upgrading = asyncio.get_running_loop().create_task(self._upgrade())

    async def _upgrade(self) -> None:
        connection, websockets = self._connection, self._websockets
        started = monotonic()
        probe = self._probe = Probe(connection)
        socket = websockets.listener(probe)
        probe.socket = socket
        more = ("sid", connection.session.sid)
        path = self._endpoint.path(_WEBSOCKET, connection.identity, more)
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await websockets.connect(socket, path, connection.identity, self.cookies.header())
                asked = monotonic()
                socket.send(PROBE)
                await probe.answered
                connection.observer.phase("probe", monotonic() - asked)
                await self._pause_unless(probe.spoilt)
        except Exception as error:
            probe.over = True
            socket.cut()
            if not self._over and not self._closing:
                self.resume()
                failure = classify(error)
                connection.observer.upgrade_failed(failure.kind, failure.quoted)
            return
        finally:
            self._probe = self._upgrading = None
        if self._over or connection.close_reason:
            probe.over = True
            socket.cut()
            return
        socket.carry(connection)
        connection.transport = socket
        if self._bytes_per_s is not None:
            socket.slow(self._bytes_per_s)
        socket.send(UPGRADED)
        for frame in self.take_waiting():
            if isinstance(frame, BinaryMessage):
                socket.send_binary(frame.data)
            else:
                socket.send(frame)
        self.retire()
        connection.observer.upgraded(monotonic() - started)

    async def _pause_unless(self, spoilt: "asyncio.Future[Exception]") -> None:
        """Stop polling; raises why the WebSocket cannot take over, as soon as it is known."""
        pausing = asyncio.get_running_loop().create_task(self.pause())
        try:
            await asyncio.wait((pausing, spoilt), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pausing.cancel()
        if spoilt.done():
            raise spoilt.result()

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP carried since the last call."""
        super().read_wire(last)
        if self._probe is not None and self._probe.socket is not None:
            self._probe.socket.read_wire(last)

    def close(self) -> None:
        """Give the upgrade up; send what waits, then a close packet, and close."""
        self._stop_probing()
        self.resume()
        super().close()

    def freeze(self) -> None:
        """Give the upgrade up; read and send nothing from now on."""
        self._stop_probing()
        super().freeze()

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second, after the upgrade too."""
        super().slow(bytes_per_s)
        self._bytes_per_s = bytes_per_s

    def _shut(self) -> None:
        super()._shut()
        self._stop_probing()

    def _stop_probing(self) -> None:
        if self._upgrading is not None and self._upgrading is not asyncio.current_task():
            self._upgrading.cancel()
        if self._probe is not None and self._probe.socket is not None:
            self._probe.over = True
            self._probe.socket.cut()


class Probe:
    """What a WebSocket is connected to until it has answered: its packets are none of the session's."""

    def __init__(self, connection: Connection[Any]) -> None:
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[None] = loop.create_future()
        #: Why the WebSocket cannot carry anything.
        self.spoilt: asyncio.Future[Exception] = loop.create_future()
        self.socket: WebSocket | None = None
        #: Nobody waits for it any more.
        self.over = False
        self.observer = connection.observer
        self.session = connection.session
        self.known: dict[bytes, Any] = {}
        self.handlers: dict[Any, Any] = {}
        self.heard = 0.0
        self.open = False
        self.phase = "tcp"
        self.close_reason = ""
        self.idle_s: float | None = None
        self.recovers = False

    def receive_text(self, packet: bytes, now: float) -> None:
        """The first packet must be the pong."""
        if packet == PROBED:
            if not self.answered.done():
                self.answered.set_result(None)
        else:
            self.failed(RemoteProtocolError(f"a probe answered with {packet[:40]!r}"))

    def receive_binary(self, data: bytes, now: float) -> None:
        """No bytes are expected."""
        self.failed(RemoteProtocolError("a probe answered with bytes"))

    def failed(self, error: Exception) -> None:
        """The probe failed, or the WebSocket after it."""
        self._note(error)
        if self.socket is not None:
            self.socket.cut()

    def unopened(self, error: Exception) -> None:
        """Who opens the WebSocket is told."""

    def violated(self, kind: str, detail: str) -> None:
        """The server broke the protocol, or a limit of ours."""
        self.failed(ClientFailure(kind, detail))

    def pause_writing(self) -> None:
        """Nothing is written but the probe."""

    def resume_writing(self) -> None:
        """Nothing is written but the probe."""

    def end(self, reason: str) -> None:
        """The server closed the WebSocket."""
        self.close_reason = reason
        self.failed(ClientFailure(reason, "closed while it was probed"))

    def lost(self) -> None:
        """The WebSocket is closed."""
        self._note(ClientFailure("transport_close", "closed while it was probed"))

    def _note(self, error: Exception) -> None:
        if not self.spoilt.done():
            self.spoilt.set_result(error)
        if not self.answered.done() and not self.over:
            self.answered.set_exception(error)
