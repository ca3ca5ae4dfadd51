"""How a result is written: the formats, the option that names one, and what a file's name asks for."""

import sys
from pathlib import Path
from typing import Any, Literal, get_args

import typer

from siotool.errors import InputError

#: What every document can be written as, and its record as JSON.
WithPage = Literal["text", "json", "md", "html"]

#: The same, and as the test results of continuous integration.
WithJunit = Literal["text", "json", "md", "html", "junit"]
#: What a report can be written as: a table of its runs, too.
OfRuns = Literal["text", "json", "md", "html", "junit", "csv", "parquet"]

#: Endings of names that mean text, and the one of JUnit's files.
_PLAIN = ("", "txt", "text")
_XML = "xml"


def format_option(what: str, formats: Any, panel: str | None = None) -> Any:
    """Return the option ``--format`` for the result that ``what`` names; ``formats`` is a Literal.

    ``panel`` is the part of the help page that it stands in, None for the first.
    """
    *names, last = get_args(formats)
    return typer.Option(
        "--format",
        metavar="NAME",
        help=f"How to write {what}: {', '.join(names)} or {last}.",
        show_default="by the name of -o, or text",
        rich_help_panel=panel,
    )


def by_ending(output: str, formats: Any) -> str:
    """Return the format that a file's name asks for, text where it asks for none; ``-`` is no name.

    ``formats`` is a Literal. Raises InputError for an ending that stands for none of them.
    """
    ending = "" if output == "-" else Path(output).suffix.removeprefix(".").lower()
    known = get_args(formats)
    if ending == _XML and "junit" in known:
        return "junit"
    if ending in _PLAIN or ending in known:
        return "text" if ending in _PLAIN else ending
    raise InputError(
        f"-o {output}: .{ending} is not a known format; the name may end in "
        + ", ".join(f".{_XML if one == 'junit' else one}" for one in (*known[1:], "txt")),
        "or give --format, which overrides the name",
    )


def form_of_runs(given: str | None, output: str) -> str:
    """Return the format of a report: the one ``given``, else what the file's name asks for.

    Raises InputError for an ending that stands for none, and for parquet on a terminal.
    """
    form = given or by_ending(output, OfRuns)
    if form == "parquet" and output == "-" and sys.stdout.isatty():
        raise InputError("parquet is no text for a terminal", "write it to a file with -o, or into a pipe")
    return form
