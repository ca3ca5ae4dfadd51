"""Options of ``siotool lab``: each is a key of the table [lab] in its file, too."""

from typing import Annotated

import typer

from siotool.lab.lab import ACCEPT_QUEUE, AdapterName, BalancerName, Replay, Runtime, Stickiness, StoreName

LabFile = Annotated[
    str | None,
    typer.Argument(metavar="[FILE.toml]", help="The lab, in a table [lab]; options go before its keys."),
]
Servers = Annotated[
    int | None,
    typer.Option(metavar="N", help="Server processes.", show_default="1", rich_help_panel="Servers"),
]
ServerRuntime = Annotated[
    Runtime | None,
    typer.Option(
        "--runtime",
        metavar="node|python",
        help="What they run on.",
        show_default="node",
        rich_help_panel="Servers",
    ),
]
JoinedBy = Annotated[
    AdapterName | None,
    typer.Option(
        "--adapter",
        metavar="NAME",
        help="What joins them: none, cluster, redis, redis-sharded, redis-streams, postgres or mongo.",
        show_default="none",
        rich_help_panel="Servers",
    ),
]
Store = Annotated[
    StoreName | None,
    typer.Option(
        metavar="NAME",
        help="Where conversations are kept: none, postgres, couchdb or mongo.",
        show_default="none",
        rich_help_panel="Servers",
    ),
]
Replayed = Annotated[
    Replay | None,
    typer.Option(
        "--replay",
        metavar="NAME",
        help="What clients get that come back: missed, or by mistake nothing or everything.",
        show_default="missed",
        rich_help_panel="Servers",
    ),
]
Recovery = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Connection state recovery within so long.",
        show_default="off",
        rich_help_panel="Servers",
    ),
]
Ticks = Annotated[
    float | None,
    typer.Option(
        "--tick-rate",
        metavar="RATE",
        help="`tick` events per second of each server to its clients.",
        show_default="0",
        rich_help_panel="Servers",
    ),
]
Replica = Annotated[
    bool | None,
    typer.Option(
        "--replica/--no-replica",
        help="Redis has a replica that can take its place.",
        show_default="no-replica",
        rich_help_panel="Servers",
    ),
]
Witness = Annotated[
    bool | None,
    typer.Option(
        "--witness/--no-witness",
        help="Each server writes down what it sends to whom (docs/lab.md).",
        show_default="no-witness",
        rich_help_panel="Servers",
    ),
]
Toxics = Annotated[
    bool | None,
    typer.Option(
        "--toxics/--no-toxics",
        help="Toxiproxy in front of each part, for latency and other toxics (docs/faults.md).",
        show_default="no-toxics",
        rich_help_panel="Servers",
    ),
]
Behind = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="So many servers run Socket.IO 2, as if they had not been upgraded.",
        show_default="0",
        rich_help_panel="Servers",
    ),
]
AcceptQueue = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Connections that may wait to be accepted at a URL.",
        show_default=str(ACCEPT_QUEUE),
        rich_help_panel="Servers",
    ),
]
IdleTimeout = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="The balancer closes connections without traffic after so long. Without it HAProxy gives a "
        "WebSocket 1 h.",
        show_default="60s",
        rich_help_panel="Balancer",
    ),
]
InFront = Annotated[
    BalancerName | None,
    typer.Option(
        "--balancer",
        metavar="NAME",
        help="What stands in front: none, nginx or haproxy.",
        show_default="none",
        rich_help_panel="Balancer",
    ),
]
Sticky = Annotated[
    Stickiness | None,
    typer.Option(
        metavar="NAME",
        help="How it keeps a session on its server: cookie, address, table (HAProxy), or none.",
        show_default="cookie",
        rich_help_panel="Balancer",
    ),
]
Tls = Annotated[
    bool | None,
    typer.Option(
        "--tls/--no-tls",
        help="TLS, with a certificate made for the lab.",
        show_default="no-tls",
        rich_help_panel="Balancer",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Port of its one URL.", show_default="any free one", rich_help_panel="Balancer"
    ),
]
