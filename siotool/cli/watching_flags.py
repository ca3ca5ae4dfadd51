"""Options of ``siotool loadtest`` for those who watch it from outside: OpenMetrics and OTLP."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from siotool.cli.streams import say
from siotool.errors import InputError

MetricsPort = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        max=65535,
        help="Serve OpenMetrics on this port of loopback; 0: any free one.",
        rich_help_panel="Output",
    ),
]


Otel = Annotated[
    bool,
    typer.Option(
        "--otel",
        help="Export by OpenTelemetry, as Locust does with OTEL_EXPORTER_OTLP_ENDPOINT (docs/ci.md).",
        rich_help_panel="Output",
    ),
]


def views(metrics_port: int | None, *, otel: bool, quiet: bool) -> Callable[[Any], Any]:
    """Return what makes, of a run's header, all that shows it: on stderr, and to Prometheus.

    Raises InputError for a port that is taken, and where OpenTelemetry is not installed.
    """
    from rich.console import Console

    from siotool.swarm.live import Display, Displays, display

    makers: list[Callable[[Any], Display]] = [
        lambda header: display(header, None if quiet else Console(stderr=True))
    ]
    if metrics_port is not None:
        from siotool.swarm.metrics_endpoint import MetricsPort as Port

        port = Port(metrics_port)
        if not quiet:
            say(f"metrics: {port.url}")
        makers.append(port.serve)
    if otel:
        try:
            from siotool.swarm.otlp import ExportedTotals
        except ImportError as error:
            raise InputError(
                "OpenTelemetry is not installed", "pip install 'siotool[otel]', or leave --otel out"
            ) from error

        makers.append(ExportedTotals)
    return lambda header: Displays([make(header) for make in makers])
