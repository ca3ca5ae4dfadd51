"""Probes in the test's own process, and servers of one planted fault in a thread of it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
