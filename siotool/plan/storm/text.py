"""A storm for a terminal, or for a file of plain text, within 80 columns."""

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.plan.storm import words
from siotool.plan.storm.storm_plan import StormPlan
from siotool.plan.storm.study import goal_met
from siotool.units import format_count

#: Cells of a strip.
_WIDTH = 60


def render(storm: StormPlan) -> RenderableType:
    """Return the storm: how long, its course, its length against the fleet, what would help."""
    style = "bold red" if goal_met(storm) is False else "bold green"
    answer = Text.assemble((words.headline(storm), style), "\n", words.setting(storm))
    parts: list[RenderableType] = [
        Padding(answer, (0, 1)),
        _strips(storm),
        _times(storm),
        Padding(Text(words.outcomes(storm)), (0, 1)),
        _curve(storm),
        *(Padding(Text(said), (0, 1)) for said in words.conclusions(storm)),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced)


def _strips(storm: StormPlan) -> Table:
    grid = Table.grid(padding=(0, 1))
    axis = ""
    for name, rates in (("attempts/s", storm.course.attempts_per_s), ("back/s", words.back(storm))):
        strip = words.Strip(rates, storm.course.bin_s, _WIDTH)
        axis = strip.axis()
        top = Text(f"≤ {format_count(round(strip.top))}", style="dim")
        grid.add_row("", name, Text(strip.line(), style="cyan"), top)
    grid.add_row("", "", Text(axis, style="dim"), "")
    return grid


def _times(storm: StormPlan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("are back")
    for share, _ in words.times(storm):
        table.add_column(share, justify="right")
    table.add_row("after", *(when for _, when in words.times(storm)))
    return table


def _curve(storm: StormPlan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("servers", justify="right")
    table.add_column("99 % back after", justify="right")
    table.add_column("at least", justify="right", style="dim")
    table.add_column("each takes in", justify="right", style="dim")
    table.add_column("")
    for number, row in enumerate(words.curve(storm)):
        style = "bold" if number == words.own_row(storm) else ""
        table.add_row(*map(Text, row), style=style)
    return table
