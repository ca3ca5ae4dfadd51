"""Options that several commands have, declared once: the formula's figures, draws, and where output goes."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

Connections = Annotated[
    str | None,
    typer.Option(metavar="COUNT", help="Concurrent sessions over the whole service: 250, 10k, 1M."),
]
ConsumptionRate = Annotated[
    str | None, typer.Option(metavar="RATE", help="Average bandwidth of one session: 2KB/s, 16kbit/s.")
]
Downtime = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time per workday a server is out of service.", show_default="0"),
]
Workday = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time the service works per day: 8h.", show_default="24h"),
]
Capacity = Annotated[
    str | None, typer.Option(metavar="RATE", help="Bandwidth one server can process: 100MB/s, 1Gbit/s.")
]
Utilization = Annotated[
    str | None,
    typer.Option(metavar="SHARE", help="Share of the capacity you will use.", show_default="70%"),
]
AvailabilityTarget = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE", help="Share of the time enough servers must be in service.", show_default="99.9%"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A key of the plan file: topology.adapter=redis."),
]
Draws = Annotated[int, typer.Option(min=100, max=1_000_000, help="Random draws from the ranges.")]
Seed = Annotated[int, typer.Option(help="Seed of the draws: the same seed gives the same result.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - is stdout.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Write only errors to stderr.")]

#: Draws and seed of a plan unless told otherwise.
DRAWS, SEED = 10_000, 1

#: The formula's own flags, by their names in Python, and their keys in a plan file.
_FLAGS = (
    ("connections", "workload.connections"),
    ("consumption_rate", "workload.consumption_rate"),
    ("downtime", "goals.downtime"),
    ("workday", "goals.workday"),
    ("capacity", "server.capacity"),
    ("utilization", "server.utilization"),
    ("availability_target", "goals.availability"),
)


def flags_of(given: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return those of the formula's figures that were given: key → (the flag, its text)."""
    return {
        key: (f"--{name.replace('_', '-')}", given[name])
        for name, key in _FLAGS
        if given.get(name) is not None
    }
