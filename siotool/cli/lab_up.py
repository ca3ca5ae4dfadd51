"""``siotool lab up``: a fleet on loopback, until Ctrl-C."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from siotool.cli import lab_flags


def up(
    file: lab_flags.LabFile = None,
    *,
    servers: lab_flags.Servers = None,
    runtime: lab_flags.ServerRuntime = None,
    adapter: lab_flags.JoinedBy = None,
    store: lab_flags.Store = None,
    replay: lab_flags.Replayed = None,
    recovery: lab_flags.Recovery = None,
    tick_rate: lab_flags.Ticks = None,
    replica: lab_flags.Replica = None,
    witness: lab_flags.Witness = None,
    toxics: lab_flags.Toxics = None,
    behind: lab_flags.Behind = None,
    accept_queue: lab_flags.AcceptQueue = None,
    idle_timeout: lab_flags.IdleTimeout = None,
    balancer: lab_flags.InFront = None,
    sticky: lab_flags.Sticky = None,
    tls: lab_flags.Tls = None,
    port: lab_flags.Port = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the configuration files, logs and lab.json.",
            show_default="reports/TIME-lab",
        ),
    ] = None,
) -> None:
    r"""Start a fleet on loopback, and serve until Ctrl-C.

    Prints its URLs on stdout, one a line, and its processes and its folder on stderr. The
    folder has the configuration files, which can be used again, what each program said, and
    lab.json, which names every process. Stopped by Ctrl-C it ends with exit code 0; what is
    not installed, or a port in use, is exit code 2, before anything starts.

    Examples:

    ```
    siotool lab up --servers 3 --runtime python

    siotool lab up scenarios/nginx-redis.toml --servers 4 --sticky none
    ```
    """
    from siotool.cli import lab_options
    from siotool.cli.places import REPORTS
    from siotool.cli.streams import say
    from siotool.lab.keeper_lines import EndedProgram
    from siotool.lab.lab_process import LabProcess
    from siotool.lab.needs import check_folder, check_machine
    from siotool.swarm.ending_signals import interrupted_by_signals

    asked = lab_options.read(
        file,
        {
            "servers": servers,
            "runtime": runtime,
            "adapter": adapter,
            "store": store,
            "replay": replay,
            "recovery": recovery,
            "tick-rate": tick_rate,
            "balancer": balancer,
            "sticky": sticky,
            "tls": tls,
            "port": port,
            "replica": replica,
            "witness": witness,
            "toxics": toxics,
            "behind": behind,
            "idle-timeout": idle_timeout,
            "accept-queue": accept_queue,
        },
    )
    folder = out or REPORTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-lab"
    check_machine(asked)
    check_folder(folder)
    for words in lab_options.remarks(asked):
        say(words)
    with interrupted_by_signals(), LabProcess(asked, folder) as process:
        running = process.running
        for one in running.members:
            say(f"{one.name}: process {one.pid}" + (f", port {one.port}" if one.port else ""))
        trust = f"; clients trust {running.ca_file}" if running.ca_file else ""
        say(f"files are in {running.folder}{trust}; Ctrl-C stops")
        sys.stdout.write("".join(f"{url}\n" for url in running.urls))
        sys.stdout.flush()
        try:
            while True:
                for news in process.news():
                    if isinstance(news, EndedProgram):
                        say(f"{news.name} has ended with code {news.code}; its words are in {news.log}")
        except KeyboardInterrupt:
            return
