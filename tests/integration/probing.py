"""Probes in the test's own process, and servers of one planted fault in a thread of it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from aiohttp import web

from siotool.client.choices import TlsOptions
from siotool.client.identity import Identity
from siotool.probe.diagnose import diagnose
from siotool.probe.finding import Finding
from siotool.probe.probe_result import ProbeResult
from siotool.probe.probe_settings import ProbeSettings
from siotool.workload import Target


def probe(url: str, path: str = "/socket.io/", only: tuple[str, ...] = (), **given: Any) -> ProbeResult:
    """Probe a target; settings by the names that they have in an identity, in TLS or in a probe."""
    parts = [
        {name: given.pop(name) for name in tuple(given) if name in kind.__struct_fields__}
        for kind in (Identity, TlsOptions)
    ]
    settings = ProbeSettings(
        target=Target(url=url, path=path), identity=Identity(**parts[0]), tls=TlsOptions(**parts[1]), **given
    )
    return asyncio.run(diagnose(settings, only))


def found(result: ProbeResult, check: str) -> Finding:
    """The finding of a check."""
    (one,) = (finding for finding in result.checks if finding.id == check)
    return one


def named(result: ProbeResult) -> dict[str, str]:
    """Errors and warnings: id → level."""
    return {finding.id: finding.level for finding in result.at("warning", "error")}


def connects(result: ProbeResult) -> dict[str, bool]:
    """Which clients can connect."""
    return {client.name: client.connects for client in result.clients}


def answering(status: int, text: str, **headers: str) -> web.Application:
    """An application that answers the same to everything."""

    async def answer(_: web.Request) -> web.Response:
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=shown, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    return app


#: In so many turns of its loop asyncio hands an accepted connection over.
_TURNS = 8


async def _handed_over() -> None:
    """Let the loop hand over the connections that came just now, before their server is closed.

    Trap: each has a task of asyncio's own, or one that has not begun. Cancelled, neither closes its socket,
    nor does the first where the server is closed meanwhile: it was found in another test.
    """
    for _ in range(_TURNS):
        await asyncio.sleep(0)


@contextmanager
def serving(app: web.Application) -> Iterator[str]:
    """Serve an application on a free loopback port; yields its URL."""
    loop = asyncio.new_event_loop()
    ready: list[tuple[web.AppRunner, int]] = []
    started = threading.Event()

    async def start() -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.append((runner, runner.addresses[0][1]))
        started.set()

    async def end() -> None:
        await ready[0][0].cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(end())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield f"http://127.0.0.1:{ready[0][1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@contextmanager
def relay(port: int, delay_s: float = 0.0) -> Iterator[tuple[str, list[float]]]:
    """A way to a port that takes so long in each direction; yields its URL, and a moment per connection."""
    loop = asyncio.new_event_loop()
    seen: list[float] = []
    ports: list[int] = []
    writers: list[asyncio.StreamWriter] = []
    relaying: set[asyncio.Task[None]] = set()
    started = threading.Event()
    ended = asyncio.Event()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        relaying.add(loop.create_task(accept(reader, writer)))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                loop.call_later(delay_s, writer.write, data)
        loop.call_later(delay_s, writer.close)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(loop.time())
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(carry(reader, back), carry(there, writer))
            await asyncio.sleep(2 * delay_s)
        finally:
            back.transport.abort()
            writer.transport.abort()

    async def serve() -> None:
        server = await asyncio.start_server(begin, "127.0.0.1", 0)
        async with server:
            ports.append(server.sockets[0].getsockname()[1])
            started.set()
            await ended.wait()
            await _handed_over()
            for task in relaying:
                task.cancel()
            await asyncio.gather(*relaying, return_exceptions=True)
            for writer in writers:
                writer.transport.abort()
            await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield f"http://127.0.0.1:{ports[0]}", seen
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


@contextmanager
def raw(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """A server whose ``answer`` gets each connection and its request, in a thread; yields its URL."""
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            answer(connection, connection.recv(65_536))

    def accept(door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = door.accept()
                threads.append(threading.Thread(target=handle, args=(connection,), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=100) as door:
        acceptor = threading.Thread(target=accept, args=(door,), daemon=True)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            door.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join(10)
