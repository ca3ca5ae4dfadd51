"""``siotool plan storm``: what a fleet goes through when many clients come back at once."""

from enum import StrEnum
from typing import Annotated

import typer

from siotool.cli import plan as planning
from siotool.cli.endings import by_ending
from siotool.cli.streams import say
from siotool.errors import InputError


class Format(StrEnum):
    """How the storm is written."""

    TEXT = "text"
    JSON = "json"
    MD = "md"
    HTML = "html"


class Lost(StrEnum):
    """What fails at once."""

    SERVER = "server"
    ZONE = "zone"
    ALL = "all"


def storm(
    plan_file: Annotated[
        str | None, typer.Argument(metavar="[PLAN.toml]", help="Plan file; - is stdin.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        str | None, typer.Option("--file", "-f", metavar="PLAN.toml", help="The same, as an option.")
    ] = None,
    connections: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Concurrent sessions over the whole service.")
    ] = None,
    consumption_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Average bandwidth of one session: 2KB/s.")
    ] = None,
    downtime: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time per workday a server is out of service.")
    ] = None,
    workday: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time the service works per day.")
    ] = None,
    capacity: Annotated[
        str | None, typer.Option(metavar="RATE", help="Bandwidth one server can process: 100MB/s.")
    ] = None,
    utilization: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Share of the capacity you will use.")
    ] = None,
    availability_target: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Share of the time enough servers must be in service.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the plan file: server.accept_rate=500/s."),
    ] = None,
    servers: Annotated[
        int | None, typer.Option(min=1, metavar="COUNT", help="Servers there are.", show_default="the plan's")
    ] = None,
    lose: Annotated[Lost | None, typer.Option(help="What fails at once.", show_default="goals.storm")] = None,
    outage: Annotated[
        str, typer.Option(metavar="TIME", help="How long it takes until anybody is taken in again.")
    ] = "0s",
    blackhole: Annotated[
        bool, typer.Option("--blackhole", help="Meanwhile attempts get no answer, instead of a refusal.")
    ] = False,
    reconnection_delay: Annotated[
        str, typer.Option(metavar="TIME", help="The client's reconnectionDelay.")
    ] = "1s",
    reconnection_delay_max: Annotated[
        str, typer.Option(metavar="TIME", help="The client's reconnectionDelayMax.")
    ] = "5s",
    randomization_factor: Annotated[
        str, typer.Option(metavar="SHARE", help="The client's randomizationFactor.")
    ] = "0.5",
    draws: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Worlds drawn to size the fleet.")
    ] = 10_000,
    seed: Annotated[
        int, typer.Option(min=0, help="Another seed, other clients; the same one, the same storm.")
    ] = 1,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", help="How to write it.", show_default="by the name of -o, or text"),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - is stdout.")
    ] = "-",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
) -> None:
    r"""Simulate the reconnect storm of a plan's fleet.

    Every client waits and tries as the official one does; servers take clients in
    with the CPU that the load of the whole service leaves them. Shows attempts over
    time, when 50, 90, 99 and 100 % are back, how that depends on the number of
    servers, the most connections per server, and a better backoff.

    Examples:

    ```
    siotool plan storm --connections 200k --servers 10 \
      --set server.accept_rate=500/s --set goals.reconnect_time=30s

    siotool plan storm --connections 50k --servers 4 --lose all \
      --outage 30s --set server.accept_rate=800/s --format md -o storm.md
    ```
    """
    from siotool.cli import output as out
    from siotool.cli import plan_options
    from siotool.document.contract import to_json
    from siotool.plan.documents import storm_document, storm_words
    from siotool.plan.inputs import compose
    from siotool.plan.storm import study
    from siotool.plan.storm.waits import check
    from siotool.protocol.backoff import Backoff
    from siotool.units import parse_duration, parse_share

    form = output_format or Format(by_ending(output, ("json", "md", "html")))
    if plan_file is not None and file is not None:
        raise InputError(f"two plan files: {plan_file} and --file {file}", "give one of them")
    backoff = Backoff(
        delay_s=parse_duration(reconnection_delay, "--reconnection-delay"),
        delay_max_s=parse_duration(reconnection_delay_max, "--reconnection-delay-max"),
        jitter=parse_share(randomization_factor, "--randomization-factor"),
    )
    check(backoff)
    outage_s = parse_duration(outage, "--outage")
    if not 0 <= outage_s <= _LONGEST_OUTAGE_S:
        raise InputError(f"--outage is {outage}", "give at least 0s, and at most 24h")
    flags = planning.flags_of(
        connections=connections,
        consumption_rate=consumption_rate,
        downtime=downtime,
        workday=workday,
        capacity=capacity,
        utilization=utilization,
        availability_target=availability_target,
    )
    inputs = compose.complete(plan_options.typed(flags, settings or [], file or plan_file))
    if servers is None:
        planning.refuse_missing(inputs)
    asked = study.Asked(
        servers=servers,
        lost=None if lose is None else lose.value,
        outage_s=outage_s,
        blackhole=blackhole,
        backoff=backoff,
    )
    result = study.study(inputs, asked, draws=draws, seed=seed)
    if form is Format.JSON:
        written = to_json(result)
    else:
        written = out.printed(storm_document.document(result), form, output)
    out.write(written, output)
    if output != "-" and not quiet:
        say(f"{storm_words.headline(result)}; the storm is written to {output}")


#: Clients try on for as long; beyond a day nobody waits.
_LONGEST_OUTAGE_S = 86_400.0
