"""python-socketio under uvicorn: ``python asgi.py '{"ping_interval": 1}'``. See README.md."""

import asyncio
import socket
from typing import Any

import socketio
import uvicorn
from lines import obey, read_options, say_ready, say_request
from words import commands, make_server


def watched(app: Any) -> Any:
    """Print a line for each request of an ASGI application."""

    async def see(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            environ = {
                "REQUEST_METHOD": scope.get("method", "GET"),
                "PATH_INFO": scope["path"],
                "QUERY_STRING": scope["query_string"].decode(),
                **{f"HTTP_{name.decode().upper()}": value.decode() for name, value in scope["headers"]},
            }
            say_request(environ, upgrade=scope["type"] == "websocket")
        await app(scope, receive, send)

    return see


async def main() -> None:
    """Serve until standard input closes."""
    own, options = read_options()
    path = options.pop("path", "/socket.io/")
    sio = make_server("asgi", own, options)
    app = socketio.ASGIApp(sio, socketio_path=path)
    tls = own["tls"] or {}
    config = uvicorn.Config(
        app if own["quiet"] else watched(app),
        log_level="warning",
        lifespan="off",
        ws="wsproto",
        ssl_certfile=tls.get("cert"),
        ssl_keyfile=tls.get("key"),
    )
    with socket.create_server(("127.0.0.1", own["port"] or 0), backlog=2048) as door:
        obey(commands(sio, asyncio.get_running_loop()))
        say_ready(door.getsockname()[1])
        await uvicorn.Server(config).serve([door])


asyncio.run(main())
