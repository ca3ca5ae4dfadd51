"""Options of ``siotool loadtest`` on the servers whose use is sampled."""

from typing import Annotated

import typer

ServerPid = Annotated[
    list[int] | None,
    typer.Option(
        metavar="PID",
        help="Sample this process and its children (a server on this machine). Repeatable: each is a "
        "server, server-1, server-2, …",
        rich_help_panel="Server",
    ),
]
Server = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=PID,…",
        help="Sample a server of one or several processes under a name. A container: NAME=cgroup:PATH, or "
        "NAME=cgroup:PID of a process in it. Repeatable.",
        rich_help_panel="Server",
    ),
]
ServerCores = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        min=0.01,
        help="Cores each server can fill.",
        show_default="one per process",
        rich_help_panel="Server",
    ),
]
ServerBandwidth = Annotated[
    str | None,
    typer.Option(
        metavar="RATE",
        help="What the network carries to and from each server, one way (1Gbit/s). No sample shows it.",
        rich_help_panel="Server",
    ),
]
ServerMetrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Read a server's metrics there once a second, as Prometheus does: CPU, memory, event loop, "
        "Socket.IO. NAME=URL for the server of that name. Repeatable.",
        rich_help_panel="Server",
    ),
]
Metric = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIGURE=EXPR",
        help='Where names differ from the usual: cpu=my_cpu_seconds_total{pod="a"} (docs/servers.md). '
        "Repeatable.",
        rich_help_panel="Server",
    ),
]
ServerHeader = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Response header that names the server (X-Served-By): deliveries on one server and across "
        "servers are told apart.",
        show_default="none; X-Served-By for lab:",
        rich_help_panel="Server",
    ),
]
ServerAdmin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Hear the statistics of @socket.io/admin-ui there: http://USER:PASSWORD@HOST:PORT/admin. It "
        "shows each server of a cluster; NAME=URL for one server.",
        rich_help_panel="Server",
    ),
]
KeepAwake = Annotated[
    bool,
    typer.Option(
        "--keep-awake",
        help="Let no CPU of this machine sleep, as in a calibration, so that a run can be compared with its "
        "profile (Linux).",
        rich_help_panel="Server",
    ),
]
