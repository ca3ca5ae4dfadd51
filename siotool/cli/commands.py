"""The commands and their modules, each loaded only when it is asked for.

A command's options take longer to build than most commands to run, and ``siotool --help`` needs
none of them.
"""

from importlib import import_module
from typing import Any, NamedTuple

import typer
import typer.main


class Listed(NamedTuple):
    """A command as the overview lists it: the module that holds it, and its first sentence."""

    module: str
    summary: str


#: In the order of the overview. The function, or the Typer app, has the command's name.
COMMANDS = {
    "plan": Listed("siotool.cli.plan_app", "Size a fleet from planned figures."),
    "loadtest": Listed(
        "siotool.cli.loadtest",
        "Load a Socket.IO server with a swarm of clients, and report what was measured.",
    ),
    "report": Listed("siotool.cli.report", "Report what runs measured beside what was planned."),
    "history": Listed("siotool.cli.history", "Show past runs: the trend of their metrics, and what changed."),
    "probe": Listed("siotool.cli.probe", "Say what a target speaks, and where it is misconfigured."),
    "preflight": Listed("siotool.cli.preflight_command", "Can this machine make so much load?"),
    "worker": Listed("siotool.cli.worker_command", "Make load from this machine for a run on another one."),
    "lab": Listed("siotool.cli.lab_app", "Start a real fleet on loopback: servers, an adapter, a balancer."),
    "target": Listed("siotool.cli.target", "Serve the embedded Socket.IO chat until Ctrl-C."),
    "demo": Listed(
        "siotool.cli.demo", "Plan, load and report a chat room, on the embedded server of this machine."
    ),
}


class Loaded(dict[str, Any]):  # typer publishes no name for the type of a command
    """Commands by name, each built when it is asked for."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(COMMANDS))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a command, or ``default`` when there is none of this name."""
        return _load(name) if name in self else default


def _load(name: str) -> Any:
    from siotool.cli.configured import ConfiguredCommand

    found = getattr(import_module(COMMANDS[name].module), name)
    if isinstance(found, typer.Typer):
        app = found
    else:
        app = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False)
        app.command(name, cls=ConfiguredCommand)(found)
    command = typer.main.get_command(app)
    command.name = name
    return command
