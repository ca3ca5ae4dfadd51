"""Options of ``siotool loadtest`` that say what is loaded, by whom and how long."""

from pathlib import Path
from typing import Annotated

import typer

from siotool.cli import completion
from siotool.workload import ArrivalProcess

Scenario = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.py",
        help="What users do; --list shows the built-in ones.",
        autocompletion=completion.scenarios,
        show_default="echo",
        rich_help_panel="Load",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the scenario. Repeatable.", rich_help_panel="Load"
    ),
]
Users = Annotated[
    str | None,
    typer.Option(
        "--users", "-u", metavar="COUNT", help="Users at the peak.", show_default="10", rich_help_panel="Load"
    ),
]
SpawnRate = Annotated[
    float | None,
    typer.Option(
        "--spawn-rate",
        "-r",
        metavar="RATE",
        help="Users to start per second.",
        show_default="all within 5 s, or a quarter of the run",
        rich_help_panel="Load",
    ),
]
ArrivalRate = Annotated[
    str | None,
    typer.Option(
        metavar="RATE",
        help="New users that arrive, as 5/s or 300/min, over --run-time; each leaves when its scenario "
        "ends it. --users is how many may be there at once (instead of --spawn-rate and --stage).",
        rich_help_panel="Load",
    ),
]
Arriving = Annotated[
    ArrivalProcess | None,
    typer.Option(
        metavar="NAME",
        help="How they arrive: constant (at even distances) or poisson.",
        show_default="constant",
        rich_help_panel="Load",
    ),
]
RunTime = Annotated[
    str | None,
    typer.Option(
        "--run-time",
        "-t",
        metavar="TIME",
        help="Length of the run, ramp included. Starting takes about 2s before it; after it, what is "
        "still under way is waited for (at most 5s, mostly less than 1s), and reports take about 2s.",
        show_default="30s",
        rich_help_panel="Load",
    ),
]
Stage = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TIME:USERS",
        help="Move evenly to USERS within TIME; repeat it for a profile (instead of --users, --spawn-rate "
        "and --run-time).",
        rich_help_panel="Load",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tags", metavar="TAG", help="Only tasks with this tag. Repeatable.", rich_help_panel="Load"
    ),
]
ExcludeTags = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude-tags", metavar="TAG", help="No tasks with this tag. Repeatable.", rich_help_panel="Load"
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=256,
        help="Generator processes.",
        show_default="one per core",
        rich_help_panel="Load",
    ),
]
UsersFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV or JSONL, a row for each user: {column} in --auth, --header, --query and --set is its "
        "value, {number} the user's number (docs/users.md).",
        rich_help_panel="Load",
    ),
]
ReuseRows = Annotated[
    bool,
    typer.Option(
        "--reuse-rows", help="Users may share rows where there are fewer than users.", rich_help_panel="Load"
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of everything random in the run.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="A target on the public internet may be loaded: do not ask.")
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST", help="A public host that may always be loaded. Repeatable."),
]
TickRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        min=0,
        help="tick events per second of demo, or of a lab.",
        show_default="1 for listen",
        rich_help_panel="Load",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="One client: print every packet both ways, do each task once, and write nothing.",
    ),
]
ListScenarios = Annotated[
    bool, typer.Option("--list", help="List the built-in scenarios and their settings.")
]
