"""``siotool plan`` and the commands below it."""

import typer

from siotool.cli.configured import ConfiguredCommand
from siotool.cli.plan import FileFirst
from siotool.cli.plan import plan as size
from siotool.cli.plan_diff import diff
from siotool.cli.plan_init import init
from siotool.cli.plan_storm import storm

plan = typer.Typer(
    name="plan",
    cls=FileFirst,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
plan.callback(invoke_without_command=True)(size)
plan.command(cls=ConfiguredCommand)(init)
plan.command(cls=ConfiguredCommand)(storm)
plan.command(cls=ConfiguredCommand)(diff)
