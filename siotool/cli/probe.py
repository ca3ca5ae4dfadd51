"""``siotool probe``: what a target speaks, and where it is misconfigured."""

import asyncio
import re
import sys
from contextlib import ExitStack
from typing import Annotated, Literal

import msgspec
import typer

from siotool.cli import load_options as options
from siotool.cli import target_options
from siotool.cli.formats import WithJunit, by_ending, format_option
from siotool.cli.load_targets import DEMO
from siotool.cli.options import Output, Quiet
from siotool.cli.streams import say
from siotool.errors import InputError

_Level = Literal["ok", "info", "warning", "error"]


def probe(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="URL of a Socket.IO server, or demo for the embedded one.",
            show_default=False,
        ),
    ] = None,
    *,
    namespace: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Namespace to join. Repeatable.", show_default="/"),
    ] = None,
    path: target_options.SocketPath = "/socket.io/",
    auth: target_options.Auth = None,
    header: target_options.Headers = None,
    query: target_options.Queries = None,
    origin: Annotated[
        str, typer.Option(metavar="ORIGIN", help="Ask as a page of this origin does, for the check cors.")
    ] = "",
    ca_file: target_options.CaFile = None,
    client_cert: target_options.ClientCert = None,
    client_key: target_options.ClientKey = None,
    server_name: target_options.ServerName = None,
    insecure: target_options.Insecure = False,
    patient: Annotated[
        bool,
        typer.Option("--patient", help="Be silent for a ping interval, for the check idle-timeout."),
    ] = False,
    connect_timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Longest wait for each answer of the target.")
    ] = "3s",
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this check. Repeatable.")] = None,
    severity: Annotated[_Level, typer.Option(help="Show findings of this level and above.")] = "ok",
    output_format: Annotated[WithJunit | None, format_option("it", WithJunit)] = None,
    output: Output = "-",
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks.")] = False,
    quiet: Quiet = False,
) -> None:
    r"""Say what a target speaks, and where it is misconfigured.

    Takes seconds and a few dozen connections. Sessions that it opens are closed again,
    and nothing is sent to the application but the request to join its namespaces.
    Each finding says what was seen, what it means and what to do (docs/probe.md).

    Exits 4 when a check finds an error, 3 when the target cannot be reached.

    Examples:

    ```
    siotool probe http://localhost:3000

    siotool probe http://localhost:3000 --origin https://app.example.org --format json

    siotool probe --list
    ```
    """
    if list_checks:
        sys.stdout.write(_listing())
        return
    if target is None:
        raise InputError("no target", "give the URL of a Socket.IO server, or demo for the embedded one")
    form = output_format or by_ending(output, WithJunit)
    from siotool.cli import client_options
    from siotool.cli import output as out
    from siotool.client import identity_options
    from siotool.probe import catalogue, probe_document
    from siotool.probe.diagnose import diagnose
    from siotool.probe.probe_settings import ProbeSettings
    from siotool.probe.wire import trusting
    from siotool.workload import Target

    url, queries = (DEMO, []) if target == DEMO else options.url(target)
    options.check_path(path)
    settings = ProbeSettings(
        target=Target(url=url, path=path),
        identity=identity_options.identity(auth, header or [], [*queries, *(query or [])], namespace or []),
        origin=_origin(origin),
        tls=client_options.tls(ca_file, insecure, client_cert, client_key, server_name),
        patient=patient,
        timeout_s=options.patience(connect_timeout, "--connect-timeout"),
    )
    trusting(settings)  # refuses files without certificates
    catalogue.refuse_unknown(only or [])

    with ExitStack() as stack:
        if target == DEMO:
            from siotool.target.process import TargetProcess

            embedded = stack.enter_context(TargetProcess(tick_rate=0.0))
            settings = msgspec.structs.replace(settings, target=Target(url=embedded.url, path=path))
        if patient and not quiet:
            say("--patient: silent for one ping interval, which may take longer than all the rest")
        result = asyncio.run(diagnose(settings, only or []))
    code = result.code()
    result = result.from_level(severity)
    if form == "junit":
        from siotool.document import junit

        out.write(junit.render("siotool probe", probe_document.cases(result)), output)
    else:
        out.write(out.printed(probe_document.document(result), form, output, result), output)
    if output != "-" and not quiet:
        say(f"{probe_document.headline(result)}. Written to {output}")
    raise typer.Exit(code)


def _listing() -> str:
    """The checks with their ids, a line each."""
    from siotool.probe.catalogue import CHECKS

    width = max(len(check.id) for check in CHECKS)
    return "".join(f"{check.id:<{width}}  {check.about}\n" for check in CHECKS)


def _origin(text: str) -> str:
    """An origin as browsers send it; empty for none."""
    found = re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+/?|null|", text)
    if found is None or not text.isascii():
        raise InputError(
            f"--origin {text!r} is no origin", "write it https://app.example.org, without a path"
        )
    return text.rstrip("/")
