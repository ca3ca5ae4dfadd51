"""The wire model against what real connections carried, within 3 %.

Two witnesses: the kernel's counters on the client's sockets (TCP_INFO) for ``tcp``, and for ``link``
a packet capture on the loopback, or without root the kernel's count of segments. Messages are far
enough apart (``PAUSE_S``) that TCP's delayed acknowledgements (40 ms in Linux) are due between
them, as on connections that say something now and then; calls over WebSocket follow each other at
once, and are so many that what Linux does after a pause weighs little.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import ssl
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web
from msgspec.structs import replace

from siotool.plan.wire.framing import AIOHTTP, NODE, PYTHON, Direction, Flow, Framing, Travel
from siotool.plan.wire.messages import ack, event, heartbeat_rates
from siotool.plan.wire.network import pure_acks, written
from siotool.plan.wire.opening import opening
from siotool.swarm import tcp
from siotool.target import chat
from siotool.target.process import TargetProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO and AF_PACKET are Linux's"),
]

WITHIN = 0.03
PAUSE_S = 0.06
TIMES = 12
TIMES_AT_ONCE = 60
SIZES = (5, 1024, 20480)
#: "identity" in the place of "gzip, deflate, br": see Witness.connect.
ACCEPTED = len("identity") - len("gzip, deflate, br")
LOOPBACK = Framing(tls="none", client=PYTHON, mtu_bytes=65535, extra_request_bytes=ACCEPTED)
TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}


class Capture:
    """IP packets of a server's port on the loopback, by an AF_PACKET socket that only sees headers."""

    ALL, OUTGOING = 0x0003, 4
    PACKET_STATISTICS, ATTACH_FILTER, FORCE_RECEIVE_BUFFER = 6, 26, 33

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, self.FORCE_RECEIVE_BUFFER, 64 << 20)
        self._filter(port)
        self._socket.bind(("lo", self.ALL))
        self._socket.setblocking(False)
        #: IP bytes and packets by (client's port, direction).
        self.link: Counter[tuple[int, Direction]] = Counter()
        self.packets: Counter[tuple[int, Direction]] = Counter()

    def _filter(self, port: int) -> None:
        """Classic BPF: keep 64 bytes of what comes from the port or goes to it, over IPv4."""
        code = b"".join(
            struct.pack("=HBBI", *line)
            for line in (
                (0xB1, 0, 0, 0),  # X = length of the IP header
                (0x48, 0, 0, 0),  # A = source port
                (0x15, 2, 0, port),
                (0x48, 0, 0, 2),  # A = destination port
                (0x15, 0, 1, port),
                (0x06, 0, 0, 64),
                (0x06, 0, 0, 0),
            )
        )
        kept = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("HP", len(code) // 8, ctypes.addressof(kept))
        self._socket.setsockopt(socket.SOL_SOCKET, self.ATTACH_FILTER, program)

    def read(self) -> None:
        while True:
            try:
                packet, (_, protocol, kind, *_) = self._socket.recvfrom(64)
            except BlockingIOError:
                break
            if kind == self.OUTGOING or protocol != 0x0800 or packet[9] != socket.IPPROTO_TCP:
                continue  # the loopback shows each packet twice
            (size,) = struct.unpack_from("!H", packet, 2)
            source, destination = struct.unpack_from("!HH", packet, 4 * (packet[0] & 15))
            to_client = source == self._port
            key = (
                destination if to_client else source,
                Direction.TO_CLIENT if to_client else Direction.TO_SERVER,
            )
            self.link[key] += size
            self.packets[key] += 1
        seen = self._socket.getsockopt(263, self.PACKET_STATISTICS, 8)  # 263: SOL_PACKET
        assert struct.unpack("II", seen)[1] == 0, "the capture lost packets"

    def close(self) -> None:
        self._socket.close()


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
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.pings: asyncio.Queue[None] = asyncio.Queue()

    def _socket(self, info: Any) -> socket.socket:
        made = socket.socket(*info[:3])
        self.sockets.append(made)
        return made

    async def connect(self, url: str, transport: str) -> None:
        connector = aiohttp.TCPConnector(socket_factory=self._socket)
        # polling's answers are compressed for whom accepts it, and these are too easy to compress
        plain = {"Accept-Encoding": "identity"}
        self.session = aiohttp.ClientSession(connector=connector, headers=plain)
        self.sio = socketio.AsyncClient(
            reconnection=False, http_session=self.session, ssl_verify=False, **self._options
        )
        self.sio.on("chat message", self._keep)
        receive = self.sio.eio._receive_packet

        async def watch(packet: Any) -> None:
            if packet.packet_type == 2:
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

    async def close(self) -> None:
        await self.sio.disconnect()
        await self.session.close()


def moved(before: Travel, after: Travel, way: Direction, level: str) -> float:
    return float(getattr(getattr(after, way), level) - getattr(getattr(before, way), level))


class Ledger:
    """What the model said and what was measured, line by line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: list[tuple[float, str]] = []

    def add(self, what: str, said: Travel, before: Travel, after: Travel) -> None:
        for way in Direction:
            for level in ("tcp", "link"):
                model, seen = getattr(getattr(said, way), level), moved(before, after, way, level)
                base = seen
                if not moved(before, after, way, "tcp"):  # acknowledgements only: a share of the exchange
                    base = sum(moved(before, after, each, level) for each in Direction)
                off = (model - seen) / base
                row = f"{self._name:24} {what:25} {way:9} {level:4} {model:10.0f} {seen:8.0f} {off:+7.2%}"
                self._rows.append((abs(off), row))

    def close(self, capsys: pytest.CaptureFixture[str], by: str) -> None:
        with capsys.disabled():
            print(f"\nlink by {by}; of {len(self._rows)} figures the worst: {max(self._rows)[1]}", end=" ")
        wrong = [row for off, row in self._rows if off > WITHIN]
        assert not wrong, "model and measurement differ:\n" + "\n".join(row for _, row in self._rows)


def pending(framing: Framing) -> Travel:
    """A GET that waits: the first message to the client will answer it, and counts it."""
    up = written(framing, framing.client.get_bytes + framing.extra_request_bytes)
    return Travel(pure_acks(framing, up.packets), up)


async def talk(url: str, transport: str, framing: Framing, ledger: Ledger, capture: Capture | None) -> None:
    polling = transport == "polling"
    framing = replace(framing, transport="polling" if polling else "websocket")
    serializer = {"json": "default", "msgpack": "msgpack"}[framing.parser]
    witness = Witness(capture, serializer=serializer)
    other = Witness(None, serializer=serializer)
    await witness.connect(url, transport)
    after = await witness.quiet()
    said = opening(framing, upgrade=transport == "upgrade")
    ledger.add("opening", said + pending(framing) if polling else said, Travel(), after)
    await other.connect(url, "websocket")
    after = await witness.quiet()
    ids = iter(range(1, 10_000))
    for binary in (False, True):
        for size in SIZES:
            value: Any = bytes(size) if binary else "x" * (size - 2)
            sizes = {"payload_bytes": size}
            if binary:
                sizes = {"payload_bytes": 0, "attachments": 1, "attachment_bytes": size}
            elif framing.parser == "msgpack":
                sizes = {"payload_bytes": len(value) + (1 if size < 32 else 3)}
            label = f"{'binary' if binary else 'text'} {size}"
            for work in (calls, emits, deliveries):
                before = after
                said = await work(witness, other, framing, value, sizes, ids)
                after = await witness.quiet()
                ledger.add(f"{work.__name__} {label}", said, before, after)
    await other.close()
    await witness.close()


async def calls(
    witness: Witness, _: Witness, framing: Framing, value: Any, sizes: dict[str, int], ids: Iterator[int]
) -> Travel:
    """Over WebSocket one upon the other: each answer's acknowledgement rides on the next call."""
    said = Travel()
    polling = framing.transport == "polling"
    times = TIMES if polling else TIMES_AT_ONCE
    for number in range(times):
        last = number == times - 1
        ack_id = next(ids)
        assert await witness.sio.call("echo", value) == value
        if polling:
            await asyncio.sleep(PAUSE_S)
        said += event(framing, Direction.TO_SERVER, 4, ack_id=ack_id, answered=True, **sizes)
        # over polling nothing follows at once
        said += ack(framing, Direction.TO_CLIENT, ack_id=ack_id, answered=not (last or polling), **sizes)
    return said


async def emits(
    witness: Witness, _: Witness, framing: Framing, value: Any, sizes: dict[str, int], ids: Iterator[int]
) -> Travel:
    for _ in range(TIMES):
        await witness.sio.emit("echo", value)
        await asyncio.sleep(PAUSE_S)
    return event(framing, Direction.TO_SERVER, 4, **sizes) * TIMES


async def deliveries(
    witness: Witness, other: Witness, framing: Framing, value: Any, sizes: dict[str, int], ids: Iterator[int]
) -> Travel:
    for _ in range(TIMES):
        await other.sio.emit("chat message", value)
        await asyncio.wait_for(witness.inbox.get(), 20)
        await asyncio.sleep(PAUSE_S)
    return event(framing, Direction.TO_CLIENT, len("chat message"), **sizes) * TIMES


@contextlib.contextmanager
def captured(url: str) -> Iterator[Capture | None]:
    """A packet capture of a server's port, where one may be made."""
    if os.geteuid() != 0:
        yield None
        return
    with contextlib.closing(Capture(int(url.rpartition(":")[2]))) as capture:
        yield capture


def hold(url: str, transport: str, framing: Framing, capsys: pytest.CaptureFixture[str], name: str) -> None:
    with captured(url) as capture:
        ledger = Ledger(f"{name}, {transport}")
        asyncio.run(talk(url, transport, framing, ledger, capture))
    ledger.close(capsys, "a packet capture" if capture else "segment counters (a packet capture needs root)")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_the_embedded_target_carried(transport: str, capsys: pytest.CaptureFixture[str]) -> None:
    with TargetProcess() as server:
        hold(server.url, transport, replace(LOOPBACK, server=AIOHTTP), capsys, "embedded")


@pytest.mark.node
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_node_carried(
    transport: str, node_server: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    hold(node_server().url, transport, replace(LOOPBACK, server=NODE), capsys, "Node.js")


@pytest.mark.node
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_what_idle_connections_carried(
    transport: str, node_server: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """From the arrival of one ping to that of another, ten later."""
    url = node_server(ping_interval=200).url
    framing = replace(LOOPBACK, server=NODE, transport=transport)

    async def wait(pings: int, capture: Capture | None, ledger: Ledger) -> None:
        witness = Witness(capture)
        await witness.connect(url, transport)
        for _ in range(2):
            await asyncio.wait_for(witness.pings.get(), 20)
        before = witness.carried()
        for _ in range(pings):
            await asyncio.wait_for(witness.pings.get(), 20)
        after = witness.carried()
        ledger.add(f"{pings} heartbeats", heartbeat_rates(framing, 1.0) * pings, before, after)
        await witness.close()

    ledger = Ledger(f"Node.js, {transport}")
    with captured(url) as capture:
        asyncio.run(wait(10, capture, ledger))
    ledger.close(capsys, "a packet capture" if capture else "segment counters (a packet capture needs root)")


@contextlib.asynccontextmanager
async def served(context: ssl.SSLContext | None, **options: Any) -> AsyncIterator[str]:
    """A chat server like the embedded one, in this process."""
    sio = chat.make_server()
    if options:
        sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", **options)
        sio.on("echo", _echo)

        async def broadcast(_sid: str, *args: Any) -> None:
            await sio.emit("chat message", args)

        sio.on("chat message", broadcast)
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"http{'s' if context else ''}://127.0.0.1:{runner.addresses[0][1]}"
        await sio.shutdown()
    finally:
        await runner.cleanup()


async def _echo(_sid: str, *args: Any) -> tuple[Any, ...]:
    return args


def hold_in_process(
    transport: str,
    framing: Framing,
    capsys: pytest.CaptureFixture[str],
    name: str,
    context: ssl.SSLContext | None = None,
    **options: Any,
) -> None:
    async def run() -> bool:
        async with served(context, **options) as url:
            with captured(url) as capture:
                await talk(url, transport, framing, ledger, capture)
                return capture is not None

    ledger = Ledger(f"{name}, {transport}")
    by = "a packet capture" if asyncio.run(run()) else "segment counters (a packet capture needs root)"
    ledger.close(capsys, by)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_tls_carried(
    version: str,
    transport: str,
    tmp_path: Path,
    require_tool: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    command = [require_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    command += ["-out", str(certificate), "-subj", "/CN=localhost"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    size = len(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
    framing = replace(LOOPBACK, server=AIOHTTP, tls=version, certificates_bytes=size, certificates=1)
    hold_in_process(transport, framing, capsys, f"TLS {version}", context)


def test_what_msgpack_carried(capsys: pytest.CaptureFixture[str]) -> None:
    framing = replace(LOOPBACK, server=AIOHTTP, parser="msgpack")
    hold_in_process("websocket", framing, capsys, "msgpack", serializer="msgpack")
