"""``siotool loadtest``: drive a swarm of Socket.IO clients at a target, and report."""

import re
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from siotool.cli import demand
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.streams import say
from siotool.errors import ExitCode, InputError
from siotool.workload import Target

REPORTS = Path("reports")
DEMO = "demo"


def loadtest(
    target: Annotated[
        str | None, typer.Argument(help="URL of a Socket.IO server, or demo for the embedded one.")
    ] = None,
    *,
    scenario: Annotated[
        str, typer.Option(metavar="NAME|FILE.py", help="What users do; --list shows the built-in ones.")
    ] = "echo",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the scenario. Repeatable."),
    ] = None,
    users: Annotated[
        str | None,
        typer.Option("--users", "-u", metavar="COUNT", help="Users at the peak.", show_default="10"),
    ] = None,
    spawn_rate: Annotated[
        float | None,
        typer.Option(
            "--spawn-rate",
            "-r",
            help="Users to start per second.",
            show_default="all within 5 s, or a quarter of the run",
        ),
    ] = None,
    run_time: Annotated[
        str | None,
        typer.Option(
            "--run-time",
            "-t",
            metavar="TIME",
            help="Length of the run, ramp included. Starting takes about 2s before it; after it, what is "
            "still under way is waited for (at most 5s, mostly less than 1s), and reports take about 2s.",
            show_default="30s",
        ),
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME:USERS",
            help="Move evenly to USERS within TIME; repeat it for a profile (instead of the three above).",
        ),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tags", metavar="TAG", help="Only tasks with this tag. Repeatable.")
    ] = None,
    exclude_tags: Annotated[
        list[str] | None,
        typer.Option("--exclude-tags", metavar="TAG", help="No tasks with this tag. Repeatable."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="Generator processes.", show_default="one per core")
    ] = None,
    namespace: Annotated[str, typer.Option(help="Namespace to join.")] = "/",
    path: Annotated[str, typer.Option(help="Path of Socket.IO on the server.")] = "/socket.io/",
    auth: Annotated[
        str | None, typer.Option(metavar="JSON", help="Auth payload, an object; @FILE reads it.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="HTTP header. Repeatable.")
    ] = None,
    connect_timeout: Annotated[str, typer.Option(metavar="TIME", help="Patience with a connect.")] = "10s",
    ack_timeout: Annotated[str, typer.Option(metavar="TIME", help="Patience with an ack.")] = "10s",
    server_pid: Annotated[
        int | None, typer.Option(help="Sample this process and its children (the server, on this machine).")
    ] = None,
    server_cores: Annotated[
        float | None,
        typer.Option(min=0.01, help="Cores the server can fill.", show_default="one per process"),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Gate: exit 4 when true, as 'p99:ack > 200ms'. Repeatable."),
    ] = None,
    no_default_gates: Annotated[
        bool,
        typer.Option(
            "--no-default-gates",
            help="Judge by --fail-if alone, not by the gates every run is held to (docs/gates.md).",
        ),
    ] = False,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Planned figures (siotool plan --format json).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run.", show_default="reports/<UTC time>-<scenario>"),
    ] = None,
    output_format: Annotated[WithPage | None, format_option("Form of the report.")] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where the report goes; - is stdout.")
    ] = "-",
    seed: Annotated[int, typer.Option(help="Seed of everything random in the run.")] = 1,
    tick_rate: Annotated[
        float | None,
        typer.Option(min=0, help="tick events per second of the demo target.", show_default="1 for listen"),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Serve Locust's own UI on loopback.")] = False,
    web_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of that UI.")] = 8089,
    locust_files: Annotated[
        bool, typer.Option("--locust-files", help="Write Locust's own CSV and HTML beside the run.")
    ] = False,
    list_scenarios: Annotated[
        bool, typer.Option("--list", help="List the built-in scenarios and their settings.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only errors on stderr.")] = False,
) -> None:
    r"""Load a Socket.IO server with a swarm of clients, and report what was measured.

    Writes run.jsonl while it runs, and report.html, .md and .json after. The first Ctrl-C
    ends the run in order and keeps everything; a second one ends at once.

    Without --fail-if a run fails (exit 4) when an operation never once succeeded, more
    than 1 % of operations or connects failed, more than 0.1 % of deliveries were lost,
    or a task ended in an exception.

    Examples:

    ```
    siotool loadtest demo --scenario chat --users 50 --run-time 10s

    siotool loadtest demo --scenario echo --set rate=5 \
      --stage 3s:20 --stage 5s:20 \
      --fail-if "p99:ack:echo > 500ms" --fail-if "connect_errors > 1%"

    siotool loadtest --list
    ```
    """
    if list_scenarios:
        from siotool.cli.scenarios import listing

        sys.stdout.write(listing())
        return
    if target is None:
        raise InputError("no target", "give the URL of a Socket.IO server, or demo for the embedded one")
    from siotool.cli.plan_options import planned
    from siotool.report.gates import parse

    form = output_format or by_ending(output, WithPage)
    gates = [parse(text) for text in fail_if or []]
    read_back = None if plan is None else planned(str(plan))
    stages = demand.stages(users, spawn_rate, run_time, stage)
    auth_payload, headers = _auth(auth), [_header(text) for text in header or []]
    connect_timeout_s = _patience(connect_timeout, "--connect-timeout")
    ack_timeout_s = _patience(ack_timeout, "--ack-timeout")
    _check_namespace(namespace)
    url = target if target == DEMO else _url(target)

    # Locust patches ssl for gevent, so it comes before anything that might open it
    from siotool.swarm.config import RunConfig
    from siotool.swarm.parent import run
    from siotool.workload import Workload

    loaded, resolved = demand.load(scenario, settings or [], tags or [], exclude_tags or [])
    shape = demand.shape(loaded, {"--stage": stage, "--users": users, "--spawn-rate": spawn_rate})
    stages = [] if shape else stages
    workers = demand.workers(processes, stages)
    folder = out or REPORTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{loaded.name}"
    if (folder / "run.jsonl").exists():
        raise InputError(f"{folder} already holds a run", "choose another --out folder")

    with ExitStack() as stack:
        if url == DEMO:
            from siotool.target.process import TargetProcess

            ticks = tick_rate if tick_rate is not None else float(loaded.name == "listen")
            embedded = stack.enter_context(TargetProcess(tick_rate=ticks))
            url, server_pid = embedded.url, server_pid or embedded.pid
        config = RunConfig(
            target=Target(url=url, path=path, namespace=namespace),
            workload=Workload(
                scenario=loaded.name,
                settings=resolved,
                stages=stages,
                processes=workers,
                seed=seed,
                shape=shape,
                tags=tags or [],
                exclude_tags=exclude_tags or [],
            ),
            out=folder,
            embedded=target == DEMO,
            server_pid=server_pid,
            server_cores=server_cores,
            run_time_s=demand.run_time(run_time) if shape and run_time else None,
            web_port=web_port if web else None,
            locust_files=locust_files,
            gates=fail_if or [],
            default_gates=not no_default_gates,
            command=_redacted(sys.argv[1:]),
            auth=auth_payload,
            headers=headers,
            connect_timeout_s=connect_timeout_s,
            ack_timeout_s=ack_timeout_s,
        )
        outcome = run(config, loaded, _display(quiet))
    from siotool.cli.counts import Intent
    from siotool.cli.outcome import conclude

    ends = {
        "interrupted": ExitCode.INTERRUPTED,
        "workers_lost": ExitCode.UNREACHABLE,
        "target_lost": ExitCode.UNREACHABLE,
    }
    if not quiet:  # before the report, whose last line is the verdict
        say(f"run and reports in {folder}/")
    code = conclude(
        [outcome.path],
        intent=Intent(plan=read_back),
        gates=gates,
        default_gates=not no_default_gates,
        output_format=form,
        where=output,
        quiet=quiet,
        keep=True,
        also={ends[outcome.reason]} if outcome.reason in ends else (),
    )
    raise typer.Exit(code)


