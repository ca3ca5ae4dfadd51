"""How a run ends: its report, the verdicts of its gates, and the one exit code."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from siotool.cli import chart_folder, output
from siotool.cli.comparing import Baseline, beside
from siotool.cli.counts import Counting, Intent
from siotool.cli.fault_storm import storm_peak
from siotool.cli.job_summary import Summaries
from siotool.cli.keeping import Keeping
from siotool.cli.streams import complain, say
from siotool.cli.uncollected import uncollected
from siotool.errors import ExitCode, InputError, worst
from siotool.plan.sizing.replan import ReadBack
from siotool.report.comparison_figures import Beside
from siotool.report.contents import Report
from siotool.report.gates import Gate, recorded
from siotool.report.join import summarize
from siotool.report.judged_cases import judged_cases, key_figures
from siotool.report.judging import show
from siotool.report.planned import Planned
from siotool.report.report_document import as_document
from siotool.report.verdict import no_load_passed, sentence, target_lost, why
from siotool.runfile import Run
from siotool.runs import reading
from siotool.runs.frame_names import TableName

T = TypeVar("T")

#: Written beside every run.
KEPT = ("html", "md", "json")


def judged(path: Path) -> tuple[Run, Report]:
    """Read one run, and judge it by the gates that it was started with. Raises RunFileError."""
    run = reading.read(path)
    gates, unknown = recorded(run.header.gates)
    alone = Beside(None, [], unknown)
    return run, summarize([run], Planned(), gates, default_gates=run.header.default_gates, beside=alone)


@uncollected()
def conclude(
    run_paths: Sequence[Path],
    *,
    intent: Intent | None = None,
    gates: Sequence[Gate] | None = None,
    default_gates: bool | None = None,
    output_format: str = "text",
    where: str = "-",
    quiet: bool = False,
    keep: bool = False,
    also: Collection[ExitCode] = (),
    baseline: Baseline | None = None,
    same_target: bool = False,
    kept_in: Keeping | None = None,
    table: TableName = "operations",
    charts: str | None = None,
    summaries: Summaries = Summaries(),
) -> ExitCode:
    """Report runs, judge them, and return the exit code that stands for everything.

    Without ``gates`` those that the runs were started with are judged again, and without
    ``default_gates`` the default ones, unless a run was started without them. ``keep`` writes
    the reports beside the (single) run as well. ``also`` are further exit codes, such as
    INTERRUPTED. ``csv`` and ``parquet`` write the ``table`` of the runs. ``charts`` is a folder that the
    charts are written into, ``summaries`` is where Markdown goes beside the report. ``baseline`` is what
    the runs are compared with, ``same_target`` says that they are of one service, ``kept_in`` is the
    history that they are added to. The last line on stderr says why the code is not 0. Raises RunFileError,
    InputError (runs that cannot be pooled, or compared) and OutputError.
    """
    runs = [reading.read(path) for path in run_paths]
    unknown: list[str] = []
    if gates is None:
        gates, unknown = recorded(gate for run in runs for gate in run.header.gates)
    if default_gates is None:
        default_gates = all(run.header.default_gates for run in runs)
    intent = intent or Intent()
    problems: list[InputError] = []

    def attempt(step: Callable[[], T]) -> T | None:
        """What a load has measured is kept, and judged, whatever else cannot be done with it."""
        try:
            return step()
        except InputError as error:
            if not keep:
                raise
            problems.append(error)
            return None

    compared = attempt(lambda: beside(baseline, runs, intent))
    if compared is None:
        compared = Beside(None, [], [f"compared with nothing: {problems[0].message}"])
    report = summarize(
        runs,
        intent.planned,
        gates,
        counts=Counting(runs, intent),
        default_gates=default_gates,
        beside=msgspec.structs.replace(compared, remarks=[*compared.remarks, *unknown]),
        same_target=same_target,
        storm=storm_peak,
    )

    for kind in KEPT if keep and len(runs) == 1 else ():
        attempt(partial(_keep_beside, runs[0], report, kind))
    attempt(lambda: output.write(_formed(report, runs, output_format, where, table), where))
    attempt(lambda: chart_folder.write(as_document(report), charts))
    attempt(lambda: summaries.write(as_document(report)))
    if not quiet and (output_format != "text" or where != "-"):
        _summarize(report)
    if kept_in is not None:
        attempt(lambda: kept_in.keep(runs, report))
    code = exit_code(report, also)
    if code == ExitCode.OK and problems:
        *others, last = problems
        for problem in others:
            complain(problem.message, problem.hint)
        raise last
    for problem in problems:
        complain(problem.message, problem.hint)
    if code != ExitCode.OK:
        complain(f"exit {code:d}: {why(report, code)}")
    return code


def _keep_beside(run: Run, report: Report, kind: str) -> None:
    output.write(rendered(report, kind), str(run.path.with_name(f"report.{kind}")))


def _formed(
    report: Report, runs: Sequence[Run], output_format: str, where: str, table: TableName
) -> str | bytes:
    if output_format in ("csv", "parquet"):
        from siotool.runs.frames import written  # pandas takes half a second to import

        return written(runs, table, output_format)
    return rendered(report, output_format, where)


#: How a load test may end beside its gates.
ENDS = {
    "interrupted": ExitCode.INTERRUPTED,
    "workers_lost": ExitCode.UNREACHABLE,
    "target_lost": ExitCode.UNREACHABLE,
}


def end_load(
    path: Path,
    reason: str,
    *,
    plan: ReadBack | None,
    gates: Sequence[Gate],
    default_gates: bool,
    output_format: str,
    where: str,
    quiet: bool,
    baseline: Baseline | None,
    kept_in: Keeping | None,
    summaries: Summaries,
) -> ExitCode:
    """Report the run of a load test that ended for a ``reason``; returns its exit code, as ``conclude``."""
    if not quiet:  # before the report, whose last line is the verdict
        say(f"run and reports in {path.parent}/")
    return conclude(
        [path],
        intent=Intent(plan=plan),
        gates=gates,
        default_gates=default_gates,
        output_format=output_format,
        where=where,
        quiet=quiet,
        keep=True,
        also={ENDS[reason]} if reason in ENDS else (),
        baseline=baseline,
        kept_in=kept_in,
        summaries=summaries,
    )


def rendered(report: Report, form: str, where: str = "file") -> str:
    """Return a report as ``text`` for ``where``, or as ``json``, ``md``, ``html`` or ``junit``."""
    if form == "junit":
        from siotool.document import junit

        return junit.render(
            "siotool",
            list(judged_cases(report)),
            properties=key_figures(report),
            timestamp=report.runs[0].started_at,
        )
    return output.printed(as_document(report), form, where, report, digits=10)


def exit_code(report: Report, also: Collection[ExitCode] = ()) -> ExitCode:
    """Return the one code for a report: SUSPECT before GATE_FAILED before OK."""
    codes = set(also)
    if report.verdict == "untrusted":
        codes.add(ExitCode.SUSPECT)
    if no_load_passed(report) or any(gate.failed for gate in report.gates):
        codes.add(ExitCode.GATE_FAILED)
    if target_lost(report):
        codes.add(ExitCode.UNREACHABLE)
    return worst(codes)


def _summarize(report: Report) -> None:
    """Print doubts, gates and the verdict to stderr."""
    for doubt in report.doubts:
        complain(f"doubt: {doubt}")
    for gate in report.gates:
        value = "" if gate.value is None else f"{show(gate.value, gate.unit)}, "
        state = "FAILED" if gate.failed else "passed"
        say(f"gate {state}: {gate.expr} ({value}{gate.reason})")
    say(f"{sentence(report)}")
