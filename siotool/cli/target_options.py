"""Options of the commands that connect to a target, declared once."""

from pathlib import Path
from typing import Annotated

import typer

SocketPath = Annotated[
    str, typer.Option("--path", help="Path of Socket.IO on the server.", rich_help_panel="Clients")
]
Auth = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="Auth payload, an object; @FILE reads it.", rich_help_panel="Clients"),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(metavar="'NAME: VALUE'", help="HTTP header. Repeatable.", rich_help_panel="Clients"),
]
Queries = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Query parameter. Repeatable.", rich_help_panel="Clients"),
]
CaFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Certificates to trust, in PEM form.", rich_help_panel="Clients"),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Trust any certificate.", rich_help_panel="Clients")
]
ClientCert = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The clients' own certificate, in PEM form.", rich_help_panel="Clients"
    ),
]
ClientKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Its key, where it is not in the same file.", rich_help_panel="Clients"
    ),
]
ServerName = Annotated[
    str | None,
    typer.Option(
        metavar="HOST",
        help="Name to ask for and to check in TLS.",
        show_default="the URL's host",
        rich_help_panel="Clients",
    ),
]
