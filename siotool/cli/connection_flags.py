"""Options of ``siotool loadtest`` that say how its clients connect, and come back."""

from typing import Annotated

import typer

from siotool.cli.client_words import Encoding, EngineIo, WireClient

Namespace = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Namespace to join; events go to the first. Repeatable.",
        show_default="/",
        rich_help_panel="Clients",
    ),
]
Transport = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="upgrade (begin with long polling, as the official client does), websocket, polling or jsonp.",
        show_default="upgrade",
        rich_help_panel="Clients",
    ),
]
TransportMix = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=SHARE,…",
        help="Several of them, as upgrade=80,websocket=15,polling=5.",
        rich_help_panel="Clients",
    ),
]
Eio = Annotated[
    EngineIo,
    typer.Option(
        help="Revision of Engine.IO: 3 is Socket.IO 2; auto asks the target.", rich_help_panel="Clients"
    ),
]
Parser = Annotated[Encoding, typer.Option(help="Parser of Socket.IO packets.", rich_help_panel="Clients")]
Client = Annotated[
    WireClient,
    typer.Option(
        metavar="NAME",
        help="native, or reference: python-socketio's, for a second opinion.",
        rich_help_panel="Clients",
    ),
]
NoReconnection = Annotated[
    bool,
    typer.Option(
        "--no-reconnection",
        help="Stay away after a loss or a failed connect; else clients come back as official ones do.",
        rich_help_panel="Clients",
    ),
]
ReconnectionAttempts = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Tries after each loss.", show_default="no limit", rich_help_panel="Clients"
    ),
]
ReconnectionDelay = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="First wait, before jitter; each next is twice as long.",
        rich_help_panel="Clients",
    ),
]
ReconnectionDelayMax = Annotated[
    str, typer.Option(metavar="TIME", help="Longest wait.", rich_help_panel="Clients")
]
RandomizationFactor = Annotated[
    str, typer.Option(metavar="SHARE", help="Jitter of each wait, from 0 to 1.", rich_help_panel="Clients")
]
ConnectTimeout = Annotated[
    str, typer.Option(metavar="TIME", help="Longest wait for a connect.", rich_help_panel="Clients")
]
AckTimeout = Annotated[
    str, typer.Option(metavar="TIME", help="Longest wait for an ack.", rich_help_panel="Clients")
]
