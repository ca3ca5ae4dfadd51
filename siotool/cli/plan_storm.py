"""``siotool plan storm``: what happens to a fleet when many clients come back at once."""

from enum import StrEnum
from typing import Annotated

import typer

from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.options import (
    DRAWS,
    AvailabilityTarget,
    Capacity,
    Connections,
    ConsumptionRate,
    Downtime,
    Draws,
    Output,
    Quiet,
    Settings,
    Utilization,
    Workday,
    flags_of,
)
from siotool.cli.plan import refuse_missing
from siotool.cli.streams import say
from siotool.errors import InputError

#: The longest outage.
_LONGEST_OUTAGE_S = 86_400.0


class Lost(StrEnum):
    """What fails at once."""

    SERVER = "server"
    ZONE = "zone"
    ALL = "all"


def storm(
    ctx: typer.Context,
    plan_file: Annotated[
        str | None, typer.Argument(metavar="[PLAN.toml]", help="Plan file; - is stdin.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        str | None, typer.Option("--file", "-f", metavar="PLAN.toml", help="The same, as an option.")
    ] = None,
    connections: Connections = None,
    consumption_rate: ConsumptionRate = None,
    downtime: Downtime = None,
    workday: Workday = None,
    capacity: Capacity = None,
    utilization: Utilization = None,
    availability_target: AvailabilityTarget = None,
    settings: Settings = None,
    servers: Annotated[
        int | None, typer.Option(min=1, metavar="COUNT", help="Number of servers.", show_default="the plan's")
    ] = None,
    lose: Annotated[Lost | None, typer.Option(help="What fails at once.", show_default="goals.storm")] = None,
    outage: Annotated[
        str, typer.Option(metavar="TIME", help="Time until servers take clients in again.")
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
    draws: Draws = DRAWS,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the clients: the same seed gives the same storm.")
    ] = 1,
    output_format: Annotated[WithPage | None, format_option("it", WithPage)] = None,
    output: Output = "-",
    quiet: Quiet = False,
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
    from siotool.plan.documents import storm_document, storm_words
    from siotool.plan.inputs import compose
    from siotool.plan.storm import study
    from siotool.plan.storm.waits import check
    from siotool.protocol.backoff import Backoff
    from siotool.units import parse_duration, parse_share

    form = output_format or by_ending(output, WithPage)
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
    inputs = compose.complete(plan_options.typed(flags_of(ctx.params), settings or [], file or plan_file))
    if servers is None:
        refuse_missing(inputs)
    asked = study.StormOptions(
        servers=servers,
        lost=None if lose is None else lose.value,
        outage_s=outage_s,
        blackhole=blackhole,
        backoff=backoff,
    )
    result = study.study(inputs, asked, draws=draws, seed=seed)
    out.write(out.printed(storm_document.document(result), form, output, result), output)
    if output != "-" and not quiet:
        say(f"{storm_words.headline(result)}; the storm is written to {output}")
