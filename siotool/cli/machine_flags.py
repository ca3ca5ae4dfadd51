"""Options of ``siotool loadtest`` for load from several machines."""

from pathlib import Path
from typing import Annotated, Literal

import typer

PANEL = "Several machines"

Distributed = Annotated[
    bool,
    typer.Option(
        "--distributed",
        help="Load from other machines, on each of which siotool worker runs (docs/distributed.md).",
        rich_help_panel=PANEL,
    ),
]
ExpectWorkers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=10_000,
        help="Begin when so many workers, which are processes, have joined.",
        rich_help_panel=PANEL,
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Where workers join: an address of this machine.",
        show_default="127.0.0.1:5557",
        rich_help_panel=PANEL,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The token that workers need. Made where there is none, for this user's eyes only.",
        show_default="~/.config/siotool/token",
        rich_help_panel=PANEL,
    ),
]
WorkersWithin = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="How long the workers may take to join.",
        show_default="5min",
        rich_help_panel=PANEL,
    ),
]
Manifest = Annotated[
    Literal["kubernetes", "compose"] | None,
    typer.Option(
        metavar="NAME",
        help="Run nothing: write to stdout what runs this load in containers, on kubernetes or with compose.",
        rich_help_panel=PANEL,
    ),
]
Image = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The container image that --manifest names (docs/distributed.md).",
        show_default="siotool:<version>",
        rich_help_panel=PANEL,
    ),
]
