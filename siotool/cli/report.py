"""``siotool report``: what one or more runs measured, and how many servers that makes."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from siotool.cli import baseline_flags, chart_folder, job_summary
from siotool.cli.formats import OfRuns, form_of_runs, format_option
from siotool.cli.options import Output, Quiet, flags_of
from siotool.cli.places import REPORTS, check_not_read, check_places
from siotool.cli.uncollected import uncollected
from siotool.errors import InputError, RunFileError
from siotool.runs.frame_names import TableName

HISTORY = REPORTS / "history.sqlite"
_STDIN = Path("/dev/stdin")


@uncollected()
def report(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run folders or their run.jsonl; - is stdin.",
            show_default="the newest in reports/",
        ),
    ] = None,
    *,
    output_format: Annotated[OfRuns | None, format_option("the report", OfRuns)] = None,
    output: Output = "-",
    table: Annotated[
        TableName | None,
        typer.Option(
            metavar="NAME",
            help=f"What csv and parquet hold: {', '.join(get_args(TableName))}.",
            show_default="operations",
        ),
    ] = None,
    charts: chart_folder.Charts = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPR",
            help="Gate: exit 4 when true, such as 'p99:ack:echo > 200ms'. Repeatable.",
            show_default="those the run was started with",
        ),
    ] = None,
    no_default_gates: Annotated[
        bool, typer.Option("--no-default-gates", help="Judge without the default gates.")
    ] = False,
    plan: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Planned figures from siotool plan --format json; - is stdin."),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Costs of a server: profile.json of a calibration, or its folder."),
    ] = None,
    connections: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Planned sessions: 250, 10k, 1M.")
    ] = None,
    consumption_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Planned bandwidth of one session: 2KB/s.")
    ] = None,
    downtime: Annotated[
        str | None, typer.Option(metavar="TIME", help="Planned time per workday out of service.")
    ] = None,
    workday: Annotated[
        str | None, typer.Option(metavar="TIME", help="Planned time the service works per day: 8h.")
    ] = None,
    capacity: Annotated[
        str | None, typer.Option(metavar="RATE", help="Planned bandwidth of one server: 100MB/s.")
    ] = None,
    utilization: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Share of the capacity you will use: 70%.")
    ] = None,
    baseline: baseline_flags.Baselines = None,
    same_target: baseline_flags.SameTarget = False,
    history: baseline_flags.History = None,
    summary: job_summary.Summary = None,
    no_summary: job_summary.NoSummary = False,
    comment: job_summary.Comment = None,
    quiet: Quiet = False,
) -> None:
    r"""Report what runs measured beside what was planned.

    Opens with the verdict and what is doubtful; then the formula's variables
    planned and measured, the servers they make, and the constraint that binds.
    Several runs of the same target and scenario are pooled. With --baseline or
    --history they are compared with other runs, and what grew worse fails (exit 4).

    Examples:

    ```
    siotool report

    siotool report reports/example --connections 1M -o report.html

    siotool report reports/example --fail-if "p99:deliver > 200ms" \
      --fail-if "connect_errors > 1%" --format md

    siotool report reports/example --charts charts

    siotool report reports/example --format csv --table seconds -o seconds.csv
    ```

    docs/comparison.md has examples of --baseline.
    """
    from siotool.cli import plan_options
    from siotool.report.gates import parse

    form = form_of_runs(output_format, output)
    if table is not None and form not in ("csv", "parquet"):
        raise InputError(f"--table goes with --format csv or parquet, not {form}", "add --format csv")
    gates = [parse(text) for text in fail_if] if fail_if else None
    names = runs or []
    if [*names, plan].count("-") > 1:
        raise InputError("- is given twice", "only one run or plan can come from stdin")
    typed = plan_options.typed(flags_of(ctx.params), [], None)
    read_back = None if plan is None else plan_options.planned(plan)

    from siotool.cli.counts import Intent  # numpy, only once few things can be refused any more
    from siotool.cli.profile_file import read_profile

    intent = Intent(typed, read_back, None if profile is None else read_profile(profile))
    _ = intent.planned  # refused before any run is read
    from siotool.cli.comparing import read_baseline
    from siotool.cli.outcome import conclude

    compared_with = read_baseline(baseline or [], history, same_target=same_target)
    if history is not None and (compared_with is None or compared_with.history is None):
        raise InputError(
            f"--history is the baseline where no other is named, and --baseline {(baseline or [''])[0]} is",
            "leave one of them out; siotool history add RUN keeps a run",
        )

    paths = [_STDIN if name == "-" else Path(name) for name in names] or [newest(REPORTS)]
    past = compared_with.history if compared_with is not None else None
    places = {"-o": output, "--comment": comment, "--summary": summary}
    check_not_read([*paths, past], places)  # the newest run, the usual history: nobody named them
    check_places(places, None if charts is None else Path(charts))
    chart_folder.prepare(charts)
    code = conclude(
        paths,
        intent=intent,
        gates=gates,
        default_gates=False if no_default_gates else None,
        output_format=form,
        where=output,
        quiet=quiet,
        baseline=compared_with,
        same_target=same_target,
        table=table or "operations",
        charts=charts,
        summaries=job_summary.read_summaries(summary, no_summary=no_summary, comment=comment),
    )
    raise typer.Exit(code)


def newest(folder: Path) -> Path:
    """Return the newest run file below ``folder``; raises RunFileError when there is none."""
    from siotool.runfile import FILE_NAME

    runs = sorted(folder.glob(f"*/{FILE_NAME}"), key=lambda p: (p.stat().st_mtime, p.parent.name))
    if not runs:
        raise RunFileError(f"no run in {folder}/", "run siotool loadtest first, or name a run")
    return runs[-1]
