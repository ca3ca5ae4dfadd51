"""Probes in the test's own process, and servers of one planted fault in a thread of it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from siotool.probe.diagnose import diagnose
from siotool.probe.finding import Finding
from siotool.probe.probe_result import ProbeResult
from siotool.probe.probe_settings import ProbeSettings
from siotool.workload import Target


def probe(url: str, path: str = "/socket.io/", **settings: Any) -> ProbeResult:
    """Probe a target with these settings."""
    given = {"namespaces": ["/"], **settings}
    return asyncio.run(diagnose(ProbeSettings(target=Target(url=url, path=path), **given)))


def found(result: ProbeResult, check: str) -> Finding:
    """The finding of a check."""
    (one,) = (finding for finding in result.checks if finding.id == check)
    return one


def named(result: ProbeResult) -> dict[str, str]:
    """Errors and warnings: id → level."""
    return {finding.id: finding.level for finding in result.at("warning", "error")}


@contextmanager
def serving(app: web.Application, context: Any = None) -> Iterator[str]:
    """Serve an application of aiohttp on a free loopback port; yields its URL."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ports: list[int] = []

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        ports.append(runner.addresses[0][1])
        ready.set()
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
