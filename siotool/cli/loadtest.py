"""``siotool loadtest``: drive a swarm of Socket.IO clients at a target, and report."""

import secrets
import sys
from contextlib import ExitStack
from typing import Annotated, NoReturn

import typer

from siotool.cli import (
    baseline_flags,
    calibration_flags,
    calibration_options,
    client_options,
    completion,
    connection_flags,
    fault_doers,
    fault_options,
    job_summary,
    load_flags,
    load_targets,
    machine_flags,
    machine_options,
    own_targets,
    public_hosts,
    run_flags,
    search_flags,
    search_options,
    server_flags,
    server_options,
    source_options,
    target_options,
    users_options,
    watching_flags,
)
from siotool.cli import load_options as options
from siotool.cli.client_words import Encoding, EngineIo, WireClient
from siotool.cli.configured import command_of
from siotool.cli.formats import OfRuns, form_of_runs, format_option
from siotool.cli.places import run_folder
from siotool.cli.secret_options import redacted
from siotool.client import identity_options


def loadtest(
    ctx: typer.Context,
    target: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL[@WEIGHT]",
            help="URL of a Socket.IO server, demo for the embedded one, or lab:FILE.toml for a fleet. "
            "Several URLs of one service take its users in turn, or by weight.",
            autocompletion=completion.targets,
        ),
    ] = None,
    *,
    scenario: load_flags.Scenario = None,
    settings: load_flags.Settings = None,
    users: load_flags.Users = None,
    spawn_rate: load_flags.SpawnRate = None,
    arrival_rate: load_flags.ArrivalRate = None,
    arrival_process: load_flags.Arriving = None,
    run_time: load_flags.RunTime = None,
    stage: load_flags.Stage = None,
    find_capacity: search_flags.FindCapacity = False,
    search: search_flags.Search = None,
    max_users: search_flags.MaxUsers = None,
    max_load: search_flags.MaxLoad = None,
    restart_command: search_flags.RestartCommand = None,
    tags: load_flags.Tags = None,
    exclude_tags: load_flags.ExcludeTags = None,
    processes: load_flags.Processes = None,
    distributed: machine_flags.Distributed = False,
    expect_workers: machine_flags.ExpectWorkers = None,
    listen: machine_flags.Listen = None,
    token_file: machine_flags.TokenFile = None,
    workers_within: machine_flags.WorkersWithin = None,
    manifest: machine_flags.Manifest = None,
    image: machine_flags.Image = None,
    namespace: connection_flags.Namespace = None,
    path: target_options.SocketPath = "/socket.io/",
    auth: target_options.Auth = None,
    header: target_options.Headers = None,
    query: target_options.Queries = None,
    users_file: load_flags.UsersFile = None,
    reuse_rows: load_flags.ReuseRows = False,
    transport: connection_flags.Transport = None,
    transport_mix: connection_flags.TransportMix = None,
    eio: connection_flags.Eio = EngineIo.AUTO,
    parser: connection_flags.Parser = Encoding.JSON,
    client: connection_flags.Client = WireClient.NATIVE,
    ca_file: target_options.CaFile = None,
    insecure: target_options.Insecure = False,
    source_ip: source_options.SourceIp = None,
    client_cert: target_options.ClientCert = None,
    client_key: target_options.ClientKey = None,
    server_name: target_options.ServerName = None,
    no_reconnection: connection_flags.NoReconnection = False,
    reconnection_attempts: connection_flags.ReconnectionAttempts = None,
    reconnection_delay: connection_flags.ReconnectionDelay = "1s",
    reconnection_delay_max: connection_flags.ReconnectionDelayMax = "5s",
    randomization_factor: connection_flags.RandomizationFactor = "0.5",
    connect_timeout: connection_flags.ConnectTimeout = "10s",
    ack_timeout: connection_flags.AckTimeout = "10s",
    server_pid: server_flags.ServerPid = None,
    server: server_flags.Server = None,
    server_cores: server_flags.ServerCores = None,
    server_bandwidth: server_flags.ServerBandwidth = None,
    server_metrics: server_flags.ServerMetrics = None,
    metric: server_flags.Metric = None,
    server_admin: server_flags.ServerAdmin = None,
    server_header: server_flags.ServerHeader = None,
    keep_awake: server_flags.KeepAwake = False,
    calibrate: calibration_flags.Calibrate = False,
    until: calibration_flags.Until = None,
    fail_if: run_flags.FailIf = None,
    stop_if: run_flags.StopIf = None,
    stop_after: run_flags.StopAfter = "10s",
    no_default_gates: run_flags.NoDefaultGates = False,
    fault: run_flags.Fault = None,
    no_faults: run_flags.NoFaults = False,
    plan: run_flags.Plan = None,
    baseline: baseline_flags.Baselines = None,
    same_target: baseline_flags.SameTarget = False,
    history: baseline_flags.KeptIn = None,
    label: baseline_flags.Label = None,
    out: run_flags.Out = None,
    output_format: Annotated[OfRuns | None, format_option("the report", OfRuns, "Output")] = None,
    output: run_flags.Output = "-",
    summary: job_summary.Summary = None,
    no_summary: job_summary.NoSummary = False,
    comment: job_summary.Comment = None,
    seed: load_flags.Seed = 1,
    yes: load_flags.Yes = False,
    allowed_hosts: load_flags.AllowedHosts = None,
    tick_rate: load_flags.TickRate = None,
    web: run_flags.Web = False,
    web_port: run_flags.WebPort = 8089,
    locust_files: run_flags.LocustFiles = False,
    metrics_port: watching_flags.MetricsPort = None,
    otel: watching_flags.Otel = False,
    dry_run: load_flags.DryRun = False,
    list_scenarios: load_flags.ListScenarios = False,
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

    siotool loadtest demo --find-capacity --users 100 --max-users 200 \
      --fail-if "p99:ack:echo > 200ms"

    siotool loadtest --list
    ```
    """
    if list_scenarios:
        _list()
    from siotool.cli.beside_load import beside_load, refuse_another_scenario
    from siotool.cli.stop_options import read_stops
    from siotool.report.gates import check_scopes, parse

    form, gates, aimed, summaries = (
        form_of_runs(output_format, output),
        [parse(text) for text in fail_if or []],
        load_targets.read(target or []),
        job_summary.read_summaries(summary, no_summary=no_summary, comment=comment),
    )
    faults = [*([] if no_faults else own_targets.faults_of(aimed)), *(fault or [])]
    lab = own_targets.lab_of(aimed, faults)
    asked_servers = server_options.read(
        pids=server_pid or [],
        named=server or [],
        metrics=server_metrics or [],
        admin=server_admin or [],
        names=metric or [],
        cores=server_cores,
        bandwidth=server_bandwidth,
        header=server_header,
        embedded=aimed.own,
        restarted_for=gates if restart_command else [],
    )
    sampled, (read_back, compared_with, kept_in) = (
        aimed.own or asked_servers.any,
        beside_load(
            plan,
            baseline or [],
            history,
            label,
            {} if dry_run else {"-o": output, "--summary": summaries.summary, "--comment": comment},
            out,
            same_target=same_target,
            kept=not (dry_run or manifest or calibrate),
        ),
    )
    stops = read_stops(stop_if or [], stop_after, sampled=sampled, searching=find_capacity or calibrate)
    given = {"--stage": stage, "--users": users, "--spawn-rate": spawn_rate, "--arrival-rate": arrival_rate}
    asked = search_options.read(
        {**given, "--run-time": run_time},
        {"--search": search, "--max-users": max_users, "--max-load": max_load},
        gates if find_capacity else None,
        restart_command,
        defaults=not no_default_gates,
        sampled=sampled,
    )
    arrivals = options.arrivals(given, run_time, arrival_process)
    stages = [] if arrivals or asked or calibrate else options.stages(users, spawn_rate, run_time, stage)
    connect_timeout_s, ack_timeout_s = (
        options.patience(text, option)
        for text, option in ((connect_timeout, "--connect-timeout"), (ack_timeout, "--ack-timeout"))
    )
    options.check_path(path)
    wishes = calibration_options.wanted(
        until or [],
        given
        | {"--find-capacity": find_capacity, "--fail-if": fail_if, "--plan": plan}
        | {"--baseline": baseline, "--history": history, "--set": settings or []},
        form,
        calibrate=calibrate,
        sampled=sampled,
        servers=own_targets.server_count(aimed, lab, asked_servers),
    )
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
    far = machine_options.wanted(
        distributed,
        expect_workers,
        listen,
        token_file,
        workers_within,
        {"--processes": processes, "--calibrate": calibrate, "--dry-run": dry_run}
        | {"--source-ip": source_ip},
        quiet=quiet,
    )
    # a look at a target takes one connection, as a probe does
    public_hosts.check(
        [] if aimed.own or dry_run else aimed.urls,
        yes=yes,
        allowed=allowed_hosts or [],
        written=manifest is not None,
    )
    # this loads Locust, which patches ssl for gevent, before anything that might open it
    loaded, resolved, templates = options.load(
        calibration_options.scenario_for(scenario, calibrate=calibrate),
        settings or [],
        tags or [],
        exclude_tags or [],
        with_rows=users_file is not None,
    )
    refuse_another_scenario(compared_with, loaded.name)
    from siotool.cli import containers, dry_runs, searching
    from siotool.cli.diagnosis import explained
    from siotool.swarm.config import RunConfig
    from siotool.swarm.parent import run
    from siotool.swarm.settings import EngineSettings, look_up
    from siotool.workload import Target, Workload, turns

    folder = run_folder(out, loaded.name, written=not dry_run)
    calibrating = (
        calibration_options.calibrating(
            loaded, resolved, users, run_time, wishes, seed, processes or 1, transport=clients.transport
        )
        if calibrate
        else None
    )
    programs, shape, stages, workers, most_users = (
        calibrating.programs(folder)
        if calibrating
        else searching.programs_of(
            asked,
            loaded,
            resolved,
            templates,
            processes,
            aimed,
            (stages, run_time, given, arrivals),
            elsewhere=far.workers if far else None,
            sources=source_options.read(source_ip or []),
            transports=clients.transports,
        )
    )
    workload = Workload(
        scenario=loaded.name,
        settings=resolved,
        stages=stages,
        processes=workers,
        seed=seed,
        shape=shape,
        tags=tags or [],
        exclude_tags=exclude_tags or [],
        arrivals=arrivals,
        search=asked.axis if asked else None,
        searched_users=most_users,
    )
    broken, rows = (
        fault_options.read_faults(
            faults,
            lab,
            workload.duration_s,
            [name for name, on in (("--find-capacity", find_capacity), ("--calibrate", calibrate)) if on],
        ),
        users_options.read(
            users_file,
            reuse=reuse_rows,
            identity=clients.identity,
            templates=templates,
            known=loaded.knobs,
            starting=users_options.starting(stages, arrivals, seed, loaded.user_classes),
        ),
    )

    check_scopes(
        [*gates, *stops.gates],
        [one.__name__ for one in loaded.user_classes],
        len(stages),
        len(broken.faults),
    )
    ticks = own_targets.ticks_of(aimed, lab, tick_rate, loaded.name)
    containers.instead(
        manifest, image, ctx.command, command_of(ctx)[1:], aimed, far, loaded.path, workload.most_users
    )

    with ExitStack() as stack, explained():
        begun = own_targets.begin(
            aimed, lab, ticks, asked_servers, clients.tls, None if dry_run else folder, stack
        )
        alike = Target("", path, namespace=clients.identity.namespaces[0], transport=clients.transport)
        first, *others = look_up(begun.urls, alike)
        config = RunConfig(
            engine=EngineSettings(
                target=first.target,
                addresses=first.addresses,
                others=tuple(others),
                turns=tuple(turns(begun.weights)),
                run=secrets.randbits(64),
                identity=clients.identity,
                transports=clients.transports,
                revision=clients.revision or 4,
                parser=clients.parser,
                tls=begun.tls,
                client=clients.client,
                reconnection=clients.reconnection,
                connect_timeout_s=connect_timeout_s,
                ack_timeout_s=ack_timeout_s,
                sources=source_options.read(source_ip or []),
                server_header=begun.servers.header,
            ),
            workload=workload,
            out=folder,
            find_revision=clients.revision is None,
            embedded=aimed.demo,
            lab=begun.lab,
            weights=tuple(begun.weights),
            servers=begun.servers,
            web_port=web_port if web else None,
            locust_files=locust_files,
            keep_awake=calibrate or keep_awake,
            gates=fail_if or [],
            default_gates=not no_default_gates,
            command=redacted(command_of(ctx)),
            templates=templates,
            users_file=rows,
            distributed=far,
            faults=broken.shown,
        )
        if dry_run:
            raise typer.Exit(dry_runs.run(config, loaded))
        show = watching_flags.views(metrics_port, otel=otel, quiet=quiet)
        doer = fault_doers.doer_of(broken.faults, broken.actions, begun.process, stack)
        outcome = run(config, loaded, show, programs, stops.judge(), doer)
    from siotool.cli.outcome import end_load

    raise typer.Exit(
        (end_load if calibrating is None else calibrating.conclude)(
            outcome.path,
            outcome.reason,
            plan=read_back,
            gates=gates,
            default_gates=not no_default_gates,
            output_format=form,
            where=output,
            quiet=quiet,
            baseline=compared_with,
            kept_in=kept_in,
            summaries=summaries,
        )
    )


def _list() -> NoReturn:
    from siotool.cli.scenarios import listing

    sys.stdout.write(listing())
    raise typer.Exit
