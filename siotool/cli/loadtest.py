"""``siotool loadtest``: drive a swarm of Socket.IO clients at a target, and report."""

import secrets
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from siotool.cli import client_options, completion, load_targets, public_hosts, target_options, users_options
from siotool.cli import load_options as options
from siotool.cli.client_words import Encoding, EngineIo, WireClient
from siotool.cli.configured import command_of
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.report import REPORTS
from siotool.cli.secret_options import redacted
from siotool.client import identity_options
from siotool.errors import InputError
from siotool.workload import ArrivalProcess


def loadtest(
    ctx: typer.Context,
    target: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL[@WEIGHT]",
            help="URL of a Socket.IO server, or demo for the embedded one. Several URLs of one service "
            "take its users in turn, or by weight.",
            autocompletion=completion.targets,
        ),
    ] = None,
    *,
    scenario: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.py",
            help="What users do; --list shows the built-in ones.",
            autocompletion=completion.scenarios,
        ),
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
            metavar="RATE",
            help="Users to start per second.",
            show_default="all within 5 s, or a quarter of the run",
        ),
    ] = None,
    arrival_rate: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="New users that arrive, as 5/s or 300/min, over --run-time; each leaves when its scenario "
            "ends it. --users is how many may be there at once (instead of --spawn-rate and --stage).",
        ),
    ] = None,
    arrival_process: Annotated[
        ArrivalProcess | None,
        typer.Option(
            metavar="NAME",
            help="How they arrive: constant (at even distances) or poisson.",
            show_default="constant",
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
        int | None,
        typer.Option(metavar="N", min=1, max=256, help="Generator processes.", show_default="one per core"),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Namespace to join; events go to the first. Repeatable.", show_default="/"
        ),
    ] = None,
    path: target_options.SocketPath = "/socket.io/",
    auth: target_options.Auth = None,
    header: target_options.Headers = None,
    query: target_options.Queries = None,
    users_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV or JSONL, a row for each user: {column} in --auth, --header, --query and --set is its "
            "value, {number} the user's number (docs/users.md).",
        ),
    ] = None,
    reuse_rows: Annotated[
        bool, typer.Option("--reuse-rows", help="Users may share rows where there are fewer than users.")
    ] = False,
    transport: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="upgrade (begin with long polling, as the official client does), websocket, polling "
            "or jsonp.",
            show_default="upgrade",
        ),
    ] = None,
    transport_mix: Annotated[
        str | None,
        typer.Option(metavar="NAME=SHARE,…", help="Several of them, as upgrade=80,websocket=15,polling=5."),
    ] = None,
    eio: Annotated[
        EngineIo, typer.Option(help="Revision of Engine.IO: 3 is Socket.IO 2; auto asks the target.")
    ] = EngineIo.AUTO,
    parser: Annotated[Encoding, typer.Option(help="Parser of Socket.IO packets.")] = Encoding.JSON,
    client: Annotated[
        WireClient,
        typer.Option(metavar="NAME", help="native, or reference: python-socketio's, for a second opinion."),
    ] = WireClient.NATIVE,
    ca_file: target_options.CaFile = None,
    insecure: target_options.Insecure = False,
    client_cert: target_options.ClientCert = None,
    client_key: target_options.ClientKey = None,
    server_name: target_options.ServerName = None,
    no_reconnection: Annotated[
        bool,
        typer.Option(
            "--no-reconnection",
            help="Stay away after a loss or a failed connect; else clients come back as official ones do.",
        ),
    ] = False,
    reconnection_attempts: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Tries after each loss.", show_default="no limit"),
    ] = None,
    reconnection_delay: Annotated[
        str, typer.Option(metavar="TIME", help="First wait, before jitter; each next is twice as long.")
    ] = "1s",
    reconnection_delay_max: Annotated[str, typer.Option(metavar="TIME", help="Longest wait.")] = "5s",
    randomization_factor: Annotated[
        str, typer.Option(metavar="SHARE", help="Jitter of each wait, from 0 to 1.")
    ] = "0.5",
    connect_timeout: Annotated[str, typer.Option(metavar="TIME", help="Longest wait for a connect.")] = "10s",
    ack_timeout: Annotated[str, typer.Option(metavar="TIME", help="Longest wait for an ack.")] = "10s",
    server_pid: Annotated[
        int | None,
        typer.Option(metavar="PID", help="Sample this process and its children (a server on this machine)."),
    ] = None,
    server_cores: Annotated[
        float | None,
        typer.Option(
            metavar="N", min=0.01, help="Cores the server can fill.", show_default="one per process"
        ),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Gate: exit 4 when true, as 'p99:ack > 200ms'. Repeatable."),
    ] = None,
    no_default_gates: Annotated[
        bool,
        typer.Option(
            "--no-default-gates",
            help="Judge only by --fail-if, without the default gates (docs/gates.md).",
        ),
    ] = False,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Planned figures (siotool plan --format json).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run.", show_default="reports/<UTC time>-<scenario>"),
    ] = None,
    output_format: Annotated[WithPage | None, format_option("the report", WithPage)] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where the report goes; - is stdout.")
    ] = "-",
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of everything random in the run.")] = 1,
    yes: Annotated[
        bool, typer.Option("--yes", help="A target on the public internet may be loaded: do not ask.")
    ] = False,
    allowed_hosts: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A public host that may always be loaded. Repeatable."),
    ] = None,
    tick_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            min=0,
            help="tick events per second of the demo target.",
            show_default="1 for listen",
        ),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Serve Locust's own UI on loopback.")] = False,
    web_port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port of that UI.")] = 8089,
    locust_files: Annotated[
        bool, typer.Option("--locust-files", help="Write Locust's own CSV and HTML beside the run.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="One client: print every packet both ways, do each task once, and write nothing.",
        ),
    ] = False,
    list_scenarios: Annotated[
        bool, typer.Option("--list", help="List the built-in scenarios and their settings.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only errors on stderr.")] = False,
) -> None:
    r"""Load a Socket.IO server with a swarm of clients, and report what was measured.

    Writes run.jsonl while it runs, and report.html, .md and .json after. The first Ctrl-C
    ends the run in order and keeps everything; a second one ends at once.

    Without --fail-if a run fails (exit 4) when an operation never succeeded, more
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
        _list()
        return
    from siotool.cli.plan_options import planned
    from siotool.report.gates import parse

    form = output_format or by_ending(output, WithPage)
    gates = [parse(text) for text in fail_if or []]
    read_back = None if plan is None else planned(str(plan))
    given = {"--stage": stage, "--users": users, "--spawn-rate": spawn_rate, "--arrival-rate": arrival_rate}
    arrivals = options.arrivals(given, run_time, arrival_process)
    stages = [] if arrivals else options.stages(users, spawn_rate, run_time, stage)
    connect_timeout_s, ack_timeout_s = (
        options.patience(text, option)
        for text, option in ((connect_timeout, "--connect-timeout"), (ack_timeout, "--ack-timeout"))
    )
    options.check_path(path)
    aimed = load_targets.read(target or [])
    clients = client_options.read(
        identity_options.identity(auth, header or [], [*aimed.query, *(query or [])], namespace or []),
        client_options.transports(transport, transport_mix),
        eio,
        parser,
        client_options.tls(ca_file, insecure, client_cert, client_key, server_name),
        client,
        client_options.reconnection(
            not no_reconnection,
            reconnection_attempts,
            reconnection_delay,
            reconnection_delay_max,
            randomization_factor,
        ),
    )
    # a look at a target takes one connection, as a probe does
    public_hosts.check([] if aimed.demo or dry_run else aimed.urls, yes=yes, allowed=allowed_hosts or [])

    # this loads Locust, which patches ssl for gevent, before anything that might open it
    loaded, resolved, templates = options.load(
        scenario, settings or [], tags or [], exclude_tags or [], with_rows=users_file is not None
    )
    from rich.console import Console

    from siotool.cli import dry_runs
    from siotool.cli.diagnosis import explained
    from siotool.swarm.config import RunConfig
    from siotool.swarm.live import display
    from siotool.swarm.parent import run
    from siotool.swarm.settings import EngineSettings, look_up
    from siotool.workload import Target, Workload, turns

    program, shape, stages = options.program(loaded, stages, run_time, given, arrivals)
    workload = Workload(
        scenario=loaded.name,
        settings=resolved,
        stages=stages,
        processes=options.workers(processes, stages, arrivals),
        seed=seed,
        shape=shape,
        tags=tags or [],
        exclude_tags=exclude_tags or [],
        arrivals=arrivals,
    )
    rows = users_options.read(
        users_file,
        reuse=reuse_rows,
        identity=clients.identity,
        templates=templates,
        known=loaded.knobs,
        starting=users_options.starting(stages, arrivals, seed, loaded.user_classes),
    )
    folder = out or REPORTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{loaded.name}"
    if not dry_run and (folder / "run.jsonl").exists():
        raise InputError(f"{folder} already holds a run", "choose another --out folder")

    with ExitStack() as stack, explained():
        urls = aimed.urls
        if aimed.demo:
            from siotool.target.process import TargetProcess

            ticks = tick_rate if tick_rate is not None else float(loaded.name == "listen")
            embedded = stack.enter_context(TargetProcess(tick_rate=ticks))
            urls, server_pid = [embedded.url], server_pid or embedded.pid
        alike = Target("", path, namespace=clients.identity.namespaces[0], transport=clients.transport)
        first, *others = look_up(urls, alike)
        config = RunConfig(
            engine=EngineSettings(
                target=first.target,
                addresses=first.addresses,
                others=tuple(others),
                turns=tuple(turns(aimed.weights)),
                run=secrets.randbits(64),
                identity=clients.identity,
                transports=clients.transports,
                revision=clients.revision or 4,
                parser=clients.parser,
                tls=clients.tls,
                client=clients.client,
                reconnection=clients.reconnection,
                connect_timeout_s=connect_timeout_s,
                ack_timeout_s=ack_timeout_s,
            ),
            workload=workload,
            out=folder,
            find_revision=clients.revision is None,
            embedded=aimed.demo,
            weights=tuple(aimed.weights),
            server_pid=server_pid,
            server_cores=server_cores,
            web_port=web_port if web else None,
            locust_files=locust_files,
            gates=fail_if or [],
            default_gates=not no_default_gates,
            command=redacted(command_of(ctx)),
            templates=templates,
            users_file=rows,
        )
        if dry_run:
            raise typer.Exit(dry_runs.run(config, loaded))
        outcome = run(
            config, loaded, partial(display, console=None if quiet else Console(stderr=True)), [program]
        )
    from siotool.cli.outcome import end_load

    code = end_load(
        outcome.path,
        outcome.reason,
        plan=read_back,
        gates=gates,
        default_gates=not no_default_gates,
        output_format=form,
        where=output,
        quiet=quiet,
    )
    raise typer.Exit(code)


def _list() -> None:
    from siotool.cli.scenarios import listing

    sys.stdout.write(listing())
