"""``siotool plan``: from planned figures to a number of servers."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from siotool.cli.streams import complain
from siotool.errors import ExitCode, InputError

_EXAMPLE = "siotool plan --connections 1M --consumption-rate 2KB/s --capacity 100MB/s"


class Format(StrEnum):
    """How the plan is written."""

    TEXT = "text"
    JSON = "json"
    MD = "md"


def plan(
    *,
    connections: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Concurrent sessions over the whole service: 250, 10k, 1M."),
    ] = None,
    consumption_rate: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Average bandwidth of one session: 2KB/s, 16kbit/s."),
    ] = None,
    downtime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time per workday a server is out of service.", show_default="0"),
    ] = None,
    workday: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time the service works per day: 8h.", show_default="24h"),
    ] = None,
    capacity: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Bandwidth one server can process: 100MB/s, 1Gbit/s."),
    ] = None,
    utilization: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Share of the capacity you will use.", show_default="70%"),
    ] = None,
    availability_target: Annotated[
        str,
        typer.Option(metavar="SHARE", help="Share of the time enough servers must be in service."),
    ] = "99.9%",
    max_servers: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Gate: exit 4 when the plan needs more servers than this."),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to write the plan.")] = Format.TEXT,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - is stdout.")
    ] = "-",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
) -> None:
    r"""Size a fleet from planned figures.

    Shows servers = connections × consumption rate × (1 − downtime / workday) /
    (capacity × utilization) term by term, and beside it how many servers keep
    enough of them in service through downtime.

    Examples:

    ```
    siotool plan --connections 1M --consumption-rate 2KB/s \
      --downtime 0.5h --capacity 100MB/s --utilization 70%

    siotool plan --connections 50k --consumption-rate 16kbit/s \
      --capacity 1Gbit/s --max-servers 2 --format json -o plan.json
    ```
    """
    import msgspec

    from siotool.cli import output as out
    from siotool.formula import Figures
    from siotool.plan import markdown, sizing, terms, text
    from siotool.units import parse_byte_rate, parse_count, parse_duration, parse_share

    if connections is None or consumption_rate is None or capacity is None:
        typed = {
            "--connections": connections,
            "--consumption-rate": consumption_rate,
            "--capacity": capacity,
        }
        missing = ", ".join(name for name, text in typed.items() if text is None)
        raise InputError(f"plan needs {missing}", f"for example: {_EXAMPLE}")
    figures = Figures(
        connections=parse_count(connections, "--connections"),
        consumption_rate_bytes_per_s=parse_byte_rate(consumption_rate, "--consumption-rate"),
        downtime_s=parse_duration("0s" if downtime is None else downtime, "--downtime"),
        workday_s=parse_duration("24h" if workday is None else workday, "--workday"),
        capacity_bytes_per_s=parse_byte_rate(capacity, "--capacity"),
        utilization=parse_share("70%" if utilization is None else utilization, "--utilization"),
    )
    limit = _whole(parse_count(max_servers, "--max-servers")) if max_servers is not None else None
    as_typed = terms.Typed(connections, consumption_rate, downtime, workday, capacity, utilization)
    result = sizing.size(
        figures, parse_share(availability_target, "--availability-target"), terms.provenance(as_typed)
    )
    match output_format:
        case Format.TEXT:
            written = out.styled(text.render(result, as_typed), output)
        case Format.JSON:
            written = msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"
        case Format.MD:
            written = markdown.render(result, as_typed)
    out.write(written, output)
    if output != "-" and not quiet:
        print(f"siotool: plan of {terms.servers(result.servers.p95)} written to {output}", file=sys.stderr)
    if limit is not None and result.servers.p95 > limit:
        complain(f"gate failed: {terms.servers(result.servers.p95)} needed, --max-servers is {limit:,}")
        raise typer.Exit(ExitCode.GATE_FAILED)


def _whole(count: float) -> int:
    if count < 0 or not count.is_integer():
        raise InputError(f"--max-servers is {count:g}; expected a whole number, 0 or more")
    return int(count)
