"""The wire model against what real connections carried, within 3 %.

Two witnesses: the kernel's counters on the client's sockets (TCP_INFO) for ``tcp``, and for ``link``
a packet capture on the loopback, or without root the kernel's count of segments. What is said, how
often, and why what is off is measured again: tests/integration/wire/talk.py.
"""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from aiohttp import web
from msgspec.structs import replace

from siotool.plan.wire.framing import AIOHTTP, NODE, Framing, Travel
from siotool.plan.wire.messages import heartbeat_rates
from siotool.target import chat
from siotool.target.process import TargetProcess
from tests.integration.wire.capture import captured
from tests.integration.wire.ledger import Comparison, Ledger
from tests.integration.wire.talk import ATTEMPTS, talk
from tests.integration.wire.witness import LOOPBACK, TRANSPORTS, Witness

pytestmark = [
    pytest.mark.slow,
    pytest.mark.quiet,
    pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO and AF_PACKET are Linux's"),
]


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Let this process, when it wakes, not interrupt the server that still writes.

    On one core (the others being busy) each frame of a message would be read and acknowledged alone.
    """
    policy = os.sched_getscheduler(0)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, os.sched_param(0))


def source(capture: object) -> str:
    return "a packet capture" if capture else "segment counters (a packet capture needs root)"


def hold(url: str, transport: str, framing: Framing, capsys: pytest.CaptureFixture[str], name: str) -> None:
    ledger = Ledger(f"{name}, {transport}")
    with captured(url) as capture, patient():
        asyncio.run(talk(url, transport, framing, ledger, capture))
    ledger.close(capsys, source(capture))


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
    url = node_server(ping_interval=100).url
    framing = replace(LOOPBACK, server=NODE, transport=transport)
    said = heartbeat_rates(framing, 1.0) * 10

    async def wait() -> None:
        async with contextlib.aclosing(Witness(capture)) as witness:
            await witness.connect(url, transport)
            after = await beaten(witness, 2)
            attempts: list[Comparison] = []
            while len(attempts) < ATTEMPTS and not (attempts and attempts[-1].right):
                before, after = after, await beaten(witness, 10)
                attempts.append(Comparison.of(said, before, after))
            ledger.add("10 heartbeats", attempts)

    async def beaten(witness: Witness, times: int) -> Travel:
        for _ in range(times):
            await asyncio.wait_for(witness.pings.get(), 20)
        return witness.carried()

    ledger = Ledger(f"Node.js, {transport}")
    with captured(url) as capture:
        asyncio.run(wait())
    ledger.close(capsys, source(capture))


@contextlib.asynccontextmanager
async def served(context: ssl.SSLContext | None, **options: Any) -> AsyncIterator[str]:
    """A server like the embedded one, in this process."""
    sio = chat.make_server(ping_interval_s=25.0, ping_timeout_s=20.0, connect_timeout_s=45.0)
    if options:
        sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", **options)
        sio.on("echo", _echo)

        async def say(_sid: str, room: str, *args: Any) -> None:
            await sio.emit("say", args, room=room)

        sio.on("say", say)
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
    async def run() -> str:
        async with served(context, **options) as url:
            with captured(url) as capture:
                await talk(url, transport, framing, ledger, capture)
                return source(capture)

    ledger = Ledger(f"{name}, {transport}")
    ledger.close(capsys, asyncio.run(run()))


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
