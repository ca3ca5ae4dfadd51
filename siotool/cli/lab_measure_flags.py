"""Options of ``siotool lab measure``."""

from pathlib import Path
from typing import Annotated

import typer

_PANEL = "Measurement"

Nodes = Annotated[
    str,
    typer.Option(
        metavar="N,N…", help="Numbers of servers, one fleet after the other.", rich_help_panel=_PANEL
    ),
]
Checked = Annotated[
    str,
    typer.Option(
        "--check",
        metavar="N,N…",
        help="Numbers of servers that are measured too, and predicted from the others; exit 4 when one "
        "is more than 15 % off.",
        rich_help_panel=_PANEL,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Publishes per second of the fleet, at most.",
        show_default="2400; postgres 600, mongo and runtime python with redis 300",
        rich_help_panel=_PANEL,
    ),
]
Rounds = Annotated[
    int,
    typer.Option(
        min=1,
        max=20,
        help="How often each fleet is started, and has all phases: 36 s each time and its start.",
        rich_help_panel=_PANEL,
    ),
]
MeasureOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for profile.json, the report and the runs.",
        show_default="reports/TIME-ADAPTER",
        rich_help_panel=_PANEL,
    ),
]
