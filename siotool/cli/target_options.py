"""Options of the commands that connect to a target, declared once."""

from pathlib import Path
from typing import Annotated

import typer

SocketPath = Annotated[str, typer.Option("--path", help="Path of Socket.IO on the server.")]
Auth = Annotated[str | None, typer.Option(metavar="JSON", help="Auth payload, an object; @FILE reads it.")]
Headers = Annotated[list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="HTTP header. Repeatable.")]
Queries = Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Query parameter. Repeatable.")]
CaFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Certificates to trust, in PEM form.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Trust any certificate.")]
ClientCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The clients' own certificate, in PEM form.")
]
ClientKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Its key, where it is not in the same file.")
]
ServerName = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Name to ask for and to check in TLS.", show_default="the URL's host"),
]
