"""``siotool lab doctor``: what labs need of this machine, and how to get what is missing."""

from typing import Annotated, Literal

import msgspec
import typer

from siotool.cli import lab_options
from siotool.cli import output as out
from siotool.cli.fault_options import names_toxic
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.options import Output, Quiet
from siotool.cli.streams import say
from siotool.document.document import Document, Row, Section, Sentence, Table, columns
from siotool.document.groups import NONE
from siotool.errors import ExitCode
from siotool.lab.needs import everything, of_lab
from siotool.lab.tools import FoundTool


class LabDoctor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is needed and found; ``enough``: nothing is missing."""

    version: Literal[1]
    enough: bool
    needs: list[FoundTool]


def doctor(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE.toml]", help="A lab: then what it needs, and nothing else."),
    ] = None,
    *,
    install: Annotated[
        bool, typer.Option("--install", help="Install the servers' npm packages, into your cache folder.")
    ] = False,
    output_format: Annotated[WithPage | None, format_option("it", WithPage)] = None,
    output: Output = "-",
    quiet: Quiet = False,
) -> None:
    r"""Say what labs need of this machine, and how to get what is missing.

    Exits 2 when a lab is named and something of it is missing. `--install` installs the
    servers' npm packages exactly as siotool's lock file has them, into
    `$XDG_CACHE_HOME/siotool` (`~/.cache/siotool`); other programs are yours to install.

    Examples:

    ```
    siotool lab doctor

    siotool lab doctor --format json
    ```
    """
    form = output_format or by_ending(output, WithPage)
    asked = None if file is None else lab_options.read(file, {})
    if asked is not None and file is not None and any(map(names_toxic, lab_options.faults_of(file))):
        asked = lab_options.with_toxics(asked)  # as a load test does
    if install:
        from siotool.lab.packages import install as install_packages

        place = install_packages()
        if not quiet:
            say(f"the servers' npm packages are in {place}")
    found = everything() if asked is None else of_lab(asked)
    result = LabDoctor(1, not any(one.problem for one in found), found)
    out.write(out.printed(_document(result), form, output, result), output)
    raise typer.Exit(ExitCode.OK if result.enough or asked is None else ExitCode.USAGE)


def _document(result: LabDoctor) -> Document:
    """A table of all, and how to get what is missing."""
    rows = [
        Row([one.name, one.use, one.version or NONE, one.problem or "found"], "bad" if one.problem else "")
        for one in result.needs
    ]
    missing = [one for one in result.needs if one.problem]
    sections = [Section("needs", "What labs need", [Table(columns("need", "for", "version", "state"), rows)])]
    if missing:
        ways: dict[str, list[str]] = {}
        for one in missing:
            ways.setdefault(one.get, []).append(one.name)
        how = [Sentence(f"{', '.join(names)}: {way}", "doubt") for way, names in ways.items()]
        sections.append(Section("missing", "How to get what is missing", [*how]))
    return Document(
        name="siotool lab doctor",
        context="programs and npm packages of this machine",
        headline=f"{len(missing)} of {len(result.needs)} are missing or too old"
        if missing
        else "all is here",
        tone="good" if not missing else "bad",
        sections=sections,
    )
