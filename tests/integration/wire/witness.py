"""A Socket.IO client that knows what its TCP connections carried."""

import asyncio
import socket
import struct
from typing import Any

import aiohttp
import socketio

from siotool.client import tcp
from siotool.plan.wire.framing import Direction, Flow, Framing, Travel
from tests.integration.wire.capture import Capture
from tests.published.clients import PYTHON

#: "identity" in the place of "gzip, deflate, br": see Witness.connect.
ACCEPTED = len("identity") - len("gzip, deflate, br")
LOOPBACK = Framing(tls="none", client=PYTHON, mtu_bytes=65535, extra_request_bytes=ACCEPTED)
TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}


def segments(one: socket.socket) -> tuple[int, int]:
    """Segments received and sent, acknowledgements included (``struct tcp_info`` in linux/tcp.h)."""
    sent, received = struct.unpack_from("=II", one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 224), 136)
    return received, sent


class Witness:
    """A python-socketio client whose sockets are watched."""

    def __init__(self, capture: Capture | None, **options: Any) -> None:
        self.sockets: list[socket.socket] = []
        self._known: dict[socket.socket, tuple[int, ...]] = {}
        self._capture = capture
        self._options = options
        self._session: aiohttp.ClientSession | None = None
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        #: Heartbeats so far, and those that nobody waited for yet.
        self.heartbeats = 0
        self.pings: asyncio.Queue[None] = asyncio.Queue()

    def _socket(self, info: Any) -> socket.socket:
        made = socket.socket(*info[:3])
        self.sockets.append(made)
        return made

    async def connect(self, url: str, transport: str) -> None:
        """Open a session."""
        connector = aiohttp.TCPConnector(socket_factory=self._socket)
        # polling's answers are compressed for whom accepts it, and these are too easy to compress
        plain = {"Accept-Encoding": "identity"}
        self._session = aiohttp.ClientSession(connector=connector, headers=plain)
        self.sio = socketio.AsyncClient(
            reconnection=False, http_session=self._session, ssl_verify=False, **self._options
        )
        self.sio.on("say", self._keep)
        receive = self.sio.eio._receive_packet

        async def watch(packet: Any) -> None:
            if packet.packet_type == 2:
                self.heartbeats += 1
                self.pings.put_nowait(None)
            await receive(packet)

        self.sio.eio._receive_packet = watch
        await self.sio.connect(url, transports=TRANSPORTS[transport])

    async def _keep(self, *_args: Any) -> None:
        self.inbox.put_nowait(None)

    def carried(self) -> Travel:
        """Everything so far."""
        flows = []
        if self._capture:
            self._capture.read()
        for one in self.sockets:
            if (counted := tcp.transferred(one)) is not None:  # closed: its last counts stand
                self._known[one] = (one.getsockname()[1], *counted, *segments(one))
        for number, way in enumerate(Direction):
            carried = packets = link = 0
            for known in self._known.values():
                port, *counts = known
                carried += counts[number]
                if self._capture:
                    packets += self._capture.packets[port, way]
                    link += self._capture.link[port, way]
                else:
                    packets += counts[2 + number]
            if not self._capture:
                link = carried + packets * LOOPBACK.header_bytes + 8 * len(self._known)  # 8: SYN options
            flows.append(Flow(0, carried, link, packets))
        return Travel(*flows)

    async def quiet(self) -> Travel:
        """Everything once nothing comes any more; delayed acknowledgements take 40 ms."""
        now = self.carried()
        for _ in range(100):
            await asyncio.sleep(0.1)
            now, before = self.carried(), now
            if now == before:
                return now
        raise AssertionError("the connection does not fall silent")

    async def aclose(self) -> None:
        """Cut the connections: a disconnect would wait up to 30 s for the last poll's answer."""
        if self._session is not None:
            await self._session.close()
            await self.sio.eio.wait()
            await self.sio.eio.http.close()  # another one, if something was to be sent at that moment
