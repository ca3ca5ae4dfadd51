"""``siotool plan diff``: which input moved the number of servers."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from siotool.cli.endings import by_ending
from siotool.cli.streams import say
from siotool.errors import InputError


class Format(StrEnum):
    """How the difference is written."""

    TEXT = "text"
    JSON = "json"
    MD = "md"
    HTML = "html"


def diff(
    before: Annotated[str, typer.Argument(metavar="A.toml", help="The plan before; - is stdin.")],
    after: Annotated[str, typer.Argument(metavar="B.toml", help="The plan after; - is stdin.")],
    *,
    draws: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Worlds drawn from the ranges, as for a plan.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="Another seed, other draws; the same one, the same answer.")] = 1,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", help="How to write it.", show_default="by the name of -o, or text"),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - is stdout.")
    ] = "-",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
) -> None:
    r"""Say which input moved the number of servers from one plan to another.

    Every changed input is tried alone, and has its share of the whole change:
    its effect averaged over the orders in which the inputs could have changed.

    Examples:

    ```
    siotool plan init before.toml --connections 100k
    siotool plan init after.toml --connections 150k --set server.utilization=60%
    siotool plan diff before.toml after.toml
    ```
    """
    from siotool.cli import output as out
    from siotool.document.contract import to_json
    from siotool.plan.diff import change
    from siotool.plan.documents import diff_document

    form = output_format or Format(by_ending(output, ("json", "md", "html")))
    if before == after == "-":
        raise InputError("both plans are stdin", "name at least one file")
    first, second = _inputs(before), _inputs(after)
    result = change.compare(first, second, (before, after), draws=draws, seed=seed)
    if form is Format.JSON:
        written = to_json(result)
    else:
        written = out.printed(diff_document.document(result), form, output)
    out.write(written, output)
    if output != "-" and not quiet:
        say(f"{result.sentences[0]} Written to {output}")


def _inputs(name: str) -> Any:
    from siotool.cli.plan_options import read_text
    from siotool.plan.inputs.planfile import decode

    text = read_text(name, "the plan file")
    if text.lstrip().startswith("{") or Path(name).suffix == ".json":
        raise InputError(
            f"{name} is JSON, a plan that was made, not a plan file",
            "give the TOML files that the two plans were made from",
        )
    return decode(text, "stdin" if name == "-" else name)
