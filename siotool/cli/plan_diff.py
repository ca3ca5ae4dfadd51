"""``siotool plan diff``: which input moved the number of servers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.options import DRAWS, SEED, Draws, Output, Quiet, Seed
from siotool.cli.plan import refuse_missing_in
from siotool.cli.streams import say
from siotool.errors import InputError


def diff(
    before: Annotated[str, typer.Argument(metavar="A.toml", help="The plan before; - is stdin.")],
    after: Annotated[str, typer.Argument(metavar="B.toml", help="The plan after; - is stdin.")],
    *,
    draws: Draws = DRAWS,
    seed: Seed = SEED,
    output_format: Annotated[WithPage | None, format_option("it", WithPage)] = None,
    output: Output = "-",
    quiet: Quiet = False,
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
    from siotool.plan.diff import change
    from siotool.plan.documents import diff_document

    form = output_format or by_ending(output, WithPage)
    if before == after == "-":
        raise InputError("both plans are stdin", "name at least one file")
    first, second = _inputs(before), _inputs(after)
    result = change.compare(first, second, (before, after), draws=draws, seed=seed)
    out.write(out.printed(diff_document.document(result), form, output, result), output)
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
    source = "stdin" if name == "-" else name
    inputs = decode(text, source)
    refuse_missing_in(source, inputs)
    return inputs
