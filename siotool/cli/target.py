"""``siotool target``: the embedded chat server alone, on a loopback port."""

import sys
from typing import Annotated

import typer


def target(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    tick_rate: Annotated[float, typer.Option(help="`tick` events per second to all; 0: none.")] = 0.0,
    ping_interval: Annotated[str, typer.Option(help="Time between the server's pings.")] = "25s",
    ping_timeout: Annotated[str, typer.Option(help="Time that a client has for its pong.")] = "20s",
    connect_timeout: Annotated[str, typer.Option(help="Time to join a namespace before the close.")] = "45s",
) -> None:
    """Serve the embedded Socket.IO chat until Ctrl-C.

    Prints its URL on stdout. On the namespaces `/` and `/chat` clients may send `chat message`
    (broadcast to all), `echo` (acknowledged with its arguments), `join` and `leave` ROOM, `say`
    ROOM TEXT, `direct` SID TEXT, `ask me` (the server asks the client `whoami`, and acknowledges
    with its answer) and `kick` (the server disconnects the client). Stopped by Ctrl-C it ends with
    exit code 0; a port in use is exit code 2.

    Example: `siotool target --port 3000 --tick-rate 10`
    """
    from siotool import units
    from siotool.target import chat, serve

    def ready(url: str) -> None:
        ticks = f", tick at {tick_rate:g}/s" if tick_rate else ""
        print(f"siotool: serving {chat.SUMMARY}{ticks}; Ctrl-C stops", file=sys.stderr)
        print(url, flush=True)

    options = serve.Options(
        host=host,
        port=port,
        tick_rate=tick_rate,
        ping_interval_s=units.parse_duration(ping_interval, "--ping-interval"),
        ping_timeout_s=units.parse_duration(ping_timeout, "--ping-timeout"),
        connect_timeout_s=units.parse_duration(connect_timeout, "--connect-timeout"),
    )
    serve.run(options, ready)
