"""Options of ``siotool loadtest`` on the search for capacity."""

from enum import StrEnum
from typing import Annotated

import typer


class SearchWord(StrEnum):
    """What a search raises."""

    USERS = "users"
    RATE = "rate"
    CONNECTS = "connects"
    SIZE = "size"


FindCapacity = Annotated[
    bool,
    typer.Option(
        "--find-capacity",
        help="Find the highest load that meets the gates, as an interval with 95 % confidence "
        "(docs/capacity.md). It takes up to 5 minutes and begins with --users.",
        rich_help_panel="Capacity",
    ),
]
Search = Annotated[
    SearchWord | None,
    typer.Option(
        help="What it raises: users, each user's operations per second, users that connect and leave per "
        "second, or the bytes of a message.",
        show_default="users",
        rich_help_panel="Capacity",
    ),
]
MaxUsers = Annotated[
    str | None,
    typer.Option(
        metavar="COUNT",
        help="Search no higher than this.",
        show_default="what open files, local ports and memory allow",
        rich_help_panel="Capacity",
    ),
]
MaxLoad = Annotated[
    str | None,
    typer.Option(
        metavar="QUANTITY",
        help="The same for another --search: 50/s, or 100kB for sizes.",
        rich_help_panel="Capacity",
    ),
]
RestartCommand = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Search three times, and start the server again with this shell command in between: servers "
        "differ from start to start.",
        rich_help_panel="Capacity",
    ),
]
