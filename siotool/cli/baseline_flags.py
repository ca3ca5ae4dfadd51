"""Options on what runs are compared with, and on the history they are kept in."""

from pathlib import Path
from typing import Annotated

import typer

Baselines = Annotated[
    list[str] | None,
    typer.Option(
        "--baseline",
        metavar="RUN",
        help="Compare with this run; or with history, history:LABEL, or none. Repeatable.",
        show_default="the history that --history names",
        rich_help_panel="Verdict",
    ),
]
SameTarget = Annotated[
    bool,
    typer.Option(
        "--same-target", help="Runs at several addresses are of one service.", rich_help_panel="Verdict"
    ),
]
History = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="History of past runs: the baseline where no other is named.",
        show_default="for --baseline history: reports/history.sqlite",
        rich_help_panel="Output",
    ),
]
KeptIn = Annotated[
    Path | None,
    typer.Option(
        "--history",
        metavar="FILE",
        help="Add the run to this history of past runs; it is compared with them before, where no "
        "--baseline is named.",
        show_default="reports/history.sqlite, if it is there, without comparing",
        rich_help_panel="Output",
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="What the run is of, in the history.",
        show_default="the branch, in CI",
        rich_help_panel="Output",
    ),
]
