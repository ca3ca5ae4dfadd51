"""Options of ``siotool loadtest`` on the gates, and where the run goes."""

from pathlib import Path
from typing import Annotated

import typer

FailIf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPR",
        help="Gate: exit 4 when true, as 'p99:ack > 200ms'. Repeatable.",
        rich_help_panel="Verdict",
    ),
]
StopIf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPR",
        help="End the run early, and fail it, once this gate is hopeless. Repeatable.",
        rich_help_panel="Verdict",
    ),
]
StopAfter = Annotated[
    str,
    typer.Option(
        metavar="TIME", help="How long a --stop-if has to be true without a break.", rich_help_panel="Verdict"
    ),
]
NoDefaultGates = Annotated[
    bool,
    typer.Option(
        "--no-default-gates",
        help="Judge only by --fail-if, without the default gates (docs/gates.md).",
        rich_help_panel="Verdict",
    ),
]
Fault = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FAULT",
        help="Break something: 'at=60s for=10s do=kill server-2'. Repeatable (docs/faults.md).",
        rich_help_panel="Verdict",
    ),
]
NoFaults = Annotated[
    bool,
    typer.Option("--no-faults", help="Make none of the faults of a lab's file.", rich_help_panel="Verdict"),
]
Plan = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Planned figures (siotool plan --format json).", rich_help_panel="Verdict"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of the run.",
        show_default="reports/<UTC time>-<scenario>",
        rich_help_panel="Output",
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Where the report goes; - is stdout.", rich_help_panel="Output"
    ),
]
Web = Annotated[
    bool, typer.Option("--web", help="Serve Locust's own UI on loopback.", rich_help_panel="Output")
]
WebPort = Annotated[
    int, typer.Option(metavar="N", min=0, max=65535, help="Port of that UI.", rich_help_panel="Output")
]
LocustFiles = Annotated[
    bool,
    typer.Option(
        "--locust-files", help="Write Locust's own CSV and HTML beside the run.", rich_help_panel="Output"
    ),
]
