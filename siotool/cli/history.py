"""``siotool history``: past runs in one file, the trend of their metrics, and what changed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from siotool.cli.baseline_flags import SameTarget
from siotool.cli.configured import ConfiguredCommand, ConfiguredGroup
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.options import Output
from siotool.cli.report import HISTORY
from siotool.errors import InputError

history = typer.Typer(
    name="history",
    cls=ConfiguredGroup,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)

File = Annotated[Path, typer.Option(metavar="FILE", help="The history.")]


@history.callback(invoke_without_command=True)
def show(
    ctx: typer.Context,
    *,
    file: File = HISTORY,
    label: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only runs of this label.", show_default="all")
    ] = None,
    same_target: SameTarget = False,
    last: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="Only the newest runs.")] = 50,
    output_format: Annotated[WithPage | None, format_option("the history", WithPage)] = None,
    output: Output = "-",
) -> None:
    r"""Show past runs: the trend of their metrics, and what changed for good.

    Runs of one scenario, target, load and machine are shown together. A change of
    level that lasts is named with the run in which it was first seen.

    Examples:

    ```
    siotool history add reports/example --file past.sqlite

    siotool history --file past.sqlite
    ```
    """
    if ctx.invoked_subcommand is not None:
        if file != HISTORY or label is not None:
            raise InputError(
                f"--file and --label belong behind {ctx.invoked_subcommand}",
                "siotool history add RUN --file FILE",
            )
        return
    form = output_format or by_ending(output, WithPage)

    from siotool.cli.output import printed, write
    from siotool.history import history_file
    from siotool.report.history_document import as_document
    from siotool.report.trends import past_runs

    past = past_runs(
        str(file), history_file.read(file, label=label or "", most=last), same_target=same_target
    )
    write(printed(as_document(past), form, output, past, digits=10), output)


def _judged(name: str) -> tuple[list[Any], Any]:
    """A run and its report. Raises RunFileError."""
    from siotool.cli.outcome import judged

    run, report = judged(Path(name))
    return [run], report


@history.command(cls=ConfiguredCommand)
def add(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run folders or their run.jsonl.")],
    *,
    file: File = HISTORY,
    label: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What the runs are of.", show_default="the branch, in CI"),
    ] = None,
) -> None:
    r"""Add runs to the history, each with the verdict of its report.

    A run that is there already is replaced: so is its verdict. All of the runs are added, or
    none where one of them is refused.

    Example:

    ```
    siotool history add reports/example --file past.sqlite --label main
    ```
    """
    from siotool.cli.keeping import keeping
    from siotool.cli.streams import say
    from siotool.history import history_file

    kept_in = keeping(file, label)
    history_file.prepare(file)
    past = [one for name in runs for one in kept_in.past(*_judged(name))]
    history_file.add(file, past)
    for one in past:
        say(f"{one.measures.run} ({one.verdict}) is in {file}")