def _display(quiet: bool) -> Any:
    from rich.console import Console

    from siotool.swarm import live

    if quiet:
        return live.Silent
    console = Console(stderr=True)
    return lambda header: live.display(header, console)


def _patience(text: str, option: str) -> float:
    from siotool import units

    seconds = units.parse_duration(text, option)
    if seconds <= 0:
        raise InputError(f"{option} {text}: expected more than 0s")
    return seconds


def _url(text: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{text!r} is not a URL: {error}", "write it http://HOST:PORT") from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        known = f"did you mean http://{text}?" if "://" not in text else "use http, https, ws or wss"
        raise InputError(f"{text!r} is not the URL of a Socket.IO server", known)
    if "@" in parts.netloc:
        raise InputError(
            f"the URL of {parts.hostname} has credentials in it, which reports would show",
            "give them with --header 'Authorization: …'",
        )
    if parts.path not in ("", "/") or parts.query:
        raise InputError(
            f"{text!r} has a path", "give the server's URL alone; --path and --namespace say the rest"
        )
    return f"{parts.scheme}://{parts.netloc}" if port is None or port else text


def _check_namespace(namespace: str) -> None:
    if not namespace.startswith("/") or "," in namespace:
        raise InputError(f"--namespace {namespace!r}: expected one that begins with / and has no comma")


def _auth(text: str | None) -> Any:
    if text is None:
        return None
    import json

    try:
        data = json.loads(_read(Path(text[1:])) if text.startswith("@") else text)
    except ValueError as error:
        raise InputError(f"--auth is not JSON: {error}", """write it '{"token": "…"}'""") from None
    if not isinstance(data, dict):
        raise InputError("--auth is not a JSON object", """write it '{"token": "…"}'""")
    return data


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    known = re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip())  # a token of RFC 9110 §5.6.2
    if not colon or not known or not value.isprintable() or not value.isascii():
        raise InputError(f"--header {text!r} is not a header", "write it 'NAME: VALUE'")
    return name.strip(), value.strip()


def _redacted(arguments: list[str]) -> list[str]:
    """The command line without what may be secret."""
    hidden = ("--auth", "--header")
    shown = []
    hide = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if hide:
            shown.append("***")
        else:
            shown.append(f"{name}=***" if equals and name in hidden else argument)
        hide = not hide and argument in hidden
    return shown


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "check the file's name") from error
