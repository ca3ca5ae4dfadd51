"""The list of scenarios that ``siotool loadtest --list`` prints."""

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.cli.output import styled
from siotool.swarm import scenario_file, scenario_paths


def listing() -> str:
    """Every built-in scenario: what it does, and its settings."""
    parts: list[Text | Padding] = []
    for path in scenario_paths.built_in():
        found = scenario_file.load(path)
        first, _, rest = found.description.partition("\n\n")
        parts.append(Text.assemble((found.name, "bold cyan"), "  ", first.replace("\n", " ")))
        if rest:
            parts.append(Padding(Text(rest.replace("\n", " ")), (0, 0, 0, 4)))
        if found.knobs:
            table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
            table.add_column(no_wrap=True)
            table.add_column(no_wrap=True)
            table.add_column()
            for name, knob in found.knobs.items():
                default = f"{knob.default!r}" if isinstance(knob.default, str) else str(knob.default).lower()
                table.add_row(Text(f"{name}={default}"), Text(knob.type_name), Text(knob.help))
            parts.append(Padding(table, (0, 0, 0, 4)))
        parts.append(Text())
    parts.append(Text("Set one with --set key=value; your own scenario is --scenario FILE.py."))
    return styled(Group(*parts), "-")
