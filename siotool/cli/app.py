"""The ``siotool`` command: its subcommands, and the one place that ends the process."""

import errno
import os
import sys
from typing import Annotated

import typer

from siotool.cli import streams
from siotool.cli.overview import Overview
from siotool.cli.secret_options import conceal
from siotool.errors import ExitCode, SiotoolError

#: Errors that are about a place: it may not be read, is no file or no folder, or has too long a name.
_OF_PLACES = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)

app = typer.Typer(
    name="siotool",
    cls=Overview,
    help="Plan, load and measure Socket.IO services: how many servers, and how do we know?",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"siotool {version('siotool')}")
        raise typer.Exit


@app.callback()
def _common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    pass


def main() -> None:
    """Run one command; every error becomes a message on stderr and an exit code."""
    streams.allow_closed_pipes()
    conceal(sys.argv[1:])
    debug = "--debug" in sys.argv or os.environ.get("SIOTOOL_DEBUG", "0") not in (
        "",
        "0",
        "false",
        "no",
        "off",
    )
    try:
        app()
    except SiotoolError as error:
        if debug:
            sys.excepthook(type(error), error, error.__traceback__)
        streams.complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        if debug:
            sys.excepthook(type(error), error, error.__traceback__)
        # asking whether a place is there raises them too, wherever that is; without a place they are bugs
        if isinstance(error, OSError) and error.errno in _OF_PLACES and error.filename:
            streams.complain(f"{error.filename}: {error.strerror}", "choose another place")
            sys.exit(ExitCode.USAGE)
        streams.complain(
            f"bug in siotool: {type(error).__name__}: {error}",
            "run siotool --debug … and report the traceback",
        )
        sys.exit(ExitCode.BUG)
