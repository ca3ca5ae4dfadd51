"""``siotool lab`` and the commands below it."""

import typer

from siotool.cli.configured import ConfiguredCommand, ConfiguredGroup
from siotool.cli.lab_doctor import doctor
from siotool.cli.lab_measure import measure
from siotool.cli.lab_up import up

lab = typer.Typer(
    name="lab",
    cls=ConfiguredGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


@lab.callback()
def _lab() -> None:
    r"""Start a real fleet on loopback: servers, an adapter, a balancer.

    Real programs with their real configuration files, on free ports, stopped with what
    started them. `siotool loadtest lab:FILE.toml` starts a lab, loads it with every
    process sampled, and stops it (docs/lab.md). `siotool lab measure` says what an adapter
    costs.

    Examples:

    ```
    siotool lab doctor

    siotool lab up --servers 2 --runtime python
    ```
    """


lab.command(cls=ConfiguredCommand)(up)
lab.command(cls=ConfiguredCommand)(doctor)
lab.command(cls=ConfiguredCommand)(measure)
