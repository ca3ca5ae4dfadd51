"""``siotool preflight``: can this machine make so much load?"""

from typing import Annotated, Literal

import msgspec
import typer

from siotool.cli import client_options, connection_flags, load_options, source_options
from siotool.cli import output as out
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.load_targets import DEMO, LAB
from siotool.cli.options import Output, Quiet
from siotool.cli.streams import say
from siotool.client.address import resolve
from siotool.client.choices import sockets_kept
from siotool.client.source_addresses import reaching_each
from siotool.document.document import Document, Row, Section, Sentence, Table, columns
from siotool.errors import ExitCode, InputError
from siotool.swarm.load_limits import LimitCheck, MachineLimits, WantedLoad, checks
from siotool.swarm.own_limits import read_limits
from siotool.workload import Target


class Preflight(msgspec.Struct, frozen=True):
    """What was asked for, what this machine allows, and each limit."""

    version: Literal[1]
    wanted: WantedLoad
    limits: MachineLimits
    checks: list[LimitCheck]
    enough: bool


def preflight(
    target: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL", help="Where the load is to go: one URL, or several of one service."),
    ] = None,
    *,
    users: Annotated[str, typer.Option("--users", "-u", metavar="COUNT", help="Users at the peak.")] = "10",
    processes: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=256, help="Generator processes.", show_default="one per core"),
    ] = None,
    source_ip: source_options.SourceIp = None,
    transport: connection_flags.Transport = None,
    transport_mix: connection_flags.TransportMix = None,
    output_format: Annotated[WithPage | None, format_option("it", WithPage)] = None,
    output: Output = "-",
    quiet: Quiet = False,
) -> None:
    r"""Can this machine make so much load?

    Holds users, processes and addresses against what this machine allows: open files,
    local ports, the packet filter's table, memory. A user that polls has two sockets.
    Opens no connection; with --source-ip it looks up the names of the targets. Prints the
    commands that would make room. A load test does the same before it begins.

    Exits 2 when something is short.

    Examples:

    ```
    siotool preflight http://localhost:3000 --users 5k

    siotool preflight http://localhost:3000 --users 30k --processes 4 --source-ip 127.0.0.1-127.0.0.4
    ```
    """
    form = output_format or by_ending(output, WithPage)
    count = load_options.users_of(users)
    if own := [one for one in target or [] if one.startswith(LAB)]:
        raise InputError(
            f"{own[0]} has no URL before it is started",
            "leave it out: a place of one address and port is meant",
        )
    urls = [load_options.url(one)[0] for one in target or [] if one != DEMO]
    sources = source_options.read(source_ip or [])
    # names are looked up for that alone
    reached = reaching_each(sources, [resolve(Target(url)) for url in urls] if sources else [])
    wanted = WantedLoad(
        users=count,
        processes=load_options.workers_here(processes, count),
        sources=reached or 1,
        places=len(dict.fromkeys(urls)) or 1,
        sockets=sockets_kept(client_options.transports(transport, transport_mix)),
    )
    limits = read_limits()
    found = checks(wanted, limits)
    result = Preflight(1, wanted, limits, found, all(one.enough for one in found))
    out.write(out.printed(document(result), form, output, result), output)
    if output != "-" and not quiet:
        say(f"{headline(result)}. Written to {output}")
    raise typer.Exit(ExitCode.OK if result.enough else ExitCode.USAGE)


def headline(result: Preflight) -> str:
    """Whether it is enough, in a line."""
    short = sum(not one.enough for one in result.checks)
    load = f"{result.wanted.users:,} users in {result.wanted.processes} processes"
    return f"{load}: {short} limit{'s are' if short > 1 else ' is'} too low" if short else f"{load}: enough"


def document(result: Preflight) -> Document:
    """Each limit in a table, and what would mend those that are too low."""
    rows = [
        Row(
            [one.what, f"{one.needed:,}", f"{one.available:,}", "enough" if one.enough else "too low"],
            "" if one.enough else "bad",
        )
        for one in result.checks
    ]
    table = Table(columns("limit", "needed>", "here>", "verdict"), rows)
    mending = [
        Sentence(f"{one.what}: {' or '.join(one.remedies)}", "doubt") for one in result.checks if one.remedies
    ]
    sections = [Section("limits", "Limits of this machine", [table])]
    if mending:
        sections.append(Section("remedies", "What makes room", [*mending]))
    each = f", {result.wanted.sockets:g} sockets for each user" if result.wanted.sockets != 1 else ""
    return Document(
        name="siotool preflight",
        context=f"{result.wanted.sources:,} source and {result.wanted.places:,} target addresses{each}",
        headline=headline(result),
        tone="good" if result.enough else "bad",
        sections=sections,
    )
