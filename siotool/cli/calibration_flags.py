"""Options of ``siotool loadtest`` that calibrate a server."""

from typing import Annotated

import typer

Calibrate = Annotated[
    bool,
    typer.Option(
        "--calibrate",
        help="Measure what the server's work costs, in phases that separate the costs, and write "
        "profile.json for siotool plan --from (docs/calibration.md). Needs samples of the server.",
        rich_help_panel="Capacity",
    ),
]
Until = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'COST ±5%'",
        help="Once this cost is known so well, as 'delivery ±5%', leave out a calibration's further rounds. "
        "Repeatable.",
        rich_help_panel="Capacity",
    ),
]
