"""python-socketio under aiohttp: ``python aiohttp_app.py '{"ping_interval": 1}'``. See README.md."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web
from lines import obey, read_options, say_ready, say_request
from words import commands, make_server


@web.middleware
async def watch(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Print a line for each request."""
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        **{f"HTTP_{name.upper()}": value for name, value in request.headers.items()},
    }
    say_request(environ, upgrade="upgrade" in request.headers)
    return await handler(request)


async def main() -> None:
    """Serve until standard input closes."""
    own, options = read_options()
    path = options.pop("path", "/socket.io/")
    sio = make_server("aiohttp", own, options)
    app = web.Application(middlewares=[] if own["quiet"] else [watch])
    sio.attach(app, socketio_path=path)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = None
    if own["tls"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(own["tls"]["cert"], own["tls"]["key"])
    site = web.TCPSite(runner, "127.0.0.1", own["port"] or 0, ssl_context=context, backlog=2048)
    await site.start()
    obey(commands(sio, asyncio.get_running_loop()))
    say_ready(runner.addresses[0][1])
    await asyncio.Event().wait()


asyncio.run(main())
