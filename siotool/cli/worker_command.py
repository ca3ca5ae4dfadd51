"""``siotool worker``: make load from this machine for a run on another one."""

from pathlib import Path
from typing import Annotated

import typer

from siotool.cli import load_options, machine_options, source_options
from siotool.cli.options import Quiet
from siotool.cli.streams import say
from siotool.errors import InputError


def worker(
    *,
    join: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="Where siotool loadtest --distributed listens."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The token of the run.", show_default="~/.config/siotool/token"),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=256, help="Workers on this machine; each is a process."),
    ] = 1,
    source_ip: source_options.SourceIp = None,
    wait: Annotated[
        str, typer.Option(metavar="TIME", help="How long the run may take to be there.")
    ] = "5min",
    spare: Annotated[
        bool,
        typer.Option("--spare", help="Make no load until a worker of the run is lost; then take its place."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    r"""Make load from this machine for a run on another one.

    Joins the run, gets its scenario, settings and users from it, and leaves when the
    run is over. Nothing but siotool is needed here, in the same version as there.
    Ctrl-C, SIGTERM or a terminal that goes leave at once; the run goes on with the other
    workers, and says so.

    Exits 0 after the run, 2 when the run refuses this machine, 3 without a run.

    Examples:

    ```
    siotool worker --join 10.0.0.5

    siotool worker --join 10.0.0.5:5557 --processes 4 --token-file /run/secrets/token
    ```
    """
    if join is None:
        raise InputError("there is no run to join", "siotool worker --join HOST")
    host, port = machine_options.address(join, "--join")
    wait_s = load_options.patience(wait, "--wait")
    token = machine_options.token(token_file, make=False)
    from siotool.swarm.ending_signals import interrupted_by_signals
    from siotool.swarm.machines.machine_session import MachineSession

    def tell(text: str) -> None:
        if not quiet:
            say(text)

    sources = source_options.read(source_ip or [])
    with interrupted_by_signals():
        MachineSession(host, port, token, processes, sources, tell, spare=spare).run(wait_s)
