"""The embedded server's process: bind to loopback, print the URL, serve until stopped.

``python -m siotool.target.serve --port 0 --tick-rate 10`` prints one JSON line,
``{"url": "http://127.0.0.1:40001", "pid": 4711, "metrics_port": 0}``, once it accepts connections. With
``--adapter redis`` it is joined with others by the Redis whose URL is in SIOTOOL_LAB_BACKEND. It stops
on SIGINT and SIGTERM, when its standard input closes, and when ``--parent PID`` is no
longer its parent: a killed parent closes the pipe, unless a fork of it still holds the
other end.
"""

import argparse
import asyncio
import contextlib
import errno
import gc
import ipaddress
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from siotool.errors import InputError, SiotoolError
from siotool.target import chat
from siotool.target.redis_join import CountingRedisManager
from siotool.target.ticks import check_ticks

#: How often, in seconds, it is checked that the parent still runs.
PARENT_CHECK_S = 0.5
#: Stands for one address: bound as a name, it can end in two ports, one for each IP version.
LOCALHOST = "localhost"
#: Where the URL of Redis is read, which holds a password: arguments of a process can be read by all.
_BACKEND = "SIOTOOL_LAB_BACKEND"
#: What may join several of them.
_ADAPTERS = ("none", "redis")


class Options(msgspec.Struct, frozen=True):
    """Where to listen (``port`` 0: any free one), ticks per second (0: none), and Socket.IO's own times.

    The answer that opens a session has ``name`` in the header ``served_by``; neither: it has no such header.
    ``adapter`` joins it with others, ``backend`` is the URL of what carries their messages. With a
    ``metrics_port`` it shows its figures there.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tick_rate: float = 0.0
    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0
    connect_timeout_s: float = 45.0
    served_by: str = ""
    name: str = ""
    adapter: str = "none"
    backend: str = ""
    metrics_port: int = 0


def check(options: Options) -> None:
    """Raise InputError for an address that is not loopback, or a figure out of range."""
    try:
        loopback = ipaddress.ip_address(options.host).is_loopback
    except ValueError:
        loopback = options.host == LOCALHOST
    if not loopback:
        raise InputError(
            f"the target does not listen on {options.host!r}: it has no authentication",
            "use a loopback address, 127.0.0.1 or ::1",
        )
    if not 0 <= options.port <= 65535:
        raise InputError(f"port {options.port} does not exist", "use 0 (any free port) to 65535")
    if options.adapter not in _ADAPTERS:
        raise InputError(f"the target has no adapter {options.adapter}", "use none or redis")
    if options.adapter != "none" and not options.backend:
        raise InputError(f"{_BACKEND} names no backend for adapter {options.adapter}", "give its URL")
    check_ticks(options.tick_rate)
    for name in ("ping_interval_s", "ping_timeout_s", "connect_timeout_s"):
        seconds = getattr(options, name)
        if not 0.01 <= seconds <= 86_400:
            what = name.removesuffix("_s").replace("_", " ")
            raise InputError(f"{what} {seconds:g} s is out of range", "use 10ms to 24h")


def run(options: Options, ready: Callable[[str], None], parent: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called with the URL once connections are accepted.

    With ``parent``, the end of standard input and the loss of that parent process end it too.
    Raises InputError when the options are wrong or the port is taken.
    """
    check(options)
    _allow_many_connections()
    # most objects here live as long as their connection: look for garbage less often
    gc.set_threshold(100_000, 50, 1000)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, ready, parent))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _allow_many_connections() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS calls a limit infinite that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(options: Options, ready: Callable[[str], None], parent: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    manager = CountingRedisManager(options.backend) if options.adapter == "redis" else None
    sio = chat.make_server(
        options.ping_interval_s, options.ping_timeout_s, options.connect_timeout_s, manager
    )
    app = web.Application()
    sio.attach(app)
    if options.served_by:
        app.on_response_prepare.append(_named(options.served_by, options.name))
    # connections end by the disconnect below; what is left then need not be waited for
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    try:
        tasks = _background(sio, options, stop, parent)
        if manager is not None:
            await manager.join(stop)
        async with _metrics(sio, manager, options):
            ready(await _listen(runner, options.host, options.port))
            await stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _disconnect_all(sio)
    finally:
        await runner.cleanup()


def _named(header: str, name: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """What writes the name of this server into the answers that open a session."""

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        if "sid" not in request.query:
            response.headers[header] = name

    return prepare


@contextlib.asynccontextmanager
async def _metrics(sio: Any, manager: CountingRedisManager | None, options: Options) -> AsyncIterator[None]:
    """Show the figures of the server, if they are asked for."""
    if not options.metrics_port:
        yield
        return
    from siotool.target.target_metrics import metrics_app  # noqa: PLC0415 - most servers show none

    runner = web.AppRunner(metrics_app(sio, manager), access_log=None)
    await runner.setup()
    try:
        await _listen(runner, options.host, options.metrics_port)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: str, port: int) -> str:
    host = "127.0.0.1" if address == LOCALHOST else address
    site = web.TCPSite(runner, host, port, backlog=4096)
    try:
        await site.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise InputError(
                f"cannot listen on {address} port {port}: {error.strerror}",
                "use another --port; 0 takes any free one",
            ) from error
        raise InputError(
            f"port {port} of {address} is in use",
            "stop what listens there, or use another --port; 0 takes any free one",
        ) from error
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _background(
    sio: Any, options: Options, stop: asyncio.Event, parent: int | None
) -> list[asyncio.Task[None]]:
    tasks = []
    if options.tick_rate > 0:
        tasks.append(asyncio.create_task(chat.tick(sio, options.tick_rate)))
    if parent is not None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
        tasks.append(asyncio.create_task(_watch_parent(parent, stop)))
    return tasks


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # os.read and not sys.stdin: a thread inside that one's lock breaks the interpreter's exit
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop was closed first
        loop.call_soon_threadsafe(stop.set)


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_CHECK_S)
    stop.set()


async def _disconnect_all(sio: Any) -> None:
    """Close every connection in order, so that clients see the server leave."""
    closing = [sio.eio.disconnect(sid) for sid in list(sio.eio.sockets)]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*closing, return_exceptions=True), 2)
    await sio.shutdown()


def _print_ready(metrics_port: int, url: str) -> None:
    print(json.dumps({"url": url, "pid": os.getpid(), "metrics_port": metrics_port}), flush=True)


def main() -> int:
    """Run as the child of a siotool process."""
    parser = argparse.ArgumentParser(prog="python -m siotool.target.serve", description=__doc__)
    known = msgspec.structs.asdict(Options(backend=os.environ.get(_BACKEND, "")))
    backend = known.pop("backend")
    for name, default in known.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    parser.add_argument("--parent", type=int, default=os.getppid(), metavar="PID")
    args = vars(parser.parse_args())
    parent = args.pop("parent")
    try:
        run(Options(**args, backend=backend), partial(_print_ready, args["metrics_port"]), parent)
    except SiotoolError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
