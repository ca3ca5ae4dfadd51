"""The reference client: python-socketio's, as a transport of our connections.

What is on the wire is python-socketio's, python-engineio's and aiohttp's doing: packets, parsing,
heartbeats, long polling, upgrade. Here the packets that a connection sends become calls of
``socketio.AsyncClient``, and what that client hears becomes packets again. So both clients are used
and counted by the same code, and a difference between them is one of their wire.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Any

import socketio

from siotool.client.choices import TransportName
from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.observer import ByteCounts
from siotool.client.reference.counted_http import CountedHttp, counted_socket
from siotool.client.reference.python_socketio import SERVER_CLOSED, ReferenceClient
from siotool.protocol.engine_io import CLOSE, MESSAGE, OPEN, BinaryMessage
from siotool.protocol.socket_io import Body, Packet, PacketType, Parser, insert_attachments

#: As much may wait as in a socket before the connection counts as paused.
_HIGH_BYTES = 64 * 1024
#: How long a farewell may take.
_CLOSE_S = 5.0
#: A loss counts as the server's silence when it lasted so long, within this.
_TOLERANCE_S = 0.1
_TRANSPORTS: dict[TransportName, list[str]] = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}


class References:
    """Opens connections to one endpoint with the reference client."""

    def __init__(self, endpoint: Endpoint, traffic: ByteCounts, parser: Parser) -> None:
        self._endpoint = endpoint
        self._traffic = traffic
        self._parser = parser
        self._socket = counted_socket(endpoint.make_socket)

    def by(self, name: TransportName) -> Callable[[Connection[Any]], Awaitable[None]]:
        """What opens a connection by a transport; it raises what ``failures.classify`` can name."""

        async def opened(connection: Connection[Any]) -> None:
            http = CountedHttp(self._endpoint, self._socket, self._traffic, connection.identity)
            carrier = connection.transport = Carrier(connection, http, self._traffic, self._parser)
            connection.phase = "tcp"
            await carrier.open(self._endpoint.url(connection.identity), self._endpoint.bare_path, name)

        return opened


class Carrier:
    """Carries the packets of one connection through python-socketio."""

    #: What moves here is not noticed.
    stirred = True

    def __init__(
        self, connection: Connection[Any], http: CountedHttp, traffic: ByteCounts, parser: Parser
    ) -> None:
        self.connection = connection
        self.traffic = traffic
        self._parser = parser
        self._http = http
        http.phase = self._phase
        http.cookies = connection.observer.cookies
        http.opening_answer = connection.observer.opening_answer
        self._client = ReferenceClient(self, http.session, parser)
        #: Packets that python-socketio has not taken yet, and their bytes.
        self._waiting: asyncio.Queue[tuple[Packet, tuple[bytes, ...]]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._header: Packet | None = None
        self._parts: list[bytes] = []
        #: By namespace and number, what answers an event of the server.
        self._answers: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}
        self._asked = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False
        self._closing = False

    # ── opening ───────────────────────────────────────────────────────────────────────

    async def open(self, url: str, path: str, transport: TransportName) -> None:
        """Connect, and ask to join. Raises what ``failures.classify`` can name."""
        connection, identity, client = self.connection, self.connection.identity, self._client
        for namespace in identity.namespaces:
            client.on("connect", partial(self._joined, namespace), namespace)
            client.on("connect_error", partial(self._refused, namespace), namespace)
            client.on("disconnect", partial(self._left, namespace), namespace)
            client.on("*", self._heard_in(namespace), namespace)
        try:
            await client.connect(
                url,
                auth=identity.auth,
                transports=_TRANSPORTS[transport],
                namespaces=list(identity.namespaces),
                socketio_path=path,
                wait=False,
            )
        except socketio.exceptions.ConnectionError as error:
            raise self._http.failure(str(error)) from error
        self._open()
        self._spawn(self._send_all())
        if transport == "upgrade" and "websocket" in connection.session.upgrades:
            self._say_how_the_upgrade_went()

    def _phase(self, name: str, took: float) -> None:
        connection = self.connection
        if not connection.session.sid:
            connection.phase = "open"
        connection.observer.phase(name, took)

    def _open(self) -> None:
        """Hand the open packet on, before all that came after it."""
        connection, engine = self.connection, self._client.eio
        if connection.session.sid or connection.close_reason:
            return
        said = {
            "sid": engine.sid,
            "upgrades": engine.upgrades,
            "pingInterval": engine.ping_interval * 1000,
            "pingTimeout": engine.ping_timeout * 1000,
        }
        self._text(b"%c%b" % (OPEN, json.dumps(said).encode()))

    def _say_how_the_upgrade_went(self) -> None:
        observer = self.connection.observer
        if self._client.eio.current_transport == "websocket":
            observer.upgraded(monotonic() - self._http.asked_for_websocket)
        else:
            failure = self._http.failure("the probe was not answered")
            observer.upgrade_failed(failure.kind, failure.quoted)

    # ── receiving ─────────────────────────────────────────────────────────────────────

    def arrived(self, size: int) -> None:
        """An Engine.IO packet of so many bytes has come."""
        self.traffic.payload_in += size
        # python-socketio, which answers the pings itself, takes whatever comes for a sign of life
        self.connection.heard = self.connection.pinged = monotonic()

    def broken(self, error: Exception) -> None:
        """python-socketio could not read what came."""
        if not self._over:
            self.connection.violated("protocol_error", f"python-socketio: {error!r}")

    def ended(self, reason: str) -> None:
        """The Engine.IO connection has ended."""
        connection = self.connection
        if self._over or self._closing:
            return
        if reason == SERVER_CLOSED:
            self._text(bytes((CLOSE,)))
        elif self._http.refused:
            failure = self._http.failure("")
            connection.violated(failure.kind, failure.quoted)
        elif monotonic() - connection.heard > connection.session.patience_s - _TOLERANCE_S:
            connection.end("ping_timeout")
        self.cut()

    def _joined(self, namespace: str) -> None:
        self._open()
        self._packet(PacketType.CONNECT, namespace, data={"sid": self._client.get_sid(namespace)})

    def _refused(self, namespace: str, said: Any = None) -> None:
        if self._client.eio.sid:  # else it is the transport that failed
            self._open()
            self._packet(PacketType.CONNECT_ERROR, namespace, data=said)

    def _left(self, namespace: str, reason: str) -> None:
        if reason == SERVER_CLOSED and self._client.eio.state == "connected":
            self._packet(PacketType.DISCONNECT, namespace)

    def _heard_in(self, namespace: str) -> Callable[..., Awaitable[tuple[Any, ...] | None]]:
        async def heard(event: str, *arguments: Any) -> tuple[Any, ...] | None:
            if not self._client.asked:
                self._packet(PacketType.EVENT, namespace, data=[event, *arguments])
                return None
            self._asked += 1
            key = namespace, self._asked
            answer = self._answers[key] = asyncio.get_running_loop().create_future()
            self._packet(PacketType.EVENT, namespace, b"%d" % self._asked, [event, *arguments])
            try:
                return tuple(await answer)
            finally:
                del self._answers[key]

        return heard

    def _packet(self, kind: PacketType, namespace: str, ack_id: bytes = b"", data: Any = None) -> None:
        now = monotonic()
        body = Body(b"") if data is None else self._parser.encode(data)
        frame = self._parser.frame(kind, namespace, ack_id, body.data, len(body.attachments))
        if isinstance(frame, BinaryMessage):
            self._binary(frame.data, now)
        else:
            self._text(frame, now)
        for attachment in body.attachments:
            self._binary(attachment, now)

    def _text(self, packet: bytes, now: float | None = None) -> None:
        if self._over:
            return
        try:
            self.connection.receive_text(packet, monotonic() if now is None else now)
        except Exception as error:
            self.connection.failed(error)

    def _binary(self, data: bytes, now: float) -> None:
        if self._over:
            return
        try:
            self.connection.receive_binary(data, now)
        except Exception as error:
            self.connection.failed(error)

    # ── sending ───────────────────────────────────────────────────────────────────────

    def send(self, packet: bytes) -> None:
        """Send a text packet; heartbeats and joins are python-socketio's own."""
        if packet[0] == MESSAGE:
            self._take(self._parser.parse(packet[1:]))

    def send_binary(self, data: bytes) -> None:
        """Send a message of bytes."""
        if self._parser.BINARY:
            self._take(self._parser.parse(data))
            return
        self._parts.append(data)
        if self._header is not None and len(self._parts) == self._header.attachments:
            header, self._header = self._header, None
            parts, self._parts = tuple(self._parts), []
            self._enqueue(header, parts)

    def _take(self, packet: Packet) -> None:
        if packet.attachments:
            self._header = packet
        else:
            self._enqueue(packet, ())

    def _enqueue(self, packet: Packet, parts: tuple[bytes, ...]) -> None:
        if packet.type in (PacketType.CONNECT, PacketType.DISCONNECT) or self._over:
            return
        self._waiting_bytes += len(packet.data) + sum(map(len, parts))
        self._waiting.put_nowait((packet, parts))
        self.buffered()

    async def _send_all(self) -> None:
        while True:
            packet, parts = await self._waiting.get()
            data = self._parser.decode(packet.data)
            if parts:
                data = insert_attachments(data, parts)
            self._waiting_bytes -= len(packet.data) + sum(map(len, parts))
            try:
                await self._send(packet, data)
            except socketio.exceptions.SocketIOError:
                pass  # its namespace has been left
            finally:
                self._waiting.task_done()

    async def _send(self, packet: Packet, data: list[Any]) -> None:
        namespace, number = packet.namespace, packet.ack_id
        if packet.type in (PacketType.ACK, PacketType.BINARY_ACK):
            answer = self._answers.get((namespace, number or 0))
            if answer is not None and not answer.done():
                answer.set_result(data)
            return
        answered: Callable[..., None] | None = None
        if number is not None:

            def answered(*arguments: Any) -> None:
                self._packet(PacketType.ACK, namespace, b"%d" % number, list(arguments))

        await self._client.emit(data[0], tuple(data[1:]), namespace=namespace, callback=answered)

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return self._waiting_bytes + int(self._client.eio.queue.size)

    def buffered(self) -> None:
        """More waits to be sent, or less."""
        connection = self.connection
        if self.unsent > _HIGH_BYTES:
            connection.pause_writing()
        elif connection.paused:
            connection.resume_writing()

    # ── the end ───────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Close once what was sent has left."""
        if not self._closing and not self._over:
            self._closing = True
            self._spawn(self._say_farewell())

    async def _say_farewell(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._waiting.join()
                await self._client.eio.queue.join()
                await self._client.disconnect()
        except TimeoutError:
            pass  # it is cut
        finally:
            self.cut()

    def cut(self) -> None:
        """Close at once; what was still to be sent is lost."""
        if self._over:
            return
        self._over = True
        self._http.cut()
        loop = asyncio.get_running_loop()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        for answer in self._answers.values():
            answer.cancel()
        self._spawn(self._clear())
        loop.call_soon(self.connection.lost)

    def leave(self) -> None:
        """Close at once, as python-engineio does."""
        self.cut()

    async def _clear(self) -> None:
        """Let python-socketio forget the connection."""
        engine = self._client.eio
        try:
            await engine.disconnect(abort=True)
        finally:
            engine.queue.put_nowait(None)  # its writer would wait for a packet
            await self._http.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP carried since the last call."""
        self._http.read_wire()
